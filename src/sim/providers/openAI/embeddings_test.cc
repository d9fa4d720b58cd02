// Embeddings: shapes, sizes, what is refused, the bill.
#include <cmath>

#include "sim/providers/openAI/bench_testing.h"

namespace weir::sim::openAI {
namespace {

using testing::Parsed;
using testing::words;

const std::string kEmbeddings = "/openAI/v1/embeddings";

std::string asked_for(std::string_view input, std::string_view more = "",
                      std::string_view model = "text-embedding-3-small") {
  return R"({"model":")" + std::string(model) + R"(","input":)" + std::string(input) +
         std::string(more) + "}";
}

TEST(OpenAiEmbeddings, AreUnitVectorsOfTheText) {
  auto b = make_bench();
  const auto reply = b.post(kEmbeddings, asked_for(R"(["one two","three","one two"])"));
  ASSERT_EQ(reply.head.status, 200) << reply.text();
  const Parsed list(reply.text());
  EXPECT_EQ(list["object"].string(), "list");
  EXPECT_EQ(list["model"].string(), "text-embedding-3-small");
  EXPECT_EQ(list["usage"]["prompt_tokens"].integer(), 5);
  EXPECT_EQ(list["usage"]["total_tokens"].integer(), 5);
  ASSERT_EQ(list["data"].size(), 3U);
  std::vector<std::string> vectors;
  std::int64_t index = 0;
  for (const auto item : list["data"].items()) {
    const json::Value row(item);
    EXPECT_EQ(row["object"].string(), "embedding");
    EXPECT_EQ(row["index"].integer(), index++);
    ASSERT_EQ(row["embedding"].size(), 1536U);
    double sum = 0;
    for (const auto number : row["embedding"].items())
      sum += std::pow(json::Value(number).number().value_or(0), 2);
    EXPECT_NEAR(sum, 1, 1e-5);
    vectors.push_back(row["embedding"].text());
  }
  EXPECT_EQ(vectors[0], vectors[2]);
  EXPECT_NE(vectors[0], vectors[1]);
  ASSERT_EQ(b.bill().size(), 1U);
  EXPECT_EQ(b.bill()[0].model, "text-embedding-3-small");
  EXPECT_EQ(b.bill()[0].tokens.input, 5);
  EXPECT_EQ(b.bill()[0].pico_usd, 5 * 20'000);  // $0.02 a million
}

TEST(OpenAiEmbeddings, ComeShorterAndAsBase64) {
  auto b = make_bench();
  const Parsed list(
      b.post(kEmbeddings, asked_for(R"("one")", R"(,"dimensions":3,"encoding_format":"base64")"))
          .text());
  // Three float32 are twelve bytes, sixteen letters.
  EXPECT_EQ(json::Value(list["data"].items().at(0))["embedding"].string()->size(), 16U);
  const Parsed four(
      b.post(kEmbeddings, asked_for(R"("one")", R"(,"dimensions":4,"encoding_format":"base64")"))
          .text());
  EXPECT_TRUE(json::Value(four["data"].items().at(0))["embedding"].string()->ends_with("=="));
  const Parsed tokens(b.post(kEmbeddings, asked_for("[[1,2,3],[4]]")).text());
  EXPECT_EQ(tokens["usage"]["prompt_tokens"].integer(), 4);
  EXPECT_EQ(tokens["data"].size(), 2U);
}

TEST(OpenAiEmbeddings, RefuseWhatTheProviderRefuses) {
  auto b = make_bench();
  std::string many = "[";
  for (int i = 0; i < 2049; ++i) many += i == 0 ? R"("a")" : R"(,"a")";
  many += "]";
  std::string large = "[";
  for (int i = 0; i < 38; ++i) large += std::string(i == 0 ? "" : ",") + '"' + words(8000) + '"';
  large += "]";
  const std::vector<std::pair<std::string, int>> cases{
      {asked_for(R"("a")", "", "text-embedding-9"), 404},
      {asked_for(R"("a")", "", "gpt-5-mini"), 404},
      {asked_for(R"("")"), 400},
      {asked_for(R"(["a",""])"), 400},
      {asked_for("[]"), 400},
      {asked_for("7"), 400},
      {asked_for(many), 400},
      {asked_for(large), 400},
      {asked_for('"' + words(8193) + '"'), 400},
      {asked_for(R"("a")", R"(,"dimensions":0)"), 400},
      {asked_for(R"("a")", R"(,"dimensions":1537)"), 400},
      {asked_for(R"("a")", R"(,"dimensions":256)", "text-embedding-ada-002"), 400},
      {asked_for(R"("a")", R"(,"encoding_format":"hex")"), 400},
      {"{", 400}};
  for (const auto& [text, status] : cases)
    EXPECT_EQ(b.post(kEmbeddings, text).head.status, status) << text.substr(0, 100);
  EXPECT_TRUE(b.bill().empty());
  EXPECT_EQ(b.post(kChat, body_of("text-embedding-3-small", "a", "b")).head.status, 404);
  EXPECT_EQ(b.get("/openAI/v1/models/text-embedding-3-small").head.status, 200);
}

}  // namespace
}  // namespace weir::sim::openAI
