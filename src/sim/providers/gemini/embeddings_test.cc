// Embeddings: what is taken and refused, and the bill.
#include "sim/providers/gemini/bench_testing.h"

namespace weir::sim::gemini {
namespace {

using testing::Parsed;

const std::string kEmbedPath = "/gemini/v1beta/models/gemini-embedding-001:";

std::string one_of(std::string_view text, std::string_view more = "") {
  return R"({"model":"models/gemini-embedding-001","content":{"parts":[{"text":")" +
         std::string(text) + "\"}]}" + std::string(more) + "}";
}

TEST(GeminiEmbeddings, WholeBatchesAndSingleOnesAreTheSameVectors) {
  auto b = make_bench();
  const auto batch = b.post(kEmbedPath + "batchEmbedContents",
                            R"({"requests":[)" + one_of("one two") + "," + one_of("three") + "]}");
  ASSERT_EQ(batch.head.status, 200) << batch.text();
  const Parsed all(batch.text());
  ASSERT_EQ(all["embeddings"].size(), 2U);
  EXPECT_EQ(all["usageMetadata"]["promptTokenCount"].integer(), 3);
  const Parsed single(b.post(kEmbedPath + "embedContent", one_of("one two")).text());
  EXPECT_EQ(json::Value(all["embeddings"].items().at(0))["values"].text(),
            single["embedding"]["values"].text());
  ASSERT_EQ(b.bill().size(), 2U);
  EXPECT_EQ(b.bill()[0].pico_usd, 3 * 150'000);
}

TEST(GeminiEmbeddings, RefuseWhatTheProviderRefuses) {
  auto b = make_bench();
  std::string many = R"({"requests":[)";
  for (int i = 0; i < 101; ++i) many += (i == 0 ? "" : ",") + one_of("a");
  EXPECT_EQ(b.post(kEmbedPath + "batchEmbedContents", many + "]}").head.status, 400);
  for (const auto& body :
       {std::string("{}"), std::string(R"({"requests":[]})"),
        R"({"requests":[)" + one_of("") + "]}",
        R"({"requests":[)" + one_of("a", R"(,"x":1)") + "]}",
        R"({"requests":[)" + one_of("a", R"(,"outputDimensionality":3073)") + "]}",
        R"({"requests":[)" + one_of(testing::words(2049)) + "]}",
        std::string(
            R"({"requests":[{"model":"models/other","content":{"parts":[{"text":"a"}]}}]})")})
    EXPECT_EQ(b.post(kEmbedPath + "batchEmbedContents", body).head.status, 400)
        << body.substr(0, 100);
  EXPECT_EQ(b.post("/gemini/v1beta/models/gemini-embedding-2:embedContent",
                   R"({"content":{"parts":[{"text":"a"}]},"taskType":"RETRIEVAL_QUERY"})")
                .head.status,
            400);
  EXPECT_EQ(b.post("/gemini/v1beta/models/none:embedContent", one_of("a")).head.status, 404);
  EXPECT_TRUE(b.bill().empty());
}

}  // namespace
}  // namespace weir::sim::gemini
