// The adapter: what it sends is compared byte for byte, what is in answers and rows is read.
#include <gtest/gtest.h>

#include "json/value.h"
#include "provider/adapter.h"

namespace weir::providers::gemini {
const provider::Adapter& adapter();

namespace {

using provider::Row;

const provider::Credentials kCredentials{.base_path = "", .key = "AIza-test"};

llm::Request request() {
  llm::Request out;
  out.model = "gemini-3.8-flash";
  out.messages = {{llm::Role::kUser, {{"Hello."}}}};
  return out;
}
constexpr std::string_view kBody = R"({"contents":[{"role":"user","parts":[{"text":"Hello."}]}]})";
constexpr std::string_view kResponse =
    R"({"candidates":[{"content":{"parts":[{"text":"Hi."}],"role":"model"},"finishReason":"STOP"}],)"
    R"("usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":2}})";

TEST(GeminiProvider, Sync) {
  auto r = request();
  const auto plan = adapter().encode_sync(r, {kCredentials, "01ATTEMPT"}).value();
  EXPECT_EQ(plan.method, http::Method::kPost);
  EXPECT_EQ(plan.target, "/v1beta/models/gemini-3.8-flash:generateContent");
  EXPECT_EQ(plan.headers.find("x-goog-api-key"), "AIza-test");
  EXPECT_EQ(plan.headers.find("content-type"), "application/json");
  EXPECT_EQ(plan.headers.find("x-client-request-id"), "01ATTEMPT");
  EXPECT_EQ(plan.headers.find("authorization"), std::nullopt);
  EXPECT_EQ(std::get<std::string>(plan.body.at(0)), kBody);
  r.stream = true;
  r.model = "tuned/x y";
  const auto stream = adapter().encode_sync(r, {kCredentials, "01ATTEMPT"}).value();
  EXPECT_EQ(stream.target, "/v1beta/models/tuned%2Fx%20y:streamGenerateContent?alt=sse");
  EXPECT_EQ(std::get<std::string>(stream.body.at(0)), kBody);
  const auto answer =
      adapter().decode_sync({.status = 200, .headers = {}, .body = std::string(kResponse)}, Time{});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->text, "Hi.");
  EXPECT_EQ(adapter().name(), "gemini");
  EXPECT_EQ(adapter().rate_limits({{"x-ratelimit-limit-requests", "5"}}, Time{}),
            provider::RateLimits{});
}

TEST(GeminiProvider, Probe) {
  const auto plan = adapter().encode_probe(kCredentials, "gemini-3.8-flash");
  EXPECT_EQ(plan.method, http::Method::kGet);
  EXPECT_EQ(plan.target, "/v1beta/models/gemini-3.8-flash");
  EXPECT_EQ(plan.headers.find("x-goog-api-key"), "AIza-test");
}

TEST(GeminiProvider, ReadyMadeBodiesAreNotTaken) {
  EXPECT_EQ(adapter().raw_blocks({.bytes = "{}"}).error().kind, ErrorKind::kUnsupported);
  auto r = request();
  r.messages.clear();
  r.raw = llm::RawBody{.dialect = llm::Dialect::kAnthropicMessages, .bytes = "{}"};
  EXPECT_EQ(adapter().encode_sync(r, {kCredentials, "a"}).error().kind, ErrorKind::kUnsupported);
}

TEST(GeminiProvider, Items) {
  std::string out = "before ";
  ASSERT_TRUE(adapter().encode_item("w1-0", request(), out));
  EXPECT_EQ(out, R"(before {"key":"w1-0","request":)" + std::string(kBody) + "}");
  EXPECT_EQ(adapter().image_format().separator, "\n");
  auto r = request();
  r.stream = true;
  EXPECT_EQ(adapter().encode_item("w1-0", r, out).error().kind, ErrorKind::kInvalidArgument);
}

Result<Row> row(const std::string& line) { return adapter().decode_row("output", line, Time{}); }

TEST(GeminiProvider, Rows) {
  const auto good = row(R"({"key":"w1-0","response":)" + std::string(kResponse) + "}").value();
  EXPECT_EQ(good.custom_id, "w1-0");
  EXPECT_EQ(good.outcome, Row::Outcome::kSucceeded);
  EXPECT_EQ(good.response.text, "Hi.");
  EXPECT_EQ(good.response.usage, (llm::Usage{.input = {5}, .output = {2}}));
  const auto failed = row(R"({"key":"w1-1","error":{"code":8,"message":"quota"}})").value();
  EXPECT_EQ(failed.outcome, Row::Outcome::kErrored);
  EXPECT_EQ(failed.error.kind, ErrorKind::kRateLimited);
  EXPECT_EQ(row(R"({"key":"a","error":{"code":3,"message":"bad"}})")->error.kind,
            ErrorKind::kInvalidArgument);
  const auto unreadable =
      row(R"({"key":"a","response":{"usageMetadata":{"candidatesTokenCount":4}}})").value();
  EXPECT_EQ(unreadable.outcome, Row::Outcome::kErrored);
  EXPECT_EQ(unreadable.error.kind, ErrorKind::kBadResponse);
  EXPECT_EQ(unreadable.response.usage.output.count, 4);
  EXPECT_EQ(row(R"({"key":"a"})")->error.kind, ErrorKind::kBadResponse);
}

TEST(GeminiProvider, NoRows) {
  for (const char* line : {"", "{", "[]", "{}", R"({"key":7})", R"({"key":""})",
                           R"({"key":"a","key":"b","error":{}})", "{\"key\":\"\xFF\"}"}) {
    const auto out = row(line);
    ASSERT_FALSE(out) << line;
    EXPECT_EQ(out.error().kind, ErrorKind::kBadResponse) << line;
  }
}

}  // namespace
}  // namespace weir::providers::gemini
