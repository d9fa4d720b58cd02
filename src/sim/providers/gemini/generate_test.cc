// generateContent whole and streamed: answers, usage, implicit cache, tools, refusals, errors.
#include "sim/providers/gemini/bench_testing.h"

namespace weir::sim::gemini {
namespace {

using testing::Parsed;
using testing::words;

constexpr std::string_view kFlash = "gemini-2.5-flash", kFlash3 = "gemini-3.8-flash";

Parsed ask(testing::Bench& b, std::string_view model, const std::string& body) {
  const Reply reply = b.post(path_of(model), body);
  EXPECT_EQ(reply.head.status, 200) << reply.text();
  return Parsed(reply.text());
}
std::string refusal(testing::Bench& b, const std::string& body, std::string_view model = kFlash3) {
  const Reply reply = b.post(path_of(model), body);
  EXPECT_EQ(reply.head.status, 400) << body;
  return Parsed(reply.text())["error"]["message"].string_or("");
}

TEST(GeminiGenerate, AnAnswer) {
  auto b = make_bench();
  const Parsed out = ask(b, kFlash, body_of("Be brief.", "one two three"));
  EXPECT_FALSE(first_part(out)["text"].string().value_or("").empty());
  const json::Value candidate(out["candidates"].items().at(0));
  EXPECT_EQ(candidate["finishReason"].string(), "STOP");
  EXPECT_EQ(candidate["content"]["role"].string(), "model");
  EXPECT_EQ(out["modelVersion"].string(), kFlash);
  EXPECT_FALSE(out["responseId"].string().value_or("").empty());
  const auto usage = out["usageMetadata"];
  EXPECT_TRUE(usage["cachedContentTokenCount"].is_null());  // zero is left out
  const auto thoughts = count(usage, "thoughtsTokenCount");
  EXPECT_GT(thoughts, 0);
  EXPECT_EQ(count(usage, "totalTokenCount"),
            count(usage, "promptTokenCount") + count(usage, "candidatesTokenCount") + thoughts);
  // Thoughts are billed as output.
  ASSERT_EQ(b.bill().size(), 1U);
  EXPECT_EQ(b.bill()[0].tokens.output, count(usage, "candidatesTokenCount") + thoughts);
  EXPECT_EQ(b.bill()[0].pico_usd,
            b.bill()[0].tokens.input * 300'000 + b.bill()[0].tokens.output * 2'500'000);
  EXPECT_TRUE(b.bill()[0].delivered);
  // Without thinking there are none.
  const Parsed plain =
      ask(b, kFlash,
          body_of("x", "y", R"(,"generationConfig":{"thinkingConfig":{"thinkingBudget":0}})"));
  EXPECT_EQ(count(plain["usageMetadata"], "thoughtsTokenCount"), 0);
}

TEST(GeminiGenerate, TheStreamIsTheAnswerInPieces) {
  auto b = make_bench();
  const Reply reply =
      b.post(path_of(kFlash, "streamGenerateContent?alt=sse"), body_of("x", "one two"));
  ASSERT_EQ(reply.head.status, 200);
  EXPECT_TRUE(reply.head.headers.find("content-type")->starts_with("text/event-stream"));
  std::string text;
  std::size_t events = 0;
  for (const auto& line : testing::lines_of(reply.text())) {
    if (!line.starts_with("data: ")) continue;
    const Parsed chunk(std::string_view(line).substr(6));
    const json::Value candidate(chunk["candidates"].items().at(0));
    for (const auto part : candidate["content"]["parts"].items())
      text += part["text"].string().value_or("");
    EXPECT_GT(count(chunk["usageMetadata"], "promptTokenCount"), 0);
    ++events;
    if (candidate["finishReason"].is_string())
      EXPECT_GT(count(chunk["usageMetadata"], "candidatesTokenCount"), 0);
  }
  EXPECT_GT(events, 1U);
  EXPECT_FALSE(text.empty());
  EXPECT_EQ(b.bill().size(), 1U);
  EXPECT_TRUE(b.bill()[0].delivered);
  // Without alt=sse it is one array.
  const Parsed list(b.post(path_of(kFlash, "streamGenerateContent"), body_of("x", "one")).text());
  EXPECT_GT(list.root.size(), 1U);
}

TEST(GeminiGenerate, ImplicitCaching) {
  auto b = make_bench();
  const std::string long_text = words(3000);
  const auto usage = [&](std::string_view model, std::string_view document) {
    Parsed out = ask(b, model, body_of(long_text, document));
    b.wait(std::chrono::seconds(5));
    return out;
  };
  EXPECT_EQ(count(usage(kFlash, "a")["usageMetadata"], "cachedContentTokenCount"), 0);
  const Parsed hit = usage(kFlash, "b");
  EXPECT_EQ(count(hit["usageMetadata"], "cachedContentTokenCount"), 2944);  // whole steps of 128
  EXPECT_GT(count(hit["usageMetadata"], "promptTokenCount"), 3000);         // includes them
  const auto& row = b.bill()[1];
  EXPECT_EQ(row.tokens.cache_read, 2944);
  EXPECT_EQ(row.pico_usd,
            row.tokens.input * 300'000 + 2944 * 30'000 + row.tokens.output * 2'500'000);
  // Below the minimum of the model (4,096), by another account, and after its life: none.
  EXPECT_EQ(count(usage(kFlash3, "a")["usageMetadata"], "cachedContentTokenCount"), 0);
  EXPECT_EQ(count(usage(kFlash3, "b")["usageMetadata"], "cachedContentTokenCount"), 0);
  b.wait(std::chrono::hours(2));
  EXPECT_EQ(count(usage(kFlash, "c")["usageMetadata"], "cachedContentTokenCount"), 0);
}

// Introductory prices end with the year 2026.
TEST(GeminiGenerate, PricesHaveDates) {
  auto b = make_bench();
  const auto cost = [&](std::int64_t input, std::int64_t output) {
    ask(b, kFlash3, body_of("x", "y"));
    const auto& row = b.bill().back();
    EXPECT_EQ(row.pico_usd, row.tokens.input * input + row.tokens.output * output);
  };
  cost(750'000, 3'750'000);
  b.wait(*parse_rfc3339("2026-12-31T23:59:59Z") - b.now());
  cost(750'000, 3'750'000);
  b.wait(std::chrono::seconds(1));
  cost(1'500'000, 7'500'000);
}

TEST(GeminiGenerate, LimitsAndFormats) {
  auto b = make_bench();
  const Parsed cut =
      ask(b, kFlash, body_of("x", "one two", R"(,"generationConfig":{"maxOutputTokens":4})"));
  const json::Value candidate(cut["candidates"].items().at(0));
  EXPECT_EQ(candidate["finishReason"].string(), "MAX_TOKENS");
  EXPECT_EQ(b.bill().back().tokens.output, 4);
  const Parsed json = ask(
      b, kFlash,
      body_of(
          "x", "one two",
          R"(,"generation_config":{"response_mime_type":"application/json","response_json_schema":)"
          R"({"type":"object","properties":{"n":{"const":7}},"required":["n"]}})"));
  EXPECT_EQ(first_part(json)["text"].string(), R"({"n":7})");
}

TEST(GeminiGenerate, ToolsAndSignatures) {
  auto b = make_bench();
  const std::string tools =
      R"(,"tools":[{"functionDeclarations":[{"name":"f"},{"name":"g","parametersJsonSchema":)"
      R"({"type":"object","properties":{"p":{"const":3}},"required":["p"]}}]}])";
  const std::string any =
      R"(,"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["g"]}})";
  const Parsed out = ask(b, kFlash3, body_of("x", "y", tools + any));
  const auto part = first_part(out);
  EXPECT_EQ(part["functionCall"]["name"].string(), "g");
  EXPECT_EQ(part["functionCall"]["args"]["p"].integer(), 3);
  const std::string signature = part["thoughtSignature"].string_or("");
  EXPECT_FALSE(signature.empty());
  EXPECT_TRUE(
      first_part(ask(b, kFlash, body_of("x", "y", tools + any)))["thoughtSignature"].is_null());

  const auto turn = [&](const std::string& more, const std::string& response) {
    return R"({"contents":[{"role":"user","parts":[{"text":"y"}]},{"role":"model","parts":[)"
           R"({"functionCall":{"id":"1","name":"g","args":{}})" +
           more + R"(}]},{"role":"user","parts":[)" + response + "]}]" + tools + "}";
  };
  const std::string response =
      R"({"functionResponse":{"id":"1","name":"g","response":{"output":"x"}}})";
  EXPECT_NE(refusal(b, turn("", response)).find("missing a thought_signature"), std::string::npos);
  EXPECT_NE(refusal(b, turn(R"(,"thoughtSignature":"bm9uZQ=="})", response)).size(), 0U);
  ask(b, kFlash3, turn(R"(,"thoughtSignature":")" + signature + "\"", response));
  ask(b, kFlash3, turn(R"(,"thoughtSignature":"skip_thought_signature_validator")", response));
  ask(b, kFlash, turn("", response));  // before Gemini 3 nobody asks
  const std::string skip = R"(,"thoughtSignature":"skip_thought_signature_validator")";
  EXPECT_NE(refusal(b, turn(skip, R"({"text":"well"})")).find("number of function response parts"),
            std::string::npos);
  EXPECT_NE(refusal(b, turn(skip, response + "," + response)).find("number of function response"),
            std::string::npos);
  EXPECT_NE(refusal(b, turn(skip, R"({"functionResponse":{"id":"2","name":"g","response":{}}})"))
                .find("matches no function call"),
            std::string::npos);
}

TEST(GeminiGenerate, Refusals) {
  auto b = make_bench();
  const auto config = [](std::string_view text) {
    return body_of("x", "y", R"(,"generationConfig":{)" + std::string(text) + "}");
  };
  const std::pair<std::string, std::string_view> cases[] = {
      {"{", "Invalid JSON"},
      {"[]", "Expected an object"},
      {"{}", "contents is not specified"},
      {R"({"contents":[{"parts":[]}]})", "must not be empty"},
      {R"({"contents":[{"role":"system","parts":[{"text":"x"}]}]})", "valid role"},
      {R"({"contents":[{"parts":[{}]}]})", "required oneof"},
      {R"({"contents":[{"parts":[{"text":"x","functionCall":{"name":"f"}}]}]})", "already set"},
      {R"({"contents":[{"parts":[{"text":""}]}]})", "text parameter"},
      {R"({"contents":[{"parts":[{"inlineData":{"data":"x"}}]}]})", "mimeType"},
      {R"({"contents":[{"parts":[{"functionResponse":{"name":"f","response":{}}}]}]})",
       "immediately after"},
      {R"({"messages":[]})", R"(Unknown name "messages")"},
      {body_of("x", "y", R"(,"max_tokens":4)"), R"(Unknown name "max_tokens")"},
      {config(R"("max_completion_tokens":4)"), "Unknown name"},
      {config(R"("maxOutputTokens":0)"), "must be positive"},
      {config(R"("temperature":3)"), "range"},
      {config(R"("topP":1.5)"), "range"},
      {config(R"("seed":3000000000)"), "TYPE_INT32"},
      {config(R"("stopSequences":["1","2","3","4","5","6"])"), "at most 5"},
      {config(R"("candidateCount":2)"), "one candidate"},
      {config(R"("responseMimeType":"text/html")"), "allowed mimetypes"},
      {config(R"("responseJsonSchema":{})"), "unsupported"},
      {body_of("x", "y", R"(,"toolConfig":{"functionCallingConfig":{"mode":"ANY"}})"),
       "without function_declarations"},
  };
  for (const auto& [body, message] : cases) {
    const Reply reply = b.post(path_of(kFlash3), body);
    EXPECT_EQ(reply.head.status, 400) << body;
    const Parsed error(reply.text());
    EXPECT_EQ(error["error"]["code"].integer(), 400);
    EXPECT_EQ(error["error"]["status"].string(), "INVALID_ARGUMENT");
    EXPECT_NE(error["error"]["message"].string_or("").find(message), std::string::npos)
        << reply.text();
  }
  EXPECT_TRUE(b.bill().empty());
  const std::string both = body_of(
      "x", "y",
      R"(,"tools":[{"functionDeclarations":[{"name":"f"}]}],"generationConfig":{"responseMimeType":"application/json"})");
  EXPECT_NE(refusal(b, both, kFlash).find("is unsupported"), std::string::npos);
  ask(b, kFlash3, both);
  EXPECT_EQ(b.post(path_of("no-such"), body_of("x", "y")).head.status, 404);
  EXPECT_EQ(b.post(path_of(kFlash), body_of("x", "y", R"(,"cachedContent":"cachedContents/1")"))
                .head.status,
            403);
}

TEST(GeminiGenerate, KeysAndLimits) {
  auto b = make_bench({.requests_per_minute_max = 2});
  const Reply wrong = b.get(kModels, {{"x-goog-api-key", "invalid"}});
  EXPECT_EQ(wrong.head.status, 400);
  const Parsed error(wrong.text());
  const json::Value detail(error["error"]["details"].items().at(0));
  EXPECT_EQ(detail["reason"].string(), "API_KEY_INVALID");
  EXPECT_EQ(b.get(kModels, {{"x-goog-api-key", ""}}).head.status, 403);
  b.get(kModels);
  b.get(kModels);
  const Reply limited = b.get(kModels);
  EXPECT_EQ(limited.head.status, 429);
  EXPECT_EQ(limited.head.headers.find("retry-after"), std::nullopt);  // it stands in the body
  const Parsed told(limited.text());
  EXPECT_EQ(told["error"]["status"].string(), "RESOURCE_EXHAUSTED");
  const json::Value wait(told["error"]["details"].items().at(0));
  EXPECT_EQ(wait["@type"].string(), "type.googleapis.com/google.rpc.RetryInfo");
  EXPECT_TRUE(wait["retryDelay"].string().value_or("").ends_with("s"));
}

TEST(GeminiGenerate, ModelsAndCounting) {
  auto b = make_bench();
  EXPECT_GT(Parsed(b.get(kModels).text())["models"].size(), 5U);
  EXPECT_EQ(Parsed(b.get(kModels + "/gemini-2.5-pro").text())["name"].string(),
            "models/gemini-2.5-pro");
  EXPECT_EQ(b.get(kModels + "/none").head.status, 404);
  const std::string body = body_of("a b", "c d");
  const Parsed counted(b.post(path_of(kFlash, "countTokens"), body).text());
  EXPECT_EQ(counted["totalTokens"].integer(),
            count(ask(b, kFlash, body)["usageMetadata"], "promptTokenCount"));
  EXPECT_EQ(b.post(path_of(kFlash, "embedContent"), body).head.status, 404);
  EXPECT_EQ(b.get("/gemini/v1/none").head.status, 404);
}

}  // namespace
}  // namespace weir::sim::gemini
