#include "json/scan.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "json/value.h"
#include "json/write.h"

namespace weir::json {
namespace {

Span whole(std::string_view document) { return {0, document.size()}; }

std::vector<std::string> members_of(std::string_view document) {
  std::vector<std::string> out;
  for_each_member(document, whole(document), [&](std::string_view key, Span value) {
    out.push_back(std::string(key) + "=" + std::string(raw_at(document, value)));
  });
  return out;
}

std::vector<std::string> elements_of(std::string_view document) {
  std::vector<std::string> out;
  for_each_element(document, whole(document),
                   [&](Span value) { out.emplace_back(raw_at(document, value)); });
  return out;
}

std::vector<std::string> keys_of(std::string_view document) {
  std::vector<std::string> out;
  for_each_key(document, whole(document), [&](std::string_view key, std::size_t at) {
    out.push_back(std::string(key) + std::string(document.substr(at, 1)));
    return key != "\"no\"";
  });
  return out;
}

using Texts = std::vector<std::string>;

TEST(Scan, MembersInOrderRepeatedOnesToo) {
  EXPECT_EQ(members_of(R"({ "a" : [1, {"b":2}] ,"c}":"x\"}", "a":null })"),
            (Texts{R"("a"=[1, {"b":2}])", R"("c}"="x\"}")", R"("a"=null)"}));
  EXPECT_EQ(members_of("{ }"), Texts());
  EXPECT_EQ(members_of("[1]"), Texts());
  EXPECT_EQ(members_of(""), Texts());
}

TEST(Scan, ElementsInOrder) {
  EXPECT_EQ(elements_of(R"([ 1 , "a,]" ,[[]],{"b":[]} ])"),
            (Texts{"1", R"("a,]")", "[[]]", R"({"b":[]})"}));
  EXPECT_EQ(elements_of("[ ]"), Texts());
  EXPECT_EQ(elements_of(R"({"a":1})"), Texts());
}

TEST(Scan, KeysAtAnyDepthUnlessTheValueIsSkipped) {
  EXPECT_EQ(keys_of(R"({"a":{"b":[{"c":"d:"},["e"]]},"no":{"f":{"g":1}},"h" : null})"),
            (Texts{R"("a"{)", R"("b"[)", R"("c"")", R"("no"{)", R"("h"n)"}));
  EXPECT_EQ(keys_of(R"("text")"), Texts());
}

TEST(Scan, StringsEndAtTheirOwnQuote) {
  for (const std::string token :
       {R"("")", R"("\\")", R"("\"")", R"("\\\"\\\\")", R"("a\\\\\"b")"}) {
    const std::string document = "[" + token + ",1]";
    EXPECT_EQ(elements_of(document), (Texts{token, "1"}));
  }
  // No end: never past the document.
  EXPECT_EQ(elements_of(R"(["a\")").at(0), R"("a\")");
}

TEST(Scan, FoundMembersTellWhenTheyStandTwice) {
  const std::string_view document = R"({"\u0061":1,"b":2,"a":3})";
  const auto [a, b, c] = find_members<3>(document, whole(document), {"a", "b", "c"});
  EXPECT_EQ(raw_at(document, a.value.value_or(Span{})), "1");
  EXPECT_TRUE(a.repeated);
  EXPECT_EQ(raw_at(document, b.value.value_or(Span{})), "2");
  EXPECT_FALSE(b.repeated);
  EXPECT_FALSE(c.value);
}

TEST(Scan, ANameIsSpelledInManyWays) {
  EXPECT_TRUE(spells(R"("type")", "type"));
  EXPECT_TRUE(spells(R"("\u0074\u0079\u0070\u0065")", "type"));
  EXPECT_FALSE(spells(R"("types")", "type"));
  EXPECT_FALSE(spells("type", "type"));
  EXPECT_FALSE(spells("", ""));
}

RC_GTEST_PROP(Scan, EveryTextIsOneElement, (const std::vector<std::string>& texts)) {
  std::string document = "[";
  Texts tokens;
  for (const auto& text : texts) {
    tokens.emplace_back();
    append_string(tokens.back(), text);
    if (document.size() > 1) document += ",";
    document += tokens.back();
  }
  document += "]";
  RC_ASSERT(elements_of(document) == tokens);
}

}  // namespace
}  // namespace weir::json
