// Bodies byte for byte, answers, usage, tool calls and errors of the Gemini dialect.
#include "provider/gemini_dialect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::provider::gemini {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr ErrorRule kRules[] = {
    {0, "API_KEY_INVALID", "", ErrorKind::kUnauthenticated, "check the key"},
    {429, "", "credits are depleted", ErrorKind::kInvalidArgument, "pay"},
    {0, "RESOURCE_EXHAUSTED", "", ErrorKind::kRateLimited, "slow down"}};
const Options kOptions{.provider = "test", .errors = kRules};
const Options kNoIds{.provider = "test", .call_ids = false, .errors = {}};

llm::Request request(std::string model = "gemini-3.8-flash") {
  llm::Request out;
  out.model = std::move(model);
  out.messages = {{llm::Role::kUser, {{"Hello."}}}};
  return out;
}
std::string body(const llm::Request& request, const Options& options = kOptions) {
  const auto out = encode_body(options, request);
  return out ? *out : out.error().text();
}
ErrorKind refused(const llm::Request& request) {
  const auto out = encode_body(kOptions, request);
  return out ? ErrorKind::kInternal : out.error().kind;
}
llm::Block call(std::string id, std::string name) {
  return {.text = "", .tool_call = llm::ToolCall{std::move(id), std::move(name), R"({"page":3})"}};
}
llm::Block result(std::string id, std::string text, bool is_error = false) {
  return {.text = "", .tool_result = llm::ToolResult{std::move(id), std::move(text), is_error}};
}

TEST(GeminiEncode, TheLeast) {
  EXPECT_EQ(body(request()), R"({"contents":[{"role":"user","parts":[{"text":"Hello."}]}]})");
}

TEST(GeminiEncode, Everything) {
  auto r = request();
  r.system = {{.text = "You ", .goes_on = true}, {.text = "classify."}, {.text = "Briefly."}};
  r.tools = {
      {.name = "read", .description = "Reads.", .parameters_json = "{\"type\":\n\"object\"}"},
      {.name = "stop", .description = "", .parameters_json = "{}"}};
  r.tool_choice = {.kind = llm::ToolChoice::Kind::kNamed, .name = "read"};
  r.messages[0].content.push_back({.text = "", .image = llm::Image{"image/png", "aGk=", ""}});
  r.messages[0].content.push_back({.text = "", .image = llm::Image{"", "", "https://x.example/a"}});
  r.output_max = Tokens{9};
  r.temperature = 0;
  r.top_p = 0.5;
  r.seed = -7;
  r.stop = {"\n", "END"};
  r.format = {"answer", "{\"type\":\r\n\"object\"}"};
  EXPECT_EQ(
      body(r),
      R"({"systemInstruction":{"parts":[{"text":"You classify."},{"text":"Briefly."}]},)"
      R"("tools":[{"functionDeclarations":[{"name":"read","description":"Reads.",)"
      R"("parametersJsonSchema":{"type": "object"}},{"name":"stop","parametersJsonSchema":{}}]}],)"
      R"("toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["read"]}},)"
      R"("contents":[{"role":"user","parts":[{"text":"Hello."},)"
      R"({"inlineData":{"mimeType":"image/png","data":"aGk="}},)"
      R"({"fileData":{"fileUri":"https://x.example/a"}}]}],)"
      R"("generationConfig":{"temperature":0,"topP":0.5,"maxOutputTokens":9,)"
      R"("stopSequences":["\n","END"],"seed":-7,"responseMimeType":"application/json",)"
      R"("responseJsonSchema":{"type":  "object"}}})");
}

TEST(GeminiEncode, ChoicesOfTools) {
  auto r = request();
  r.tools = {{.name = "f", .description = "", .parameters_json = "{}"}};
  EXPECT_THAT(body(r), Not(HasSubstr("toolConfig")));
  r.tool_choice.kind = llm::ToolChoice::Kind::kNone;
  EXPECT_THAT(body(r), HasSubstr(R"("functionCallingConfig":{"mode":"NONE"}})"));
  r.tool_choice.kind = llm::ToolChoice::Kind::kRequired;
  EXPECT_THAT(body(r), HasSubstr(R"("functionCallingConfig":{"mode":"ANY"}})"));
  r.tools.clear();
  EXPECT_EQ(refused(r), ErrorKind::kInvalidArgument);
}

