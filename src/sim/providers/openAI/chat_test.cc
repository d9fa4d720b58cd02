// Chat completions: wire shapes, streams, checks, and both regimes of the automatic cache with
// their bucket numbers. One word of words() is one token, a message adds 4, the answer's opening 3.
#include "http/sse.h"
#include "sim/providers/openAI/bench_testing.h"

namespace weir::sim::openAI {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::words;

const std::string kSimple = body_of("gpt-5-mini", "You sort.", "Name: gnuchess");

std::string changed(std::string_view from, std::string_view to, std::string body = kSimple) {
  const auto at = body.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return body.replace(at, from.size(), to);
}
std::string with(std::string_view more, const std::string& body = kSimple) {
  return body.substr(0, body.size() - 1) + std::string(more) + "}";
}
Usage ask(testing::Bench& b, const std::string& body, const http::Headers& more = {}) {
  const Reply reply = b.post(kChat, body, more);
  EXPECT_EQ(reply.head.status, 200) << reply.text();
  return usage_of(testing::Parsed(reply.text()).root);
}

TEST(OpenAiChat, AnswersInItsShape) {
  auto b = make_bench();
  const Reply reply = b.post("/OPENAI/v1/chat/completions", kSimple);
  ASSERT_EQ(reply.head.status, 200) << reply.text();
  const testing::Parsed completion(reply.text());
  EXPECT_TRUE(completion["id"].string()->starts_with("chatcmpl-"));
  EXPECT_EQ(completion["object"].string(), "chat.completion");
  EXPECT_EQ(completion["created"].integer(), unix_seconds(b.now()));
  EXPECT_EQ(completion["model"].string(), "gpt-5-mini");
  const json::Value choice(completion["choices"].items().at(0));
  EXPECT_EQ(choice["message"]["role"].string(), "assistant");
  EXPECT_EQ(choice["message"]["content"].string(), "This is about gnuchess.");
  EXPECT_EQ(choice["finish_reason"].string(), "stop");
  EXPECT_TRUE(reply.head.headers.find("x-request-id"));
  EXPECT_TRUE(reply.head.headers.find("x-ratelimit-remaining-requests"));
  EXPECT_GE(reply.delay, std::chrono::milliseconds(300));
}

TEST(OpenAiChat, LimitsChoicesAndFormats) {
  auto b = make_bench();
  for (const auto* key : {"max_tokens", "max_completion_tokens"}) {
    const testing::Parsed cut(b.post(kChat, with(",\"" + std::string(key) + "\":2")).text());
    EXPECT_EQ(cut["usage"]["completion_tokens"].integer(), 2);
    EXPECT_EQ(json::Value(cut["choices"].items().at(0))["finish_reason"].string(), "length");
  }
  const testing::Parsed two(b.post(kChat, with(",\"n\":2")).text());
  EXPECT_EQ(two["choices"].size(), 2U);
  const testing::Parsed object(
      b.post(kChat, with(R"(,"response_format":{"type":"json_object"})")).text());
  const testing::Parsed inner(
      *json::Value(object["choices"].items().at(0))["message"]["content"].string());
  EXPECT_TRUE(inner["answer"].is_string());
  const testing::Parsed formed(
      b.post(
           kChat,
           with(
               R"(,"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"object","properties":{"k":{"enum":["a","b"]}}}}})"))
          .text());
  EXPECT_EQ(json::Value(formed["choices"].items().at(0))["message"]["content"].string(),
            R"({"k":"a"})");
  const testing::Parsed called(
      b.post(
           kChat,
           with(
               R"(,"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"n":{"const":1}}}}}],"tool_choice":"required")"))
          .text());
  const json::Value choice(called["choices"].items().at(0));
  EXPECT_EQ(choice["finish_reason"].string(), "tool_calls");
  EXPECT_EQ(
      json::Value(choice["message"]["tool_calls"].items().at(0))["function"]["arguments"].string(),
      R"({"n":1})");
}

