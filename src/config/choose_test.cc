// Which workload, how urgent, and when an interval ends.
#include "config/choose.h"

#include <gtest/gtest.h>

#include "config/calendar.h"
#include "config/testing.h"

namespace weir::config {
namespace {

TEST(Choose, AStarStandsForAnyText) {
  for (const auto& [text, pattern] :
       std::vector<std::pair<std::string, std::string>>{{"bulk-1", "bulk-*"},
                                                        {"bulk-", "bulk-*"},
                                                        {"a-b-c", "*b*"},
                                                        {"aab", "*ab"},
                                                        {"", "*"},
                                                        {"", ""},
                                                        {"same", "same"}})
    EXPECT_TRUE(is_like(text, pattern)) << text << " " << pattern;
  for (const auto& [text, pattern] : std::vector<std::pair<std::string, std::string>>{
           {"bulk", "bulk-*"}, {"x", ""}, {"aba", "*ab"}, {"Same", "same"}, {"ab", "a"}})
    EXPECT_FALSE(is_like(text, pattern)) << text << " " << pattern;
}

TEST(Choose, AllThatIsSetMustHoldAndTheFirstWins) {
  const auto config = load_text(
                          "workloads:\n"
                          "  - name: nothing\n"
                          "  - name: both\n    match: {model: 'bulk-*', header: X-Kind, value: a}\n"
                          "  - name: there\n    match: {header: X-Kind}\n"
                          "  - name: key\n    match: {key: team}\n"
                          "  - name: topic\n    match: {topic: events}\n")
                          .config;
  const auto chosen = [&](const Asked& asked) {
    const auto* found = matching_workload(config, asked);
    return found == nullptr ? std::string() : found->name;
  };
  const auto kind = [](std::string value) {
    return [value](std::string_view name) {
      return name == "X-Kind" ? std::optional(value) : std::nullopt;
    };
  };
  EXPECT_EQ(chosen({.model = "bulk-1", .header = kind("a")}), "both");
  EXPECT_EQ(chosen({.model = "bulk-1", .header = kind("b")}), "there");
  EXPECT_EQ(chosen({.model = "bulk-1"}), "");
  EXPECT_EQ(chosen({.key = "team"}), "key");
  EXPECT_EQ(chosen({.key = "tea"}), "");
  EXPECT_EQ(chosen({.topic = "events"}), "topic");
}

TEST(Choose, UrgentByHeaderOrField) {
  Workload workload;
  const auto says = [](std::string said) {
    return [said](std::string_view name) {
      return name == "priority" ? std::optional(said) : std::nullopt;
    };
  };
  EXPECT_FALSE(is_urgent(workload, says("high"), says("high")));
  workload.urgent.header = "priority";
  EXPECT_TRUE(is_urgent(workload, says("HIGH"), {}));
  EXPECT_FALSE(is_urgent(workload, says("low"), says("high")));
  EXPECT_FALSE(is_urgent(workload, {}, {}));
  workload.urgent = {.header = {}, .field = "priority", .values = {"9"}};
  EXPECT_TRUE(is_urgent(workload, {}, says("9")));
  EXPECT_FALSE(is_urgent(workload, {}, says("high")));
}

TEST(Calendar, IntervalsBeginAtFullHoursAtMidnightAndOnMonday) {
  const auto now = *parse_rfc3339("2026-11-25T13:37:00Z");  // a Wednesday
  const auto span = [&](Interval interval) {
    return to_rfc3339(begin_of(interval, now)) + " " + to_rfc3339(end_of(interval, now));
  };
  EXPECT_EQ(span(Interval::kHourly), "2026-11-25T13:00:00Z 2026-11-25T14:00:00Z");
  EXPECT_EQ(span(Interval::kDaily), "2026-11-25T00:00:00Z 2026-11-26T00:00:00Z");
  EXPECT_EQ(span(Interval::kWeekly), "2026-11-23T00:00:00Z 2026-11-30T00:00:00Z");
  const auto sunday = *parse_rfc3339("2026-11-29T23:59:59Z");
  EXPECT_EQ(to_rfc3339(begin_of(Interval::kWeekly, sunday)), "2026-11-23T00:00:00Z");
}

TEST(Calendar, PeriodsAreDaysAndMonths) {
  const auto now = *parse_rfc3339("2026-12-31T13:37:00Z");
  EXPECT_EQ(to_rfc3339(*begin_of(Period::kDay, now)), "2026-12-31T00:00:00Z");
  EXPECT_EQ(to_rfc3339(*end_of(Period::kDay, now)), "2027-01-01T00:00:00Z");
  EXPECT_EQ(to_rfc3339(*begin_of(Period::kMonth, now)), "2026-12-01T00:00:00Z");
  EXPECT_EQ(to_rfc3339(*end_of(Period::kMonth, now)), "2027-01-01T00:00:00Z");
  EXPECT_EQ(begin_of(Period::kTotal, now), std::nullopt);
  EXPECT_EQ(end_of(Period::kTotal, now), std::nullopt);
}

}  // namespace
}  // namespace weir::config
