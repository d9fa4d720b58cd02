// /v2/embed, as the reference shows it.
#include <gtest/gtest.h>

#include "provider/embedding.h"

namespace weir::providers::cohere {
const provider::Adapter& adapter();

namespace {

TEST(CohereEmbeddings, SayWhatForAndAreNotCut) {
  const provider::Credentials account{.base_path = "", .key = "co-test"};
  provider::EmbeddingRequest request{.model = "embed-v4.0", .inputs = {"a", "b"}};
  const auto body_of = [&] {
    const auto plan = adapter().embeddings()->encode_embed(request, {account, "1"});
    EXPECT_EQ(plan->target, "/v2/embed");
    return std::get<std::string>(plan->body.at(0));
  };
  EXPECT_EQ(body_of(), R"({"model":"embed-v4.0","input_type":"search_document","texts":["a","b"],)"
                       R"("embedding_types":["float"],"truncate":"NONE"})");
  request.purpose = provider::EmbeddingPurpose::kQuery;
  request.dimensions = 256;
  EXPECT_EQ(body_of(), R"({"model":"embed-v4.0","input_type":"search_query","texts":["a","b"],)"
                       R"("embedding_types":["float"],"truncate":"NONE","output_dimension":256})");
}

TEST(CohereEmbeddings, CostWhatIsBilled) {
  const provider::EmbeddingRequest request{.model = "embed-v4.0", .inputs = {"a", "b"}};
  const auto read = [&](std::string body, int status = 200) {
    return adapter().embeddings()->decode_embed(
        request, {.status = status, .headers = {}, .body = std::move(body)}, Time{});
  };
  const auto out =
      read(R"({"id":"x","embeddings":{"float":[[1,-0.5],[0,2]]},"texts":["a","b"],)"
           R"("meta":{"api_version":{"version":"2"},"billed_units":{"input_tokens":2.0}}})");
  ASSERT_TRUE(out) << out.error().text();
  EXPECT_EQ(out->vectors, (std::vector<std::vector<float>>{{1, -0.5F}, {0, 2}}));
  EXPECT_EQ(out->usage, (llm::Usage{.input = {2}}));
  EXPECT_EQ(read(R"({"embeddings":{"float":[[1],[2]]}})").error().kind, ErrorKind::kBadResponse);
  EXPECT_EQ(
      read(R"({"embeddings":[[1],[2]],"meta":{"billed_units":{"input_tokens":2}}})").error().kind,
      ErrorKind::kBadResponse);
  EXPECT_EQ(read(R"({"message":"invalid api token"})", 401).error().kind,
            ErrorKind::kUnauthenticated);
}

}  // namespace
}  // namespace weir::providers::cohere
