// A Gatherer under load (scripts/soak library): 10,000 calls from 16 threads become batches of 100, while urgent calls pass. Phases without
// and with that load take turns; prints one JSON line: the urgent calls' latencies in either, and what came of all calls. A figure is the
// median of its phases' figures, so that what else the machine does for a moment does not count. The provider of the urgent calls is
// front.h's, which answers after LATENCY milliseconds (1); with `together` it is the simulator, whose batches then delay them as well.
//
// Usage: weir_bench_gather URL-OF-A-SIMULATOR CALLS [ROUNDS [LATENCY|together]]
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "front.h"
#include "weir/weir.h"

namespace {

using namespace weir;
using Steady = std::chrono::steady_clock;

constexpr int kThreads = 16;
// A 99th percentile of fewer says little.
constexpr int kIdleCalls = 1000;

double percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[std::min(values.size() - 1,
                         static_cast<std::size_t>(share * static_cast<double>(values.size())))];
}

template <class T>
T need(Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "%s\n", result.error().text().c_str());
  std::exit(1);
}

struct Counts {
  std::atomic<int> failed = 0, answered = 0, batched = 0;
};

double urgent_ms(Gatherer& gatherer, Counts& counts) {
  const auto begin = Steady::now();
  const auto response = gatherer.invoke(ask("urgent"), {.urgent = true}).get();
  if (!response || response->route != Route::kSync) ++counts.failed;
  return std::chrono::duration<double, std::milli>(Steady::now() - begin).count();
}

// From `callers` threads, each with a call at a time: the slower the provider, the more make a figure in time.
std::vector<double> urgent_while(Gatherer& gatherer, Counts& counts, int callers,
                                 const auto& going_on) {
  std::vector<std::vector<double>> each(static_cast<std::size_t>(callers));
  std::atomic<std::size_t> done = 0;
  {
    std::vector<std::jthread> threads;
    for (auto& mine : each)
      threads.emplace_back([&] {
        for (; going_on(done.load()); ++done) {
          mine.push_back(urgent_ms(gatherer, counts));
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
      });
  }
  std::vector<double> out;
  for (const auto& mine : each) out.insert(out.end(), mine.begin(), mine.end());
  return out;
}

std::vector<double> loaded(Gatherer& gatherer, int calls, int callers, Counts& counts) {
  std::atomic<int> running = kThreads;
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      std::vector<std::future<Result<Response>>> futures;
      for (int i = t; i < calls; i += kThreads)
        futures.push_back(gatherer.invoke(ask("document " + std::to_string(i))));
      for (auto& future : futures) {
        const auto response = future.get();
        (response ? counts.answered : counts.failed)++;
        if (response && response->route == Route::kBatch) ++counts.batched;
      }
      --running;
    });
  return urgent_while(gatherer, counts, callers, [&](std::size_t) { return running > 0; });
}

struct Figures {
  std::vector<double> p50, p99;
  std::size_t calls = 0;
  void add(const std::vector<double>& phase) {
    calls += phase.size();
    p50.push_back(percentile(phase, 0.5));
    p99.push_back(percentile(phase, 0.99));
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3 || argc > 5) return 2;
  const std::string url = argv[1];
  const int calls = std::atoi(argv[2]);
  const int rounds = argc > 3 ? std::atoi(argv[3]) : 5;
  const std::string front = argc > 4 ? argv[4] : "1";
  const bool together = front == "together";
  const std::chrono::milliseconds latency(together ? 1 : std::max(1, std::atoi(front.c_str())));
  const int callers = latency.count() < 10 ? 1 : 8;
  const auto provider = together ? url : weir_bench::start_front(url, latency);
  const auto engine = need(Engine::create({.in_memory = true, .clock = "sim:" + url}));
  auto base = need(engine->model("anthropic/claude-sonnet-5",
                                 {.api_key = "any", .endpoint = provider + "/anthropic"}));
  const auto model = need(optimize(*engine, std::move(base),
                                   {.batch = {.enabled = true}, .strategy = Strategy::kBatchOnly}));
  const auto gatherer =
      need(gather(*engine, *model, {.count = 100, .age = std::chrono::hours(24)}));
  Counts counts;
  Figures idle, load;
  double seconds = 0;
  for (int i = 0; i < 50; ++i) (void)urgent_ms(*gatherer, counts);
  for (int round = 0; round < rounds; ++round) {
    idle.add(urgent_while(*gatherer, counts, callers,
                          [](std::size_t done) { return done < kIdleCalls; }));
    const auto begin = Steady::now();
    load.add(loaded(*gatherer, calls, callers, counts));
    seconds += std::chrono::duration<double>(Steady::now() - begin).count();
  }
  const auto summary = need(engine->metrics().summary());
  const double idle_p99 = percentile(idle.p99, 0.5), load_p99 = percentile(load.p99, 0.5);
  std::printf(
      "{\"provider_ms\":%lld,\"calls\":%d,\"answered\":%d,\"batched\":%d,\"failed\":%d,\"jobs\":%"
      "zu,\"seconds\":%.2f,"
      "\"urgent_idle\":%zu,\"urgent_loaded\":%zu,\"idle_p50_ms\":%.2f,\"idle_p99_ms\":%.2f,"
      "\"loaded_p50_ms\":%.2f,\"loaded_p99_ms\":%.2f,\"p99_ratio\":%.2f,\"spent_usd\":\"%s\"}\n",
      static_cast<long long>(latency.count()), calls * rounds, counts.answered.load(),
      counts.batched.load(), counts.failed.load(), engine->jobs().size(), seconds, idle.calls,
      load.calls, percentile(idle.p50, 0.5), idle_p99, percentile(load.p50, 0.5), load_p99,
      load_p99 / idle_p99, summary.spent_usd.c_str());
  return counts.failed == 0 && counts.answered == calls * rounds ? 0 : 1;
}