TEST(OpenAiChat, StreamsChunks) {
  auto b = make_bench();
  const Reply reply =
      b.post(kChat, with(R"(,"stream":true,"stream_options":{"include_usage":true})"));
  http::SseParser sse(1 << 20);
  std::string text, last;
  int chunks = 0;
  std::int64_t total = 0;
  ASSERT_TRUE(sse.feed(reply.text(), [&](http::SseEvent&& event) {
    EXPECT_TRUE(event.name.empty());
    last = event.data;
    if (event.data == "[DONE]") return;
    const testing::Parsed chunk(event.data);
    ++chunks;
    EXPECT_EQ(chunk["object"].string(), "chat.completion.chunk");
    for (const auto choice : chunk["choices"].items())
      text += json::Value(choice)["delta"]["content"].string_or("");
    if (chunk["choices"].size() == 0) total = chunk["usage"]["total_tokens"].integer_or(-1);
  }));
  EXPECT_EQ(last, "[DONE]");
  EXPECT_EQ(text, "This is about gnuchess.");
  EXPECT_EQ(total, b.bill()[0].tokens.prompt() + b.bill()[0].tokens.output);
  EXPECT_GE(chunks, 4);
  EXPECT_EQ(b.post(kChat, with(",\"stream\":true")).text().find("usage"), std::string::npos);
}

// A body whose system text is marked; the mark asks for a time to live.
std::string lived_body(std::string_view document, std::string_view ttl) {
  return R"({"model":"gpt-6-sol","prompt_cache_options":{"mode":"explicit"},"messages":[{"role":"system","content":[{"type":"text","text":")" +
         words(1500) + R"(","prompt_cache_breakpoint":{"mode":"explicit","ttl":")" +
         std::string(ttl) + R"("}}]},{"role":"user","content":")" + std::string(document) + "\"}]}";
}

TEST(OpenAiChat, ToolsImagesAndResultsAreChecked) {
  auto b = make_bench();
  const auto status = [&](const std::string& messages, const std::string& more = "") {
    return b.post(kChat, R"({"model":"gpt-5-mini","messages":[)" + messages + "]" + more + "}")
        .head.status;
  };
  const std::string ask = R"({"role":"user","content":"x"})";
  const auto calls = [](const std::string& function) {
    return R"(,{"role":"assistant","content":null,"tool_calls":[{"id":"t","type":"function","function":)" +
           function + "}]}";
  };
  const std::string look = calls(R"({"name":"n","arguments":"{}"})");
  const auto result = [](const std::string& id) {
    return R"(,{"role":"tool","tool_call_id":")" + id + R"(","content":"z"})";
  };
  EXPECT_EQ(status(ask + look + result("t")), 200);
  EXPECT_EQ(status(ask + look + result("t") + "," + ask), 200);
  EXPECT_EQ(status(ask + look + result("u")), 400);
  EXPECT_EQ(status(ask + look + "," + ask), 400);
  EXPECT_EQ(status(ask + look), 400);
  EXPECT_EQ(status(ask + result("t")), 400);
  EXPECT_EQ(status(ask + calls(R"({"name":"n","arguments":{}})") + result("t")), 400);
  EXPECT_EQ(status(ask + R"(,{"role":"assistant","content":null})"), 400);
  const auto image = [](const std::string& url) {
    return R"({"role":"user","content":[{"type":"image_url","image_url":{"url":")" + url + "\"}}]}";
  };
  EXPECT_EQ(status(image("https://a.example/b.png")), 200);
  EXPECT_EQ(status(image("data:image/png;base64,AA")), 200);
  EXPECT_EQ(status(image("data:text/plain,AA")), 400);
  const std::string tools = R"(,"tools":[{"type":"function","function":{"name":"n"}}])";
  EXPECT_EQ(status(ask, tools + R"(,"tool_choice":"required")"), 200);
  EXPECT_EQ(status(ask, tools + R"(,"tool_choice":"any")"), 400);
  EXPECT_EQ(status(ask, R"(,"tool_choice":"none")"), 400);
  EXPECT_EQ(status(ask, R"(,"tools":[{"type":"function","function":{}}])"), 400);
  EXPECT_EQ(status(ask, R"(,"stop":["a","b","c","d"],"seed":1)"), 200);
  EXPECT_EQ(status(ask, R"(,"stop":["a","b","c","d","e"])"), 400);
}

