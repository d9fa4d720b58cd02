// Message Batches on a virtual clock: life, results, cancel, expiry, checks, cache, faults, bill.
#include <map>
#include <set>

#include "sim/providers/anthropic/bench_testing.h"

namespace weir::sim::anthropic {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::words;

const std::string kBatches(kBatchesPath);

std::string batch_of(std::size_t rows, const std::string& params, std::string_view prefix = "r") {
  std::string out = "{\"requests\": [";
  for (std::size_t i = 0; i < rows; ++i)
    out += (i > 0 ? ", " : "") + std::string("{\"custom_id\":\"") + std::string(prefix) +
           std::to_string(i) + "\",\"params\":" + params + "}";
  return out + "]}";
}
const std::string kParams =
    R"({"model":"claude-sonnet-5","max_tokens":9,"messages":[{"role":"user","content":"one two"}]})";

std::string create(testing::Bench& b, const std::string& body) {
  const Reply reply = b.post(kBatches, body);
  EXPECT_EQ(reply.head.status, 200) << reply.text();
  return testing::Parsed(reply.text())["id"].string_or("");
}
std::string status(testing::Bench& b, const std::string& id) {
  return testing::Parsed(b.get(kBatches + "/" + id).text())["processing_status"].string_or("");
}
void finish(testing::Bench& b, const std::string& id) {
  for (int i = 0; i < 2000 && status(b, id) != "ended"; ++i) b.wait(minutes(1));
  EXPECT_EQ(status(b, id), "ended");
}
// custom_id -> result type; duplicate ids are counted once.
std::map<std::string, std::string> outcomes(testing::Bench& b, const std::string& id) {
  std::map<std::string, std::string> out;
  for (const auto& line : testing::lines_of(b.get(kBatches + "/" + id + "/results").text())) {
    const testing::Parsed row(line);
    out[row["custom_id"].string_or("")] = row["result"]["type"].string_or("");
  }
  return out;
}

TEST(AnthropicBatches, LifeOfABatch) {
  auto b = make_bench();
  const Reply made = b.post(kBatches, batch_of(20, kParams), {{"host", "127.0.0.1:9"}});
  const testing::Parsed batch(made.text());
  const std::string id = batch["id"].string_or("");
  EXPECT_TRUE(id.starts_with("msgbatch_"));
  EXPECT_EQ(batch["type"].string(), "message_batch");
  EXPECT_EQ(batch["request_counts"]["processing"].integer(), 20);
  EXPECT_TRUE(batch["results_url"].is_null());
  EXPECT_EQ(
      *parse_rfc3339(*batch["expires_at"].string()) - *parse_rfc3339(*batch["created_at"].string()),
      hours(24));
  const Reply poll = b.get(kBatches + "/" + id);
  EXPECT_EQ(poll.head.headers.find("retry-after"), "10");
  EXPECT_EQ(b.get(kBatches + "/" + id + "/results").head.status, 404);
  EXPECT_EQ(b.send(http::Method::kDelete, kBatches + "/" + id).head.status, 400);
  finish(b, id);
  const Reply ended = b.get(kBatches + "/" + id);
  EXPECT_FALSE(ended.head.headers.find("retry-after"));
  const testing::Parsed last(ended.text());
  EXPECT_EQ(last["request_counts"]["succeeded"].integer(), 20);
  EXPECT_EQ(last["results_url"].string(),
            "http://127.0.0.1:9/anthropic/v1/messages/batches/" + id + "/results");
  EXPECT_TRUE(last["ended_at"].is_string());
  EXPECT_EQ(b.bill().size(), 20U);
  for (const auto& row : b.bill()) EXPECT_FALSE(row.delivered);

  const Reply results = b.get(kBatches + "/" + id + "/results");
  EXPECT_EQ(results.head.headers.find("content-type"), "application/x-jsonl");
  const auto lines = testing::lines_of(results.text());
  ASSERT_EQ(lines.size(), 20U);
  std::int64_t sum = 0;
  std::map<std::string, std::int64_t> billed;
  for (const auto& row : b.bill()) {
    EXPECT_TRUE(row.delivered);
    EXPECT_EQ(row.route, Route::kBatch);
    EXPECT_EQ(row.batch_id, id);
    EXPECT_EQ(row.attempt_id, row.custom_id);
    billed[row.custom_id] = row.pico_usd;
    sum += row.pico_usd;
  }
  for (const auto& line : lines) {
    const testing::Parsed row(line);
    const Usage usage = usage_of(row["result"]["message"]);
    EXPECT_EQ(row["result"]["message"]["usage"]["service_tier"].string(), "batch");
    EXPECT_EQ(billed.at(row["custom_id"].string_or("")),
              usage.input * 1'000'000 + usage.output * 5'000'000);
  }
  EXPECT_EQ(static_cast<std::int64_t>(b.simulator().bill().total_pico_usd()), sum);
  EXPECT_EQ(b.send(http::Method::kDelete, kBatches + "/" + id).head.status, 200);
  EXPECT_EQ(b.get(kBatches + "/" + id).head.status, 404);
  EXPECT_EQ(testing::Parsed(b.get("/_sim/state").text())["anthropic"]["batches"].integer(), 0);
}

TEST(AnthropicBatches, ResultsGoAfter29Days) {
  auto b = make_bench();
  const std::string id = create(b, batch_of(1, kParams));
  b.wait(hours(24 * 29 - 1));
  EXPECT_EQ(b.get(kBatches + "/" + id + "/results").head.status, 200);
  b.wait(hours(1));
  EXPECT_EQ(b.get(kBatches + "/" + id + "/results").head.status, 404);
  EXPECT_TRUE(testing::Parsed(b.get(kBatches + "/" + id).text())["archived_at"].is_string());
}

TEST(AnthropicBatches, CreateIsRefusedAtOnceForItsFrame) {
  auto b = make_bench();
  const auto refused = [&](const std::string& body, std::string_view why, int code = 400) {
    const Reply reply = b.post(kBatches, body);
    EXPECT_EQ(reply.head.status, code) << body.substr(0, 200);
    EXPECT_NE(reply.text().find(why), std::string::npos) << reply.text();
  };
  refused("", "JSON");
  refused("[]", "JSON");
  refused("{}", "requests");
  refused(R"({"requests":[]})", "at least 1");
  refused(R"({"requests":{}})", "valid list");
  refused(R"({"requests":[{"custom_id":"a","params":{}}])", "JSON");
  refused(R"({"requests":[{"custom_id":"a","params":{}} {}]})", "JSON");
  refused(R"({"requests":[{"custom_id":"a","params":{"x":tru}}]})", "JSON");
  refused(R"({"requests":[{"custom_id":"a","params":{}}]} x)", "JSON");
  refused(R"({"requests":[{"custom_id":"a","params":{}},]})", "JSON");
  refused(R"({"requests":[{"custom_id":"a","params":{}}],"name":"x"})", "Extra inputs");
  refused(R"({"requests":[3]})", "dictionary");
  refused(R"({"requests":[{"params":{}}]})", "custom_id");
  refused(R"({"requests":[{"custom_id":"a b","params":{}}]})", "pattern");
  refused(R"({"requests":[{"custom_id":")" + std::string(65, 'a') + R"(","params":{}}]})",
          "pattern");
  refused(R"({"requests":[{"custom_id":"a"}]})", "params");
  refused(R"({"requests":[{"custom_id":"a","params":{}},{"custom_id":"a","params":{}}]})",
          "not unique");
  refused(batch_of(100'001, "{}"), "100,000", 413);
  refused(std::string(256'000'001, ' '), "request_too_large", 413);
  EXPECT_EQ(testing::Parsed(b.get(kBatches).text())["data"].size(), 0U);
}

TEST(AnthropicBatches, ParamsAreCheckedRowByRowAndLate) {
  auto b = make_bench();
  const auto row = [](std::string_view id, std::string_view params) {
    return "{\"custom_id\":\"" + std::string(id) + "\",\"params\":" + std::string(params) + "}";
  };
  const auto with = [](std::string_view more) {
    return kParams.substr(0, kParams.size() - 1) + std::string(more) + "}";
  };
  const std::string id = create(
      b,
      "{\"requests\":[" + row("good", kParams) + "," + row("no-model", R"({"max_tokens":1})") +
          "," + row("stream", with(R"(,"stream":true)")) + "," +
          row("speed", with(R"(,"speed":"fast")")) + "," +
          row("unknown", R"({"model":"claude-none","max_tokens":9,"messages":[]})") + "," +
          row("zero",
              R"({"model":"claude-sonnet-5","max_tokens":0,"messages":[{"role":"user","content":"x"}]})") +
          "]}");
  finish(b, id);
  const auto found = outcomes(b, id);
  EXPECT_EQ(found.size(), 6U);
  for (const auto& [name, type] : found)
    EXPECT_EQ(type, name == "good" ? "succeeded" : "errored") << name;
  for (const auto& line : testing::lines_of(b.get(kBatches + "/" + id + "/results").text())) {
    const testing::Parsed parsed(line);
    if (parsed["custom_id"].string() != "zero") continue;
    EXPECT_EQ(parsed["result"]["error"]["type"].string(), "error");  // nested twice
    EXPECT_EQ(parsed["result"]["error"]["error"]["type"].string(), "invalid_request_error");
    EXPECT_TRUE(parsed["result"]["error"]["request_id"].is_null());
  }
  EXPECT_EQ(b.bill().size(), 1U);
  const testing::Parsed batch(b.get(kBatches + "/" + id).text());
  EXPECT_EQ(batch["request_counts"]["errored"].integer(), 5);
}

// Each request of a batch is read by the version that the batch was created with.
// Doc: https://platform.claude.com/docs/en/api/migration-2026-10-21 (checked 2026-11-23).
TEST(AnthropicBatches, TheVersionOfTheCreateHoldsForItsRows) {
  auto b = make_bench();
  const std::string params =
      R"({"model":"claude-sonnet-4-5","max_tokens":9,"temperature":1,"messages":[{"role":"user","content":"x"}]})";
  for (const auto* version : {"2023-06-01", "2026-10-21"}) {
    const Reply made = b.post(kBatches, batch_of(1, params), {{"anthropic-version", version}});
    const testing::Parsed batch(made.text());
    testing::expect_members(
        batch.root, {"id", "archived_at", "cancel_initiated_at", "created_at", "ended_at",
                     "expires_at", "processing_status", "request_counts", "results_url", "type"});
    const std::string id = batch["id"].string_or("");
    finish(b, id);
    const bool removed = version == std::string_view("2026-10-21");
    EXPECT_EQ(outcomes(b, id).at("r0"), removed ? "errored" : "succeeded");
    const auto line = b.get(kBatches + "/" + id + "/results").text();
    EXPECT_EQ(line.find("temperature: Extra inputs") != std::string::npos, removed) << line;
    EXPECT_EQ(line.find("stop_details") != std::string::npos, !removed) << line;
  }
  EXPECT_EQ(b.bill().size(), 1U);
}

TEST(AnthropicBatches, CancelKeepsWhatWasRun) {
  auto b = make_bench();
  const std::string id = create(b, batch_of(200, kParams));
  b.wait(seconds(40));
  const testing::Parsed canceling(b.post(kBatches + "/" + id + "/cancel", "").text());
  EXPECT_EQ(canceling["processing_status"].string(), "canceling");
  EXPECT_TRUE(canceling["cancel_initiated_at"].is_string());
  b.wait(minutes(1));
  EXPECT_EQ(status(b, id), "ended");
  std::size_t done = 0, canceled = 0;
  for (const auto& [name, type] : outcomes(b, id)) (type == "succeeded" ? done : canceled) += 1;
  EXPECT_GT(done, 0U);
  EXPECT_GT(canceled, 0U);
  EXPECT_EQ(done + canceled, 200U);
  EXPECT_EQ(b.bill().size(), done);
  EXPECT_EQ(b.post(kBatches + "/" + id + "/cancel", "").head.status, 400);
  EXPECT_EQ(b.post(kBatches + "/none/cancel", "").head.status, 404);
}

TEST(AnthropicBatches, ListsNewestFirstByPagesAndAccount) {
  auto b = make_bench();
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(create(b, batch_of(1, kParams)));
  const testing::Parsed first(b.get(kBatches + "?limit=2").text());
  EXPECT_EQ(first["first_id"].string(), ids[4]);
  EXPECT_EQ(first["last_id"].string(), ids[3]);
  EXPECT_EQ(first["has_more"].boolean(), true);
  const testing::Parsed after(b.get(kBatches + "?limit=3&after_id=" + ids[3]).text());
  EXPECT_EQ(after["first_id"].string(), ids[2]);
  EXPECT_EQ(after["has_more"].boolean(), false);
  const testing::Parsed before(b.get(kBatches + "?limit=1&before_id=" + ids[2]).text());
  EXPECT_EQ(before["first_id"].string(), ids[3]);
  EXPECT_EQ(before["has_more"].boolean(), true);
  EXPECT_EQ(testing::Parsed(b.get(kBatches, {{"x-api-key", "other"}}).text())["data"].size(), 0U);
  EXPECT_EQ(b.get(kBatches + "/" + ids[0], {{"x-api-key", "other"}}).head.status, 404);
  for (const auto* bad : {"?limit=0", "?limit=1001", "?limit=x"})
    EXPECT_EQ(b.get(kBatches + bad).head.status, 400);
  EXPECT_EQ(b.get(kBatches + "?after_id=none").head.status, 404);
}

struct CacheSums {
  std::int64_t written = 0, read = 0;
};
CacheSums cache_sums(const testing::Bench& b) {
  CacheSums sums;
  for (const auto& row : b.bill()) {
    if (row.route != Route::kBatch) continue;
    sums.written += row.tokens.cache_write_1h > 0 ? 1 : 0;
    sums.read += row.tokens.cache_read > 0 ? 1 : 0;
  }
  return sums;
}

TEST(AnthropicBatches, BatchAndSyncCachesAreApart) {
  auto b = make_bench({.batch_hit_rate = 1});
  const std::string body = body_of(words(1100), "1h", "one");
  b.post(std::string(kMessagesPath), body);
  b.wait(seconds(2));
  finish(b, create(b, batch_of(1, body)));
  EXPECT_EQ(cache_sums(b).read, 0);
  EXPECT_EQ(cache_sums(b).written, 1);
  // But a batch reads what a batch before it wrote: the recipe of the one-request batch.
  finish(b, create(b, batch_of(50, body, "s")));
  EXPECT_EQ(cache_sums(b).read, 50);
  EXPECT_EQ(b.bill().back().pico_usd,
            5 * 1'000'000 + 1100 * 100'000 + b.bill().back().tokens.output * 5'000'000);
}

TEST(AnthropicBatches, HitsAreBestEffort) {
  auto b = make_bench({.seed = 3, .batch_hit_rate = 0.3});
  const std::string body = body_of(words(1100), "1h", "one");
  finish(b, create(b, batch_of(1, body)));
  finish(b, create(b, batch_of(400, body, "s")));
  const CacheSums sums = cache_sums(b);
  EXPECT_EQ(sums.read + sums.written, 401);
  EXPECT_NEAR(static_cast<double>(sums.read), 120.0, 40.0);
}

TEST(AnthropicBatches, PollingOftenOrNeverGivesTheSameRows) {
  const auto run = [](Duration step) {
    auto b = make_bench({.seed = 11});
    const std::string one = create(b, batch_of(60, body_of(words(1100), "1h", "one")));
    const std::string two = create(b, batch_of(60, body_of(words(1100), "1h", "two"), "s"));
    for (Duration waited{0}; waited < hours(2); waited += step) {
      b.wait(step);
      b.get(kBatches + "/" + one);
    }
    return b.get(kBatches + "/" + one + "/results").text() +
           b.get(kBatches + "/" + two + "/results").text() +
           b.get("/_sim/bill?format=jsonl").text();
  };
  EXPECT_EQ(run(seconds(7)), run(hours(2)));
}

TEST(AnthropicBatches, ExpiredRowsAreNotBilledFinishedOnesAre) {
  auto b = make_bench(
      {.faults_json = R"([{"fault":{"kind":"expire_batch","finished_fraction":0.25}}])"});
  const std::string id = create(b, batch_of(40, kParams));
  b.wait(hours(23));
  EXPECT_EQ(status(b, id), "in_progress");
  b.wait(hours(1));
  EXPECT_EQ(status(b, id), "ended");
  std::map<std::string, int> counts;
  for (const auto& [name, type] : outcomes(b, id)) ++counts[type];
  EXPECT_EQ(counts["succeeded"], 10);
  EXPECT_EQ(counts["expired"], 30);
  EXPECT_EQ(b.bill().size(), 10U);
}

TEST(AnthropicBatches, FaultsOfRows) {
  auto b = make_bench({.faults_json = R"([
    {"match":{"custom_id":"r1"},"fault":"missing_rows"},
    {"match":{"custom_id":"r2"},"fault":"billed_but_undelivered"},
    {"match":{"index":3},"fault":"duplicate_rows"},
    {"match":{"custom_id":"r4"},"fault":{"kind":"row_error","type":"overloaded_error"}},
    {"match":{},"fault":"shuffle_rows"}])"});
  const std::string id = create(b, batch_of(30, kParams));
  finish(b, id);
  const Reply results = b.get(kBatches + "/" + id + "/results");
  EXPECT_EQ(testing::lines_of(results.text()).size(), 29U);  // two missing, one twice
  const auto found = outcomes(b, id);
  EXPECT_FALSE(found.contains("r1"));
  EXPECT_FALSE(found.contains("r2"));
  EXPECT_EQ(found.at("r4"), "errored");
  std::set<std::string> billed, undelivered;
  for (const auto& row : b.bill()) {
    EXPECT_TRUE(billed.insert(row.custom_id).second);
    if (!row.delivered) undelivered.insert(row.custom_id);
  }
  EXPECT_EQ(billed.size(), 28U);
  EXPECT_FALSE(billed.contains("r1"));
  EXPECT_EQ(undelivered, std::set<std::string>{"r2"});
}

TEST(AnthropicBatches, FaultsOfTheWhole) {
  auto b = make_bench({.faults_json = R"([
    {"match":{"nth":1},"fault":"batch_refused"},
    {"match":{"nth":2},"fault":{"kind":"cancel_batch","finished_fraction":0.5}},
    {"match":{"nth":3},"fault":{"kind":"slow_batch","seconds":7200}},
    {"match":{"nth":4},"fault":{"kind":"invisible_batch","seconds":300}},
    {"match":{"nth":5,"operation":"batch_create"},"fault":"timeout_after_accept"}])"});
  EXPECT_EQ(b.post(kBatches, batch_of(10, kParams)).head.status, 400);
  const std::string cancelled = create(b, batch_of(10, kParams));
  const std::string slow = create(b, batch_of(10, kParams));
  const std::string hidden = create(b, batch_of(10, kParams));
  EXPECT_EQ(testing::Parsed(b.get(kBatches).text())["data"].size(), 2U);
  EXPECT_EQ(b.post(kBatches, batch_of(10, kParams)).fate, Reply::Fate::kNoAnswer);
  b.wait(minutes(5));
  EXPECT_EQ(testing::Parsed(b.get(kBatches).text())["data"].size(),
            4U);  // the unanswered create made one
  b.wait(minutes(55));
  EXPECT_EQ(status(b, slow), "in_progress");
  EXPECT_EQ(status(b, hidden), "ended");
  EXPECT_EQ(testing::Parsed(b.get(kBatches + "/" + cancelled).text())["request_counts"]["canceled"]
                .integer(),
            5);
  b.wait(hours(2));
  EXPECT_EQ(status(b, slow), "ended");
}

TEST(AnthropicBatches, ACutDownloadDeliversWhatCameThrough) {
  auto b = make_bench(
      {.faults_json =
           R"([{"match":{"operation":"batch_results","nth":1},"fault":{"kind":"cut_body","after_bytes":2000}}])"});
  const std::string id = create(b, batch_of(30, kParams));
  finish(b, id);
  EXPECT_EQ(b.get(kBatches + "/" + id + "/results").fate, Reply::Fate::kCut);
  const auto delivered = [&] {
    return std::count_if(b.bill().begin(), b.bill().end(),
                         [](const BillRow& row) { return row.delivered; });
  };
  EXPECT_GT(delivered(), 0);
  EXPECT_LT(delivered(), 10);
  b.get(kBatches + "/" + id + "/results");
  EXPECT_EQ(delivered(), 30);
}

}  // namespace
}  // namespace weir::sim::anthropic
