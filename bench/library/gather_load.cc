// A Gatherer under load (scripts/soak library): 10,000 calls from 16 threads become batches of 100, while urgent calls pass. Prints one
// JSON line: the urgent calls' latencies idle and under that load, and what came of all calls.
//
// Usage: weir_bench_gather URL-OF-A-SIMULATOR CALLS
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "weir/weir.h"

namespace {

using namespace weir;
using Steady = std::chrono::steady_clock;

double percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[std::min(values.size() - 1,
                         static_cast<std::size_t>(share * static_cast<double>(values.size())))];
}

double urgent_ms(Gatherer& gatherer, std::atomic<int>& failed) {
  const auto begin = Steady::now();
  const auto response = gatherer.invoke(ask("urgent"), {.urgent = true}).get();
  if (!response || response->route != Route::kSync) ++failed;
  return std::chrono::duration<double, std::milli>(Steady::now() - begin).count();
}

template <class T>
T need(Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "%s\n", result.error().text().c_str());
  std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::string url = argv[1];
  const int calls = std::atoi(argv[2]);
  constexpr int kThreads = 16;
  const auto engine = need(Engine::create({.in_memory = true, .clock = "sim:" + url}));
  auto base = need(engine->model("anthropic/claude-sonnet-5",
                                 {.api_key = "any", .endpoint = url + "/anthropic"}));
  const auto model = need(optimize(*engine, std::move(base),
                                   {.batch = {.enabled = true}, .strategy = Strategy::kBatchOnly}));
  const auto gatherer =
      need(gather(*engine, *model, {.count = 100, .age = std::chrono::hours(24)}));
  std::atomic<int> failed = 0, answered = 0, batched = 0;
  std::vector<double> idle, loaded;
  for (int i = 0; i < 20; ++i) (void)urgent_ms(*gatherer, failed);
  for (int i = 0; i < 300; ++i) idle.push_back(urgent_ms(*gatherer, failed));
  const auto begin = Steady::now();
  std::vector<std::jthread> threads;
  std::atomic<int> running = kThreads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      std::vector<std::future<Result<Response>>> futures;
      for (int i = t; i < calls; i += kThreads)
        futures.push_back(gatherer->invoke(ask("document " + std::to_string(i))));
      for (auto& future : futures) {
        const auto response = future.get();
        (response ? answered : failed)++;
        if (response && response->route == Route::kBatch) ++batched;
      }
      --running;
    });
  while (running > 0) {
    loaded.push_back(urgent_ms(*gatherer, failed));
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  threads.clear();
  const double seconds = std::chrono::duration<double>(Steady::now() - begin).count();
  const auto summary = need(engine->metrics().summary());
  std::printf(
      "{\"calls\":%d,\"answered\":%d,\"batched\":%d,\"failed\":%d,\"jobs\":%zu,\"seconds\":%.2f,"
      "\"urgent\":%zu,"
      "\"idle_p50_ms\":%.2f,\"idle_p99_ms\":%.2f,\"loaded_p50_ms\":%.2f,\"loaded_p99_ms\":%.2f,"
      "\"spent_usd\":\"%s\"}\n",
      calls, answered.load(), batched.load(), failed.load(), engine->jobs().size(), seconds,
      loaded.size(), percentile(idle, 0.5), percentile(idle, 0.99), percentile(loaded, 0.5),
      percentile(loaded, 0.99), summary.spent_usd.c_str());
  return failed == 0 && answered == calls ? 0 : 1;
}
