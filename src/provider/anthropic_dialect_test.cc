#include "provider/anthropic_dialect.h"

#include <gtest/gtest.h>

#include "http/sse.h"

namespace weir::provider::anthropic_dialect {
namespace {

using llm::CacheMark;
using llm::CacheTtl;

llm::Request request() {
  llm::Request out;
  out.model = "claude-sonnet-5";
  out.output_max = Tokens{64};
  out.messages = {{.role = llm::Role::kUser, .content = {{.text = "Hi"}}}};
  return out;
}

llm::Request raw_request(std::string bytes) {
  llm::Request out;
  out.model = "claude-sonnet-5";
  out.raw = llm::RawBody{llm::Dialect::kAnthropicMessages, std::move(bytes)};
  return out;
}

std::string body(const llm::Request& from) {
  std::string out;
  const auto done = append_body(from, out);
  EXPECT_TRUE(done) << done.error().message;
  return out;
}

ErrorKind refused(const llm::Request& from) {
  std::string out = "before";
  const auto done = append_body(from, out);
  EXPECT_FALSE(done);
  EXPECT_EQ(out, "before");
  EXPECT_FALSE(done.error().message.empty());
  EXPECT_FALSE(done.error().hint.empty()) << done.error().message;
  return done.error().kind;
}

Error error_of(const WireError& wire) {
  return {.kind = wire.type == "overloaded_error" ? ErrorKind::kUnavailable
                                                  : ErrorKind::kInvalidArgument,
          .message = wire.message,
          .provider_code = wire.type};
}

llm::Usage usage_of(std::string_view text) {
  json::Parser parser;
  return decode_usage(parser.parse(text).value());
}

Result<llm::Response> message_of(std::string_view text) {
  json::Parser parser;
  return decode_message(parser.parse(text).value(), text);
}

TEST(AnthropicBody, KeysStandInOneOrder) {
  EXPECT_EQ(
      body(request()),
      R"({"model":"claude-sonnet-5","max_tokens":64,"messages":[{"role":"user","content":"Hi"}]})");
  EXPECT_EQ(body(request()), body(request()));
}

TEST(AnthropicBody, TheTtlIsAlwaysWritten) {
  auto marked = request();
  marked.system = {{.text = "S", .mark = CacheMark{CacheTtl::k1h}}};
  marked.messages[0].content = {{.text = "A", .mark = CacheMark{}}, {.text = "B"}};
  const auto text = body(marked);
  EXPECT_NE(text.find(R"("text":"S","cache_control":{"type":"ephemeral","ttl":"1h"})"),
            std::string::npos);
  EXPECT_NE(
      text.find(
          R"("text":"A","cache_control":{"type":"ephemeral","ttl":"5m"}},{"type":"text","text":"B"})"),
      std::string::npos);
}

TEST(AnthropicBody, TheCacheKeyAndASuppressedCacheChangeNothing) {
  auto other = request();
  other.cache = llm::CachePolicy::kSuppressed;
  other.cache_key = "key";
  EXPECT_EQ(body(other), body(request()));
}

TEST(AnthropicBody, WithoutAnOutputLimitItIsRefused) {
  auto none = request();
  none.output_max.reset();
  EXPECT_EQ(refused(none), ErrorKind::kInvalidArgument);
}

TEST(AnthropicBody, FourMarksPassAndFiveDoNot) {
  auto marked = request();
  marked.system.assign(3, {.text = "S", .mark = CacheMark{CacheTtl::k1h}});
  marked.messages[0].content = {{.text = "M", .mark = CacheMark{CacheTtl::k5m}}};
  EXPECT_FALSE(body(marked).empty());
  marked.system.push_back({.text = "S", .mark = CacheMark{CacheTtl::k1h}});
  EXPECT_EQ(refused(marked), ErrorKind::kInvalidArgument);
}

TEST(AnthropicBody, ALongMarkMayNotFollowAShortOne) {
  auto marked = request();
  marked.system = {{.text = "S", .mark = CacheMark{}}};
  marked.messages[0].content = {{.text = "M", .mark = CacheMark{CacheTtl::k1h}}};
  EXPECT_EQ(refused(marked), ErrorKind::kInvalidArgument);
}

TEST(AnthropicBody, ARawBodyPassesByteForByte) {
  const std::string bytes =
      "{ \"max_tokens\":5,\n\"model\":\"claude-sonnet-5\" "
      ",\"x\":1.0,\"messages\":[{\"role\":\"user\",\"content\":"
      "[{\"type\":\"text\",\"text\":\"a\",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}"
      "}]}]}";
  auto raw = raw_request(bytes);
  EXPECT_EQ(body(raw), bytes);
  raw.cache = llm::CachePolicy::kMarked;
  EXPECT_EQ(body(raw), bytes);
  raw.model.clear();
  EXPECT_EQ(body(raw), bytes);
}

TEST(AnthropicBody, OnlyModelAndStreamOfARawBodyAreSet) {
  auto raw = raw_request(R"({"model":"other", "max_tokens":5})");
  EXPECT_EQ(body(raw), R"({"model":"claude-sonnet-5", "max_tokens":5})");
  raw.stream = true;
  EXPECT_EQ(body(raw), R"({"model":"claude-sonnet-5", "max_tokens":5,"stream":true})");
  EXPECT_EQ(body(raw_request(R"({"model":"claude-sonnet-5","stream":true})")),
            R"({"model":"claude-sonnet-5","stream":false})");
  EXPECT_EQ(body(raw_request("{}")), R"({"model":"claude-sonnet-5"})");
}

TEST(AnthropicBody, RawBodiesOfAnotherDialectAreRefused) {
  auto raw = raw_request("{}");
  raw.raw->dialect = llm::Dialect::kOpenAIChat;
  EXPECT_EQ(refused(raw), ErrorKind::kUnsupported);
  std::string out;
  const auto done = append_body(raw_request("[]"), out);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::kInvalidArgument);
}

TEST(AnthropicUsage, BucketsAreExclusive) {
  const auto usage = usage_of(
      R"({"input_tokens":1,"cache_read_input_tokens":2,"cache_creation_input_tokens":7,
          "cache_creation":{"ephemeral_5m_input_tokens":3,"ephemeral_1h_input_tokens":4},"output_tokens":5})");
  EXPECT_EQ(usage, (llm::Usage{.input = {1},
                               .cache_read = {2},
                               .cache_write_5m = {3},
                               .cache_write_1h = {4},
                               .cache_write = {0},
                               .output = {5}}));
  EXPECT_EQ(usage.prompt(), Tokens{10});
}

