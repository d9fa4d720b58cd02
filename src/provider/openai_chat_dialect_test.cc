#include "provider/openai_chat_dialect.h"

#include <gtest/gtest.h>

#include <array>

namespace weir::provider::openai_chat {
namespace {

constexpr std::array kRules{
    ErrorRule{0, "insufficient_quota", ErrorKind::kInvalidArgument, "add credits"},
    ErrorRule{429, "rate_limit_exceeded", ErrorKind::kRateLimited, "slow down"},
    ErrorRule{401, "", ErrorKind::kUnauthenticated, "check the key"},
};
const Options kOptions{
    .provider = "test", .breakpoints = true, .cache_key = true, .errors = kRules};
const Options kPlain{.provider = "plain", .output_max_key = "max_tokens"};

llm::Request request() {
  llm::Request out;
  out.model = "gpt-6.1-sol";
  out.system = {{"Sort the mail."}};
  out.messages = {{llm::Role::kUser, {{"Dear \"sir\""}}}};
  return out;
}

std::string encoded(const llm::Request& request, llm::Route route = llm::Route::kSync,
                    const Options& options = kOptions) {
  const auto body = encode_body(options, request, route);
  EXPECT_TRUE(body) << (body ? "" : body.error().text());
  return body.value_or("");
}

TEST(OpenaiChatEncode, ThePlainRequest) {
  EXPECT_EQ(encoded(request()),
            R"({"model":"gpt-6.1-sol","messages":[{"role":"system","content":"Sort the mail."},)"
            R"({"role":"user","content":"Dear \"sir\""}]})");
}

TEST(OpenaiChatEncode, EveryFieldInItsPlace) {
  auto in = request();
  in.system = {{"Static. "}, {"More."}};
  in.messages.push_back({llm::Role::kAssistant, {{"{"}}});
  in.output_max = Tokens{300};
  in.temperature = 0.25;
  in.format = {"mail", "{\"type\":\n\"object\"}"};
  in.cache_key = "job-1";
  in.stream = true;
  const std::string without_stream =
      R"({"model":"gpt-6.1-sol","messages":[{"role":"system","content":"Static. More."},)"
      R"({"role":"user","content":"Dear \"sir\""},{"role":"assistant","content":"{"}],)"
      R"("max_completion_tokens":300,"temperature":0.25,"response_format":{"type":"json_schema",)"
      R"("json_schema":{"name":"mail","strict":true,"schema":{"type": "object"}}},)"
      R"("prompt_cache_key":"job-1")";
  EXPECT_EQ(encoded(in),
            without_stream + R"(,"stream":true,"stream_options":{"include_usage":true}})");
  EXPECT_EQ(encoded(in), encoded(in));
  EXPECT_EQ(encoded(in, llm::Route::kBatch), without_stream + "}");
}

TEST(OpenaiChatEncode, MarksBecomeBreakpoints) {
  auto in = request();
  in.cache = llm::CachePolicy::kMarked;
  in.system = {{"Static.", llm::CacheMark{}}, {""}, {"Tail."}};
  EXPECT_EQ(
      encoded(in),
      R"({"model":"gpt-6.1-sol","messages":[{"role":"system","content":[{"type":"text",)"
      R"("text":"Static.","prompt_cache_breakpoint":{"mode":"explicit"}},{"type":"text",)"
      R"("text":"Tail."}]},{"role":"user","content":[{"type":"text","text":"Dear \"sir\""}]}],)"
      R"("prompt_cache_options":{"mode":"explicit","ttl":"30m"}})");
}

TEST(OpenaiChatEncode, TheCallersOwnMarkPassesWithoutOptionsOfOurs) {
  auto in = request();
  in.system = {{"Static.", llm::CacheMark{}}};
  EXPECT_EQ(encoded(in),
            R"({"model":"gpt-6.1-sol","messages":[{"role":"system","content":[{"type":"text",)"
            R"("text":"Static.","prompt_cache_breakpoint":{"mode":"explicit"}}]},)"
            R"({"role":"user","content":"Dear \"sir\""}]})");
}

TEST(OpenaiChatEncode, SuppressedIsExplicitModeWithoutMarkers) {
  auto in = request();
  in.cache = llm::CachePolicy::kSuppressed;
  EXPECT_EQ(
      encoded(in),
      R"({"model":"gpt-6.1-sol","messages":[{"role":"system","content":"Sort the mail."},)"
      R"({"role":"user","content":"Dear \"sir\""}],"prompt_cache_options":{"mode":"explicit"}})");
}

