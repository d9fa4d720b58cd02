#pragma once
// A provider's front door for the benchmark, in a process of its own: single requests are answered at once with one and the same
// message, so that their latency is Weir's; all else goes to a simulator and back, by threads that take only what nobody else wants,
// as a provider's computers would not be this one.
#include <string>

namespace weir_bench {

/// Forks. Before there is any thread. @return its base URL, or "" where it cannot be. It ends with the process that called.
std::string start_front(const std::string& simulator_url);

}  // namespace weir_bench