TEST(AnthropicUsage, AWriteWithoutATtlIsA5mOne) {
  EXPECT_EQ(usage_of(R"({"cache_creation_input_tokens":9})").cache_write_5m, Tokens{9});
  EXPECT_EQ(usage_of(R"({"cache_creation_input_tokens":9,"cache_creation":null})").cache_write_5m,
            Tokens{9});
  const auto partly = usage_of(
      R"({"cache_creation_input_tokens":9,"cache_creation":{"ephemeral_1h_input_tokens":4}})");
  EXPECT_EQ(partly.cache_write_5m, Tokens{5});
  EXPECT_EQ(partly.cache_write_1h, Tokens{4});
}

TEST(AnthropicUsage, NegativeMissingAndAbsurdCountsAreClamped) {
  EXPECT_EQ(usage_of(R"({"input_tokens":-5,"output_tokens":null,"cache_read_input_tokens":"x"})"),
            llm::Usage{});
  EXPECT_EQ(usage_of(R"({"input_tokens":9223372036854775807})").input.count, 1'000'000'000'000);
}

TEST(AnthropicMessage, UnknownFieldsAreIgnoredAndOptionalOnesMayBeMissing) {
  const auto response =
      message_of(R"({"new":{"a":[1]},"content":[],"usage":{"output_tokens":3,"later":1}})");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->text, "");
  EXPECT_EQ(response->tool_calls_json, "");
  EXPECT_EQ(response->finish, llm::FinishReason::kOther);
  EXPECT_EQ(response->usage_raw, R"({"output_tokens":3,"later":1})");
  EXPECT_FALSE(response->created);
}

TEST(AnthropicMessage, WithoutContentOrUsageItIsNone) {
  for (const auto* text : {"{}", "[]", R"({"content":[]})", R"({"usage":{}})",
                           R"({"content":"x","usage":{}})", R"({"content":[],"usage":null})"}) {
    const auto response = message_of(text);
    ASSERT_FALSE(response) << text;
    EXPECT_EQ(response.error().kind, ErrorKind::kBadResponse);
  }
}

TEST(AnthropicMessage, StopReasons) {
  using enum llm::FinishReason;
  const std::pair<std::string_view, llm::FinishReason> kRows[] = {
      {"end_turn", kStop},
      {"stop_sequence", kStop},
      {"max_tokens", kLength},
      {"model_context_window_exceeded", kLength},
      {"tool_use", kToolUse},
      {"refusal", kRefusal},
      {"pause_turn", kOther},
      {"tomorrow", kOther},
      {"", kOther}};
  for (const auto& [word, finish] : kRows) EXPECT_EQ(finish_of(word), finish) << word;
}

TEST(AnthropicError, TextsAreBoundedAndPlain) {
  json::Parser parser;
  const std::string text = R"({"error":{"type":"api_error","message":"a\u001b[2J\n)" +
                           std::string(498, 'x') + "ü" + std::string(600, 'y') + R"("}})";
  const auto error = decode_error(parser.parse(text).value());
  EXPECT_EQ(error.type, "api_error");
  EXPECT_TRUE(error.message.starts_with("a [2J x"));
  EXPECT_LE(error.message.size(), 500U);
  EXPECT_EQ(error.message.find('\n'), std::string::npos);
  EXPECT_EQ(error.request_id, "");
  EXPECT_EQ(decode_error(json::Value()).type, "");
}

