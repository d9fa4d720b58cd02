// How texts are cut into requests, and what a hostile answer can make of vectors: nothing but kBadResponse.
#include "provider/embedding.h"

#include <gtest/gtest.h>

#include <limits>

namespace weir::provider {
namespace {

using Ends = std::vector<std::size_t>;

TEST(RequestEnds, AreWhereTheLimitsPutThem) {
  const std::vector<std::string> texts{"aaaa", "bbbb", "cccc", "dd", "eeeeeeeeeeee", "f"};
  EXPECT_EQ(request_ends({}, {.inputs_max = 2}), Ends{});
  EXPECT_EQ(request_ends(texts, {.inputs_max = 100}), Ends{6});
  EXPECT_EQ(request_ends(texts, {.inputs_max = 2}), (Ends{2, 4, 6}));
  EXPECT_EQ(request_ends(texts, {.inputs_max = 1}), (Ends{1, 2, 3, 4, 5, 6}));
  // The fifth has more than fits, and goes alone.
  EXPECT_EQ(request_ends(texts, {.inputs_max = 100, .tokens_max = Tokens{10}}), (Ends{2, 4, 5, 6}));
  EXPECT_EQ(request_ends(texts, {.inputs_max = 1, .tokens_max = Tokens{10}}).size(), 6U);
}

TEST(RequestEnds, KeepEveryTextInOneRequestWithinTheLimits) {
  for (std::size_t seed = 1; seed < 200; ++seed) {
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < seed % 37; ++i)
      texts.emplace_back(1 + (seed * 31 + i * 17) % 23, 'x');
    const catalogue::EmbeddingLimits limits{
        .inputs_max = 1 + seed % 5, .tokens_max = Tokens{static_cast<std::int64_t>(seed % 40)}};
    std::size_t first = 0;
    for (const auto end : request_ends(texts, limits)) {
      ASSERT_LT(first, end);
      ASSERT_LE(end - first, limits.inputs_max);
      std::size_t bytes = 0;
      for (auto i = first; i < end; ++i) bytes += texts[i].size();
      ASSERT_TRUE(end - first == 1 || bytes <= seed % 40) << seed;
      first = end;
    }
    ASSERT_EQ(first, texts.size());
  }
}

/// What comes of these vectors, each with its index; "" when they are fine.
std::string read_vectors(std::size_t inputs, std::optional<std::uint64_t> dimensions,
                         const std::vector<std::pair<std::int64_t, std::string>>& vectors,
                         std::vector<std::vector<float>>* out = nullptr) {
  const EmbeddingRequest request{
      .model = "m", .inputs = std::vector<std::string>(inputs, "text"), .dimensions = dimensions};
  VectorsReader reader("p", request);
  for (const auto& [index, text] : vectors) {
    json::Parser parser;
    const auto value = parser.parse(text);
    EXPECT_TRUE(value) << text;
    if (auto added = reader.add(index, *value); !added) {
      EXPECT_EQ(added.error().kind, ErrorKind::kBadResponse);
      return added.error().message;
    }
  }
  auto all = reader.finish();
  if (!all) {
    EXPECT_EQ(all.error().kind, ErrorKind::kBadResponse);
    return all.error().message;
  }
  if (out != nullptr) *out = std::move(*all);
  return "";
}

TEST(VectorsReader, PutsThemInTheOrderOfTheInputs) {
  std::vector<std::vector<float>> out;
  // The second is base64 of 0.5 and -2.
  EXPECT_EQ(read_vectors(2, {}, {{1, "[1,2.5]"}, {0, R"("AAAAPwAAAMA=")"}}, &out), "");
  EXPECT_EQ(out, (std::vector<std::vector<float>>{{0.5F, -2}, {1, 2.5F}}));
  EXPECT_EQ(read_vectors(1, {}, {{0, R"("AAAAPwAAAMA")"}}, &out), "");  // as some write it
  EXPECT_EQ(out.front(), (std::vector<float>{0.5F, -2}));
}

TEST(VectorsReader, TakesNothingElse) {
  const std::string missing = "p answered without an embedding for each input",
                    none = "p answered with an embedding that is no vector",
                    infinite = "p answered with an embedding that is not finite",
                    length = "p answered with an embedding of another length",
                    twice = "p answered with two embeddings of one input",
                    foreign = "p answered with the embedding of an input that was not sent";
  EXPECT_EQ(read_vectors(1, {}, {}), missing);
  EXPECT_EQ(read_vectors(2, {}, {{0, "[1]"}}), missing);
  EXPECT_EQ(read_vectors(1, {}, {{0, "[1]"}, {0, "[1]"}}), twice);
  for (const std::int64_t index :
       {std::int64_t{-1}, std::int64_t{1}, std::numeric_limits<std::int64_t>::max(),
        std::numeric_limits<std::int64_t>::min()})
    EXPECT_EQ(read_vectors(1, {}, {{index, "[1]"}}), foreign);
  for (const auto* text :
       {"null", "[]", "{}", "1", "[1,null]", "[\"1\"]", "[[1]]", "[1e39]", "[-1e300]", "\"\"",
        "\"AAA\"", "\"AAAA Pw==\"", "\"AAAAPwAA\"", "\"$$$$$$==\""})
    EXPECT_EQ(read_vectors(1, {}, {{0, text}}), none) << text;
  for (const auto* text : {R"("AACAfw==")", R"("AACA/w==")", R"("AADAfw==")"})  // inf, -inf, NaN
    EXPECT_EQ(read_vectors(1, {}, {{0, text}}), infinite) << text;
  EXPECT_EQ(read_vectors(2, {}, {{0, "[1,2]"}, {1, "[1]"}}), length);
  EXPECT_EQ(read_vectors(1, 3, {{0, "[1,2]"}}), length);
  std::string huge = "[0";
  for (std::size_t i = 0; i < kDimensionsMax; ++i) huge += ",0";
  EXPECT_EQ(read_vectors(1, {}, {{0, huge + "]"}}), none);
}

TEST(CheckEmbedding, WantsAModelAndTexts) {
  EXPECT_EQ(check_embedding({.model = "", .inputs = {"a"}}).error().kind,
            ErrorKind::kInvalidArgument);
  EXPECT_EQ(check_embedding({.model = "m", .inputs = {}}).error().kind,
            ErrorKind::kInvalidArgument);
  EXPECT_EQ(check_embedding({.model = "m", .inputs = {"a", ""}}).error().kind,
            ErrorKind::kInvalidArgument);
  EXPECT_TRUE(check_embedding({.model = "m", .inputs = {"a"}}));
}

}  // namespace
}  // namespace weir::provider