TEST(OpenAiChat, Refusals) {
  auto b = make_bench();
  const auto refused = [&](int code, std::string_view error_code, std::string_view why,
                           const std::string& body, const http::Headers& more = {}) {
    const Reply reply = b.post(kChat, body, more);
    EXPECT_EQ(reply.head.status, code) << body;
    const testing::Parsed error(reply.text());
    EXPECT_NE(error["error"]["message"].string_or("").find(why), std::string::npos) << reply.text();
    EXPECT_EQ(error["error"]["type"].string(), "invalid_request_error");
    if (!error_code.empty()) EXPECT_EQ(error["error"]["code"].string(), error_code) << reply.text();
  };
  refused(400, "", "JSON", "{");
  refused(400, "", "object", "[]");
  refused(400, "missing_required_parameter", "model", R"({"messages":[]})");
  refused(404, "model_not_found", "gpt-none", changed("gpt-5-mini", "gpt-none"));
  refused(400, "missing_required_parameter", "messages", R"({"model":"gpt-5"})");
  refused(400, "empty_array", "messages", R"({"model":"gpt-5","messages":[]})");
  refused(400, "invalid_value", "robot", changed("\"user\"", "\"robot\""));
  refused(400, "", "content", changed("\"Name: gnuchess\"", "null"));
  refused(400, "invalid_value", "strange",
          changed("\"Name: gnuchess\"", R"([{"type":"strange"}])"));
  refused(400, "integer_below_min_value", "max_tokens", with(",\"max_tokens\":0"));
  refused(400, "invalid_value", "too large", with(",\"max_completion_tokens\":1000000"));
  refused(400, "invalid_parameter_combination", "",
          with(",\"max_tokens\":1,\"max_completion_tokens\":1"));
  refused(400, "unsupported_parameter", "max_tokens",
          with(",\"max_tokens\":9", changed("gpt-5-mini", "o3")));
  refused(400, "unsupported_parameter", "prompt_cache_options",
          with(R"(,"prompt_cache_options":{"mode":"explicit"})"));
  refused(400, "unsupported_parameter", "prompt_cache_breakpoint",
          changed("\"Name: gnuchess\"", "[" + text_part("x", true) + "]"));
  refused(400, "string_above_max_length", "prompt_cache_key",
          with(",\"prompt_cache_key\":\"" + std::string(65, 'k') + "\""));
  refused(400, "invalid_value", "ttl",
          with(R"(,"prompt_cache_options":{"ttl":"1h"})", changed("gpt-5-mini", "gpt-6-sol")));
  refused(400, "invalid_value", "ttl",
          with(R"(,"prompt_cache_options":{"ttl":"12h"})", changed("gpt-5-mini", "gpt-6-sol")));
  refused(400, "invalid_value", "prompt_cache_breakpoint.ttl", lived_body("one", "1h"));
  refused(400, "", "stream_options", with(R"(,"stream_options":{})"));
  refused(400, "invalid_value", "'n'", with(",\"n\":0"));
  refused(401, "invalid_api_key", "API key", kSimple, {{"authorization", "Bearer invalid-key"}});
  refused(400, "context_length_exceeded", "context length", body_of("gpt-4o", words(130'000), "x"));
  testing::Bench without(make_provider(), {});
  EXPECT_EQ(without.post(kChat, kSimple).head.status, 401);
  EXPECT_TRUE(b.bill().empty());
  EXPECT_EQ(b.get("/openAI/v1/none").head.status, 404);
}

TEST(OpenAiCache, OlderModelsReadInStepsOf128) {
  auto b = make_bench();
  const auto body = [](std::string_view document) {
    return body_of("gpt-5-mini", words(1500), document);
  };
  const std::int64_t prompt = 4 + 1500 + 4 + 1 + 3;
  EXPECT_EQ(ask(b, body("one")), (Usage{prompt, 0, 0}));
  EXPECT_EQ(ask(b, body("two")), (Usage{prompt, 0, 0}));  // the writer's first byte is not out yet
  b.wait(seconds(1));
  // 4 + 1500 tokens are alike: 11 whole steps.
  EXPECT_EQ(ask(b, body("two")), (Usage{prompt, 1408, 0}));
  const auto& row = b.bill().back();
  EXPECT_EQ(row.pico_usd,
            (prompt - 1408) * 250'000 + 1408 * 25'000 + row.tokens.output * 2'000'000);
  b.wait(hours(23));
  EXPECT_EQ(ask(b, body("two")).cached, 1408);
  b.wait(hours(24));
  EXPECT_EQ(ask(b, body("two")).cached, 0);
}

TEST(OpenAiCache, OlderModelsNeed1024) {
  auto b = make_bench();
  ask(b, body_of("gpt-5-mini", words(1019), "one"));
  b.wait(seconds(1));
  EXPECT_EQ(ask(b, body_of("gpt-5-mini", words(1019), "two")).cached, 0);
  ask(b, body_of("gpt-5-mini", words(1020), "one"));
  b.wait(seconds(1));
  EXPECT_EQ(ask(b, body_of("gpt-5-mini", words(1020), "two")).cached, 1024);
}

TEST(OpenAiCache, PrefixesThatShareNothing) {
  auto b = make_bench();
  const std::string body = body_of("gpt-5-mini", words(1500), "one");
  ask(b, body);
  b.wait(seconds(1));
  EXPECT_EQ(ask(b, body, {{"authorization", "Bearer other"}}).cached, 0);
  EXPECT_EQ(ask(b, with(R"(,"prompt_cache_key":"k")", body)).cached, 0);
  EXPECT_EQ(ask(b, with(R"(,"reasoning_effort":"low")", body)).cached, 0);
  EXPECT_EQ(ask(b, with(R"(,"tools":[{"type":"function","function":{"name":"f"}}])", body)).cached,
            0);
  EXPECT_EQ(
      ask(b,
          with(
              R"(,"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{}}})",
              body))
          .cached,
      0);
  EXPECT_EQ(ask(b, changed("gpt-5-mini", "gpt-5-nano", body)).cached, 0);
  EXPECT_EQ(ask(b, changed("stone", "brick", body)).cached, 0);
  b.wait(seconds(1));
  EXPECT_EQ(ask(b, with(R"(,"prompt_cache_key":"k")", body)).cached, 1408);  // its own bucket
}

