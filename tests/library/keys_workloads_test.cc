// What the keys of a workload change.
#include "config/choose.h"
#include "config/load.h"
#include "keys.h"

namespace weir_test {
namespace {

using namespace weir;
using testing::HasSubstr;

const CallOptions kOfW{.workload = "w"};

/// Where everything goes by a batch, but for what workload w says.
std::string routes_with(const std::string& keys) {
  return World({.keys = kBatching, .rest = "workloads: [{name: w, " + keys + "}]"}).routes(kOfW);
}

void name() {
  World world({.keys = kBatching, .rest = "workloads: [{name: now, route: sync}]"});
  EXPECT_EQ(world.routes({.workload = "now"}), "sync");
  EXPECT_EQ(world.routes({.workload = "then"}), "batch");
}

std::size_t long_marks(const std::string& workload) {
  World world({.keys = "cachingEnabled: true", .rest = "workloads: [{name: w" + workload + "}]"});
  EXPECT_EQ(world.ask(kOfW), "");
  return world.recorder().mentions("\"ttl\":\"1h\"");
}

void preset() {
  EXPECT_EQ(long_marks(", preset: domain-extraction"), 1);
  EXPECT_EQ(long_marks(""), 0);
}

void cache_ttl() {
  EXPECT_EQ(long_marks(", cacheTTL: 3600"), 1);
  EXPECT_EQ(long_marks(", cacheTTL: 300"), 0);
}

void match_model() {
  const auto routes = [](const std::string& pattern) {
    return World({.keys = kBatching,
                  .rest = "workloads: [{name: w, route: sync, match: {model: '" + pattern + "'}}]"})
        .routes();
  };
  EXPECT_EQ(routes("claude-*"), "sync");
  EXPECT_EQ(routes("gpt-*"), "batch");
}

/// The workload that a request with these signs belongs to. Where they stand (headers, keys, topics) a program has to say: the library's
/// own calls have none.
std::string chosen(const std::string& match) {
  static const auto catalogue = *catalogue::Catalogue::built_in();
  const auto loaded = config::load("workloads: [{name: w, match: {" + match + "}}]", "weir.yaml",
                                   {}, {}, catalogue);
  EXPECT_TRUE(loaded.ok()) << match;
  const auto* found = config::matching_workload(
      loaded.config, {.key = "team-a", .topic = "events", .header = [](std::string_view header) {
                        return header == "X-Kind" ? std::optional<std::string>("bulk")
                                                  : std::nullopt;
                      }});
  return found == nullptr ? "" : found->name;
}

void match_header() {
  EXPECT_EQ(chosen("header: X-Kind"), "w");
  EXPECT_EQ(chosen("header: X-Other"), "");
}
void match_value() {
  EXPECT_EQ(chosen("header: X-Kind, value: bulk"), "w");
  EXPECT_EQ(chosen("header: X-Kind, value: other"), "");
}
void match_key() {
  EXPECT_EQ(chosen("key: team-a"), "w");
  EXPECT_EQ(chosen("key: team-b"), "");
}
void match_topic() {
  EXPECT_EQ(chosen("topic: events"), "w");
  EXPECT_EQ(chosen("topic: others"), "");
}

const std::string kSecond =
    ", {provider: openAI, configuration: {model: 'gpt-5.4, gpt-5.4-mini', apiKey: k, endpoint: "
    "ENDPOINT_OF_openAI}}";

void provider() {
  const auto calls = [](const std::string& of) {
    World world({.rest = "workloads: [{name: w, provider: " + of + "}]", .more_entries = kSecond});
    EXPECT_EQ(world.ask(kOfW), "");
    return world.recorder().count("POST /openAI/v1/chat/completions ");
  };
  EXPECT_EQ(calls("openAI"), 1);
  EXPECT_EQ(calls("anthropic"), 0);
}

void model() {
  const auto mentions = [](const std::string& of) {
    World world({.rest = "workloads: [{name: w, model: " + of + "}]", .more_entries = kSecond});
    EXPECT_EQ(world.ask(kOfW), "");
    return world.recorder().mentions("\"gpt-5.4-mini\"");
  };
  EXPECT_EQ(mentions("gpt-5.4-mini"), 1);
  EXPECT_EQ(mentions("gpt-5.4"), 0);
}

void route() {
  EXPECT_EQ(routes_with("route: sync"), "sync");
  EXPECT_EQ(routes_with("route: batch"), "batch");
}

void strategy() {
  EXPECT_EQ(routes_with("strategy: disabled"), "sync");
  EXPECT_EQ(routes_with("strategy: batch_only"), "batch");
}

// Of a model whose batches neither read nor write a cache.
void preference() {
  const auto routes = [](const std::string& wish) {
    return World({.keys = "batchingEnabled: true, cachingEnabled: true, optimizationStrategy: both",
                  .rest = "workloads: [{name: w, preference: " + wish + "}]",
                  .provider = "openAI",
                  .model = "gpt-4.1-mini"})
        .routes(kOfW);
  };
  EXPECT_EQ(routes("batch"), "batch");
  EXPECT_EQ(routes("cache"), "sync");
}

/// How many of these wait after they were given to a gatherer, and all others have gone.
std::size_t waiting(const std::string& keys, const std::vector<std::string>& texts,
                    std::chrono::milliseconds wait = {}) {
  World world(
      {.rest = "optimization: {defaultBatchTimeout: 86400}\nworkloads: [{name: w, " + keys + "}]"});
  auto gatherer = gather(world.engine(), world.model());
  EXPECT_EQ(why(gatherer), "");
  // Another workload's waits apart.
  auto other = (*gatherer)->invoke(weir::ask("other"));
  std::vector<std::future<Result<Response>>> answers;
  for (const auto& text : texts) answers.push_back((*gatherer)->invoke(weir::ask(text), kOfW));
  std::this_thread::sleep_for(wait);
  const auto out = (*gatherer)->waiting();
  (*gatherer)->flush();
  for (auto& answer : answers) EXPECT_EQ(why(answer.get()), "");
  EXPECT_EQ(why(other.get()), "");
  return out - 1;
}

void gather_count() {
  EXPECT_EQ(waiting("gather: {count: 2}", {"1", "2", "3"}), 1);
  EXPECT_EQ(waiting("gather: {count: 4}", {"1", "2", "3"}), 3);
}
void gather_seconds() {
  EXPECT_EQ(waiting("gather: {seconds: 1}", {"1"}, std::chrono::seconds(1)), 0);
  EXPECT_EQ(waiting("gather: {seconds: 86400}", {"1"}, std::chrono::seconds(1)), 1);
}
void gather_bytes() {
  const std::string large(1000, 'x');
  EXPECT_EQ(waiting("gather: {bytes: 1500}", {large, large}), 1);
  EXPECT_EQ(waiting("gather: {bytes: 1500000}", {large, large}), 2);
}
void urgent_field() {
  const std::vector<std::string> event = {R"({"payload": {"priority": "high"}})"};
  EXPECT_EQ(waiting("urgent: {field: payload.priority}", event), 0);
  EXPECT_EQ(waiting("urgent: {field: payload.haste}", event), 1);
}
void urgent_values() {
  const std::vector<std::string> event = {R"({"priority": 9})"};
  EXPECT_EQ(waiting("urgent: {field: priority, values: '8, 9'}", event), 0);
  EXPECT_EQ(waiting("urgent: {field: priority, values: '1, 2'}", event), 1);
}
void urgent_header() {
  const auto says = [](std::string_view header) {
    return header == "X-Priority" ? std::optional<std::string>("High") : std::nullopt;
  };
  config::Workload workload;
  workload.urgent.header = "X-Priority";
  EXPECT_TRUE(config::is_urgent(workload, says, {}));
  workload.urgent.header = "X-Other";
  EXPECT_FALSE(config::is_urgent(workload, says, {}));
}

void retries() {
  const std::string twice =
      R"([{"match": {"operation": "sync", "times": 2}, "fault": {"kind": "status", "code": 500}}])";
  const auto outcome = [&](const std::string& count) {
    return World({.rest = "workloads: [{name: w, retries: " + count + "}]", .faults = twice})
        .ask(kOfW);
  };
  EXPECT_THAT(outcome("1"), HasSubstr("Internal server error"));
  EXPECT_EQ(outcome("2"), "");
  // The same in a job: rows that failed are tried again by the standard API.
  const std::string rows = R"([{"fault": {"kind": "row_error", "type": "overloaded_error"}}])";
  const auto routes = [&](const std::string& count) {
    return World({.keys = kBatching,
                  .rest = "workloads: [{name: w, retries: " + count + "}]",
                  .faults = rows})
        .routes(kOfW);
  };
  EXPECT_EQ(routes("0"), "unavailable");
  EXPECT_EQ(routes("3"), "sync");
}

void deadline() {
  const std::string slow =
      R"([{"match": {"operation": "sync"}, "fault": {"kind": "delay", "seconds": 120}}])";
  const auto outcome = [&](const std::string& time) {
    return World({.rest = "workloads: [{name: w, deadline: " + time + "}]", .faults = slow})
        .ask(kOfW);
  };
  EXPECT_THAT(outcome("30"), HasSubstr("deadline_exceeded"));
  EXPECT_EQ(outcome("24h"), "");
}

void rollout() {
  EXPECT_EQ(routes_with("rollout: 0"), "sync");
  EXPECT_EQ(routes_with("rollout: 100"), "batch");
}

void budget_usd() {
  World small({.keys = kBatching, .rest = "workloads: [{name: w, budget: {usd: 0.000001}}]"});
  World large({.keys = kBatching, .rest = "workloads: [{name: w, budget: {usd: 100}}]"});
  EXPECT_EQ(small.ask(kOfW) + large.ask(kOfW), "");
  EXPECT_EQ(large.ask(kOfW), "");
  const auto refused = small.answer(kOfW);
  EXPECT_THAT(why(refused), HasSubstr("rate_limited: the budget of workload 'w' is used up: "
                                      "0.000001 dollars for the day"));
  EXPECT_TRUE(refused.error().retry_after);
  EXPECT_EQ(small.ask(), "");  // no affair of others
  EXPECT_EQ(small.routes(kOfW), "rate_limited");
  EXPECT_EQ(large.routes(kOfW), "batch");
}

// Twenty minutes before midnight, and after it.
void budget_per() {
  const auto after_midnight = [](const std::string& period) {
    World world({.rest = "workloads: [{name: w, budget: {usd: 0.000001, per: " + period + "}}]",
                 .simulator = "--epoch 2026-11-24T23:40:00Z --time-scale 600"});
    EXPECT_EQ(world.ask(kOfW), "");
    EXPECT_THAT(world.ask(kOfW), HasSubstr("is used up"));
    std::this_thread::sleep_for(std::chrono::milliseconds(2200));
    return world.ask(kOfW);
  };
  EXPECT_EQ(after_midnight("day"), "");
  EXPECT_THAT(after_midnight("month"), HasSubstr("for the month"));
  EXPECT_THAT(after_midnight("total"), HasSubstr("in total"));
}

void observe() {
  const std::string keys = "cachingEnabled: true, " + kBatching;
  World world({.keys = keys, .rest = "workloads: [{name: w, observe: true}]"});
  EXPECT_EQ(world.routes(), "batch");
  EXPECT_EQ(world.engine().metrics().summary()->would_have_saved_usd, "0.00");
  EXPECT_EQ(world.routes(kOfW), "sync");
  EXPECT_NE(world.engine().metrics().summary()->would_have_saved_usd, "0.00");
}

}  // namespace

Behaviours behaviours_of_workloads() {
  const std::string w = "workloads[].";
  return {{w + "name", name},
          {w + "preset", preset},
          {w + "match.model", match_model},
          {w + "match.header", match_header},
          {w + "match.value", match_value},
          {w + "match.key", match_key},
          {w + "match.topic", match_topic},
          {w + "provider", provider},
          {w + "model", model},
          {w + "route", route},
          {w + "strategy", strategy},
          {w + "preference", preference},
          {w + "cacheTTL", cache_ttl},
          {w + "gather.count", gather_count},
          {w + "gather.seconds", gather_seconds},
          {w + "gather.bytes", gather_bytes},
          {w + "urgent.header", urgent_header},
          {w + "urgent.field", urgent_field},
          {w + "urgent.values", urgent_values},
          {w + "retries", retries},
          {w + "deadline", deadline},
          {w + "rollout", rollout},
          {w + "budget.usd", budget_usd},
          {w + "budget.per", budget_per},
          {w + "observe", observe}};
}

}  // namespace weir_test
