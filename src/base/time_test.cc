#include "base/time.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace weir {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(Rfc3339, ReadsZonesAndFractions) {
  const auto time = from_unix_seconds(1'795'469'357);
  EXPECT_EQ(parse_rfc3339("2026-11-23T21:29:17Z"), time);
  EXPECT_EQ(parse_rfc3339("2026-11-23t21:29:17z"), time);
  EXPECT_EQ(parse_rfc3339("2026-11-23T23:29:17+02:00"), time);
  EXPECT_EQ(parse_rfc3339("2026-11-23T15:59:17-05:30"), time);
  EXPECT_EQ(parse_rfc3339("2026-11-23T21:29:17.25Z"), time + milliseconds(250));
  EXPECT_EQ(parse_rfc3339("2026-11-23T21:29:17.123456789Z"), time + Duration(123'456));
}

TEST(Rfc3339, RefusesTheRest) {
  for (const auto text :
       {"", "2026-11-23", "2026-11-23T21:29:17", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z",
        "2026-11-23T24:00:00Z", "2026-11-23T21:60:00Z", "2026-11-23T21:29:17+2:00",
        "2026-11-23T21:29:17ZZ", "2026/11/23T21:29:17Z", "x026-11-23T21:29:17Z"})
    EXPECT_EQ(parse_rfc3339(text), std::nullopt) << text;
  EXPECT_TRUE(parse_rfc3339("2024-02-29T00:00:00Z"));
}

RC_GTEST_PROP(Rfc3339, ReadsWhatItWrites, ()) {
  const auto time = from_unix_micros(*rc::gen::inRange<std::int64_t>(0, 4'000'000'000'000'000));
  RC_ASSERT(parse_rfc3339(to_rfc3339(time)) == time);
}

TEST(Rfc3339, FractionOnlyWhenThereIsOne) {
  EXPECT_EQ(to_rfc3339(from_unix_micros(0)), "1970-01-01T00:00:00Z");
  EXPECT_EQ(to_rfc3339(from_unix_micros(1)), "1970-01-01T00:00:00.000001Z");
}

TEST(HttpDate, ReadsAndWrites) {
  const auto time = from_unix_seconds(784'111'777);
  EXPECT_EQ(to_http_date(time), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), time);
  for (const auto text : {"", "Sun, 06 Nov 1994 08:49:37 UTC", "Sunday, 06-Nov-94 08:49:37 GMT",
                          "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nox 1994 08:49:37 GMT"})
    EXPECT_EQ(parse_http_date(text), std::nullopt) << text;
}

RC_GTEST_PROP(HttpDate, ReadsWhatItWrites, ()) {
  const auto time = from_unix_seconds(*rc::gen::inRange<std::int64_t>(0, 4'000'000'000));
  RC_ASSERT(parse_http_date(to_http_date(time)) == time);
}

TEST(DurationText, ReadsUnitsAndSums) {
  EXPECT_EQ(parse_duration("90s"), seconds(90));
  EXPECT_EQ(parse_duration("15m"), minutes(15));
  EXPECT_EQ(parse_duration("24h"), hours(24));
  EXPECT_EQ(parse_duration("2d"), hours(48));
  EXPECT_EQ(parse_duration("500ms"), milliseconds(500));
  EXPECT_EQ(parse_duration("1h30m"), minutes(90));
  EXPECT_EQ(parse_duration("0s"), seconds(0));
}

TEST(DurationText, RefusesTheRest) {
  for (const auto text : {"", "5", "s", "1.5h", "-1s", "1w", "1h 30m", "99999999999999999999s",
                          "9223372036854775807d"})
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
}

TEST(DurationText, ForPeople) {
  EXPECT_EQ(human_duration(milliseconds(350)), "350ms");
  EXPECT_EQ(human_duration(milliseconds(1500)), "1.5s");
  EXPECT_EQ(human_duration(seconds(12)), "12s");
  EXPECT_EQ(human_duration(minutes(90)), "1h 30m");
  EXPECT_EQ(human_duration(hours(49)), "2d 1h");
}

}  // namespace
}  // namespace weir