TEST(OpenaiChatEncode, APlainServerGetsNoCacheFieldsAndItsOwnName) {
  auto in = request();
  in.output_max = Tokens{9};
  in.cache = llm::CachePolicy::kSuppressed;
  in.cache_key = "k";
  EXPECT_EQ(encoded(in, llm::Route::kSync, kPlain),
            R"({"model":"gpt-6.1-sol","messages":[{"role":"system","content":"Sort the mail."},)"
            R"({"role":"user","content":"Dear \"sir\""}],"max_tokens":9})");
}

TEST(OpenaiChatEncode, WhatCannotBeSaidIsAnError) {
  auto in = request();
  in.messages[0].content[0].mark = llm::CacheMark{};
  EXPECT_EQ(encode_body(kPlain, in, llm::Route::kSync).error().kind, ErrorKind::kUnsupported);
  in.messages[0].content[0].mark = llm::CacheMark{llm::CacheTtl::k1h};
  EXPECT_EQ(encode_body(kOptions, in, llm::Route::kSync).error().kind, ErrorKind::kInvalidArgument);
  in = request();
  in.model.clear();
  EXPECT_EQ(encode_body(kOptions, in, llm::Route::kSync).error().kind, ErrorKind::kInvalidArgument);
}

llm::Request raw(std::string bytes, llm::Dialect dialect = llm::Dialect::kOpenAIChat) {
  llm::Request out;
  out.model = "gpt-6";
  out.raw = llm::RawBody{dialect, std::move(bytes)};
  return out;
}

TEST(OpenaiChatEncode, RawBodiesPassByteForByte) {
  const std::string same = "{ \"tools\" : [1.50, 1e3],\n \"model\":\"gpt-6\" , \"messages\":[] }";
  EXPECT_EQ(encoded(raw(same)), same);
  EXPECT_EQ(encoded(raw(R"({"messages":[1.50],"model" : "alias", "n":1})")),
            R"({"messages":[1.50],"model" : "gpt-6", "n":1})");
  EXPECT_EQ(encoded(raw(R"({"messages":[]})")), R"({"messages":[],"model":"gpt-6"})");
  auto marked = raw(same);
  marked.cache = llm::CachePolicy::kMarked;
  marked.cache_key = "k";
  EXPECT_EQ(encoded(marked), same);
}

TEST(OpenaiChatEncode, ARawBodyOfABatchIsOneLine) {
  EXPECT_EQ(encoded(raw("{\r\n\"model\":\"gpt-6\",\n\"a\":\"x\\ny\"}"), llm::Route::kBatch),
            "{  \"model\":\"gpt-6\", \"a\":\"x\\ny\"}");
}

TEST(OpenaiChatEncode, RawBodiesThatCannotPass) {
  const auto kind = [](const llm::Request& in, llm::Route route) {
    const auto body = encode_body(kOptions, in, route);
    EXPECT_FALSE(body);
    return body ? ErrorKind::kInternal : body.error().kind;
  };
  const auto sync = llm::Route::kSync, batch = llm::Route::kBatch;
  EXPECT_EQ(kind(raw("{}", llm::Dialect::kAnthropicMessages), sync), ErrorKind::kUnsupported);
  EXPECT_EQ(kind(raw("[]"), sync), ErrorKind::kInvalidArgument);
  EXPECT_EQ(kind(raw("{"), sync), ErrorKind::kInvalidArgument);
  EXPECT_EQ(kind(raw(R"({"model":"a","model":"b"})"), sync), ErrorKind::kInvalidArgument);
  EXPECT_EQ(kind(raw(R"({"stream":true})"), batch), ErrorKind::kInvalidArgument);
  EXPECT_EQ(kind(raw(R"({"stream":true})"), sync), ErrorKind::kInvalidArgument);
  auto streamed = raw("{}");
  streamed.stream = true;
  EXPECT_EQ(kind(streamed, sync), ErrorKind::kInvalidArgument);
  streamed.raw->bytes = R"({"model":"gpt-6","stream":true})";
  EXPECT_EQ(encoded(streamed), streamed.raw->bytes);
}

Result<llm::Response> decoded(std::string body, int status = 200) {
  return decode_answer(kOptions, {.status = status, .headers = {}, .body = std::move(body)},
                       Time{});
}

