// batchEmbedContents, as the reference shows it.
#include <gtest/gtest.h>

#include "provider/embedding.h"

namespace weir::providers::gemini {
const provider::Adapter& adapter();

namespace {

const provider::Credentials kAccount{.base_path = "", .key = "AIza-test"};

provider::EmbeddingRequest embedding_of(std::string model, std::vector<std::string> inputs) {
  return {.model = std::move(model), .inputs = std::move(inputs), .dimensions = 2};
}

TEST(GeminiEmbeddings, TheOlderModelIsToldThePurpose) {
  auto request = embedding_of("gemini-embedding-001", {"a", "b"});
  const auto plan = adapter().embeddings()->encode_embed(request, {kAccount, "1"});
  ASSERT_TRUE(plan) << plan.error().text();
  EXPECT_EQ(plan->target, "/v1beta/models/gemini-embedding-001:batchEmbedContents");
  EXPECT_EQ(plan->headers.find("x-goog-api-key"), "AIza-test");
  const std::string head = R"({"model":"models/gemini-embedding-001","content":{"parts":[{"text":)",
                    tail = R"(}]},"taskType":"RETRIEVAL_DOCUMENT","outputDimensionality":2})";
  EXPECT_EQ(std::get<std::string>(plan->body.at(0)),
            R"({"requests":[)" + head + "\"a\"" + tail + "," + head + "\"b\"" + tail + "]}");
  request.purpose = provider::EmbeddingPurpose::kQuery;
  const auto query = adapter().embeddings()->encode_embed(request, {kAccount, "1"});
  EXPECT_TRUE(std::get<std::string>(query->body.at(0)).contains("RETRIEVAL_QUERY"));
  request.model = "gemini-embedding-2";
  const auto later = adapter().embeddings()->encode_embed(request, {kAccount, "1"});
  EXPECT_FALSE(std::get<std::string>(later->body.at(0)).contains("taskType"));
}

TEST(GeminiEmbeddings, MayComeWithoutUsage) {
  const auto request = embedding_of("gemini-embedding-001", {"a", "b"});
  const auto read = [&](std::string body, int status = 200) {
    return adapter().embeddings()->decode_embed(
        request, {.status = status, .headers = {}, .body = std::move(body)}, Time{});
  };
  const auto told = read(
      R"({"embeddings":[{"values":[1,-0.5]},{"values":[0,2]}],"usageMetadata":{"promptTokenCount":3}})");
  ASSERT_TRUE(told) << told.error().text();
  EXPECT_EQ(told->vectors, (std::vector<std::vector<float>>{{1, -0.5F}, {0, 2}}));
  EXPECT_EQ(told->usage, (llm::Usage{.input = {3}}));
  const auto untold = read(R"({"embeddings":[{"values":[1,-0.5]},{"values":[0,2]}]})");
  ASSERT_TRUE(untold);
  EXPECT_EQ(untold->usage, std::nullopt);
  EXPECT_EQ(read(R"({"embeddings":[{"values":[1,2]}]})").error().kind, ErrorKind::kBadResponse);
  EXPECT_EQ(
      read(R"({"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT",)"
           R"("details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo",)"
           R"("reason":"API_KEY_INVALID"}]}})",
           400)
          .error()
          .kind,
      ErrorKind::kUnauthenticated);
}

}  // namespace
}  // namespace weir::providers::gemini
