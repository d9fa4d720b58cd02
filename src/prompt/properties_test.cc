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
