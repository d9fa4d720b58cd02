#include <gtest/gtest.h>

#include "provider/openai_responses_dialect.h"

namespace weir::provider::openai_responses {
namespace {

using llm::FinishReason;
using openai_chat::ErrorRule;

constexpr ErrorRule kResponsesRules[] = {
    {0, "rate_limit_exceeded", ErrorKind::kRateLimited, "slow down"},
    {0, "invalid_image", ErrorKind::kInvalidArgument, ""}};
const Options kMarking{.provider = "test",
                       .breakpoints = true,
                       .cache_key = true,
                       .responses = true,
                       .errors = kResponsesRules};
const Options kBare{.provider = "bare", .responses = true};

llm::Request asked(std::string text = "Hello") {
  llm::Request out;
  out.model = "m";
  out.messages = {{llm::Role::kUser, {{.text = std::move(text)}}}};
  return out;
}

std::string body_of(const llm::Request& request, llm::Route route = llm::Route::kSync,
                    const Options& options = kMarking) {
  const auto out = openai_responses::encode_body(options, request, route);
  EXPECT_TRUE(out) << out.error().text();
  return out.value_or("");
}

ErrorKind refused(const llm::Request& request, const Options& options = kMarking) {
  const auto out = openai_responses::encode_body(options, request, llm::Route::kSync);
  EXPECT_FALSE(out) << *out;
  return out ? ErrorKind::kInternal : out.error().kind;
}

TEST(OpenaiResponses, ABodyWithEverything) {
  auto request = asked();
  request.system = {{.text = "Be "}, {.text = "brief."}};
  request.tools = {
      {.name = "look", .description = "Looks.", .parameters_json = "{\"type\":\n\"object\"}"}};
  request.tool_choice = {.kind = llm::ToolChoice::Kind::kNamed, .name = "look"};
  request.output_max = Tokens{64};
  request.temperature = 0.5;
  request.top_p = 0.9;
  request.format = llm::AnswerFormat{.name = "a", .schema_json = R"({"type":"object"})"};
  request.cache_key = "job-1";
  request.stream = true;
  EXPECT_EQ(
      body_of(request),
      R"({"model":"m","tools":[{"type":"function","name":"look","description":"Looks.",)"
      R"("parameters":{"type": "object"},"strict":false}],)"
      R"("tool_choice":{"type":"function","name":"look"},"instructions":"Be brief.",)"
      R"("input":[{"role":"user","content":"Hello"}],"max_output_tokens":64,"temperature":0.5,)"
      R"("top_p":0.9,"text":{"format":{"type":"json_schema","name":"a","strict":true,)"
      R"("schema":{"type":"object"}}},"prompt_cache_key":"job-1","store":false,"stream":true})");
  EXPECT_FALSE(body_of(request, llm::Route::kBatch).contains("stream"));
}

TEST(OpenaiResponses, AConversationIsItems) {
  llm::Request request;
  request.model = "m";
  request.messages = {
      {llm::Role::kUser,
       {{.text = "", .image = llm::Image{"image/png", "AAAA", ""}}, {.text = "What is it?"}}},
      {llm::Role::kAssistant,
       {{.text = "I look."},
        {.text = "", .tool_call = llm::ToolCall{"call_1", "look", R"({"at":1})"}}}},
      {llm::Role::kUser,
       {{.text = "", .tool_result = llm::ToolResult{"call_1", "A cat."}}, {.text = "And?"}}}};
  EXPECT_TRUE(body_of(request).contains(
      R"("input":[{"role":"user","content":[{"type":"input_image","detail":"auto",)"
      R"("image_url":"data:image/png;base64,AAAA"},{"type":"input_text","text":"What is it?"}]},)"
      R"({"role":"assistant","content":"I look."},)"
      R"({"type":"function_call","call_id":"call_1","name":"look","arguments":"{\"at\":1}"},)"
      R"({"type":"function_call_output","call_id":"call_1","output":"A cat."},)"
      R"({"role":"user","content":"And?"}],)"))
      << body_of(request);
}

TEST(OpenaiResponses, MarksStandInItems) {
  auto request = asked();
  request.system = {{.text = "Rules.", .mark = llm::CacheMark{}}};
  request.cache = llm::CachePolicy::kMarked;
  const std::string_view marked =
      R"("input":[{"role":"system","content":[{"type":"input_text","text":"Rules.",)"
      R"("prompt_cache_breakpoint":{"mode":"explicit"}}]},)"
      R"({"role":"user","content":[{"type":"input_text","text":"Hello"}]}],)"
      R"("prompt_cache_options":{"mode":"explicit","ttl":"30m"})";
  EXPECT_TRUE(body_of(request).contains(marked)) << body_of(request);
  // Without a mark there the same prefix has the same bytes.
  request.system[0].mark.reset();
  EXPECT_TRUE(body_of(request).contains(R"("input":[{"role":"system","content":[{)"));
  request.cache = llm::CachePolicy::kSuppressed;
  EXPECT_TRUE(body_of(request).contains(R"("prompt_cache_options":{"mode":"explicit"})"));
  EXPECT_TRUE(body_of(request).contains(R"("instructions":"Rules.")"));
}

TEST(OpenaiResponses, WhatItCannotSayIsRefused) {
  const auto with = [](void (*change)(llm::Request&)) {
    auto request = asked();
    change(request);
    return refused(request);
  };
  EXPECT_EQ(with([](auto& r) { r.seed = 7; }), ErrorKind::kUnsupported);
  EXPECT_EQ(with([](auto& r) { r.stop = {"x"}; }), ErrorKind::kUnsupported);
  EXPECT_EQ(with([](auto& r) {
              r.messages[0].content[0] = {.text = "",
                                          .tool_result = llm::ToolResult{"c", "no", true}};
            }),
            ErrorKind::kUnsupported);
  EXPECT_EQ(
      with([](auto& r) {
        r.tools = {
            {.name = "t", .description = "", .parameters_json = "{}", .mark = llm::CacheMark{}}};
      }),
      ErrorKind::kUnsupported);
  EXPECT_EQ(
      with([](auto& r) {
        r.messages.push_back({llm::Role::kAssistant, {{.text = "Yes.", .mark = llm::CacheMark{}}}});
      }),
      ErrorKind::kUnsupported);
  EXPECT_EQ(with([](auto& r) { r.messages[0].content[0].mark = {llm::CacheTtl::k1h}; }),
            ErrorKind::kInvalidArgument);
  EXPECT_EQ(with([](auto& r) { r.model.clear(); }), ErrorKind::kInvalidArgument);
  auto marked = asked();
  marked.messages[0].content[0].mark = llm::CacheMark{};
  EXPECT_EQ(refused(marked, kBare), ErrorKind::kUnsupported);
}

llm::Request ready(std::string bytes, std::vector<llm::RawMark> marks = {}) {
  llm::Request out;
  out.model = "m";
  out.raw = llm::RawBody{llm::Dialect::kOpenAIResponses, std::move(bytes), std::move(marks)};
  return out;
}

TEST(OpenaiResponses, AReadyBodyPassesByteForByte) {
  const std::string same = R"({ "model":"m", "input" : "Hi", "store":true, "n":1 })";
  EXPECT_EQ(body_of(ready(same)), same);
  EXPECT_EQ(body_of(ready(R"({"model":"other","input":"Hi"})")), R"({"model":"m","input":"Hi"})");
  EXPECT_EQ(body_of(ready("{\"input\":\n\"Hi\"}"), llm::Route::kBatch),
            R"({"input": "Hi","model":"m"})");
  EXPECT_EQ(refused(ready(R"({"input":"Hi","stream":true})")), ErrorKind::kInvalidArgument);
  EXPECT_EQ(refused(ready(R"({"input":"Hi","background":true})")), ErrorKind::kUnsupported);
  EXPECT_EQ(refused(ready(R"({"input":"Hi","input":"Ho"})")), ErrorKind::kInvalidArgument);
  auto chat = ready(R"({"messages":[]})");
  chat.raw->dialect = llm::Dialect::kOpenAIChat;
  EXPECT_EQ(refused(chat), ErrorKind::kUnsupported);
}

std::string markable(const std::string& bytes) {
  std::string out;
  const auto raw = openai_responses::raw_blocks(kMarking, {llm::Dialect::kOpenAIResponses, bytes});
  EXPECT_TRUE(raw);
  if (raw && raw->own_marks) out = "own ";
  if (raw)
    for (const auto& block : raw->blocks) out += block.markable ? 'y' : '-';
  return out;
}

TEST(OpenaiResponses, BlocksOfAReadyBody) {
  EXPECT_EQ(markable(R"({"input":"Hi"})"), "-");
  EXPECT_EQ(markable(R"({"instructions":"Be brief.","input":[{"role":"user","content":"Hi"}]})"),
            "-y");
  EXPECT_EQ(markable(R"({"input":[{"role":"developer","content":[{"type":"input_text","text":"a"},)"
                     R"({"type":"input_image","image_url":"x"},{"type":"input_text","text":" "}]},)"
                     R"({"type":"reasoning","id":"r"},{"role":"assistant","content":"b"},)"
                     R"({"type":"function_call","call_id":"c","name":"n","arguments":"{}"},)"
                     R"({"type":"function_call_output","call_id":"c","output":"o"}]})"),
            "y-----y");
  EXPECT_EQ(markable(R"({"input":"Hi","prompt_cache_retention":"24h"})"), "own -");
  EXPECT_EQ(markable(R"({"input":[{"role":"user","content":[{"type":"input_text","text":"a",)"
                     R"("prompt_cache_breakpoint":{"mode":"explicit"}}]}]})"),
            "own -");
}

TEST(OpenaiResponses, MarksGetIntoAReadyBody) {
  auto request = ready(R"({"model":"m","input":[{"role":"system","content":"Rules."},)"
                       R"({"role":"user","content":[{"type":"input_text","text":"Hi"}]}]})",
                       {{0}, {1}});
  request.cache = llm::CachePolicy::kMarked;
  EXPECT_EQ(body_of(request),
            R"({"model":"m","input":[{"role":"system","content":[{"type":"input_text",)"
            R"("text":"Rules.","prompt_cache_breakpoint":{"mode":"explicit"}}]},)"
            R"({"role":"user","content":[{"type":"input_text","text":"Hi",)"
            R"("prompt_cache_breakpoint":{"mode":"explicit"}}]}],)"
            R"("prompt_cache_options":{"mode":"explicit","ttl":"30m"}})");
}

Result<llm::Response> decoded(const std::string& body) {
  json::Parser parser;
  const auto value = parser.parse(body);
  EXPECT_TRUE(value) << body;
  return decode_response(kMarking, value.value_or(json::Value()));
}

std::string answer(std::string_view output, std::string_view more = R"("status":"completed")") {
  return R"({"id":"resp_1","object":"response","created_at":1795000000,"model":"m","output":[)" +
         std::string(output) +
         R"(],"usage":{"input_tokens":100,"input_tokens_details":{"cached_tokens":60,)"
         R"("cache_write_tokens":30},"output_tokens":9,"output_tokens_details":)"
         R"({"reasoning_tokens":4},"total_tokens":109},)" +
         std::string(more) + "}";
}
constexpr std::string_view kTold =
    R"({"type":"reasoning","id":"rs_1","summary":[]},{"type":"message","role":"assistant","content":[)"
    R"({"type":"output_text","text":"Grüße, ","annotations":[]},{"type":"output_text","text":"Welt"}]})";
constexpr std::string_view kCalled =
    R"({"type":"function_call","id":"fc_1","call_id":"call_1","name":"look","arguments":"{\"at\":1}"})";

