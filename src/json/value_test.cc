#include "json/value.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::json {
namespace {

TEST(Parser, RefusesWhatIsNotJsonAndSaysWhy) {
  Parser parser;
  for (const auto text :
       {"{", "{\"a\":tru}", "[1,]", "nul", "{\"a\" 1}", "\"\x01\"", "1 2", "{'a':1}"})
    EXPECT_EQ(parser.parse(text).error().kind, ErrorKind::kInvalidArgument) << text;
  EXPECT_EQ(parser.parse("").error().message, "empty, where JSON is expected");
  EXPECT_EQ(parser.parse("\"\xFF\"").error().message, "not valid UTF-8");
}

TEST(Parser, DepthIsBounded) {
  Parser parser;
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(parser.parse(nested(kDepthMax - 1)));
  EXPECT_EQ(parser.parse(nested(kDepthMax + 1)).error().message,
            "JSON nested deeper than 64 levels");
  EXPECT_TRUE(parser.parse("[1]")) << "goes on after an error";
}

TEST(Parser, GrowsWithItsDocuments) {
  Parser parser;
  EXPECT_TRUE(parser.parse("[1]"));
  const std::string large = "\"" + std::string(100'000, 'x') + "\"";
  EXPECT_EQ(parser.parse(large)->string()->size(), 100'000U);
  EXPECT_EQ(parser.parse("[1]")->size(), 1U);
}

TEST(Value, WrongTypesGiveNothing) {
  Parser parser;
  const auto value =
      *parser.parse(R"({"s":"x","i":-3,"d":1.5,"b":true,"z":null,"a":[1,2],"o":{"k":1}})");
  EXPECT_EQ(value["s"].string(), "x");
  EXPECT_EQ(value["i"].integer(), -3);
  EXPECT_EQ(value["d"].number(), 1.5);
  EXPECT_EQ(value["d"].integer(), std::nullopt);
  EXPECT_EQ(value["b"].boolean(), true);
  EXPECT_TRUE(value["z"].is_null());
  EXPECT_TRUE(value.find("z").has_value());
  EXPECT_EQ(value["a"].size(), 2U);
  EXPECT_EQ(value["o"]["k"].integer(), 1);
  EXPECT_EQ(value["none"]["deeper"].string(), std::nullopt);
  EXPECT_EQ(value["s"].integer(), std::nullopt);
  EXPECT_EQ(value["i"].string(), std::nullopt);
  EXPECT_EQ(value["s"].size(), 0U);
  EXPECT_EQ(value["none"].string_or("f"), "f");
  EXPECT_EQ(value["none"].integer_or(4), 4);
  EXPECT_EQ(value["o"].text(), R"({"k":1})");
  EXPECT_EQ(Value().text(), "null");
  for ([[maybe_unused]] const auto element : value["s"].items()) ADD_FAILURE();
  for ([[maybe_unused]] const auto member : value["s"].members()) ADD_FAILURE();
}

TEST(Value, WholeFloatsAreIntegersWhereTheyFit) {
  Parser parser;
  const auto value = *parser.parse("[3.0,1e3,1e300,18446744073709551615]");
  std::vector<std::optional<std::int64_t>> read;
  for (const auto element : value.items()) read.push_back(Value(element).integer());
  EXPECT_EQ(read, (std::vector<std::optional<std::int64_t>>{3, 1000, std::nullopt, std::nullopt}));
}

TEST(UniqueKeys, ARepeatedKeyIsNamed) {
  Parser parser;
  EXPECT_TRUE(check_unique_keys(*parser.parse(R"({"a":1,"b":{"a":2}})")));
  const auto twice = check_unique_keys(*parser.parse(R"({"a":1,"b":2,"\u0061":3})"));
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().message, "key 'a' stands twice in an object");
}

}  // namespace
}  // namespace weir::json
