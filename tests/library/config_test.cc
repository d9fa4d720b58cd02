// The configuration file as the library follows it.
#include <gmock/gmock.h>

#include <atomic>
#include <random>
#include <thread>

#include "support.h"

namespace {

using namespace weir;
using namespace weir_test;
using testing::HasSubstr;

class Configured : public testing::Test {
 protected:
  Configured() : simulator_("--time-scale 600") { ::unsetenv("ANTHROPIC_API_KEY"); }

  /// A file with one entry; `keys` are lines of its configuration, `rest` what stands behind.
  [[nodiscard]] std::string text(const std::string& keys, const std::string& rest = "") const {
    return "llm:\n  - provider: Anthropic\n    isDefault: true\n    configuration:\n      model: "
           "claude-sonnet-5\n"
           "      apiKey: test-key\n      endpoint: " +
           simulator_.endpoint("anthropic") + "\n" + keys + rest;
  }
  void write(const std::string& content) const {
    const auto path = folder_.path("new.yaml");
    std::ofstream(path) << content;
    std::filesystem::rename(path, folder_.path("weir.yaml"));
  }
  Result<std::unique_ptr<Engine>> start() {
    return Engine::create({.store = folder_.path(),
                           .config_file = folder_.path("weir.yaml"),
                           .log_sink =
                               [this](LogLevel, std::string_view line) {
                                 const std::scoped_lock lock(mutex_);
                                 log_ += std::string(line) + "\n";
                               },
                           .clock = simulator_.clock(),
                           .hooks = {.on_alert = [this](const Alert& alert) {
                             const std::scoped_lock lock(mutex_);
                             alerts_ += alert.message + "\n";
                           }}});
  }
  static std::vector<Request> requests(std::size_t count) {
    std::vector<Request> out;
    for (std::size_t i = 0; i < count; ++i) out.push_back(ask(std::to_string(i), long_text(1500)));
    return out;
  }