std::string start(std::string_view usage) {
  return http::sse_text("message_start",
                        R"({"message":{"id":"m","model":"c","usage":)" + std::string(usage) + "}}");
}
const std::string kStop = http::sse_text("message_stop", R"({"type":"message_stop"})");

struct Streamed {
  Result<void> fed;
  std::string text;
  Result<llm::Response> response;
};
Streamed stream(std::string_view bytes) {
  const auto decoder = make_stream_decoder(&error_of);
  Streamed out{{}, "", fail(ErrorKind::kInternal, "")};
  out.fed = decoder->feed(bytes, out.text);
  out.response = decoder->finish();
  return out;
}

TEST(AnthropicStream, CumulativeUsageReplacesAndIsNeverAdded) {
  const auto delta = [](std::string_view usage) {
    return http::sse_text("message_delta", R"({"delta":{"stop_reason":"end_turn"},"usage":)" +
                                               std::string(usage) + "}");
  };
  const auto out =
      stream(start(R"({"input_tokens":10,"cache_creation_input_tokens":6,"output_tokens":1})") +
             delta(R"({"output_tokens":5,"cache_creation_input_tokens":6,"input_tokens":null})") +
             delta(R"({"output_tokens":8})") + kStop);
  ASSERT_TRUE(out.response) << out.response.error().message;
  EXPECT_EQ(out.response->usage.input, Tokens{10});
  EXPECT_EQ(out.response->usage.cache_write_5m, Tokens{6});
  EXPECT_EQ(out.response->usage.output, Tokens{8});
  EXPECT_EQ(out.response->usage_raw,
            R"({"input_tokens":10,"cache_creation_input_tokens":6,"output_tokens":8})");
}

TEST(AnthropicStream, ACutStreamHasAnUnknownOutcome) {
  for (const auto& bytes :
       {std::string(), start("{}"), start("{}") + "event: message_stop\ndata: {"}) {
    const auto out = stream(bytes);
    EXPECT_TRUE(out.fed);
    ASSERT_FALSE(out.response);
    EXPECT_EQ(out.response.error().kind, ErrorKind::kDeadlineExceeded);
  }
}

TEST(AnthropicStream, AnErrorEventBeforeTheMessageKeepsItsKind) {
  const auto error = http::sse_text(
      "error", R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})");
  const auto early = stream(error);
  ASSERT_FALSE(early.fed);
  EXPECT_EQ(early.fed.error().kind, ErrorKind::kUnavailable);
  EXPECT_EQ(early.response.error().provider_code, "overloaded_error");
  const auto late = stream(start("{}") + error + kStop);
  ASSERT_FALSE(late.fed);
  EXPECT_EQ(late.fed.error().kind, ErrorKind::kDeadlineExceeded);
  EXPECT_EQ(late.response.error().kind, ErrorKind::kDeadlineExceeded);
}

TEST(AnthropicStream, BrokenEventsAreBadResponses) {
  for (const auto& bytes :
       {http::sse_text("message_start", "{"), http::sse_text("message_start", "{}"),
        http::sse_text("message_delta", "[,]"), kStop,
        start("{\"a\":\"" + std::string(20'000, 'x') + "\"}")}) {
    const auto out = stream(bytes);
    ASSERT_FALSE(out.response) << bytes;
    EXPECT_EQ(out.response.error().kind, ErrorKind::kBadResponse) << bytes.substr(0, 80);
  }
}

TEST(AnthropicStream, NothingAfterTheEndCounts) {
  const auto out = stream(start("{}") + kStop + http::sse_text("error", "{}"));
  EXPECT_TRUE(out.fed);
  EXPECT_TRUE(out.response);
}

TEST(AnthropicStream, AToolCallCutByTheLimitKeepsWhatCame) {
  const auto out = stream(
      start("{}") +
      http::sse_text(
          "content_block_start",
          R"({"index":0,"content_block":{"type":"tool_use","id":"t","name":"n","input":{}}})") +
      http::sse_text(
          "content_block_delta",
          R"({"index":0,"delta":{"type":"input_json_delta","partial_json":"{\"a\": \"b"}})") +
      kStop);
  ASSERT_TRUE(out.response);
  EXPECT_EQ(out.response->tool_calls_json,
            R"([{"type":"tool_use","id":"t","name":"n","input":"{\"a\": \"b"}])");
}

TEST(AnthropicStream, ADeltaWithoutItsBlockIsKept) {
  const auto out = stream(
      start("{}") +
      http::sse_text(
          "",
          R"({"type":"content_block_delta","index":3,"delta":{"type":"text_delta","text":"x"}})") +
      kStop);
  ASSERT_TRUE(out.response);
  EXPECT_EQ(out.text, "x");
  EXPECT_EQ(out.response->text, "x");
}

}  // namespace
}  // namespace weir::provider::anthropic_dialect
