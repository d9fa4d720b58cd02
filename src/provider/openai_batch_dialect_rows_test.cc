#include <gtest/gtest.h>

#include "provider/openai_batch_dialect.h"

namespace weir::provider::openai_batch {
namespace {

constexpr openai_chat::ErrorRule kRowRules[] = {
    {0, "context_length_exceeded", ErrorKind::kInvalidArgument, "shorten it"},
    {429, "rate_limit_exceeded", ErrorKind::kRateLimited, "slow down"}};
const Options kRowOptions{.chat = {.provider = "test", .errors = kRowRules}};

Row row(std::string_view line) {
  auto out = decode_row(kRowOptions, line, Time{});
  EXPECT_TRUE(out) << line;
  return out.value_or(Row{});
}

TEST(OpenaiBatchRows, ItemsAreLines) {
  llm::Request request;
  request.model = "m";
  request.messages = {{llm::Role::kUser, {{"two\nlines"}}}};
  request.stream = true;
  std::string image(image_format().head);
  ASSERT_TRUE(encode_item(kRowOptions, "w-0", request, image));
  image += image_format().separator;
  request.raw = llm::RawBody{llm::Dialect::kOpenAIChat, "{\n\"model\":\"m\"}"};
  ASSERT_TRUE(encode_item(kRowOptions, "w-1", request, image));
  image += image_format().tail;
  EXPECT_EQ(
      image,
      R"({"custom_id":"w-0","method":"POST","url":"/v1/chat/completions","body":{"model":"m",)"
      R"("messages":[{"role":"user","content":"two\nlines"}]}})"
      "\n"
      R"({"custom_id":"w-1","method":"POST","url":"/v1/chat/completions","body":{ "model":"m"}})"
      "\n");
  request.raw->bytes = R"({"stream":true})";
  const std::string before = image;
  const auto refused = encode_item(kRowOptions, "w-2", request, image);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kInvalidArgument);
  EXPECT_EQ(image, before);
}

TEST(OpenaiBatchRows, Succeeded) {
  const auto out = row(
      R"({"id":"batch_req_1","custom_id":"w-1","response":{"status_code":200,"request_id":"req_1","body":)"
      R"({"id":"chatcmpl-1","created":1795000000,"model":"m","choices":[{"message":{"content":"ok"},)"
      R"("finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1}}},"error":null})");
  EXPECT_EQ(out.custom_id, "w-1");
  EXPECT_EQ(out.outcome, Row::Outcome::kSucceeded);
  EXPECT_EQ(out.response.text, "ok");
  EXPECT_EQ(out.response.usage.input.count, 3);
  EXPECT_EQ(out.response.created, from_unix_seconds(1795000000));
}

TEST(OpenaiBatchRows, Errored) {
  const auto length = row(
      R"({"custom_id":"w-1","response":{"status_code":400,"request_id":"req_2","body":{"error":)"
      R"({"message":"too long","code":"context_length_exceeded"}}},"error":null})");
  EXPECT_EQ(length.outcome, Row::Outcome::kErrored);
  EXPECT_EQ(length.error.kind, ErrorKind::kInvalidArgument);
  EXPECT_EQ(length.error.hint, "shorten it");
  EXPECT_EQ(length.error.http_status, 400);
  EXPECT_EQ(length.error.request_id, "req_2");
  EXPECT_EQ(row(R"({"custom_id":"a","response":{"status_code":500,"body":null}})").error.kind,
            ErrorKind::kUnavailable);
  EXPECT_EQ(row(R"({"custom_id":"a","response":{"status_code":429}})").error.kind,
            ErrorKind::kRateLimited);
  const auto coded =
      row(R"({"custom_id":"a","response":null,"error":{"code":"rate_limit_exceeded"}})");
  EXPECT_EQ(coded.outcome, Row::Outcome::kErrored);
  EXPECT_EQ(coded.error.kind, ErrorKind::kRateLimited);
  EXPECT_EQ(row(R"({"custom_id":"a","response":null,"error":{"code":"novel"}})").error.kind,
            ErrorKind::kUnavailable);
}

TEST(OpenaiBatchRows, NeverRun) {
  EXPECT_EQ(
      row(R"({"custom_id":"a","response":null,"error":{"code":"batch_expired","message":"x"}})")
          .outcome,
      Row::Outcome::kExpired);
  const auto cancelled =
      row(R"({"custom_id":"a","response":null,"error":{"code":"batch_cancelled"}})");
  EXPECT_EQ(cancelled.outcome, Row::Outcome::kCancelled);
  EXPECT_EQ(cancelled.error.kind, ErrorKind::kCancelled);
}

TEST(OpenaiBatchRows, UnreadableRowsKeepTheirIdAndTheirUsage) {
  const auto out = row(
      R"({"custom_id":"a","response":{"status_code":200,"body":{"choices":[],"usage":{"completion_tokens":4}}}})");
  EXPECT_EQ(out.outcome, Row::Outcome::kErrored);
  EXPECT_EQ(out.error.kind, ErrorKind::kBadResponse);
  EXPECT_EQ(out.response.usage.output.count, 4);
  EXPECT_EQ(out.response.usage_raw, R"({"completion_tokens":4})");
  for (const char* line :
       {R"({"custom_id":"a"})", R"({"custom_id":"a","response":{},"error":null})",
        R"({"custom_id":"a","response":{"status_code":99999999999}})",
        R"({"custom_id":"a","response":{"status_code":200}})"}) {
    EXPECT_EQ(row(line).outcome, Row::Outcome::kErrored) << line;
    EXPECT_EQ(row(line).error.kind, ErrorKind::kBadResponse) << line;
  }
}

TEST(OpenaiBatchRows, NoRows) {
  for (const char* line :
       {"", "{", "[]", "{}", R"({"custom_id":7})", R"({"custom_id":""})",
        R"({"custom_id":"a","custom_id":"b","error":{}})", "{\"custom_id\":\"\xFF\"}"}) {
    const auto out = decode_row(kRowOptions, line, Time{});
    ASSERT_FALSE(out) << line;
    EXPECT_EQ(out.error().kind, ErrorKind::kBadResponse) << line;
  }
}

}  // namespace
}  // namespace weir::provider::openai_batch
