// The adapter: what it sends is compared byte for byte, what is in answers and rows is read.
#include <gmock/gmock.h>

#include "json/value.h"
#include "json/write.h"
#include "provider/adapter.h"

namespace weir::providers::vertexAI {
const provider::Adapter& adapter();

namespace {

using provider::Row;
using testing::HasSubstr;

provider::Credentials credentials(std::string_view host = "us-central1-aiplatform.googleapis.com") {
  provider::Credentials out{
      .base_path = "/", .key = "ya29.test", .origin = {.tls = true, .host = std::string(host)}};
  out.settings.set("project", "shop");
  out.settings.set("location", "us-central1");
  return out;
}

llm::Request request() {
  llm::Request out;
  out.model = "gemini-2.5-flash";
  out.messages = {{llm::Role::kUser, {{"Hello."}}}};
  return out;
}
constexpr std::string_view kBody = R"({"contents":[{"role":"user","parts":[{"text":"Hello."}]}]})";
constexpr std::string_view kResponse =
    R"({"candidates":[{"content":{"parts":[{"text":"Hi."}],"role":"model"},"finishReason":"STOP"}],)"
    R"("usageMetadata":{"promptTokenCount":50,"cachedContentTokenCount":40,"candidatesTokenCount":2,)"
    R"("thoughtsTokenCount":3,"trafficType":"ON_DEMAND"},"createTime":"2026-11-23T12:00:00Z"})";

TEST(VertexProvider, Sync) {
  auto r = request();
  const auto with = credentials();
  const auto plan = adapter().encode_sync(r, {with, "01ATTEMPT"}).value();
  EXPECT_EQ(plan.method, http::Method::kPost);
  EXPECT_EQ(plan.target,
            "/v1/projects/shop/locations/us-central1/publishers/google/models/"
            "gemini-2.5-flash:generateContent");
  EXPECT_EQ(plan.headers.find("authorization"), "Bearer ya29.test");
  EXPECT_EQ(plan.headers.find("content-type"), "application/json");
  EXPECT_EQ(plan.headers.find("x-client-request-id"), "01ATTEMPT");
  EXPECT_FALSE(plan.origin);
  EXPECT_FALSE(plan.access_token);
  EXPECT_EQ(std::get<std::string>(plan.body.at(0)), kBody);
  r.stream = true;
  EXPECT_THAT(adapter().encode_sync(r, {with, "01ATTEMPT"})->target,
              HasSubstr("/gemini-2.5-flash:streamGenerateContent?alt=sse"));
  const auto answer =
      adapter().decode_sync({.status = 200, .headers = {}, .body = std::string(kResponse)}, Time{});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->text, "Hi.");
  EXPECT_EQ(answer->usage, (llm::Usage{.input = {10}, .cache_read = {40}, .output = {5}}));
  EXPECT_EQ(answer->created, parse_rfc3339("2026-11-23T12:00:00Z"));
  EXPECT_EQ(adapter().name(), "vertexAI");
}

TEST(VertexProvider, WhatSettingsMustSay) {
  for (const auto& [name, value] :
       {std::pair("project", "a/b"), std::pair("project", ""), std::pair("project", "a..b"),
        std::pair("location", "us?x"), std::pair("location", "../x")}) {
    auto with = credentials();
    with.settings.set(name, value);
    const auto refused = adapter().encode_sync(request(), {with, "a"});
    ASSERT_FALSE(refused) << name << value;
    EXPECT_EQ(refused.error().kind, ErrorKind::kInvalidArgument);
    EXPECT_THAT(refused.error().message, HasSubstr(name));
    EXPECT_THAT(refused.error().hint, HasSubstr("--set"));
  }
  auto keyless = credentials();
  keyless.key.clear();
  EXPECT_EQ(adapter().encode_sync(request(), {keyless, "a"}).error().kind,
            ErrorKind::kUnauthenticated);
}

TEST(VertexProvider, Probe) {
  const auto plan = adapter().encode_probe(credentials(), "gemini-2.5-flash");
  EXPECT_EQ(plan.method, http::Method::kPost);
  EXPECT_THAT(plan.target, HasSubstr("/publishers/google/models/gemini-2.5-flash:countTokens"));
  EXPECT_EQ(plan.headers.find("authorization"), "Bearer ya29.test");
}

TEST(VertexProvider, ReadyMadeBodiesAreNotTaken) {
  EXPECT_EQ(adapter().raw_blocks({.bytes = "{}"}).error().kind, ErrorKind::kUnsupported);
}

TEST(VertexProvider, Images) {
  const auto with = credentials();
  auto r = request();
  const auto sent = [&](std::string url) {
    r.messages[0].content[0] = {.text = "", .image = llm::Image{"", "", std::move(url)}};
    return adapter().encode_sync(r, {with, "a"});
  };
  const auto plan = sent("https://host/a.PNG?size=1");
  ASSERT_TRUE(plan);
  EXPECT_THAT(
      std::get<std::string>(plan->body.at(0)),
      HasSubstr(R"({"fileData":{"mimeType":"image/png","fileUri":"https://host/a.PNG?size=1"}})"));
  EXPECT_EQ(sent("https://host/a").error().kind, ErrorKind::kUnsupported);
  EXPECT_EQ(sent("https://host.png/a.exe").error().kind, ErrorKind::kUnsupported);
}

TEST(VertexProvider, CallsCarryNoIds) {
  auto r = request();
  r.tools = {{.name = "f", .description = "", .parameters_json = R"({"type":"object"})"}};
  r.messages.push_back(
      {llm::Role::kAssistant, {{.text = "", .tool_call = llm::ToolCall{"call_0", "f", "{}"}}}});
  r.messages.push_back(
      {llm::Role::kUser, {{.text = "", .tool_result = llm::ToolResult{"call_0", "done"}}}});
  const auto with = credentials();
  const auto plan = adapter().encode_sync(r, {with, "a"}).value();
  const auto& body = std::get<std::string>(plan.body.at(0));
  EXPECT_EQ(body.find("call_0"), std::string::npos) << body;
  EXPECT_THAT(body, HasSubstr(R"({"functionResponse":{"name":"f","response":{"output":"done"}}})"));
}

TEST(VertexProvider, Items) {
  std::string out = "before ";
  ASSERT_TRUE(adapter().encode_item("w1-0", request(), out));
  EXPECT_EQ(out, R"(before {"custom_id":"w1-0","request":)" + std::string(kBody) + "}");
  EXPECT_EQ(adapter().image_format().separator, "\n");
  auto r = request();
  r.stream = true;
  EXPECT_EQ(adapter().encode_item("w1-0", r, out).error().kind, ErrorKind::kInvalidArgument);
}

TEST(VertexProvider, WhatTheImporterWouldFailOn) {
  const auto taken = [](std::string schema) {
    auto r = request();
    r.format = llm::AnswerFormat{.name = "a", .schema_json = std::move(schema)};
    std::string out;
    const auto done = adapter().encode_item("w1-0", r, out);
    EXPECT_EQ(out.empty(), !done);
    return done ? std::string() : done.error().message;
  };
  EXPECT_EQ(taken(R"({"type":"object","properties":{"a":{"type":["string","null"]}}})"), "");
  EXPECT_EQ(taken(R"({"enum":[1,2.5,null]})"), "");
  EXPECT_THAT(taken(R"({"$defs":{"a":{"type":"string"}}})"), HasSubstr("$defs"));
  EXPECT_THAT(taken(R"({"properties":{"first name":{"type":"string"}}})"), HasSubstr("first name"));
  EXPECT_THAT(taken(R"({"properties":{"2nd":{"type":"string"}}})"), HasSubstr("2nd"));
  EXPECT_THAT(taken(R"({"properties":{}})"), HasSubstr("empty object"));
  EXPECT_THAT(taken(R"({"enum":["a",1]})"), HasSubstr("several types"));
  // The line, request, generationConfig and responseJsonSchema are four levels.
  const auto nested = [](int levels) {
    std::string out = "1";
    for (int i = 0; i < levels; ++i) out = std::string(R"({"items":)").append(out).append("}");
    return out;
  };
  EXPECT_EQ(taken(nested(12)), "");
  EXPECT_THAT(taken(nested(13)), HasSubstr("15 levels"));
}

Result<Row> row(const std::string& line) {
  return adapter().decode_row("predictions.jsonl", line, Time{});
}

TEST(VertexProvider, Rows) {
  const auto good =
      row(R"({"status":"","processed_time":"2026-11-23T12:00:00Z","custom_id":"w1-0","request":{"contents":[]},"response":)" +
          std::string(kResponse) + "}")
          .value();
  EXPECT_EQ(good.custom_id, "w1-0");
  EXPECT_EQ(good.outcome, Row::Outcome::kSucceeded);
  EXPECT_EQ(good.response.text, "Hi.");
  EXPECT_EQ(good.response.usage.cache_read.count, 40);
  const auto unreadable =
      row(R"({"custom_id":"a","response":{"usageMetadata":{"candidatesTokenCount":4}}})").value();
  EXPECT_EQ(unreadable.outcome, Row::Outcome::kErrored);
  EXPECT_EQ(unreadable.error.kind, ErrorKind::kBadResponse);
  EXPECT_EQ(unreadable.response.usage.output.count, 4);
  EXPECT_EQ(row(R"({"custom_id":"a"})")->error.kind, ErrorKind::kBadResponse);
  EXPECT_EQ(row(R"({"custom_id":"a","response":{}})")->error.kind, ErrorKind::kBadResponse);
}

TEST(VertexProvider, RowsThatFailed) {
  const auto failed = [](std::string_view status, std::string_view more = "") {
    json::Writer out;
    out.begin_object().field("custom_id", "w1-1").field("status", status);
    if (!more.empty()) out.key("response").raw(more);
    const auto decoded = row(out.end_object().take()).value();
    EXPECT_EQ(decoded.outcome, Row::Outcome::kErrored);
    EXPECT_EQ(decoded.error.provider, "vertexAI");
    return decoded.error;
  };
  const auto bad = failed(
      R"(Bad Request: {"error": {"code": 400, "message": "Please use a valid role.", "status": "INVALID_ARGUMENT"}})");
  EXPECT_EQ(bad.kind, ErrorKind::kInvalidArgument);
  EXPECT_THAT(bad.message, HasSubstr("valid role"));
  EXPECT_EQ(failed(R"({"code":8,"message":"quota"})").kind, ErrorKind::kRateLimited);
  EXPECT_EQ(failed("Bad Request: no JSON {").kind, ErrorKind::kInvalidArgument);
  EXPECT_EQ(failed("Too Many Requests").kind, ErrorKind::kRateLimited);
  EXPECT_EQ(failed("Not Found: x").kind, ErrorKind::kNotFound);
  EXPECT_EQ(failed("Internal error occurred.").kind, ErrorKind::kUnavailable);
  EXPECT_EQ(failed("Internal error occurred.", "{}").kind, ErrorKind::kUnavailable);
}

TEST(VertexProvider, NoRows) {
  for (const char* line : {"", "{", "[]", "{}", R"({"custom_id":7})", R"({"custom_id":""})",
                           R"({"request":{"custom_id":"w1-0"},"response":{}})",
                           R"({"custom_id":"a","custom_id":"b"})", "{\"custom_id\":\"\xFF\"}"}) {
    const auto out = row(line);
    ASSERT_FALSE(out) << line;
    EXPECT_EQ(out.error().kind, ErrorKind::kBadResponse) << line;
  }
}

}  // namespace
}  // namespace weir::providers::vertexAI
