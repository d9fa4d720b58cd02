// /api/embed, as the documents show it.
#include <gtest/gtest.h>

#include "provider/embedding.h"

namespace weir::providers::ollama {
const provider::Adapter& adapter();

namespace {

const provider::EmbeddingRequest kTwoTexts{
    .model = "all-minilm", .inputs = {"Why is the sky blue?", "b"}, .dimensions = 2};

TEST(OllamaEmbeddings, AreNotCutWithoutAWord) {
  const provider::Credentials account{.base_path = "/ollama", .key = ""};
  const auto plan = adapter().embeddings()->encode_embed(kTwoTexts, {account, "1"});
  ASSERT_TRUE(plan) << plan.error().text();
  EXPECT_EQ(plan->target, "/ollama/api/embed");
  EXPECT_FALSE(plan->headers.find("authorization"));
  EXPECT_EQ(std::get<std::string>(plan->body.at(0)),
            R"({"model":"all-minilm","input":["Why is the sky blue?","b"],)"
            R"("truncate":false,"dimensions":2})");
}

TEST(OllamaEmbeddings, ComeInTheOrderOfTheTexts) {
  const auto read = [&](std::string body, int status = 200) {
    return adapter().embeddings()->decode_embed(
        kTwoTexts, {.status = status, .headers = {}, .body = std::move(body)}, Time{});
  };
  const auto out = read(
      R"({"model":"all-minilm","embeddings":[[0.010071029,-0.5],[0,2]],"total_duration":14143917,)"
      R"("load_duration":1019500,"prompt_eval_count":8})");
  ASSERT_TRUE(out) << out.error().text();
  EXPECT_EQ(out->vectors, (std::vector<std::vector<float>>{{0.010071029F, -0.5F}, {0, 2}}));
  EXPECT_EQ(out->usage, (llm::Usage{.input = {8}}));
  EXPECT_EQ(read(R"({"embeddings":[[1,2],[3,4]]})")->usage, std::nullopt);
  EXPECT_EQ(read(R"({"embeddings":[[1,2]]})").error().kind, ErrorKind::kBadResponse);
  EXPECT_EQ(read(R"({"error":"model \"x\" not found, try pulling it first"})", 404).error().kind,
            ErrorKind::kNotFound);
  EXPECT_EQ(read(R"({"error":"the input length exceeds the context length"})", 400).error().kind,
            ErrorKind::kInvalidArgument);
}

}  // namespace
}  // namespace weir::providers::ollama
