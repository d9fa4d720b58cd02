#include "prompt/template.h"

#include <gmock/gmock.h>

#include <map>

namespace weir::prompt {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Fields = std::map<std::string, std::string, std::less<>>;

Template::Lookup lookup(const Fields& fields) {
  return [&fields](std::string_view name) -> std::optional<std::string> {
    const auto found = fields.find(name);
    return found == fields.end() ? std::nullopt : std::optional(found->second);
  };
}

std::string error_of(std::string_view text) {
  const auto parsed = Template::parse(text);
  return parsed ? "no error" : parsed.error().text();
}

TEST(Template, CutsAtTheParagraphOfTheFirstPlaceholder) {
  const auto t = Template::parse("# Task\n\nClassify it.\n\nTitle: {{title}}\n\n{{ text }}\n");
  ASSERT_TRUE(t) << t.error().text();
  EXPECT_EQ(t->static_part(), "# Task\n\nClassify it.\n\n");
  EXPECT_EQ(t->fields(), (std::vector<std::string>{"title", "text"}));
  const Fields fields{{"title", "A"}, {"text", "B {{title}}"}};
  EXPECT_EQ(*t->render_variable(lookup(fields)), "Title: A\n\nB {{title}}\n");
}

TEST(Template, KeepsTheLinesOfTheSameParagraphTogether) {
  const auto t = Template::parse("Static.\r\n \t\r\nName:\r\n{{name}}");
  ASSERT_TRUE(t);
  EXPECT_EQ(t->static_part(), "Static.\r\n \t\r\n");
  const Fields fields{{"name", "x"}};
  EXPECT_EQ(*t->render_variable(lookup(fields)), "Name:\r\nx");
}

TEST(Template, AHeadingEndsTheStaticPart) {
  EXPECT_EQ(Template::parse("Static.\n## Document\n{{text}}")->static_part(),
            "Static.\n## Document\n");
  EXPECT_EQ(Template::parse("Static.\n## {{title}}\n")->static_part(), "Static.\n");
  EXPECT_EQ(Template::parse("Static.\n#hashtag {{title}}\n")->static_part(), "");
  EXPECT_EQ(Template::parse("Static.\n######\n{{title}}\n")->static_part(), "Static.\n######\n");
}

TEST(Template, StaticPartMayBeEmpty) {
  const auto t = Template::parse("{{text}}");
  ASSERT_TRUE(t);
  EXPECT_EQ(t->static_part(), "");
}

TEST(Template, FourBracesAreALiteral) {
  const auto t = Template::parse("a {{{{b}}\n\n{{{{x}} {{{{{{x}} }} {{x}}");
  ASSERT_TRUE(t) << t.error().text();
  EXPECT_EQ(t->static_part(), "a {{b}}\n\n");
  const Fields fields{{"x", "1"}};
  EXPECT_EQ(*t->render_variable(lookup(fields)), "{{x}} {{1 }} 1");
}

TEST(Template, JsonExamplesNeedNoEscape) {
  const auto t = Template::parse("Answer {\"a\":{\"b\":{}}}.\n\n{{text}}");
  ASSERT_TRUE(t);
  EXPECT_EQ(t->static_part(), "Answer {\"a\":{\"b\":{}}}.\n\n");
}

TEST(Template, DropsAByteOrderMark) {
  EXPECT_EQ(Template::parse("\xEF\xBB\xBFHi.\n\n{{x}}")->static_part(), "Hi.\n\n");
}

TEST(Template, ErrorsNameLineAndColumn) {
  EXPECT_EQ(
      error_of("a\n\xC3\xA9\xC3\xA9 {{no"),
      "the prompt template has '{{' without '}}', line 2, column 4 (write {{{{ for a literal {{)");
  EXPECT_TRUE(error_of("x {{#if a}}")
                  .contains("placeholder '#if a' that is no field name, line 1, column 3"));
  EXPECT_TRUE(error_of("x {{ }} {{a}}").contains("empty {{}}, line 1, column 3"));
  EXPECT_TRUE(error_of("{{{a}}}").contains("line 1, column 1"));
  EXPECT_TRUE(error_of("{{a\nb}}").contains("line 1, column 1"));
  EXPECT_TRUE(error_of("{{1a}}").contains("'1a'"));
  EXPECT_TRUE(error_of(" \n").contains("empty"));
  EXPECT_TRUE(error_of("\xFF {{a}}").contains("UTF-8"));
  EXPECT_EQ(Template::parse("{{#a}}").error().kind, ErrorKind::kInvalidArgument);
}

TEST(Template, WithoutPlaceholdersIsAnErrorOrAppendsTheRecord) {
  EXPECT_TRUE(error_of("Classify it.").contains("every document would get the same prompt"));
  const auto t = Template::parse("Classify it.", {.append_record = true});
  ASSERT_TRUE(t);
  EXPECT_EQ(t->static_part(), "Classify it.\n\n");
  EXPECT_EQ(t->fields(), std::vector<std::string>{"*"});
  const Fields fields{{"*", "{\"a\":1}"}};
  EXPECT_EQ(*t->render_variable(lookup(fields)), "{\"a\":1}");
  // The option changes nothing where there are placeholders.
  EXPECT_EQ(Template::parse("{{a}}", {.append_record = true})->fields(),
            std::vector<std::string>{"a"});
}

TEST(Template, APieceEndsWithAFieldsValue) {
  const auto t = Template::parse("Static.\n\nA: {{a}}\nB: {{b}}{{c}}\nend\n").value();
  const auto lookup = [](std::string_view name) {
    return std::optional("<" + std::string(name) + ">");
  };
  EXPECT_THAT(t.render_pieces(lookup).value(), ElementsAre("A: <a>", "\nB: <b>", "<c>\nend\n"));
  EXPECT_EQ(t.render_variable(lookup).value(), "A: <a>\nB: <b><c>\nend\n");
}

TEST(Template, LinesOfMovableFieldsChangePlaces) {
  auto t = Template::parse("Static.\n\nThe product:\nA: {{a}}\nB: \"{{b}}\"\nC: {{c}}\n\nD: {{d}}")
               .value();
  const auto lookup = [](std::string_view name) {
    return std::optional("<" + std::string(name) + ">");
  };
  const auto as_written = t.render_variable(lookup).value();
  ASSERT_TRUE(t.make_movable({"c", "a", "b"}));
  EXPECT_EQ(t.movable(), 3U);
  EXPECT_EQ(t.render_variable(lookup).value(), as_written);
  EXPECT_EQ(t.render_line(1, lookup).value(), "B: \"<b>\"");
  const std::vector<std::uint8_t> order{2, 1, 0};
  std::string moved;
  for (const auto& piece : t.render_pieces(lookup, {}, order).value()) moved += piece;
  EXPECT_EQ(moved, "The product:\nC: <c>\nB: \"<b>\"\nA: <a>\n\nD: <d>");
}

TEST(Template, WhatMayNotMoveIsSaid) {
  const auto refused = [](std::string_view text, const std::vector<std::string>& fields) {
    const auto done = Template::parse(text).value().make_movable(fields);
    return done ? std::string("moved") : done.error().text();
  };
  EXPECT_EQ(refused("A: {{a}}\nB: {{b}}", {"a", "b"}), "moved");
  EXPECT_EQ(refused("A: {{a}}\nB: {{b}}\nC: {{c}}", {"a", "b"}), "moved");
  EXPECT_THAT(refused("A: {{a}}\nB: {{b}}", {"a", "bb"}), HasSubstr("did you mean 'b'?"));
  EXPECT_THAT(refused("A: {{a}}\nB: {{b}} {{c}}", {"a", "b"}), HasSubstr("other fields as well"));
  EXPECT_THAT(refused("A: {{a}}\nB: {{b}}\nA: {{a}}", {"a", "b"}), HasSubstr("uses 'a' 2 times"));
  EXPECT_THAT(refused("C: {{c}}\nA: {{a}}\nB: {{b}}", {"a", "b"}),
              HasSubstr("before all other fields"));
  EXPECT_THAT(refused("A: {{a}}\n\nB: {{b}}", {"a", "b"}), HasSubstr("the line of 'b'"));
}

TEST(Template, AMissingFieldIsNamedWithTheNearest) {
  const auto t = Template::parse("{{titel}} {{text}}");
  ASSERT_TRUE(t);
  const auto rendered = t->render_variable(
      lookup({}), [] { return std::vector<std::string>{"id", "title", "text"}; });
  ASSERT_FALSE(rendered);
  EXPECT_EQ(rendered.error().kind, ErrorKind::kInvalidArgument);
  EXPECT_EQ(rendered.error().message,
            "field 'titel' of the template is not in the record, which has id, title, text");
  EXPECT_EQ(rendered.error().hint, "did you mean 'title'?");
  EXPECT_EQ(t->render_variable(lookup({})).error().message,
            "field 'titel' of the template is not in the record");
}

TEST(Template, AMissingFieldAmongManyListsSome) {
  const auto t = Template::parse("{{missing_field}}");
  const auto rendered = t->render_variable(
      lookup({}), [] { return std::vector<std::string>(1000, std::string(500, 'x')); });
  ASSERT_FALSE(rendered);
  EXPECT_LT(rendered.error().message.size(), 2500U);
  EXPECT_EQ(rendered.error().hint, "");
}

}  // namespace
}  // namespace weir::prompt
