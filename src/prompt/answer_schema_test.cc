#include "prompt/answer_schema.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/result.h"

namespace weir::prompt {
namespace {

constexpr std::string_view kSchema = R"({
  "$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "https://example.org/answer", "title": "Answer",
  "type": "object", "additionalProperties": false, "required": ["section", "tags"],
  "properties": {
    "section": {"type": "string", "enum": ["libs", "net"]},
    "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}, "maxItems": 3},
    "language": {"type": "string", "pattern": "^[a-z]{2}$"},
    "day": {"type": ["string", "null"], "format": "date"},
    "confidence": {"type": "number", "minimum": 0, "maximum": 1},
    "summary": {"type": "string"}
  },
  "$defs": {"tag": {"type": "string", "minLength": 2}}
})";

AnswerSchema schema(std::string_view text = kSchema) {
  auto parsed = AnswerSchema::parse(text);
  if (!parsed) ADD_FAILURE() << parsed.error().text();
  return *std::move(parsed);
}
std::string schema_error(std::string_view text) {
  const auto parsed = AnswerSchema::parse(text);
  return parsed ? "no error"
                : std::string(to_string(parsed.error().kind)) + ": " + parsed.error().message;
}
std::string answer_error(const AnswerSchema& s, std::string_view text) {
  const auto checked = s.check(text);
  if (checked) return "no error";
  EXPECT_EQ(checked.error().kind, ErrorKind::kBadResponse);
  return checked.error().message;
}

TEST(AnswerSchema, TakesAGoodAnswerByteForByte) {
  const auto s = schema();
  EXPECT_TRUE(s.warnings().empty());
  EXPECT_EQ(s.text(), kSchema);
  const std::string_view answer =
      "{\"section\" : \"libs\",\n \"tags\":[\"ab\", \"\\u0061b\"], \"confidence\": 0.70}";
  const auto checked = s.check(" \n" + std::string(answer) + "\n");
  ASSERT_TRUE(checked) << checked.error().text();
  EXPECT_EQ(checked->json, answer);
  EXPECT_FALSE(checked->repaired);
  EXPECT_EQ(checked->unchecked, "");
}

TEST(AnswerSchema, NamesThePlaceAndTheReason) {
  const auto s = schema();
  EXPECT_TRUE(answer_error(s, R"({"section":"mail","tags":[]})")
                  .contains("at /section: failed to match against any enum"));
  EXPECT_TRUE(answer_error(s, R"({"section":"libs"})")
                  .contains("at its top: missing required property 'tags'"));
  EXPECT_TRUE(answer_error(s, R"({"section":"libs","tags":["ab","c"]})").contains("at /tags/1: "));
  EXPECT_TRUE(answer_error(s, R"({"section":"libs","tags":[],"confidence":1.5})")
                  .contains("at /confidence: "));
  EXPECT_TRUE(answer_error(s, R"({"section":"libs","tags":[],"language":"English"})")
                  .contains("at /language: "));
  EXPECT_TRUE(
      answer_error(s, R"({"section":"libs","tags":[],"day":"2026-13-01"})").contains("at /day: "));
  EXPECT_EQ(answer_error(s, R"({"section":"libs","tags":[],"day":"2026-12-01"})"), "no error");
  EXPECT_EQ(answer_error(s, R"({"section":"libs","tags":[],"day":null})"), "no error");
  EXPECT_TRUE(answer_error(s, R"({"section":"libs","tags":[],"other":1})").contains("'other'"));
  EXPECT_TRUE(answer_error(s, "[1]").contains("at its top"));
}

TEST(AnswerSchema, NeverShowsTheWholeAnswer) {
  const std::string secret(5000, 's');
  const auto s = schema();
  for (const auto& text :
       {"{\"section\":\"" + secret + "\",\"tags\":[]}",
        "{\"section\":\"libs\",\"tags\":[],\"" + secret + "\":1}", secret, "{\"" + secret})
    EXPECT_LT(answer_error(s, text).size(), 500U);
}

