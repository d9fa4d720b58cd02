#include <gtest/gtest.h>

#include "provider/adapter.h"
#include "providers/openAICompatible/usage.h"

namespace weir::providers::openAICompatible {

const provider::Adapter& adapter();

namespace {

llm::Request request() {
  llm::Request out;
  out.model = "qwen3";
  out.messages = {{.role = llm::Role::kUser, .content = {{.text = "Hi"}}}};
  out.output_max = Tokens{9};
  return out;
}

TEST(CompatibleEncode, OnlyWhatEveryServerKnows) {
  auto in = request();
  in.cache_key = "weir-1";
  const provider::Credentials none{.base_path = "/v1", .key = ""};
  const auto plan = adapter().encode_sync(in, {none, "01A"}).value();
  EXPECT_EQ(plan.target, "/v1/chat/completions");
  EXPECT_FALSE(plan.headers.find("authorization"));
  EXPECT_EQ(plan.headers.find("content-type"), "application/json");
  EXPECT_EQ(std::get<std::string>(plan.body.at(0)),
            R"({"model":"qwen3","messages":[{"role":"user","content":"Hi"}],"max_tokens":9})");
  const provider::Credentials own{.base_path = "/api", .key = "k"};
  EXPECT_EQ(adapter().encode_probe(own, "m").target, "/api/models");
  EXPECT_EQ(adapter().encode_probe(own, "m").headers.find("authorization"), "Bearer k");
  EXPECT_EQ(adapter().name(), "openAICompatible");
  in.messages[0].content[0].mark = llm::CacheMark{};
  EXPECT_EQ(adapter().encode_sync(in, {none, "01A"}).error().kind, ErrorKind::kUnsupported);
}

TEST(CompatibleUsage, EveryWayToCountTheCache) {
  const struct {
    std::string_view json;
    llm::Usage usage;
  } rows[] = {
      {R"({"prompt_tokens":100,"completion_tokens":7})", {.input = {100}, .output = {7}}},
      {R"({"prompt_tokens":100,"prompt_tokens_details":null,"completion_tokens":7})",
       {.input = {100}, .output = {7}}},
      {R"({"prompt_tokens":100,"prompt_tokens_details":{"cached_tokens":64},"completion_tokens":7})",
       {.input = {36}, .cache_read = {64}, .output = {7}}},
      {R"({"prompt_tokens":100,"prompt_cache_hit_tokens":64,"prompt_cache_miss_tokens":36,)"
       R"("completion_tokens":7,"prompt_tokens_details":{"cached_tokens":64}})",
       {.input = {36}, .cache_read = {64}, .output = {7}}},
      {R"({"prompt_cache_hit_tokens":64,"prompt_cache_miss_tokens":36,"completion_tokens":7})",
       {.input = {36}, .cache_read = {64}, .output = {7}}},
      {R"({"prompt_tokens":100,"cached_tokens":10,"completion_tokens":7})",
       {.input = {90}, .cache_read = {10}, .output = {7}}},
      {R"({"prompt_tokens":100,"prompt_tokens_details":{"cached_tokens":40,"cache_write_tokens":50},)"
       R"("completion_tokens":7,"cost":0.01})",
       {.input = {10}, .cache_read = {40}, .cache_write = {50}, .output = {7}}},
      // More cached than prompted, and counts that are none.
      {R"({"prompt_tokens":10,"cached_tokens":64,"completion_tokens":-1})",
       {.input = {0}, .cache_read = {64}}},
      {R"({"prompt_tokens":"10"})", {}},
  };
  for (const auto& row : rows) {
    json::Parser parser;
    EXPECT_EQ(decode_usage(parser.parse(row.json).value()), row.usage) << row.json;
  }
}

Result<llm::Response> decode(int status, std::string_view body) {
  return adapter().decode_sync({.status = status, .headers = {}, .body = std::string(body)},
                               Time{});
}

TEST(CompatibleDecode, AnAnswerWithItsUsage) {
  const auto out = decode(
      200,
      R"({"id":"x","choices":[{"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}],)"
      R"("usage":{"prompt_tokens":100,"prompt_cache_hit_tokens":64,"completion_tokens":7}})");
  ASSERT_TRUE(out) << out.error().text();
  EXPECT_EQ(out->usage, (llm::Usage{.input = {36}, .cache_read = {64}, .output = {7}}));
  EXPECT_EQ(decode(200, R"({"choices":[{"message":{"content":"x"}}],"usage":null})").error().kind,
            ErrorKind::kBadResponse);
}