TEST(OpenaiChatDecode, AWholeAnswerWithUnknownFields) {
  const auto out = decoded(
      R"({"id":"chatcmpl-1","object":"chat.completion","created":1795000000,"model":"gpt-6.1-sol-2026",)"
      R"("novel":{"a":[1]},"choices":[{"index":0,"logprobs":null,"finish_reason":"stop","message":)"
      R"({"role":"assistant","content":"Hi","refusal":null,"annotations":[]}},{"index":1,"message":{}}],)"
      R"("usage":{"prompt_tokens":1500,"completion_tokens":7,"total_tokens":1507,"prompt_tokens_details":)"
      R"({"cached_tokens":1024,"cache_write_tokens":128,"audio_tokens":0}}})");
  ASSERT_TRUE(out) << out.error().text();
  EXPECT_EQ(out->id, "chatcmpl-1");
  EXPECT_EQ(out->model, "gpt-6.1-sol-2026");
  EXPECT_EQ(out->text, "Hi");
  EXPECT_EQ(out->tool_calls_json, "");
  EXPECT_EQ(out->finish, llm::FinishReason::kStop);
  EXPECT_EQ(out->finish_raw, "stop");
  EXPECT_EQ(out->created, from_unix_seconds(1795000000));
  EXPECT_EQ(
      out->usage,
      (llm::Usage{.input = {348}, .cache_read = {1024}, .cache_write = {128}, .output = {7}}));
  EXPECT_EQ(
      out->usage_raw,
      R"({"prompt_tokens":1500,"completion_tokens":7,"total_tokens":1507,"prompt_tokens_details":)"
      R"({"cached_tokens":1024,"cache_write_tokens":128,"audio_tokens":0}})");
}

TEST(OpenaiChatDecode, MissingFields) {
  const auto least = decoded(R"({"choices":[{"message":{}}],"usage":{}})");
  ASSERT_TRUE(least) << least.error().text();
  EXPECT_EQ(least->text, "");
  EXPECT_EQ(least->finish, llm::FinishReason::kOther);
  EXPECT_EQ(least->created, std::nullopt);
  EXPECT_EQ(least->usage, llm::Usage{});
  for (const char* body :
       {"", "[]", "nonsense", "{}", R"({"usage":{}})", R"({"choices":[],"usage":{}})",
        R"({"choices":[{"message":{"content":"paid"}}]})",
        R"({"choices":[{"message":{"content":"paid"}}],"usage":null})",
        R"({"choices":[{"message":null}],"usage":{}})", R"({"choices":[3],"usage":{}})",
        R"({"choices":[{"message":{"content":3}}],"usage":{}})"}) {
    const auto out = decoded(body);
    ASSERT_FALSE(out) << body;
    EXPECT_EQ(out.error().kind, ErrorKind::kBadResponse) << body;
  }
}

TEST(OpenaiChatDecode, RefusalsToolsAndParts) {
  const auto refused = decoded(
      R"({"choices":[{"finish_reason":"stop","message":{"content":null,"refusal":"No."}}],"usage":{}})");
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->text, "No.");
  EXPECT_EQ(refused->finish, llm::FinishReason::kRefusal);
  const auto called = decoded(
      R"({"choices":[{"finish_reason":"tool_calls","message":{"content":null,"tool_calls":[{"id":"c1",)"
      R"( "type":"function","function":{"name":"f","arguments":"{}"}}]}}],"usage":{}})");
  ASSERT_TRUE(called);
  EXPECT_EQ(called->finish, llm::FinishReason::kToolUse);
  EXPECT_EQ(called->tool_calls_json,
            R"([{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}])");
  const auto parts = decoded(
      R"({"choices":[{"finish_reason":"length","message":{"content":[{"type":"text","text":"a"},)"
      R"({"type":"other"},{"type":"text","text":"b"}]}}],"usage":{}})");
  ASSERT_TRUE(parts);
  EXPECT_EQ(parts->text, "ab");
  EXPECT_EQ(parts->finish, llm::FinishReason::kLength);
}