TEST(GeminiEncode, CallsAndResultsFindTheirNames) {
  auto r = request();
  r.messages.push_back(
      {llm::Role::kAssistant, {{"Let me see."}, call("a", "read"), call("b", "list")}});
  r.messages.push_back({llm::Role::kUser, {result("b", "none"), result("a", "broken", true)}});
  EXPECT_THAT(
      body(r),
      HasSubstr(
          R"({"role":"model","parts":[{"text":"Let me see."},)"
          R"({"functionCall":{"id":"a","name":"read","args":{"page":3}},)"
          R"("thoughtSignature":"skip_thought_signature_validator"},)"
          R"({"functionCall":{"id":"b","name":"list","args":{"page":3}}}]},)"
          R"({"role":"user","parts":[)"
          R"({"functionResponse":{"id":"b","name":"list","response":{"output":"none"}}},)"
          R"({"functionResponse":{"id":"a","name":"read","response":{"error":"broken"}}}]})"));
  // The latest call of an id that is used again counts.
  r.messages.push_back({llm::Role::kAssistant, {call("a", "again")}});
  r.messages.push_back({llm::Role::kUser, {result("a", "yes")}});
  EXPECT_THAT(body(r), HasSubstr(R"("name":"again","response":{"output":"yes"})"));
  r.messages.push_back({llm::Role::kUser, {result("c", "?")}});
  EXPECT_EQ(refused(r), ErrorKind::kInvalidArgument);
}

TEST(GeminiEncode, SignaturesGoBackWithTheirCalls) {
  auto r = request();
  r.messages.push_back({llm::Role::kAssistant, {call("a~c2lnbmVk/+=", "read")}});
  r.messages.push_back({llm::Role::kUser, {result("a~c2lnbmVk/+=", "text")}});
  EXPECT_THAT(body(r), HasSubstr(R"({"functionCall":{"id":"a","name":"read","args":{"page":3}},)"
                                 R"("thoughtSignature":"c2lnbmVk/+="})"));
  EXPECT_THAT(body(r), HasSubstr(R"("functionResponse":{"id":"a","name":"read")"));
  EXPECT_THAT(body(r, kNoIds), HasSubstr(R"({"functionCall":{"name":"read","args")"));
  EXPECT_THAT(body(r, kNoIds), HasSubstr(R"("functionResponse":{"name":"read")"));
  r.model = "gemini-2.5-flash";
  r.messages[1].content[0].tool_call->id = r.messages[2].content[0].tool_result->tool_call_id = "a";
  EXPECT_THAT(body(r), Not(HasSubstr("thoughtSignature")));
}

TEST(GeminiEncode, EmptyTextsAreLeftOut) {
  auto r = request();
  r.messages[0].content = {{""}, {"x"}, {""}};
  EXPECT_THAT(body(r), HasSubstr(R"("parts":[{"text":"x"}])"));
  r.messages[0].content = {{""}};
  EXPECT_THAT(body(r), HasSubstr(R"("parts":[{"text":""}])"));  // theirs to refuse
}

TEST(GeminiEncode, WhatItHasNoWordFor) {
  auto r = request();
  r.messages[0].content[0].mark = llm::CacheMark{};
  EXPECT_EQ(refused(r), ErrorKind::kUnsupported);
  r = request();
  r.stop = {"1", "2", "3", "4", "5"};
  EXPECT_EQ(refused(r), ErrorKind::kInternal);  // taken
  r.stop.emplace_back("6");
  EXPECT_EQ(refused(r), ErrorKind::kUnsupported);
  r = request();
  r.seed = std::int64_t{1} << 31;
  EXPECT_EQ(refused(r), ErrorKind::kUnsupported);
  r = request();
  r.raw = llm::RawBody{.bytes = "{}"};
  EXPECT_EQ(refused(r), ErrorKind::kUnsupported);
  r = request("");
  EXPECT_EQ(refused(r), ErrorKind::kInvalidArgument);
  r = request("gemini-2.5-pro");
  r.tools = {{.name = "f", .description = "", .parameters_json = "{}"}};
  r.format = {"f", "{}"};
  EXPECT_EQ(refused(r), ErrorKind::kUnsupported);
  r.model = "gemini-3.1-pro-preview";
  EXPECT_EQ(refused(r), ErrorKind::kInternal);  // taken
  r = request();
  r.messages[0].content = {call("a", "f")};
  EXPECT_EQ(refused(r), ErrorKind::kInvalidArgument);
}

Result<llm::Response> decoded(std::string_view text, int status = 200) {
  return decode_answer(kOptions, {.status = status, .headers = {}, .body = std::string(text)},
                       Time{});
}
ErrorKind bad(std::string_view text) {
  const auto out = decoded(text);
  return out ? ErrorKind::kInternal : out.error().kind;
}