TEST(CompatibleDecode, AStreamWithCommentsAndTheUsageOnEveryChunk) {
  const auto decoder = adapter().stream_decoder();
  std::string text;
  ASSERT_TRUE(decoder->feed(
      ": OPENROUTER PROCESSING\n\n"
      "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"}}],"
      "\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":1}}\n\n"
      "data: "
      "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"lo\"},\"finish_reason\":\"stop\"}],"
      "\"usage\":{\"prompt_tokens\":5,\"prompt_cache_hit_tokens\":2,\"completion_tokens\":2}}\n\n"
      "data: [DONE]\n\n",
      text));
  const auto out = decoder->finish();
  ASSERT_TRUE(out) << out.error().text();
  EXPECT_EQ(text, "Hello");
  EXPECT_EQ(out->usage, (llm::Usage{.input = {3}, .cache_read = {2}, .output = {2}}));
}

TEST(CompatibleErrors, EveryShape) {
  const struct {
    int status;
    std::string_view body;
    ErrorKind kind;
    std::string_view words;
  } rows[] = {
      {400, R"({"error":{"message":"bad temperature","type":"x","code":400}})",
       ErrorKind::kInvalidArgument, "bad temperature"},
      {400, R"({"error":"bad temperature"})", ErrorKind::kInvalidArgument, "bad temperature"},
      {422, R"({"detail":[{"loc":["body"],"msg":"field required"}]})", ErrorKind::kInvalidArgument,
       "field required"},
      {500, R"({"detail":"it broke"})", ErrorKind::kUnavailable, "it broke"},
      {400,
       R"({"object":"error","message":"This model's maximum context length is 9 tokens","type":"BadRequestError"})",
       ErrorKind::kInvalidArgument, "larger context"},
      {502, "<html>Bad gateway</html>", ErrorKind::kUnavailable, "502"},
      {401, R"({"error":{"message":"key sk-abc is wrong"}})", ErrorKind::kUnauthenticated, "401"},
      {402, R"({"error":{"message":"Insufficient Balance"}})", ErrorKind::kInvalidArgument,
       "credits"},
      {403, "{}", ErrorKind::kUnauthenticated, "403"},
      {404, R"({"detail":"Not Found"})", ErrorKind::kNotFound, "Not Found"},
      {405, R"({"detail":"Method Not Allowed"})", ErrorKind::kInvalidArgument, "no chat server"},
      {425, "", ErrorKind::kUnavailable, "425"},
      {429, R"({"error":{"message":"slow down"}})", ErrorKind::kRateLimited, "slow down"},
      {429, R"({"error":{"message":"x","code":"insufficient_quota"}})", ErrorKind::kInvalidArgument,
       "credits"},
      {400, R"({"error":{"message":"x","code":"context_length_exceeded"}})",
       ErrorKind::kInvalidArgument, "larger context"},
      {503, R"({"error":{"message":"Loading model","type":"unavailable_error","code":503}})",
       ErrorKind::kUnavailable, "Loading model"},
  };
  for (const auto& row : rows) {
    const auto error = decode(row.status, row.body).error();
    EXPECT_EQ(error.kind, row.kind) << row.body;
    EXPECT_TRUE(error.text().contains(row.words)) << error.text();
    EXPECT_FALSE(error.text().contains("sk-abc"));
  }
}

TEST(CompatibleProvider, HasNoBatchesAndAssumesNone) {
  std::string out;
  EXPECT_EQ(adapter().encode_item("a", request(), out).error().kind, ErrorKind::kUnsupported);
}

}  // namespace
}  // namespace weir::providers::openAICompatible
