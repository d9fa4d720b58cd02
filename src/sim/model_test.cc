// The keyword model: follows the schema, works from the definitions of the prompt.
#include "sim/model.h"

#include <gtest/gtest.h>

#include "sim/testing.h"

namespace weir::sim {
namespace {

constexpr std::string_view kPrompt =
    "# Sort\n\n## Sections\n\n- **games**: Games: puzzles, chess, cards, arcade.\n- **mail**: "
    "Electronic mail: SMTP, IMAP, "
    "mailing lists.\n- **fonts**: Typefaces and glyphs.\n\n## Topics\n\n- **fonts**: Letters, "
    "serif.\n- **chess**: Chess "
    "boards.\n- **smtp**: Sending of mail.\n";
constexpr std::string_view kDocument =
    "Name: gnuchess\n\nSummary: plays chess\n\nDescription:\n\nGnuchess is a game of chess against "
    "the computer. It is "
    "old.\n";

struct Asked {
  json::Parser parser;
  Model model;
  std::string answer(std::string_view schema, std::string_view document = kDocument,
                     std::string_view prompt = kPrompt) {
    Ask ask{.document = document};
    if (!prompt.empty()) ask.prompt = {prompt};
    if (!schema.empty()) ask.schema = *parser.parse(schema);
    return model.answer(ask);
  }
};

TEST(Model, FollowsTheSchema) {
  Asked asked;
  const testing::Parsed answer(asked.answer(R"({"type":"object","properties":{
    "section":{"type":"string","enum":["games","mail","fonts"]},
    "topics":{"type":"array","items":{"enum":["fonts","chess","smtp"]}},
    "language":{"type":"string"},"summary":{"type":"string"},"confidence":{"type":"number","minimum":0,"maximum":1},
    "words":{"type":"integer"},"is_chess":{"type":"boolean"},"nested":{"type":"object","properties":{"x":{"const":4}}},
    "maybe":{"anyOf":[{"type":"null"},{"$ref":"#/$defs/s"}]},"none":{"type":"null"},"two":{"type":["null","integer"],"maximum":3}},
    "$defs":{"s":{"enum":[7,8]}}})"));
  EXPECT_EQ(answer["section"].string(), "games");
  ASSERT_GE(answer["topics"].size(), 1U);
  EXPECT_EQ(json::Value(answer["topics"].items().at(0)).string(), "chess");
  EXPECT_EQ(answer["language"].string(), "en");
  EXPECT_EQ(answer["summary"].string(), "Gnuchess is a game of chess against the computer.");
  EXPECT_GT(*answer["confidence"].number(), 0.3);
  EXPECT_LE(*answer["confidence"].number(), 1.0);
  EXPECT_TRUE(answer["words"].integer().has_value());
  EXPECT_EQ(answer["is_chess"].boolean(), true);
  EXPECT_EQ(answer["nested"]["x"].integer(), 4);
  EXPECT_EQ(answer["maybe"].integer(), 7);
  EXPECT_TRUE(answer["none"].is_null());
  EXPECT_LE(*answer["two"].integer(), 3);
}

TEST(Model, OneTextMayHoldPromptAndDocument) {
  Asked asked;
  const std::string all =
      std::string(kPrompt) + "\n## Document\n\nName: postfix\n\nSummary: SMTP mail server\n";
  EXPECT_EQ(asked.answer(R"({"enum":["games","mail","fonts"]})", all, ""), "\"mail\"");
}

TEST(Model, ListsAreFoundByHeadingWithoutAnEnum) {
  Asked asked;
  EXPECT_EQ(asked.answer(R"({"type":"object","properties":{"section":{"type":"string"}}})"),
            "{\"section\":\"games\"}");
}

TEST(Model, WithoutASchemaAPlainSentence) {
  Asked asked;
  EXPECT_EQ(asked.answer(""),
            "This is about gnuchess. Gnuchess is a game of chess against the computer.");
  EXPECT_FALSE(asked.answer("", "").empty());
}

TEST(Model, RecursiveSchemasEnd) {
  Asked asked;
  const auto text = asked.answer(R"({"type":"object","properties":{"next":{"$ref":"#"}}})");
  EXPECT_NE(text.find("null"), std::string::npos);
  EXPECT_NO_FATAL_FAILURE(asked.answer(R"({"$ref":"#/missing"})"));
  EXPECT_NO_FATAL_FAILURE(asked.answer(R"({"$ref":"#"})"));
}

TEST(Model, SameQuestionSameAnswer) {
  Asked first, second;
  const auto* schema =
      R"({"type":"object","properties":{"section":{"enum":["games","mail"]},"confidence":{"type":"number"}}})";
  EXPECT_EQ(first.answer(schema), second.answer(schema));
  EXPECT_EQ(first.answer(schema), first.answer(schema));
}

TEST(Model, Languages) {
  EXPECT_EQ(guess_language("the cat is on the mat with this"), "en");
  EXPECT_EQ(guess_language("der Hund und die Katze sind nicht da"), "de");
  EXPECT_EQ(guess_language("les chats et des chiens pour une maison"), "fr");
  EXPECT_EQ(guess_language(""), "en");
}

}  // namespace
}  // namespace weir::sim
