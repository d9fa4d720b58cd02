// Properties over random inputs. Built in where the build defines WEIR_RAPIDCHECK (and links
// rapidcheck).
#ifdef WEIR_RAPIDCHECK
#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>

#include "prompt/answer_schema.h"
#include "prompt/template.h"

namespace weir::prompt {
namespace {

std::string escape(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '{' ? "{{{{" : std::string(1, c);
  return out;
}
std::string expected(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '{' ? "{{" : std::string(1, c);
  return out;
}
rc::Gen<std::string> prose() {
  return rc::gen::container<std::string>(rc::gen::elementOf(std::string("ab #{}\n\r\t-")));
}

RC_GTEST_PROP(TemplateProperty, PartsAddUpToTheRenderedTemplate, ()) {
  const auto pieces = *rc::gen::nonEmpty(rc::gen::container<std::vector<std::string>>(prose()));
  const std::string value = *prose();
  std::string text, want;
  for (const auto& piece : pieces) {
    // A brace before a placeholder would join it: `{` is written as `{{{{` here, which reads as
    // `{{`.
    text += escape(piece) + "{{f}}";
    want += expected(piece) + value;
  }
  const auto t = Template::parse(text);
  RC_ASSERT(t.has_value());
  const auto variable = t->render_variable([&](std::string_view) { return std::optional(value); });
  RC_ASSERT(variable.has_value());
  RC_ASSERT(t->static_part() + *variable == want);
  // The static part never depends on a value, and ends where a line begins.
  const bool whole_lines = t->static_part().empty() || t->static_part().back() == '\n';
  RC_ASSERT(whole_lines);
}

// In whatever order: the same lines, and what stands before and behind them stays.
RC_GTEST_PROP(TemplateProperty, MovedLinesAreTheSameLines, ()) {
  const auto count = *rc::gen::inRange<std::size_t>(1, 6);
  std::string text = "Static.\n\nhead\n";
  std::vector<std::string> fields;
  std::vector<std::uint8_t> order;
  for (std::size_t i = 0; i < count; ++i) {
    fields.push_back("f" + std::to_string(i));
    order.push_back(static_cast<std::uint8_t>(i));
    text += fields.back() + ": {{" + fields.back() + "}};\n";
  }
  text += "tail {{g}}";
  auto t = Template::parse(text).value();
  RC_ASSERT(t.make_movable(fields).has_value());
  const auto shuffle =
      *rc::gen::container<std::vector<std::size_t>>(count, rc::gen::inRange<std::size_t>(0, 100));
  for (std::size_t i = 0; i < count; ++i) std::swap(order[i], order[shuffle[i] % count]);
  const auto lookup = [](std::string_view name) {
    return std::optional("<" + std::string(name) + ">");
  };
  std::string moved;
  for (const auto& piece : t.render_pieces(lookup, {}, order).value()) moved += piece;
  std::string want = "head\n";
  for (const auto line : order) want += t.render_line(line, lookup).value() + "\n";
  RC_ASSERT(moved == want + "tail <g>");
}

RC_GTEST_PROP(TemplateProperty, NeverCrashes, ()) {
  const auto text =
      *rc::gen::container<std::string>(rc::gen::elementOf(std::string("{}{}a. \n#-1")));
  [[maybe_unused]] const auto t = Template::parse(text, {.append_record = true});
}

RC_GTEST_PROP(AnswerProperty, ReadsWhatIsWrappedInProse, ()) {
  const auto before = *rc::gen::container<std::string>(rc::gen::elementOf(std::string("ab {\n:`")));
  const std::string object = R"({"a": {"b": ["{", "}"]}})";
  const auto read = read_answer(before + "\n" + object + "\nBye.");
  const bool right = !read || read->json == object;
  RC_ASSERT(right);
}

}  // namespace
}  // namespace weir::prompt
#endif
