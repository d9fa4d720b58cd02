// models.predict of a text embedding model, as the reference shows it.
#include <gtest/gtest.h>

#include "provider/embedding.h"

namespace weir::providers::vertexAI {
const provider::Adapter& adapter();

namespace {

const provider::EmbeddingRequest kOneText{
    .model = "gemini-embedding-001", .inputs = {"a"}, .dimensions = 2};

TEST(VertexEmbeddings, AreNotCutWithoutAWord) {
  provider::Credentials account{.base_path = "", .key = "ya29.test"};
  account.settings.set("project", "shop");
  account.settings.set("location", "us-central1");
  const auto plan = adapter().embeddings()->encode_embed(kOneText, {account, "1"});
  ASSERT_TRUE(plan) << plan.error().text();
  EXPECT_EQ(plan->target,
            "/v1/projects/shop/locations/us-central1/publishers/google/models/"
            "gemini-embedding-001:predict");
  EXPECT_EQ(std::get<std::string>(plan->body.at(0)),
            R"({"instances":[{"content":"a","task_type":"RETRIEVAL_DOCUMENT"}],)"
            R"("parameters":{"autoTruncate":false,"outputDimensionality":2}})");
  account.key.clear();
  EXPECT_EQ(adapter().embeddings()->encode_embed(kOneText, {account, "1"}).error().kind,
            ErrorKind::kUnauthenticated);
}

TEST(VertexEmbeddings, SayTheirTokensEach) {
  const auto read = [&](std::string body) {
    return adapter().embeddings()->decode_embed(
        kOneText, {.status = 200, .headers = {}, .body = std::move(body)}, Time{});
  };
  const auto out = read(R"({"predictions":[{"embeddings":{"values":[1,-0.5],)"
                        R"("statistics":{"truncated":false,"token_count":4}}}],)"
                        R"("metadata":{"billableCharacterCount":1}})");
  ASSERT_TRUE(out) << out.error().text();
  EXPECT_EQ(out->vectors, (std::vector<std::vector<float>>{{1, -0.5F}}));
  EXPECT_EQ(out->usage, (llm::Usage{.input = {4}}));
  for (const auto* body : {R"({"predictions":[]})", R"({"predictions":[{"embeddings":{}}]})",
                           R"({"predictions":[{"embeddings":{"values":[1,2]}}]})"})
    EXPECT_EQ(read(body).error().kind, ErrorKind::kBadResponse) << body;
}

}  // namespace
}  // namespace weir::providers::vertexAI