TEST(OpenaiChatDecode, UsageBucketsAreExclusiveAndClamped) {
  const auto usage = [](std::string_view text) {
    json::Parser parser;
    return decode_usage(parser.parse(text).value_or(json::Value()));
  };
  const auto cached = [&](std::string_view details) {
    return usage(R"({"prompt_tokens":100,"completion_tokens":5,"prompt_tokens_details":)" +
                 std::string(details) + "}");
  };
  using Usage = llm::Usage;
  EXPECT_EQ(cached("null"), (Usage{.input = {100}, .output = {5}}));
  EXPECT_EQ(cached(R"({"cached_tokens":null})"), (Usage{.input = {100}, .output = {5}}));
  EXPECT_EQ(cached(R"({"cached_tokens":40})"),
            (Usage{.input = {60}, .cache_read = {40}, .output = {5}}));
  EXPECT_EQ(cached(R"({"cached_tokens":40.0,"cache_write_tokens":60})"),
            (Usage{.cache_read = {40}, .cache_write = {60}, .output = {5}}));
  EXPECT_EQ(cached(R"({"cached_tokens":130})"), (Usage{.cache_read = {130}, .output = {5}}));
  EXPECT_EQ(cached(R"({"cached_tokens":-3,"cache_write_tokens":"x"})"),
            (Usage{.input = {100}, .output = {5}}));
  EXPECT_EQ(usage(R"({"prompt_tokens":-5,"completion_tokens":-9223372036854775808})"), Usage{});
  const auto huge =
      usage(R"({"prompt_tokens":9223372036854775807,"completion_tokens":9223372036854775807,)"
            R"("prompt_tokens_details":{"cached_tokens":9223372036854775807}})");
  EXPECT_EQ(huge.input.count, 0);
  EXPECT_EQ(huge.output.count, std::int64_t{1} << 40);
  EXPECT_EQ(usage("3"), Usage{});
}

TEST(OpenaiChatDecode, ErrorsByTableThenByStatus) {
  const auto error = [](int status, std::string body, http::Headers headers = {}) {
    return decode_error(kOptions,
                        {.status = status, .headers = std::move(headers), .body = std::move(body)},
                        Time{});
  };
  const auto quota = error(
      429, R"({"error":{"message":"You\nexceeded","type":"insufficient_quota","code":"x_new"}})");
  EXPECT_EQ(quota.kind, ErrorKind::kInvalidArgument);
  EXPECT_EQ(quota.hint, "add credits");
  EXPECT_EQ(quota.provider_code, "x_new");
  EXPECT_EQ(quota.provider, "test");
  EXPECT_EQ(quota.message,
            "test: the provider answered 429 Too Many Requests, x_new: You exceeded");
  const auto rate = error(429, R"({"error":{"code":"rate_limit_exceeded"}})",
                          {{"Retry-After", "7"}, {"x-request-id", "req_1"}});
  EXPECT_EQ(rate.kind, ErrorKind::kRateLimited);
  EXPECT_EQ(rate.retry_after, std::chrono::seconds(7));
  EXPECT_EQ(rate.request_id, "req_1");
  EXPECT_EQ(error(500, R"({"error":{"code":"rate_limit_exceeded"}})").kind,
            ErrorKind::kUnavailable);
  EXPECT_EQ(error(418, "teapot").kind, ErrorKind::kInvalidArgument);
  EXPECT_EQ(error(302, "").kind, ErrorKind::kBadResponse);
  EXPECT_EQ(error(503, R"({"error":"plain words"})").message,
            "test: the provider answered 503 Service Unavailable: plain words");
  const auto key =
      error(401, R"({"error":{"message":"Incorrect key: sk-abc","code":"invalid_api_key"}})");
  EXPECT_EQ(key.kind, ErrorKind::kUnauthenticated);
  EXPECT_EQ(key.hint, "check the key");
  EXPECT_EQ(key.text().find("sk-abc"), std::string::npos);
}

TEST(OpenaiChatDecode, OnlyPresentableWordsOfTheProvider) {
  EXPECT_EQ(presentable("a\r\nb\x01\x7F"), "a  b  ");
  EXPECT_EQ(presentable("key sk-proj-a_b*** of task-1"), "key (key) of task-1");
  EXPECT_EQ(presentable(std::string(400, 'x')), std::string(300, 'x') + "…");
  std::string umlauts;
  for (int i = 0; i < 200; ++i) umlauts += i == 0 ? "x" : "ü";
  EXPECT_EQ(presentable(umlauts), umlauts.substr(0, 299) + "…");
}

}  // namespace
}  // namespace weir::provider::openai_chat