TEST(OpenAiCache, InMemoryRetentionEndsAfterTenMinutes) {
  auto b = make_bench();
  const std::string body =
      with(R"(,"prompt_cache_retention":"in_memory")", body_of("gpt-5-mini", words(1500), "one"));
  ask(b, body);
  b.wait(minutes(9));
  EXPECT_EQ(ask(b, body).cached, 1408);
  b.wait(minutes(9));
  EXPECT_EQ(ask(b, body).cached, 1408);
  b.wait(minutes(10));
  EXPECT_EQ(ask(b, body).cached, 0);
}

TEST(OpenAiCache, ImplicitBreakpointsBillTheTrapOfAVaryingTail) {
  auto b = make_bench();
  const auto body = [](std::string_view document) {
    return body_of("gpt-6-sol", words(1500), document);
  };
  EXPECT_EQ(ask(b, body("one")), (Usage{1512, 0, 1509}));
  b.wait(seconds(1));
  EXPECT_EQ(ask(b, body("two")), (Usage{1512, 0, 1509}));  // written again, never read
  EXPECT_EQ(ask(b, body("one")), (Usage{1512, 1509, 0}));
  const auto& row = b.bill()[0];
  EXPECT_EQ(row.pico_usd, 3 * 2'000'000 + 1509LL * 2'500'000 + row.tokens.output * 10'000'000);
}