TEST(AnswerSchema, RepairsWhatIsSafe) {
  const auto s = schema(R"({"type":"object"})");
  const auto repaired = [&](std::string_view text) {
    const auto checked = s.check(text);
    if (!checked) return "error: " + checked.error().message;
    EXPECT_EQ(checked->repaired, !checked->repair.empty());
    return checked->json + " | " + checked->repair;
  };
  EXPECT_EQ(repaired("```json\n{\"a\":1}\n```"), "{\"a\":1} | dropped the code fence");
  EXPECT_EQ(repaired("```\n{\"a\":1}```\n"), "{\"a\":1} | dropped the code fence");
  EXPECT_EQ(repaired("\xEF\xBB\xBF {\"a\":1}"), "{\"a\":1} | dropped a byte order mark");
  EXPECT_EQ(repaired("Here {as you asked}:\n{\"a\":{\"b\":2}}\nBye."),
            "{\"a\":{\"b\":2}} | cut the text around the JSON object");
  EXPECT_EQ(repaired("Sure!\n```json\n{\"a\":\"{\"}\n```\nBye."),
            "{\"a\":\"{\"} | cut the text around the JSON object");
  EXPECT_EQ(repaired("{\"a\":1} Hope this helps"),
            "{\"a\":1} | cut the text around the JSON object");
}

TEST(AnswerSchema, NeverGuesses) {
  const auto s = schema(R"({"type":"object"})");
  for (const auto text :
       {"", "  ", "nothing", "{\"a\":1", "{\"a\":{\"b\":1},\"c\":", "{\"a\":{\"b\":1}, x",
        "{\"a\":1}{\"b\":2}", "x {\"a\":1} or {\"a\":2}", "[{\"a\":1},{\"b\"", "text [{\"a\":1}]",
        "{'a':1}", "{\"a\":tru}", "{\"a\":\"\xFF\"}", "```json\n{\"a\":1"})
    EXPECT_FALSE(s.check(text)) << text;
  EXPECT_TRUE(s.check("{\"a\":1").error().message.contains("ends in the middle"));
}

TEST(AnswerSchema, AKeyTwiceIsAnError) {
  const auto s = schema(R"({"type":"object"})");
  EXPECT_TRUE(answer_error(s, R"({"a":1,"a":2})").contains("twice"));
  EXPECT_TRUE(answer_error(s, R"({"x":[{"a":1,"\u0061":2}]})").contains("twice"));
  EXPECT_EQ(answer_error(s, R"({"a:":":","b":{"a:":"\":"}})"), "no error");
}

TEST(AnswerSchema, RefusesDeepAnswers) {
  const auto s = schema("true");
  EXPECT_TRUE(answer_error(s, std::string(100, '[') + std::string(100, ']')).contains("not JSON"));
  EXPECT_EQ(answer_error(s, std::string(60, '[') + std::string(60, ']')), "no error");
}

TEST(AnswerSchema, LongStringsAreNotMatchedAgainstPatterns) {
  const auto s = schema();
  const auto answer = R"({"section":"libs","tags":[],"language":"E","summary":")" +
                      std::string(1 << 20, 'x') + "\"}";
  const auto checked = s.check(answer);
  ASSERT_TRUE(checked) << checked.error().text();
  EXPECT_TRUE(checked->unchecked.contains("pattern"));
  EXPECT_FALSE(s.check(R"({"section":"libs","tags":[],"language":"E","summary":")" +
                       std::string(4096, 'x') + "\"}"));
}

TEST(AnswerSchema, MatchesTheLongestPatternTextWithoutOverflow) {
  const auto s = schema(R"({"type":"string","pattern":"^(a|b|[c-z])*$"})");
  EXPECT_TRUE(s.check("\"" + std::string(kPatternBytesMax, 'q') + "\""));
}

TEST(AnswerSchema, RefusesLongKeysBesidePatternProperties) {
  const auto s = schema(R"({"type":"object","patternProperties":{"^a+$":{"type":"integer"}}})");
  EXPECT_TRUE(s.check(R"({"aa":1,"b":"x"})"));
  EXPECT_TRUE(answer_error(s, R"({"aa":"x"})").contains("at /aa"));
  EXPECT_TRUE(
      answer_error(s, "{\"" + std::string(5000, 'a') + "\":1}").contains("patternProperties"));
}

