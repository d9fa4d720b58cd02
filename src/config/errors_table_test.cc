// Every key of the table with a value of the wrong kind, and beyond each end of its range: one error, at its place, that says what is
// wanted.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "config/keys.h"
#include "config/testing.h"

namespace weir::config {
namespace {

std::string wrong(const Key& key) {
  switch (key.access.kind) {
    case Kind::kBoolean: return "perhaps";
    case Kind::kWhole: return "1.5";
    case Kind::kNumber: return "many";
    case Kind::kText:
    case Kind::kTextList: return "{an: object}";
    case Kind::kChoice: return "zzzzzzzz";
    case Kind::kDuration: return "soon";
    case Kind::kMoney: return "lots";
    case Kind::kObject:
    case Kind::kList: return "5";
  }
  return "";
}

std::vector<std::string> faulty_values(const Key& key) {
  std::vector<std::string> out{wrong(key)};
  if (key.range.max <= 0) return out;
  out.push_back(fmt::format("{}", key.range.max + 1));
  out.push_back(key.range.min > 0 ? fmt::format("{}", key.range.min - 1) : "-1");
  return out;
}

// `<>` stands where the keys are.
void visit(const Keys& keys, const std::string& around,
           const std::function<void(const Key&, const std::string& around)>& check) {
  for (const auto& key : keys) {
    if (key.embedding_only && !around.starts_with("{embedding")) continue;
    check(key, around);
    if (key.access.kind != Kind::kObject && key.access.kind != Kind::kList) continue;
    const auto open = key.access.kind == Kind::kList ? "[{" : "{";
    const auto close = key.access.kind == Kind::kList ? "}]" : "}";
    const auto inside = fmt::format("{}: {}<>{}", key.name, open, close);
    auto more = around;
    more.replace(more.find("<>"), 2, inside);
    visit(key.access.keys(), more, check);
  }
}

std::string with(const std::string& around, const Key& key, const std::string& value) {
  const auto provider = key.providers.empty()
                            ? std::string("anthropic")
                            : std::string(key.providers.substr(0, key.providers.find(',')));
  auto out = around;
  out.replace(out.find("<>"), 2, fmt::format("{}: {}", key.name, value));
  // The entry around it says whose it is.
  const auto entry = out.find("configuration: {");
  if (entry != std::string::npos) out.insert(entry, fmt::format("provider: {}, ", provider));
  return out;
}

TEST(ErrorsTable, EveryKeySaysWhatItWants) {
  int checked = 0;
  visit(top_keys(), "{<>}", [&](const Key& key, const std::string& around) {
    for (const auto& value : faulty_values(key)) {
      const auto text = with(around, key, value);
      SCOPED_TRACE(text);
      const auto wants = fmt::format("'{}' wants {}, not ", key.name, wanted(key));
      std::vector<std::string> told;
      for (const auto& error : errors_of(text))
        if (error.find(wants) != std::string::npos) told.push_back(error);
      ASSERT_EQ(told.size(), 1U) << testing::PrintToString(errors_of(text));
      const auto column = text.rfind(fmt::format("{}: {}", key.name, value)) + key.name.size() + 3;
      EXPECT_THAT(told[0], testing::StartsWith(fmt::format("weir.yaml:1:{}: ", column)));
      EXPECT_THAT(told[0], testing::EndsWith(")"));  // how to put it right
      if (key.secret) EXPECT_THAT(told[0], testing::Not(testing::HasSubstr("object}")));
      ++checked;
    }
  });
  EXPECT_GT(checked, 150);
}

TEST(ErrorsTable, TheEndsOfEveryRangeAreInIt) {
  visit(top_keys(), "{<>}", [&](const Key& key, const std::string& around) {
    if (key.range.max <= 0) return;
    for (const double end : {key.range.min, key.range.max}) {
      const auto text = with(around, key, fmt::format("{}", end));
      EXPECT_THAT(
          errors_of(text),
          testing::Not(testing::Contains(testing::HasSubstr(fmt::format("'{}' wants", key.name)))))
          << text;
    }
  });
}

TEST(ErrorsTable, AnEmptyTextIsNoValue) {
  visit(top_keys(), "{<>}", [&](const Key& key, const std::string& around) {
    if (key.access.kind == Kind::kObject || key.access.kind == Kind::kList) return;
    EXPECT_THAT(errors_of(with(around, key, "\"\"")),
                testing::Contains(testing::HasSubstr(fmt::format("'{}' wants ", key.name))))
        << key.name;
  });
}

}  // namespace
}  // namespace weir::config
