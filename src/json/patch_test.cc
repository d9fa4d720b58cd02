#include "json/patch.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "json/value.h"
#include "json/write.h"

namespace weir::json {
namespace {

constexpr std::string_view kDocument =
    R"({ "model" : "m" , "messages" : [ {"role":"user","content":[{"text":"a \"]}\" b"},{"text":"\\"}]}, -1.5e3 ], "n":null})";

std::string at(std::string_view document, std::initializer_list<PathStep> path) {
  const auto span = locate(document, path);
  return span ? std::string(raw_at(document, *span)) : "nothing";
}

TEST(Locate, RawTokensOfAnyKind) {
  EXPECT_EQ(at(kDocument, {"model"}), R"("m")");
  EXPECT_EQ(at(kDocument, {"messages", std::size_t{1}}), "-1.5e3");
  EXPECT_EQ(at(kDocument, {"messages", std::size_t{0}, "content", std::size_t{0}}),
            R"({"text":"a \"]}\" b"})");
  EXPECT_EQ(at(kDocument, {"messages", std::size_t{0}, "content", std::size_t{1}, "text"}),
            R"("\\")");
  EXPECT_EQ(at(kDocument, {"n"}), "null");
  EXPECT_EQ(at(" [1] ", {}), "[1]");
}

TEST(Locate, NothingWhereThePathLeadsNowhere) {
  EXPECT_EQ(at(kDocument, {"mode"}), "nothing");
  EXPECT_EQ(at(kDocument, {"model", "x"}), "nothing");
  EXPECT_EQ(at(kDocument, {"messages", std::size_t{2}}), "nothing");
  EXPECT_EQ(at(kDocument, {"messages", "role"}), "nothing");
  EXPECT_EQ(at(kDocument, {std::size_t{0}}), "nothing");
  EXPECT_EQ(at("[]", {std::size_t{0}}), "nothing");
  EXPECT_EQ(at("{}", {"a"}), "nothing");
  EXPECT_EQ(at("", {"a"}), "nothing");
}

TEST(Locate, EscapedNamesAreTheNamesTheySpell) {
  EXPECT_EQ(at(R"({"\u006dodel":1})", {"model"}), "1");
  EXPECT_EQ(at(R"({"a\"b\\c\/d\n":2})", {"a\"b\\c/d\n"}), "2");
  EXPECT_EQ(at(R"({"a":1,"a":2})", {"a"}), "1");
}

TEST(SetMember, ReplacesAValueAndNothingElse) {
  const auto edit = set_member(kDocument, {}, "model", R"("other")");
  ASSERT_TRUE(edit);
  std::string expected(kDocument);
  expected.replace(expected.find(R"("m")"), 3, R"("other")");
  EXPECT_EQ(*apply(kDocument, {*edit}), expected);
}

TEST(SetMember, AddsAtTheEndOfTheObject) {
  EXPECT_EQ(*apply("{}", {*set_member("{}", {}, "a", "1")}), R"({"a":1})");
  EXPECT_EQ(*apply("{ \n}", {*set_member("{ \n}", {}, "a", "1")}), "{\"a\":1 \n}");
  EXPECT_EQ(*apply(R"({"b":2 })", {*set_member(R"({"b":2 })", {}, "a\"", "1")}),
            R"({"b":2,"a\"":1 })");
}

TEST(SetMember, TwoMembersOfAnEmptyObject) {
  EXPECT_EQ(*apply("{ }", {*set_member("{ }", {}, "a", "1"), *set_member("{ }", {}, "b", "2")}),
            R"({"a":1,"b":2 })");
  const std::string_view document = R"([{},{}])";
  EXPECT_EQ(*apply(document, {*set_member(document, {std::size_t{0}}, "a", "1"),
                              *set_member(document, {std::size_t{1}}, "b", "2")}),
            R"([{"a":1},{"b":2}])");
}

TEST(SetMember, InsideNestedObjectsOnly) {
  const std::string_view document = R"({"messages":[{"content":"x"},3]})";
  const auto edit = set_member(document, {"messages", std::size_t{0}}, "cache_control",
                               R"({"type":"ephemeral"})");
  ASSERT_TRUE(edit);
  EXPECT_EQ(*apply(document, {*edit}),
            R"({"messages":[{"content":"x","cache_control":{"type":"ephemeral"}},3]})");
  EXPECT_FALSE(set_member(document, {"messages"}, "a", "1"));
  EXPECT_FALSE(set_member(document, {"messages", std::size_t{1}}, "a", "1"));
  EXPECT_FALSE(set_member(document, {"nowhere"}, "a", "1"));
}

TEST(Apply, AnyOrderButNoOverlap) {
  EXPECT_EQ(*apply("abcdef", {{4, 1, "E"}, {0, 2, ""}, {6, 0, "!"}}), "cdEf!");
  EXPECT_EQ(*apply("ab", {{1, 0, "1"}, {1, 0, "2"}}), "a12b");
  EXPECT_EQ(apply("abcdef", {{0, 3, ""}, {2, 1, ""}}).error().kind, ErrorKind::kInvalidArgument);
  EXPECT_EQ(apply("abc", {{4, 0, ""}}).error().kind, ErrorKind::kInvalidArgument);
  EXPECT_EQ(apply("abc", {{1, static_cast<std::size_t>(-1), ""}}).error().kind,
            ErrorKind::kInvalidArgument);
}

RC_GTEST_PROP(SetMember, AnyNameReadsBack, (const std::string& name, const std::string& text)) {
  std::string json;
  append_string(json, text);
  const std::string document = R"({"zz":[{},"}"]})";
  const auto edit = set_member(document, {}, name, json);
  RC_ASSERT(edit.has_value());
  const auto patched = apply(document, {*edit});
  RC_ASSERT(patched.has_value());
  Parser parser;
  const auto value = parser.parse(*patched);
  RC_ASSERT(value.has_value());
  std::string written;
  append_string(written, name);
  Parser names;
  RC_ASSERT((*value)[*names.parse(written)->string()].text() == Parser().parse(json)->text());
}

}  // namespace
}  // namespace weir::json
