// Bodies, answers, streams and errors of the native chat API.
#include <gtest/gtest.h>

#include "provider/adapter.h"
#include "providers/ollama/wire.h"

namespace weir::providers::ollama {

const provider::Adapter& adapter();

namespace {

llm::Request request() {
  llm::Request out;
  out.model = "llama3.2";
  out.messages = {{.role = llm::Role::kUser, .content = {{.text = "Hi"}}}};
  return out;
}

TEST(OllamaEncode, APlainRequestSaysThatNothingMayBeDropped) {
  EXPECT_EQ(encode_body(request()).value(),
            R"({"model":"llama3.2","messages":[{"role":"user","content":"Hi"}],)"
            R"("truncate":false,"shift":false,"stream":false})");
}

TEST(OllamaEncode, WhatSteersTheAnswer) {
  auto in = request();
  in.system = {{.text = "Be "}, {.text = "brief."}};
  in.output_max = Tokens{9};
  in.temperature = 0.5;
  in.top_p = 0.25;
  in.seed = -7;
  in.stop = {"END"};
  in.format = {.name = "x", .schema_json = "{\"type\":\n\"object\"}"};
  in.stream = true;
  EXPECT_EQ(encode_body(in).value(),
            R"({"model":"llama3.2","messages":[{"role":"system","content":"Be brief."},)"
            R"({"role":"user","content":"Hi"}],"format":{"type": "object"},"options":)"
            R"({"num_predict":9,"temperature":0.5,"top_p":0.25,"seed":-7,"stop":["END"]},)"
            R"("truncate":false,"shift":false,"stream":true})");
}

TEST(OllamaEncode, ToolsCallsResultsAndImages) {
  auto in = request();
  in.tools = {{.name = "look", .description = "Looks", .parameters_json = "{}"}};
  in.messages = {
      {llm::Role::kUser,
       {{.text = "", .image = llm::Image{"image/png", "AAAA", ""}}, {.text = "What is it?"}}},
      {llm::Role::kAssistant,
       {{.text = "", .tool_call = llm::ToolCall{"t1", "look", "{\"a\":1}"}}}},
      {llm::Role::kUser,
       {{.text = "", .tool_result = llm::ToolResult{"t1", "a cat"}}, {.text = "Sure?"}}},
      {llm::Role::kAssistant, {{.text = "Once more."}}},
      {llm::Role::kUser, {{.text = "", .tool_result = llm::ToolResult{"t9", "yes"}}}}};
  const auto body = encode_body(in).value();
  EXPECT_TRUE(body.contains(
      R"("messages":[{"role":"user","content":"What is it?","images":["AAAA"]},)"
      R"({"role":"assistant","content":"","tool_calls":[{"id":"t1","function":{"name":"look",)"
      R"("arguments":{"a":1}}}]},)"
      R"({"role":"tool","tool_name":"look","tool_call_id":"t1","content":"a cat"},)"
      R"({"role":"user","content":"Sure?"},{"role":"assistant","content":"Once more."},)"
      R"({"role":"tool","tool_call_id":"t9","content":"yes"}],)"
      R"("tools":[{"type":"function","function":{"name":"look","description":"Looks",)"
      R"("parameters":{}}}])"))
      << body;
}

ErrorKind refused(const llm::Request& in) {
  const auto body = encode_body(in);
  EXPECT_FALSE(body);
  if (body) return ErrorKind::kInternal;
  EXPECT_FALSE(body.error().hint.empty());
  return body.error().kind;
}

TEST(OllamaEncode, WhatItCannotBeToldIsRefused) {
  auto in = request();
  in.tool_choice.kind = llm::ToolChoice::Kind::kRequired;
  EXPECT_EQ(refused(in), ErrorKind::kUnsupported);
  in = request();
  in.messages[0].content[0].mark = llm::CacheMark{};
  EXPECT_EQ(refused(in), ErrorKind::kUnsupported);
  in = request();
  in.messages[0].content.push_back(
      {.text = "", .image = llm::Image{"", "", "https://a.example/b"}});
  EXPECT_EQ(refused(in), ErrorKind::kUnsupported);
  in = request();
  in.messages[0].content = {{.text = "", .tool_result = llm::ToolResult{"t1", "no", true}}};
  EXPECT_EQ(refused(in), ErrorKind::kUnsupported);
  in = request();
  in.tools = {{.name = "x", .description = "", .parameters_json = "{}", .mark = llm::CacheMark{}}};
  EXPECT_EQ(refused(in), ErrorKind::kUnsupported);
  in = request();
  in.raw = llm::RawBody{llm::Dialect::kOpenAIChat, "{}"};
  EXPECT_EQ(refused(in), ErrorKind::kUnsupported);
  in = request();
  in.tools = {{.name = "x", .description = "", .parameters_json = "[]"}};
  EXPECT_EQ(encode_body(in).error().kind, ErrorKind::kInvalidArgument);
  in = request();
  in.model.clear();
  EXPECT_EQ(encode_body(in).error().kind, ErrorKind::kInvalidArgument);
}

constexpr std::string_view kAnswer =
    R"({"model":"llama3.2","created_at":"2026-11-23T12:00:00.5Z","message":{"role":"assistant",)"
    R"("content":"Hello","thinking":"Hm."},"done_reason":"stop","done":true,"total_duration":9,)"
    R"("prompt_eval_count":26,"eval_count":3})";

Result<llm::Response> decode(int status, std::string_view body) {
  return decode_answer({.status = status, .headers = {}, .body = std::string(body)}, Time{});
}

TEST(OllamaDecode, AWholeAnswer) {
  const auto out = decode(200, kAnswer);
  ASSERT_TRUE(out) << out.error().text();
  EXPECT_EQ(out->text, "Hello");
  EXPECT_EQ(out->model, "llama3.2");
  EXPECT_EQ(out->finish, llm::FinishReason::kStop);
  EXPECT_EQ(out->usage, (llm::Usage{.input = {26}, .output = {3}}));
  EXPECT_EQ(out->usage_raw, R"({"total_duration":9,"prompt_eval_count":26,"eval_count":3})");
  EXPECT_EQ(out->created, parse_rfc3339("2026-11-23T12:00:00.5Z"));
}

TEST(OllamaDecode, CountsThatAreMissingOrHostile) {
  const auto out = decode(
      200, R"({"message":{"content":"x"},"done":true,"done_reason":"limit","eval_count":-3})");
  ASSERT_TRUE(out);
  EXPECT_EQ(out->usage, llm::Usage{});
  EXPECT_EQ(out->finish, llm::FinishReason::kLength);
}

TEST(OllamaDecode, WhatIsNoAnswer) {
  for (const auto* body : {"", "[]", "{}", R"({"message":{"content":"x"},"done":false})",
                           R"({"done":true})", "<html>"})
    EXPECT_EQ(decode(200, body).error().kind, ErrorKind::kBadResponse) << body;
  EXPECT_EQ(decode(200, R"({"error":"stopped"})").error().kind, ErrorKind::kUnavailable);
}

TEST(OllamaDecode, Errors) {
  const struct {
    int status;
    std::string_view words;
    ErrorKind kind;
  } rows[] = {
      {404, "model \\\"x\\\" not found, try pulling it first", ErrorKind::kNotFound},
      {400, "invalid options", ErrorKind::kInvalidArgument},
      {401, "unauthorized", ErrorKind::kUnauthenticated},
      {429, "too many requests", ErrorKind::kRateLimited},
      {500, "llama runner process has terminated", ErrorKind::kUnavailable},
      {502, "upstream error", ErrorKind::kUnavailable},
      {503, "server busy, please try again", ErrorKind::kRateLimited},
      {400, "the input length exceeds the context length", ErrorKind::kInvalidArgument},
      {500, "model requires more system memory (9 GiB) than is available (4 GiB)",
       ErrorKind::kInvalidArgument},
  };
  for (const auto& row : rows) {
    const auto error = decode(row.status, R"({"error":")" + std::string(row.words) + "\"}").error();
    EXPECT_EQ(error.kind, row.kind) << row.words;
    EXPECT_EQ(error.http_status, row.status);
    EXPECT_EQ(error.provider, "ollama");
    if (row.kind != ErrorKind::kUnauthenticated)
      EXPECT_TRUE(error.message.contains(row.words.substr(0, 5))) << error.message;
  }
  EXPECT_TRUE(decode(400, R"({"error":"the input length exceeds the context length"})")
                  .error()
                  .hint.contains("OLLAMA_CONTEXT_LENGTH"));
}

TEST(OllamaDecode, ToolCalls) {
  const auto out = decode(
      200,
      R"({"message":{"content":"","tool_calls":[{"id":"call_x","function":{"index":0,"name":"look",)"
      R"("arguments":{"a": 1}}},{"function":{"name":"end","arguments":{}}}]},"done":true,)"
      R"("done_reason":"stop"})");
  ASSERT_TRUE(out);
  EXPECT_EQ(out->finish, llm::FinishReason::kToolUse);
  EXPECT_EQ(
      adapter().tool_calls(*out).value(),
      (std::vector<llm::ToolCall>{{"call_x", "look", R"({"a":1})"}, {"call_1", "end", "{}"}}));
  EXPECT_EQ(decode_tool_calls("{}").error().kind, ErrorKind::kBadResponse);
  EXPECT_EQ(decode_tool_calls(R"([{"id":"x"}])").error().kind, ErrorKind::kBadResponse);
}

constexpr std::string_view kStream =
    R"({"model":"m","message":{"role":"assistant","content":"Hel"},"done":false})"
    "\n"
    R"({"model":"m","message":{"role":"assistant","content":"lo","tool_calls":[{"id":"1",)"
    R"("function":{"name":"a","arguments":{}}}]},"done":false})"
    "\n"
    R"({"model":"m","created_at":"2026-11-23T12:00:00Z","message":{"role":"assistant","content":""},)"
    R"("done":true,"done_reason":"stop","prompt_eval_count":5,"eval_count":2})"
    "\n";

TEST(OllamaStream, AnyChunksGiveTheSameAnswer) {
  for (std::size_t size = 1; size < kStream.size(); size += 13) {
    const auto decoder = adapter().stream_decoder();
    std::string text;
    for (std::size_t at = 0; at < kStream.size(); at += size)
      ASSERT_TRUE(decoder->feed(kStream.substr(at, size), text));
    const auto out = decoder->finish();
    ASSERT_TRUE(out) << out.error().text();
    EXPECT_EQ(text, "Hello");
    EXPECT_EQ(out->text, "Hello");
    EXPECT_EQ(out->usage, (llm::Usage{.input = {5}, .output = {2}}));
    EXPECT_EQ(out->finish, llm::FinishReason::kToolUse);
    EXPECT_EQ(out->tool_calls_json, R"([{"id":"1","function":{"name":"a","arguments":{}}}])");
  }
}

TEST(OllamaStream, ALastLineWithoutItsEndCounts) {
  const auto decoder = adapter().stream_decoder();
  std::string text;
  ASSERT_TRUE(decoder->feed(kAnswer, text));
  EXPECT_EQ(decoder->finish().value().text, "Hello");
}

TEST(OllamaStream, CutsErrorsAndNonsense) {
  const auto end = [](std::string_view bytes) {
    const auto decoder = adapter().stream_decoder();
    std::string text;
    std::ignore = decoder->feed(bytes, text).has_value();
    return decoder->finish().error().kind;
  };
  EXPECT_EQ(end(""), ErrorKind::kDeadlineExceeded);
  EXPECT_EQ(end(kStream.substr(0, 20)), ErrorKind::kDeadlineExceeded);
  EXPECT_EQ(end(kStream.substr(0, 100)), ErrorKind::kDeadlineExceeded);
  EXPECT_EQ(end("{\"error\":\"server busy\"}\n"), ErrorKind::kUnavailable);
  EXPECT_EQ(end(std::string(kStream.substr(0, kStream.find('\n') + 1)) + "{\"error\":\"died\"}\n"),
            ErrorKind::kDeadlineExceeded);
  EXPECT_EQ(end("nonsense\n"), ErrorKind::kBadResponse);
  EXPECT_EQ(end("[1]\n"), ErrorKind::kBadResponse);
}

TEST(OllamaProvider, PathsAndKeys) {
  const provider::Credentials none{.base_path = "", .key = ""};
  const auto plan = adapter().encode_sync(request(), {none, "01A"}).value();
  EXPECT_EQ(plan.target, "/api/chat");
  EXPECT_FALSE(plan.headers.find("authorization"));
  EXPECT_EQ(plan.headers.find("x-client-request-id"), "01A");
  const provider::Credentials cloud{.base_path = "/ollama", .key = "k"};
  EXPECT_EQ(adapter().encode_probe(cloud, "m").target, "/ollama/api/tags");
  EXPECT_EQ(adapter().encode_probe(cloud, "m").headers.find("authorization"), "Bearer k");
  EXPECT_EQ(adapter().name(), "ollama");
}

TEST(OllamaProvider, HasNoBatches) {
  std::string out;
  EXPECT_EQ(adapter().encode_item("a", request(), out).error().kind, ErrorKind::kUnsupported);
  EXPECT_EQ(adapter().decode_row("output", "{}", Time{}).error().kind, ErrorKind::kUnsupported);
  const catalogue::BatchLimits limits;
  const provider::Credentials none;
  EXPECT_EQ(adapter().next("", {}, {.credentials = none, .limits = limits}).error().kind,
            ErrorKind::kUnsupported);
}

}  // namespace
}  // namespace weir::providers::ollama
