// xAI's batches: the machine as scripts, the counters as a status, pages and rows.
#include "providers/xai/batch.h"

#include "providers/xai/script.h"

namespace weir::providers::xai {
namespace {

using Outcome = provider::Row::Outcome;
using std::chrono::seconds;

TEST(XaiBatch, TheWholeLife) {
  Script script;
  script.on(Kind::kStart);
  ASSERT_EQ(script.said(), "upload");
  EXPECT_EQ(script.plan().target, "/v1/files");
  const auto& form = std::get<std::string>(script.plan().body.at(0));
  EXPECT_FALSE(form.contains("purpose"));
  // The field must stand ahead of the file.
  EXPECT_LT(form.find("name=\"expires_after\"\r\n\r\n2592000\r\n"), form.find("name=\"file\""));
  script.answer(200, R"({"id":"file_1","object":"file"})");
  ASSERT_EQ(script.said(), "create");
  EXPECT_EQ(script.plan().target, "/v1/batches");
  EXPECT_EQ(std::get<std::string>(script.plan().body.at(0)),
            R"({"name":")" + tag() + R"(","input_file_id":"file_1"})");
  script.answer(200, object({.requests = 0}));
  EXPECT_EQ(script.last.view.provider_batch_id, "batch_1");
  EXPECT_EQ(script.last.view.status, "validating");
  EXPECT_EQ(script.last.view.created_at, kStart + seconds(5));
  script.timer();
  EXPECT_EQ(script.plan().target, "/v1/batches/batch_1");
  script.answer(200, object({.pending = 2, .success = 1}));
  EXPECT_EQ(script.last.view.status, "in_progress");
  EXPECT_EQ(script.last.view.done, 1U);
  script.timer().answer(200, object({.success = 2, .error = 1}));
  ASSERT_EQ(script.said(), "collect");
  EXPECT_EQ(script.collect().artefact, "results");
  EXPECT_EQ(script.collect().plan.target, "/v1/batches/batch_1/results?limit=1000");
  EXPECT_EQ(script.collect().rows_member, "results");
  EXPECT_EQ(script.collect().rows_before, 0U);
  script.page(R"({"results":[],"pagination_token":"a+/="})", 2);
  ASSERT_EQ(script.said(), "collect");
  EXPECT_EQ(script.collect().plan.target,
            "/v1/batches/batch_1/results?limit=1000&pagination_token=a%2B%2F%3D");
  EXPECT_EQ(script.collect().rows_before, 2U);
  script.page(R"({"results":[],"pagination_token":null})", 3);
  EXPECT_EQ(script.said(), "delete");
  EXPECT_EQ(script.plan().target, "/v1/files/file_1");
  script.answer(200, R"({"id":"file_1","deleted":true})");
  EXPECT_EQ(script.said(), "ended");
}

TEST(XaiBatch, PagesEnd) {
  const auto collecting = [] {
    Script script = created();
    script.timer().answer(200, object({.success = 3}));
    EXPECT_EQ(script.said(), "collect");
    return script;
  };
  // A page without rows, and one that names itself.
  EXPECT_EQ(collecting().page(R"({"results":[],"pagination_token":"x"})", 0).said(), "delete");
  Script script = collecting();
  script.page(R"({"results":[],"pagination_token":"x"})", 2);
  EXPECT_EQ(script.page(R"({"results":[],"pagination_token":"x"})", 3).said(), "delete");
  // One that cannot be read is asked for again, after a restart too, and held in the end.
  script = collecting();
  script.page(R"({"results":[],"pagination_token":"x"})", 2);
  for (int i = 0; i < 19; ++i) {
    ASSERT_EQ(script.page("no json", 2).said(), "wait") << i;
    ASSERT_EQ(script.timer().said(), "collect");
    ASSERT_EQ(script.collect().rows_before, 2U);
  }
  EXPECT_EQ(script.page("no json", 2).said(), "held bad_response");
  script = collecting();
  script.page(R"({"results":[],"pagination_token":"x"})", 2).on(Kind::kRestarted);
  EXPECT_EQ(script.collect().rows_before, 2U);
  EXPECT_TRUE(script.collect().plan.target.ends_with("&pagination_token=x"));
}

TEST(XaiBatch, ACancelledEndCountsWhenItLasts) {
  Script script = created({.pending = 3});
  script.on(Kind::kCancel);
  ASSERT_EQ(script.said(), "cancel");
  EXPECT_EQ(script.plan().method, http::Method::kPost);
  EXPECT_EQ(script.plan().target, "/v1/batches/batch_1:cancel");
  const std::string_view when = R"(,"cancel_time":"2026-11-23T12:01:00Z")";
  script.answer(200, object({.cancelled = 3}, when));
  EXPECT_EQ(script.said(), "wait");
  EXPECT_EQ(script.last.view.status, "cancelled");
  // 20 seconds later it was answered all the same.
  script.timer().answer(200, object({.success = 2, .cancelled = 1}, when));
  ASSERT_EQ(script.said(), "wait");
  const Time changed = script.now;
  while (script.said() == "wait") {
    script.timer();
    if (script.said() == "poll") script.answer(200, object({.success = 2, .cancelled = 1}, when));
  }
  EXPECT_EQ(script.said(), "collect");
  EXPECT_GE(script.now - changed, seconds(60));
  EXPECT_LE(script.now - changed, seconds(180));
}

TEST(XaiBatch, ACancelThatCameTooLateIsCompleted) {
  Script script = created({.pending = 3});
  script.on(Kind::kCancel).answer(200, object({.success = 3}, R"(,"cancel_time":"2026-11-23")"));
  EXPECT_EQ(script.said(), "collect");
  EXPECT_EQ(script.last.view.status, "completed");
}

TEST(XaiBatch, AFileThatWasRefusedNamesItsLine) {
  Script script = created();
  script.timer().answer(
      200, object({.requests = 0},
                  R"(,"cancel_time":"2026-11-23T12:00:20Z","cancel_by_xai_message":"JSONL file )"
                  R"(validation failed: line 2: invalid JSON: expected value")"));
  ASSERT_EQ(script.said(), "delete");
  script.answer(404, R"({"code":"not-found","error":"File not found"})");
  ASSERT_EQ(script.said(), "refused invalid_argument");
  const auto& finished = std::get<provider::Finished>(script.last.action);
  EXPECT_EQ(finished.line, 2U);
  EXPECT_TRUE(finished.error.message.contains("invalid JSON")) << finished.error.message;
}

TEST(XaiBatch, ALostCreateIsFoundByItsNameOnAnyPage) {
  Script script;
  script.on(Kind::kStart).answer(200, R"({"id":"file_1"})").on(Kind::kLost);
  ASSERT_EQ(script.said(), "list");
  EXPECT_EQ(script.plan().target, "/v1/batches?limit=100");
  // The order of the list is not documented: an old batch ends nothing.
  std::string old = object({.success = 3}, "", "another");
  old.replace(old.find("2026-11-23T12"), 13, "2026-01-01T12");
  script.answer(200, R"({"batches":[)" + old + R"(],"pagination_token":"t/2"})");
  ASSERT_EQ(script.said(), "list");
  EXPECT_EQ(script.plan().target, "/v1/batches?limit=100&pagination_token=t%2F2");
  script.answer(200, R"({"batches":[)" + object({.pending = 3}) + R"(],"pagination_token":""})");
  EXPECT_EQ(script.said(), "poll");
  EXPECT_EQ(script.last.view.provider_batch_id, "batch_1");
}

TEST(XaiBatch, ALostCreateThatIsNotListedIsSentAgain) {
  Script script;
  script.on(Kind::kStart).answer(200, R"({"id":"file_1"})").answer(500, "");
  const Time lost = script.now;
  while (script.said() == "list") {
    script.answer(200, R"({"batches":[],"pagination_token":null})");
    if (script.said() == "wait") script.timer();
  }
  EXPECT_EQ(script.said(), "create");
  EXPECT_GE(script.now - lost, std::chrono::minutes(10));
}

TEST(XaiBatch, AWrongKeyHoldsAndTooManyCreatesWait) {
  Script script = created({.pending = 3});
  script.timer().answer(
      400,
      R"({"code":"Client specified an invalid argument","error":"Incorrect API key provided: x"})");
  EXPECT_EQ(script.said(), "held unauthenticated");
  Script other;
  other.on(Kind::kStart).answer(200, R"({"id":"file_1"})").answer(429, R"({"error":"slow"})");
  EXPECT_EQ(other.said(), "wait");
  EXPECT_EQ(other.timer().said(), "create");
}

TEST(XaiBatch, NamedByHand) {
  Script script;
  script.on(Kind::kStart).answer(200, R"({"id":"file_1"})");
  script.event({.kind = Kind::kSettle, .settlement = {.provider_batch_id = "batch_1"}});
  ASSERT_EQ(script.said(), "poll");
  script.answer(200, object({.pending = 3}, "", "another's"));
  EXPECT_EQ(script.said(), "held invalid_argument");
}

// --- The object and the rows

TEST(XaiBatch, WhatIsNoBatch) {
  json::Parser parser;
  for (const auto* text : {"{}", "[]", R"({"batch_id":"b"})", R"({"batch_id":"../x","state":{}})",
                           R"({"id":"b","state":{}})"})
    EXPECT_FALSE(read_batch(parser.parse(text).value())) << text;
  // Counters of nonsense count nothing.
  const auto odd = read_batch(
      parser.parse(R"({"batch_id":"b","state":{"num_requests":-5,"num_pending":"x"}})").value());
  ASSERT_TRUE(odd);
  EXPECT_EQ(odd->status, "validating");
  EXPECT_FALSE(odd->created);
}

provider::Row row(std::string_view result) {
  const auto out =
      decode_row(R"({"batch_request_id":"w1-0","batch_result":)" + std::string(result) + "}");
  EXPECT_TRUE(out) << (out ? "" : out.error().text());
  return out.value_or(provider::Row{});
}

TEST(XaiRows, AnswersAndErrors) {
  const auto good = row(
      R"({"response":{"chat_get_completion":{"id":"x","created":1795000000,"choices":[{"message":)"
      R"({"role":"assistant","content":"devel"},"finish_reason":"stop"}],"usage":{"prompt_tokens":198,)"
      R"("completion_tokens":1,"total_tokens":317,"prompt_tokens_details":{"cached_tokens":192},)"
      R"("completion_tokens_details":{"reasoning_tokens":118},"cost_in_usd_ticks":2747200}}}})");
  EXPECT_EQ(good.custom_id, "w1-0");
  EXPECT_EQ(good.outcome, Outcome::kSucceeded);
  EXPECT_EQ(good.response.text, "devel");
  EXPECT_EQ(good.response.usage, (llm::Usage{.input = {6}, .cache_read = {192}, .output = {119}}));
  EXPECT_TRUE(good.response.usage_raw.contains("cost_in_usd_ticks"));

  EXPECT_EQ(row(R"({"error":"Batch cancelled"})").outcome, Outcome::kCancelled);
  const struct {
    std::string_view words;
    ErrorKind kind;
  } errors[] = {
      {"Maximum number of tokens max_tokens must be positive", ErrorKind::kInvalidArgument},
      {"Model grok-4.6 is not supported for batch processing.", ErrorKind::kUnsupported},
      {"This model's maximum prompt length is 9", ErrorKind::kInvalidArgument},
      {"Failed to download the provided image", ErrorKind::kInvalidArgument},
      {"Rate limit reached", ErrorKind::kRateLimited},
      {"Internal error", ErrorKind::kUnavailable},
      {"something new", ErrorKind::kUnavailable},
  };
  for (const auto& error : errors) {
    const auto out = row(R"({"error":")" + std::string(error.words) + "\"}");
    EXPECT_EQ(out.outcome, Outcome::kErrored);
    EXPECT_EQ(out.error.kind, error.kind) << error.words;
    EXPECT_TRUE(out.error.message.contains(error.words.substr(0, 9)));
  }
}

TEST(XaiRows, AnAnswerThatCannotBeReadIsBilled) {
  const auto out = row(
      R"({"response":{"chat_get_completion":{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}}})");
  EXPECT_EQ(out.outcome, Outcome::kErrored);
  EXPECT_EQ(out.error.kind, ErrorKind::kBadResponse);
  EXPECT_EQ(out.response.usage, (llm::Usage{.input = {5}, .output = {2}}));
  EXPECT_EQ(row(R"({"response":{}})").error.kind, ErrorKind::kBadResponse);
}

TEST(XaiRows, WhatIsNoRow) {
  for (const auto* text :
       {"", "[]", "{}", R"({"batch_request_id":""})", R"({"batch_request_id":"w1-0"})",
        R"({"batch_request_id":"w1-0","batch_result":{}})",
        R"({"batch_request_id":"a","batch_request_id":"b","batch_result":{"error":"x"}})"})
    EXPECT_EQ(decode_row(text).error().kind, ErrorKind::kBadResponse) << text;
}

TEST(XaiUsage, ReasoningIsOutputWhereItIsNotCountedYet) {
  const struct {
    std::string_view json;
    std::int64_t output;
  } rows[] = {
      {R"({"prompt_tokens":10,"completion_tokens":5,"total_tokens":22,"completion_tokens_details":{"reasoning_tokens":7}})",
       12},
      {R"({"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,"completion_tokens_details":{"reasoning_tokens":3}})",
       5},
      {R"({"prompt_tokens":10,"completion_tokens":5,"completion_tokens_details":{"reasoning_tokens":7}})",
       12},
      {R"({"prompt_tokens":10,"completion_tokens":5,"total_tokens":15})", 5},
  };
  for (const auto& one : rows) {
    json::Parser parser;
    const auto usage = decode_usage(parser.parse(one.json).value());
    EXPECT_EQ(usage.output.count, one.output) << one.json;
    EXPECT_EQ(usage.input.count, 10);
  }
}

}  // namespace
}  // namespace weir::providers::xai