TEST(GeminiDecode, AnAnswer) {
  const auto out = decoded(
      R"({"candidates":[{"content":{"parts":[{"text":"Hm.","thought":true},{"text":"A"},{"text":"B",)"
      R"("thoughtSignature":"x"}],"role":"model"},"finishReason":"STOP","index":0}],)"
      R"("usageMetadata":{"promptTokenCount":100,"cachedContentTokenCount":40,"candidatesTokenCount":7,)"
      R"("thoughtsTokenCount":5,"toolUsePromptTokenCount":3,"totalTokenCount":115},)"
      R"("modelVersion":"gemini-3.8-flash","responseId":"r-1","novel":{}})");
  ASSERT_TRUE(out) << out.error().text();
  EXPECT_EQ(out->text, "AB");
  EXPECT_EQ(out->id, "r-1");
  EXPECT_EQ(out->model, "gemini-3.8-flash");
  EXPECT_EQ(out->finish, llm::FinishReason::kStop);
  EXPECT_EQ(out->tool_calls_json, "");
  EXPECT_EQ(out->created, std::nullopt);
  EXPECT_EQ(out->usage, (llm::Usage{.input = {63}, .cache_read = {40}, .output = {12}}));
  EXPECT_THAT(out->usage_raw, HasSubstr(R"("thoughtsTokenCount":5)"));
}

TEST(GeminiDecode, AFunctionCall) {
  const auto out = decoded(
      R"({"candidates":[{"content":{"parts":[)"
      R"({"functionCall":{"id":"q1","name":"read","args":{"page":3}},"thoughtSignature":"c2ln"},)"
      R"({"functionCall":{"name":"list"}}]},"finishReason":"STOP"}],"usageMetadata":{}})");
  ASSERT_TRUE(out);
  EXPECT_EQ(out->finish, llm::FinishReason::kToolUse);
  EXPECT_EQ(out->usage, llm::Usage{});
  const auto calls = decode_tool_calls(kOptions, out->tool_calls_json);
  ASSERT_TRUE(calls);
  EXPECT_EQ(*calls, (std::vector<llm::ToolCall>{{"q1~c2ln", "read", R"({"page":3})"},
                                                {"call_1", "list", "{}"}}));
  EXPECT_EQ(decode_tool_calls(kOptions, "")->size(), 0U);
  for (const char* text : {"{}", "[{}]", "[7]", "?"})
    EXPECT_EQ(decode_tool_calls(kOptions, text).error().kind, ErrorKind::kBadResponse) << text;
}

TEST(GeminiDecode, Endings) {
  using F = llm::FinishReason;
  for (const auto& [word, finish] :
       {std::pair("MAX_TOKENS", F::kLength), std::pair("SAFETY", F::kRefusal),
        std::pair("RECITATION", F::kRefusal), std::pair("MALFORMED_FUNCTION_CALL", F::kOther),
        std::pair("NOVEL", F::kOther)}) {
    const auto out = decoded(std::string(R"({"candidates":[{"content":{},"finishReason":")") +
                             word + R"("}],"usageMetadata":{"promptTokenCount":1}})");
    ASSERT_TRUE(out);
    EXPECT_EQ(out->finish, finish) << word;
    EXPECT_EQ(out->finish_raw, word);
  }
  const auto blocked = decoded(
      R"({"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":4}})");
  ASSERT_TRUE(blocked);
  EXPECT_EQ(blocked->finish, F::kRefusal);
  EXPECT_EQ(blocked->finish_raw, "PROHIBITED_CONTENT");
  EXPECT_EQ(blocked->usage.input.count, 4);
}

TEST(GeminiDecode, BrokenAnswers) {
  for (const char* text :
       {"", "[]", "{}", R"({"candidates":[{}]})", R"({"usageMetadata":{}})",
        R"({"candidates":[],"usageMetadata":{}})", R"({"candidates":[{}],"usageMetadata":[]})"})
    EXPECT_EQ(bad(text), ErrorKind::kBadResponse) << text;
  const auto hostile = decoded(
      R"({"candidates":[7],"usageMetadata":{"promptTokenCount":-5,"cachedContentTokenCount":9000000000000000000,)"
      R"("candidatesTokenCount":"x"}})");
  ASSERT_TRUE(hostile);
  EXPECT_EQ(hostile->usage.input.count, 0);
  EXPECT_GT(hostile->usage.cache_read.count, 0);
  EXPECT_EQ(hostile->usage.output.count, 0);
}