TEST(OpenAiCache, ImplicitBreakpointsFollowAConversation) {
  auto b = make_bench();
  ask(b, body_of("gpt-6-sol", words(1500), "one"));
  b.wait(seconds(1));
  const std::string longer =
      changed("\"}]", R"("},{"role":"assistant","content":"yes"},{"role":"user","content":"two"}])",
              body_of("gpt-6-sol", words(1500), "one"));
  EXPECT_EQ(ask(b, longer), (Usage{1512 + 5 + 5, 1509, 10}));
}

std::string explicit_body(std::string_view document, bool marked = true,
                          std::string_view mode = "explicit") {
  return R"({"model":"gpt-6-sol","prompt_cache_options":{"mode":")" + std::string(mode) +
         R"(","ttl":"30m"},"messages":[{"role":"system","content":[)" +
         text_part(words(1500), marked) + R"(]},{"role":"user","content":")" +
         std::string(document) + "\"}]}";
}

TEST(OpenAiCache, ExplicitBreakpoints) {
  auto b = make_bench();
  EXPECT_EQ(ask(b, explicit_body("one")), (Usage{1512, 0, 1504}));
  b.wait(seconds(1));
  EXPECT_EQ(ask(b, explicit_body("two")), (Usage{1512, 1504, 0}));
  EXPECT_EQ(ask(b, explicit_body("two", false)), (Usage{1512, 0, 0}));  // no mark: caching is off
  b.wait(minutes(29));
  EXPECT_EQ(ask(b, explicit_body("two")).cached, 1504);  // refreshed for free
  b.wait(minutes(29));
  EXPECT_EQ(ask(b, explicit_body("two")).cached, 1504);
  b.wait(minutes(30));
  EXPECT_EQ(ask(b, explicit_body("two")).written, 1504);
}

TEST(OpenAiCache, ABreakpointMayLiveTwelveHours) {
  auto b = make_bench();
  EXPECT_EQ(ask(b, lived_body("one", "12h")), (Usage{1512, 0, 1504}));
  const auto& row = b.bill()[0];
  EXPECT_EQ(row.pico_usd, 8 * 2'000'000 + 1504LL * 2'500'000 + row.tokens.output * 10'000'000);
  b.wait(hours(11));
  EXPECT_EQ(ask(b, lived_body("two", "12h")).cached, 1504);  // and lives 12 hours from here on
  b.wait(hours(11));
  EXPECT_EQ(ask(b, explicit_body("two")).cached, 1504);  // the entry's life, not the reader's
  b.wait(hours(12));
  EXPECT_EQ(ask(b, lived_body("two", "30m")).written, 1504);
  b.wait(minutes(30));
  EXPECT_EQ(ask(b, lived_body("two", "30m")).written, 1504);
}

TEST(OpenAiCache, ExplicitMarksBesideTheImplicitOne) {
  auto b = make_bench();
  EXPECT_EQ(ask(b, explicit_body("one", true, "implicit")), (Usage{1512, 0, 1509}));
  b.wait(seconds(1));
  EXPECT_EQ(ask(b, explicit_body("two", true, "implicit")), (Usage{1512, 1504, 5}));
}

