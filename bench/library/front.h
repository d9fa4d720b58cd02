#pragma once
// A provider's front door for the benchmark, in a process of its own: single requests are answered after a time of its own with one and
// the same message, so that what comes on top is Weir's; all else goes to a simulator and back, by threads that take only what nobody
// else wants, as a provider's computers would not be this one.
#include <chrono>
#include <string>

namespace weir_bench {

/// Forks. Before there is any thread. @param latency of a single request. @return its base URL, or "" where it cannot be. It ends with
/// the process that called.
std::string start_front(const std::string& simulator_url, std::chrono::milliseconds latency);

}  // namespace weir_bench