TEST(OpenaiResponses, AnAnswer) {
  const auto response = decoded(answer(kTold));
  ASSERT_TRUE(response) << response.error().text();
  EXPECT_EQ(response->id, "resp_1");
  EXPECT_EQ(response->text, "Grüße, Welt");
  EXPECT_EQ(response->finish, FinishReason::kStop);
  EXPECT_EQ(response->usage,
            (llm::Usage{.input = {10}, .cache_read = {60}, .cache_write = {30}, .output = {9}}));
  EXPECT_EQ(response->created, from_unix_seconds(1795000000));
  EXPECT_EQ(response->tool_calls_json, "");
}

TEST(OpenaiResponses, HowAnswersEnd) {
  const auto finish = [](std::string_view output, std::string_view more) {
    const auto response = decoded(answer(output, more));
    return response ? response->finish : FinishReason::kOther;
  };
  const std::string_view completed = R"("status":"completed")";
  EXPECT_EQ(finish(kCalled, completed), FinishReason::kToolUse);
  EXPECT_EQ(
      finish(kTold, R"("status":"incomplete","incomplete_details":{"reason":"max_output_tokens"})"),
      FinishReason::kLength);
  EXPECT_EQ(
      finish(kTold, R"("status":"incomplete","incomplete_details":{"reason":"content_filter"})"),
      FinishReason::kRefusal);
  const auto no = decoded(
      answer(R"({"type":"message","content":[{"type":"refusal","refusal":"I will not."}]})"));
  ASSERT_TRUE(no);
  EXPECT_EQ(no->finish, FinishReason::kRefusal);
  EXPECT_EQ(no->text, "I will not.");
}