TEST(AnswerSchema, ChecksRecursiveSchemas) {
  const auto s = schema(
      R"({"type":"object","properties":{"child":{"$ref":"#"},"n":{"type":"integer"}},"additionalProperties":false})");
  EXPECT_TRUE(s.check(R"({"child":{"child":{"n":1}}})"));
  EXPECT_TRUE(answer_error(s, R"({"child":{"child":{"n":"x"}}})").contains("at /child/child/n"));
}

TEST(AnswerSchema, KeepsWhatStandsBesideARef) {
  const auto s = schema(
      R"({"$ref":"#/$defs/a","required":["y"],"$defs":{"a":{"type":"object","required":["x"]}}})");
  EXPECT_TRUE(s.check(R"({"x":1,"y":2})"));
  EXPECT_FALSE(s.check(R"({"x":1})"));
  EXPECT_FALSE(s.check(R"({"y":1})"));
}

TEST(AnswerSchema, LargeUnsignedNumbersDoNotThrow) {
  const auto s = schema(R"({"type":"object","properties":{"n":{"type":"number"}}})");
  EXPECT_TRUE(s.check(R"({"n":18446744073709551615})"));
}

TEST(AnswerSchema, SchemaErrorsNameThePlace) {
  EXPECT_TRUE(schema_error("{\n  \"type\": \"object\",\n  x").contains("line 3, column 3"));
  EXPECT_TRUE(schema_error(R"({"type":"objekt"})")
                  .contains("invalid_argument: the JSON Schema is not valid at /type"));
  EXPECT_TRUE(schema_error(R"({"properties":{"a/b":{"minLength":-1}}})")
                  .contains("at /properties/a~1b/minLength"));
  EXPECT_TRUE(schema_error(R"({"properties":[]})").contains("at /properties"));
  EXPECT_TRUE(schema_error(R"({"required":true})").contains("at /required"));
  EXPECT_TRUE(schema_error(R"({"enum":[]})").contains("at /enum"));
  EXPECT_TRUE(schema_error(R"({"items":3})").contains("at /items"));
  EXPECT_TRUE(schema_error(R"({"anyOf":[]})").contains("at /anyOf"));
  EXPECT_TRUE(schema_error(R"({"minimum":"1"})").contains("at /minimum"));
  EXPECT_TRUE(schema_error(R"({"multipleOf":0})").contains("at /multipleOf"));
  EXPECT_TRUE(schema_error(R"({"uniqueItems":1})").contains("at /uniqueItems"));
  EXPECT_TRUE(schema_error(R"({"patternProperties":{"[":{}}})").contains("at /patternProperties"));
  EXPECT_TRUE(schema_error("3").contains("at its top"));
}

TEST(AnswerSchema, ReferencesAreLocalAndEnd) {
  EXPECT_TRUE(schema_error(R"({"$ref":"https://example.org/x"})").starts_with("unsupported"));
  EXPECT_TRUE(schema_error(R"({"$ref":"other.json#/a"})").starts_with("unsupported"));
  EXPECT_TRUE(schema_error(R"({"$ref":"#anchor"})").starts_with("unsupported"));
  EXPECT_TRUE(schema_error(R"({"properties":{"a":{"$ref":"#/$defs/none"}}})")
                  .contains("/properties/a/$ref: $ref leads nowhere"));
  EXPECT_TRUE(schema_error(R"({"$ref":"#"})").contains("back to itself"));
  EXPECT_TRUE(schema_error(R"({"allOf":[{"$ref":"#"}]})").contains("back to itself"));
  EXPECT_TRUE(
      schema_error(
          R"({"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"not":{"$ref":"#/$defs/a"}}},"properties":{"x":{"$ref":"#/$defs/a"}}})")
          .contains("back to itself"));
}

TEST(AnswerSchema, WarnsOfWhatIsNotChecked) {
  const auto s = schema(
      R"s({"type":"object","requried":["a"],"properties":{"m":{"type":"string","format":"email"},"r":{"pattern":"(?<n>x)"}}})s");
  ASSERT_EQ(s.warnings().size(), 3U);
  EXPECT_EQ(s.warnings()[0], "/requried: this keyword is not checked");
  EXPECT_EQ(s.warnings()[1], "/properties/m/format: this format is not checked");
  EXPECT_TRUE(s.warnings()[2].starts_with("/properties/r/pattern"));
  EXPECT_TRUE(s.check(R"({"m":"no mail","r":"y"})"));
}

TEST(AnswerSchema, ChecksOnSeveralThreads) {
  const auto s = schema();
  std::vector<std::thread> threads;
  std::vector<int> good(4);
  for (std::size_t t = 0; t < good.size(); ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i)
        good[t] +=
            s.check(R"({"section":"net","tags":["ab"],"language":"en"})").has_value() &&
                    !s.check(R"({"section":"net","tags":["ab"],"language":"EN"})").has_value()
                ? 1
                : 0;
    });
  for (auto& thread : threads) thread.join();
  for (const int count : good) EXPECT_EQ(count, 200);
}

TEST(ReadAnswer, NeedsNoSchema) {
  EXPECT_EQ(read_answer("```\n[1, 2]\n```")->json, "[1, 2]");
  EXPECT_EQ(read_answer("{\"a\":1,\"a\":1}").error().kind, ErrorKind::kBadResponse);
}

}  // namespace
}  // namespace weir::prompt