  Simulator simulator_;
  Folder folder_;
  std::mutex mutex_;
  std::string log_, alerts_;
};

TEST_F(Configured, TheDefaultEntryIsOptimisedAsItSays) {
  write(
      text("      batchingEnabled: true\n      cachingEnabled: true\n      optimizationStrategy: "
           "both\n"));
  const auto engine = start();
  ASSERT_EQ(why(engine), "");
  const auto model = (*engine)->model();
  ASSERT_EQ(why(model), "");
  EXPECT_EQ((*model)->info().provider, "anthropic");
  for (const auto& answer : (*model)->batch(requests(20))) {
    ASSERT_EQ(why(answer), "");
    EXPECT_EQ(answer->route, Route::kBatch);
  }
  EXPECT_EQ(why((*model)->invoke(requests(1)[0])), "");
}

TEST_F(Configured, WithoutBothFlagsNothingIsOptimised) {
  write(text(""));
  const auto engine = start();
  ASSERT_EQ(why(engine), "");
  const auto model = (*engine)->model();
  for (const auto& answer : (*model)->batch(requests(3))) {
    EXPECT_EQ(answer->route, Route::kSync);
    EXPECT_EQ(answer->cache_outcome, CacheOutcome::kNone);
  }
  EXPECT_TRUE((*engine)->jobs().empty());
}

TEST_F(Configured, AWorkloadNarrowsAndTheRestIsTheControlGroup) {
  write(text("      batchingEnabled: true\n      optimizationStrategy: batch_only\n",
             "workloads:\n  - name: now\n    route: sync\n  - name: half\n    rollout: 50\n  - "
             "name: watched\n    observe: true\n"));
  const auto engine = start();
  ASSERT_EQ(why(engine), "");
  const auto model = (*engine)->model();
  const auto batched = [&](const std::string& workload) {
    int count = 0;
    for (const auto& answer : (*model)->batch(requests(40), {.workload = workload})) {
      EXPECT_EQ(why(answer), "");
      count += answer && answer->route == Route::kBatch;
    }
    return count;
  };
  EXPECT_EQ(batched(""), 40);
  EXPECT_EQ(batched("now"), 0);
  EXPECT_EQ(batched("watched"), 0);
  const int half = batched("half");
  EXPECT_GT(half, 5);
  EXPECT_LT(half, 35);
  EXPECT_EQ(batched("half"), half);  // the same items stay on their side
}

TEST_F(Configured, SaysWhereItIsWrong) {
  write(text("      batchMaxSise: 3\n"));
  const auto refused = start();
  EXPECT_THAT(why(refused), HasSubstr("invalid_argument"));
  EXPECT_THAT(why(refused), HasSubstr("weir.yaml:8:7"));
  EXPECT_THAT(why(refused), HasSubstr("batchMaxSize"));
  write("");
  const auto engine = start();
  ASSERT_EQ(why(engine), "");
  EXPECT_EQ((*engine)->model().error().kind, ErrorKind::kNotFound);
}

TEST_F(Configured, AChangeIsFollowedAndAMistakeChangesNothing) {
  write(text(""));
  const auto engine = start();
  ASSERT_EQ(why(engine), "");
  const auto model = (*engine)->model();
  EXPECT_EQ((*model)->batch(requests(2))[0]->route, Route::kSync);
  write(text("      batchingEnabled: true\n      optimizationStrategy: batch_only\n"));
  EXPECT_EQ(why((*engine)->reload()), "");
  EXPECT_EQ((*model)->batch(requests(2))[0]->route, Route::kBatch);
  write(text("      batchingEnabled: perhaps\n"));
  EXPECT_THAT(why((*engine)->reload()), HasSubstr("weir.yaml:8:24: 'batchingEnabled' wants"));
  EXPECT_THAT(why((*engine)->reload()), HasSubstr("batchingEnabled"));  // and again, as asked
  EXPECT_EQ((*model)->batch(requests(2))[0]->route, Route::kBatch);
}

TEST_F(Configured, MetricsAndAlertsFollowTheirSwitches) {
  write(text("      cachingEnabled: true\n", "optimization:\n  enableMetrics: false\n"));
  {
    const auto engine = start();
    ASSERT_EQ(why(engine), "");
    EXPECT_EQ((*engine)->metrics().summary().error().kind, ErrorKind::kUnsupported);
    const auto model = (*engine)->model();
    for (int i = 0; i < 15; ++i)
      EXPECT_EQ(why((*model)->invoke(ask("?", std::to_string(i) + long_text(1500)))), "");
    EXPECT_THAT(alerts_, HasSubstr("below cacheHitRateThreshold (50 %)"));
  }
  alerts_.clear();
  write(text("      cachingEnabled: true\n", "optimization:\n  alertOnLowCacheHitRate: false\n"));
  const auto engine = start();
  ASSERT_EQ(why(engine), "");
  const auto model = (*engine)->model();
  for (int i = 0; i < 15; ++i)
    EXPECT_EQ(why((*model)->invoke(ask("?", std::to_string(i) + long_text(1500)))), "");
  EXPECT_EQ(alerts_, "");
  EXPECT_EQ((*engine)->metrics().summary()->requests, 30);
}

TEST_F(Configured, TheGatherDefaultsAreTheConfigurations) {
  write(text("      batchingEnabled: true\n      optimizationStrategy: batch_only\n",
             "optimization:\n  defaultBatchSize: 3\n  defaultBatchTimeout: 36000\n"));
  const auto engine = start();
  ASSERT_EQ(why(engine), "");
  const auto model = (*engine)->model();
  auto gatherer = gather(**engine, **model);
  ASSERT_EQ(why(gatherer), "");
  auto one = (*gatherer)->invoke(ask("1")), two = (*gatherer)->invoke(ask("2"));
  EXPECT_EQ((*gatherer)->waiting(), 2);
  auto three = (*gatherer)->invoke(ask("3"));
  for (auto* future : {&one, &two, &three}) EXPECT_EQ(why(future->get()), "");
}

// One of two configurations, which differ in two keys at once: whoever mixes them shows it.
std::string other(std::string content, bool opus) {
  if (!opus) return content + "      cachingEnabled: false\n      batchMaxSize: 77\n";
  const std::string sonnet = "claude-sonnet-5";
  content.replace(content.find(sonnet), sonnet.size(), "claude-opus-5");
  return content + "      cachingEnabled: true\n      fallbackToStandard: false\n";
}

// What a slip of the keyboard does, or nothing.
std::string mistyped(std::string content, std::mt19937& random) {
  if (random() % 3 == 0) content.erase(random() % content.size(), 1 + random() % 20);
  if (random() % 3 == 0)
    content.insert(random() % content.size(), 1, static_cast<char>(32 + random() % 95));
  return content;
}

// Whether the file still says what the calls below rely on: it may be right in another way.
bool means_the_same(const std::string& content, const std::string& typed) {
  for (const auto* key : {"model", "apiKey", "endpoint", "cachingEnabled"}) {
    const auto begin = content.find("\n      " + std::string(key) + ": ");
    const auto line = content.substr(begin, content.find('\n', begin + 1) + 1 - begin);
    if (typed.find(line) == std::string::npos) return false;
  }
  return true;
}

// Random edits under load: no call fails, and no call sees half of an edit. WEIR_EDITS: how many.
TEST_F(Configured, RandomEditsUnderLoadHarmNoCall) {
  const char* wanted = std::getenv("WEIR_EDITS");
  const int edits = wanted != nullptr ? std::atoi(wanted) : 60;
  write(other(text(""), false));
  const auto engine = start();
  ASSERT_EQ(why(engine), "");
  const auto model = (*engine)->model();
  std::atomic<bool> over = false;
  std::atomic<int> calls = 0, failed = 0, mixed = 0, cached = 0;
  std::vector<std::jthread> callers;
  for (int t = 0; t < 4; ++t)
    callers.emplace_back([&] {
      while (!over) {
        const auto response = (*model)->invoke(ask("?", long_text(5000)));
        EXPECT_EQ(why(response), "");
        ++calls;
        if (!response) {
          ++failed;
          continue;
        }
        const bool hinted = response->cache_outcome != CacheOutcome::kNone;
        mixed += hinted != (response->model.find("opus") != std::string::npos);
        cached += hinted;
      }
    });
  std::mt19937 random(7);
  int followed = 0, refused = 0;
  for (int edit = 0; edit < edits;) {
    const auto content = other(text(""), random() % 2 == 0);
    const auto typed = mistyped(content, random);
    if (!means_the_same(content, typed)) continue;
    write(typed);
    ++edit;
    const auto reloaded = (*engine)->reload();
    followed += reloaded.has_value();
    refused += !reloaded.has_value();
  }
  over = true;
  callers.clear();
  EXPECT_GT(calls, 10);
  EXPECT_EQ(mixed, 0);
  EXPECT_GT(followed, edits / 4);
  EXPECT_GT(refused, 0);
  for (const auto& [name, value] :
       {std::pair("edits", edits), std::pair("followed", followed), std::pair("refused", refused),
        std::pair("calls", calls.load()), std::pair("failed", failed.load()),
        std::pair("mixed", mixed.load()), std::pair("cached", cached.load())})
    RecordProperty(name, value);
}

}  // namespace
