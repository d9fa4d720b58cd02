// Bodies of InvokeModel for embeddings, by their makers.
#include <gtest/gtest.h>

#include "provider/embedding.h"

namespace weir::providers::bedrock {
const provider::Adapter& adapter();

namespace {

const provider::EmbeddingRequest kTitan{.model = "amazon.titan-embed-text-v2:0", .inputs = {"a"}};
const provider::EmbeddingRequest kCohere{.model = "us.cohere.embed-v4:0", .inputs = {"a", "b"}};

provider::Credentials account() {
  provider::Credentials out{.base_path = "/bedrock", .key = "key-1"};
  out.settings.set("region", "us-east-1");
  return out;
}

TEST(BedrockEmbeddings, AreAskedForAsTheMakerWantsIt) {
  const auto credentials = account();
  const auto plan_of = [&](const provider::EmbeddingRequest& request) {
    return adapter().embeddings()->encode_embed(request, {credentials, "1"});
  };
  auto request = kTitan;
  request.dimensions = 256;
  const auto titan = plan_of(request);
  ASSERT_TRUE(titan) << titan.error().text();
  EXPECT_EQ(titan->target, "/bedrock/model/amazon.titan-embed-text-v2%3A0/invoke");
  EXPECT_TRUE(titan->headers.find("authorization"));
  EXPECT_EQ(std::get<std::string>(titan->body.at(0)), R"({"inputText":"a","dimensions":256})");
  EXPECT_EQ(std::get<std::string>(plan_of(kCohere)->body.at(0)),
            R"({"input_type":"search_document","texts":["a","b"],"embedding_types":["float"],)"
            R"("truncate":"NONE"})");
  request.inputs.emplace_back("b");
  EXPECT_EQ(plan_of(request).error().kind, ErrorKind::kUnsupported);
  for (const auto* model : {"amazon.titan-embed-text-v1", "cohere.embed-english-v3",
                            "cohere.embed-multilingual-v3", "twelvelabs.marengo-embed-2-7-v1:0"})
    EXPECT_EQ(plan_of({.model = model, .inputs = {"a"}, .dimensions = 256}).error().kind,
              ErrorKind::kUnsupported)
        << model;
}

TEST(BedrockEmbeddings, SayTheirUsageInTheBodyOrAHeader) {
  const auto read = [](const provider::EmbeddingRequest& request, std::string body,
                       std::string tokens = "") {
    http::Response response{.status = 200, .headers = {}, .body = std::move(body)};
    if (!tokens.empty()) response.headers.add("x-amzn-bedrock-input-token-count", tokens);
    return adapter().embeddings()->decode_embed(request, response, Time{});
  };
  const auto titan = read(kTitan, R"({"embedding":[1,-0.5],"inputTextTokenCount":4,)"
                                  R"("embeddingsByType":{"float":[1,-0.5]}})");
  ASSERT_TRUE(titan) << titan.error().text();
  EXPECT_EQ(titan->vectors, (std::vector<std::vector<float>>{{1, -0.5F}}));
  EXPECT_EQ(titan->usage, (llm::Usage{.input = {4}}));
  EXPECT_EQ(read(kTitan, R"({"embedding":[1]})").error().kind, ErrorKind::kBadResponse);
  const std::string two = R"({"embeddings":{"float":[[1],[2]]},"id":"x"})";
  EXPECT_EQ(read(kCohere, two, "5")->usage, (llm::Usage{.input = {5}}));
  EXPECT_EQ(read(kCohere, two)->usage, std::nullopt);
  for (const auto* nonsense : {"x", "1e99", "[1]", "0x5"})
    EXPECT_EQ(read(kCohere, two, nonsense)->usage, std::nullopt) << nonsense;
  EXPECT_EQ(read(kCohere, R"({"embeddings":{"float":[[1]]}})", "5").error().kind,
            ErrorKind::kBadResponse);
}

}  // namespace
}  // namespace weir::providers::bedrock
