// Any edit of a file either loads whole or gives an error with a place; nothing crashes, nothing half-read passes for whole.
#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>

#include "config/load.h"
#include "config/testing.h"

namespace weir::config {
namespace {

const std::string& valid() {
  static const std::string instance =
      entry_with({"apiKey: \"sk\"", "batchingEnabled: true", "cacheTTL: 300",
                  "endpoint: 'https://a.example'"}) +
      "optimization: {logLevel: DEBUG}\n"
      "workloads:\n  - name: w\n    gather: {count: 5}\n"
      "    deadline: 24h\n";
  return instance;
}

void check_outcome(const Loaded& loaded) {
  for (const auto& error : loaded.errors) {
    RC_ASSERT(error.place.name == "weir.yaml");
    RC_ASSERT(error.place.line >= 1 && error.place.column >= 1);
    RC_ASSERT(!error.what.empty());
  }
  if (!loaded.ok()) return;
  int defaults = 0;
  for (const auto& entry : loaded.config.llm) {
    RC_ASSERT(!entry.provider.empty() && !entry.models.empty());
    defaults += entry.is_default ? 1 : 0;
  }
  RC_ASSERT(defaults == (loaded.config.llm.empty() ? 0 : 1));
}

RC_GTEST_PROP(Edits, LoadWholeOrTellWhere, ()) {
  std::string text = valid();
  const auto edits = *rc::gen::inRange(1, 6);
  for (int i = 0; i < edits; ++i) {
    const auto at = *rc::gen::inRange<std::size_t>(0, text.size() + 1);
    const auto what = *rc::gen::inRange(0, 3);
    const auto c = *rc::gen::oneOf(rc::gen::elementOf(std::string("{}[]:,-'\"\n #&*!|>%@$~?x0")),
                                   rc::gen::arbitrary<char>());
    if (what == 0) text.insert(at, 1, c);
    else if (what == 1 && at < text.size()) text.erase(at, *rc::gen::inRange<std::size_t>(1, 20));
    else if (at < text.size()) text[at] = c;
  }
  check_outcome(load_text(text));
}

RC_GTEST_PROP(Edits, MovedLinesLoadWholeOrTellWhere, ()) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < valid().size();) {
    const auto end = valid().find('\n', at);
    lines.push_back(valid().substr(at, end - at));
    at = end + 1;
  }
  const auto from = *rc::gen::inRange<std::size_t>(0, lines.size());
  const auto to = *rc::gen::inRange<std::size_t>(0, lines.size());
  std::swap(lines[from], lines[to]);
  std::string text;
  for (const auto& line : lines) text += line + "\n";
  check_outcome(load_text(text));
}

}  // namespace
}  // namespace weir::config