TEST(OpenAiCache, OnlyTheLatestFourMarksAreWritten) {
  const auto body = [](int marks) {
    std::string parts;
    for (int i = 0; i < marks; ++i) parts += text_part(words(1100, "brick"), true) + ",";
    return R"({"model":"gpt-6-sol","prompt_cache_options":{"mode":"explicit"},"messages":[{"role":"user","content":[)" +
           parts + text_part("end") + "]}]}";
  };
  auto b = make_bench();
  EXPECT_EQ(ask(b, body(5)).written, 4 + 5 * 1100);
  b.wait(seconds(1));
  EXPECT_EQ(ask(b, body(1)).cached, 0);  // the first of five marks was not among the latest four
  EXPECT_EQ(ask(b, body(2)).cached, 4 + 2 * 1100);
}

TEST(OpenAiCache, ModelsWithoutACachedPriceHaveNoCache) {
  auto b = make_bench();
  const std::string body = body_of("gpt-5.5-pro", words(1500), "one");
  ask(b, body);
  b.wait(seconds(1));
  EXPECT_EQ(ask(b, body), (Usage{1512, 0, 0}));
}

// What the types of openai 7.57.0 call always present (checked 2026-11-23).
// Doc: https://developers.openai.com/api/reference/resources/chat
TEST(OpenAiChat, MembersThatAreAlwaysThere) {
  auto b = make_bench();
  const auto all_of = [](json::Value completion, std::string_view part) {
    testing::expect_members(completion, {"id", "choices", "created", "model", "object"});
    for (const auto item : completion["choices"].items())
      testing::expect_members(json::Value(item), {"finish_reason", "index", part});
  };
  const testing::Parsed whole(b.post(kChat, kSimple).text());
  all_of(whole.root, "message");
  const json::Value choice(whole["choices"].items().at(0));
  testing::expect_members(choice, {"logprobs"});
  testing::expect_members(choice["message"], {"content", "refusal", "role"});
  testing::expect_members(whole["usage"], {"completion_tokens", "prompt_tokens", "total_tokens"});
  http::SseParser sse(1 << 20);
  ASSERT_TRUE(sse.feed(b.post(kChat, with(",\"stream\":true")).text(), [&](http::SseEvent&& event) {
    if (event.data != "[DONE]") all_of(testing::Parsed(event.data).root, "delta");
  }));
  testing::expect_members(testing::Parsed(b.get("/openAI/v1/models/gpt-5").text()).root,
                          {"id", "created", "object", "owned_by"});
}

TEST(OpenAiChat, FlexCostsWhatABatchCosts) {
  auto b = make_bench();
  ask(b, kSimple);
  ask(b, with(R"(,"service_tier":"flex")"));
  EXPECT_EQ(b.bill()[0].pico_usd, 2 * b.bill()[1].pico_usd);
}

TEST(OpenAiChat, ModelsAndFaults) {
  auto b =
      make_bench({.faults_json = R"([{"match":{"operation":"chat","nth":1},"fault":"overloaded"},
    {"match":{"operation":"chat","nth":2},"fault":{"kind":"status","code":429,"type":"insufficient_quota"}},
    {"match":{"operation":"chat","nth":3},"fault":{"kind":"rate_limited","retry_after":2.5}}])"});
  EXPECT_GT(testing::Parsed(b.get("/openAI/v1/models").text())["data"].size(), 20U);
  EXPECT_EQ(testing::Parsed(b.get("/openAI/v1/models/gpt-5").text())["id"].string(), "gpt-5");
  EXPECT_EQ(b.get("/openAI/v1/models/none").head.status, 404);
  EXPECT_EQ(b.post(kChat, kSimple).head.status, 503);
  EXPECT_NE(b.post(kChat, kSimple).text().find("insufficient_quota"), std::string::npos);
  const Reply limited = b.post(kChat, kSimple);
  EXPECT_EQ(limited.head.headers.find("retry-after"), "3");
  EXPECT_EQ(testing::Parsed(limited.text())["error"]["code"].string(), "rate_limit_exceeded");
}

}  // namespace
}  // namespace weir::sim::openAI