Error error_of(int status, std::string_view text, http::Headers headers = {}) {
  return decode_error(kOptions,
                      {.status = status, .headers = std::move(headers), .body = std::string(text)},
                      Time{});
}

TEST(GeminiErrors, AWrongKeyIs400) {
  const auto error = error_of(
      400,
      R"({"error":{"code":400,"message":"API key not valid: AIzaSECRET","status":"INVALID_ARGUMENT",)"
      R"("details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}})");
  EXPECT_EQ(error.kind, ErrorKind::kUnauthenticated);
  EXPECT_EQ(error.provider_code, "API_KEY_INVALID");
  EXPECT_EQ(error.hint, "check the key");
  EXPECT_EQ(error.http_status, 400);
  EXPECT_THAT(error.text(), Not(HasSubstr("SECRET")));
}

TEST(GeminiErrors, KeysAreNotShown) {
  const auto error = error_of(400, R"({"error":{"message":"AIzaSECRET-x_1 is bad"}})");
  EXPECT_THAT(error.message, HasSubstr("(key) is bad"));
}

std::string limited(std::string_view delay, std::string_view quota = "PerMinute") {
  return R"({"error":{"code":429,"message":"Quota.","status":"RESOURCE_EXHAUSTED","details":[)"
         R"({"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"Requests)" +
         std::string(quota) +
         R"(-FreeTier"}]},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":)" +
         std::string(delay) + "}]}}";
}

TEST(GeminiErrors, TheWaitIsInTheBody) {
  using std::chrono::milliseconds;
  EXPECT_EQ(error_of(429, limited(R"("37s")")).retry_after, milliseconds(37'000));
  EXPECT_EQ(error_of(429, limited(R"("0.25s")")).retry_after, milliseconds(250));
  EXPECT_EQ(error_of(429, limited(R"("1e30s")")).retry_after, milliseconds(86'400'000));
  for (const char* delay : {R"("37")", R"("-1s")", R"("xs")", R"("nans")", "37", "null"})
    EXPECT_EQ(error_of(429, limited(delay)).retry_after, std::nullopt) << delay;
  EXPECT_EQ(error_of(429, limited(R"("37s")"), {{"retry-after", "2"}}).retry_after,
            milliseconds(2000));
  EXPECT_EQ(error_of(429, limited(R"("37s")")).kind, ErrorKind::kRateLimited);
  EXPECT_EQ(error_of(429, limited(R"("37s")")).hint, "slow down");
  EXPECT_THAT(error_of(429, limited(R"("37s")", "PerDay")).hint, HasSubstr("midnight"));
  const auto money = error_of(
      429, R"({"error":{"message":"Your credits are depleted","status":"RESOURCE_EXHAUSTED"}})");
  EXPECT_EQ(money.kind, ErrorKind::kInvalidArgument);
  EXPECT_EQ(money.hint, "pay");
}

TEST(GeminiErrors, ByStatusAndByCode) {
  EXPECT_EQ(error_of(503, "").kind, ErrorKind::kUnavailable);
  EXPECT_EQ(error_of(404, "<html>").kind, ErrorKind::kNotFound);
  EXPECT_EQ(error_of(404, R"([{"error":{"status":"NOT_FOUND"}}])").provider_code, "NOT_FOUND");
  json::Parser parser;
  const auto row = [&](std::string_view text) {
    return decode_error_object(kOptions, 0, parser.parse(text).value());
  };
  EXPECT_EQ(row(R"({"code":3,"message":"bad"})").kind, ErrorKind::kInvalidArgument);
  EXPECT_EQ(row(R"({"code":3})").provider_code, "INVALID_ARGUMENT");
  EXPECT_EQ(row(R"({"code":8})").kind, ErrorKind::kRateLimited);
  EXPECT_EQ(row(R"({"code":13})").kind, ErrorKind::kUnavailable);
  EXPECT_EQ(row(R"({"code":5})").kind, ErrorKind::kNotFound);
  EXPECT_EQ(row(R"({"code":400,"status":"INVALID_ARGUMENT"})").kind, ErrorKind::kInvalidArgument);
  EXPECT_EQ(row(R"({"code":429,"status":"RESOURCE_EXHAUSTED"})").http_status, 429);
  EXPECT_EQ(row(R"({"code":-7})").kind, ErrorKind::kUnavailable);
  EXPECT_EQ(row(R"({})").kind, ErrorKind::kUnavailable);
}

}  // namespace
}  // namespace weir::provider::gemini