TEST(OpenaiResponses, CallsComeBack) {
  const auto response = decoded(answer(kCalled));
  ASSERT_TRUE(response);
  EXPECT_TRUE(are_calls(response->tool_calls_json));
  EXPECT_FALSE(are_calls(R"([{"id":"a","type":"function","function":{"name":"b"}}])"));
  const auto calls = openai_responses::decode_tool_calls(kMarking, response->tool_calls_json);
  ASSERT_TRUE(calls);
  EXPECT_EQ(*calls, (std::vector<llm::ToolCall>{{"call_1", "look", R"({"at":1})"}}));
  EXPECT_FALSE(
      openai_responses::decode_tool_calls(kMarking, R"([{"type":"function_call","name":"look"}])"));
}

TEST(OpenaiResponses, WhatIsNoAnswer) {
  const auto kind = [](const std::string& body) {
    const auto response = decoded(body);
    return response ? ErrorKind::kInternal : response.error().kind;
  };
  EXPECT_EQ(kind(R"({"object":"response","output":[]})"), ErrorKind::kBadResponse);
  EXPECT_EQ(kind(R"({"object":"response","usage":{}})"), ErrorKind::kBadResponse);
  EXPECT_EQ(kind(answer("", R"("status":"queued")")), ErrorKind::kBadResponse);
  EXPECT_EQ(kind("[]"), ErrorKind::kBadResponse);
  EXPECT_EQ(kind(R"({"status":"failed","error":{"code":"rate_limit_exceeded","message":"x"}})"),
            ErrorKind::kRateLimited);
  EXPECT_EQ(kind(R"({"status":"failed","error":{"code":"invalid_image","message":"x"}})"),
            ErrorKind::kInvalidArgument);
  EXPECT_EQ(kind(R"({"status":"cancelled"})"), ErrorKind::kCancelled);
  // It was counted: whether it is billed is not known.
  EXPECT_EQ(kind(answer("", R"("status":"failed","error":{"code":"invalid_image"})")),
            ErrorKind::kDeadlineExceeded);
}

}  // namespace
}  // namespace weir::provider::openai_responses
