#include "provider/rate_limits.h"

#include <gtest/gtest.h>

namespace weir::provider {
namespace {

using namespace std::chrono_literals;

const Time kNow = from_unix_seconds(1'795'000'000);

std::optional<RateWindow> read(std::string remaining, std::string reset) {
  http::Headers headers;
  headers.add("X-RateLimit-Limit-Requests", "100");
  headers.add("x-ratelimit-remaining-requests", std::move(remaining));
  headers.add("x-ratelimit-reset-requests", std::move(reset));
  return rate_window(headers, "x-ratelimit-*-requests", kNow);
}

RateWindow window(std::uint64_t remaining, Duration wait) {
  return {100, remaining, kNow, kNow + wait};
}

TEST(RateWindow, ReadsEveryFormOfAReset) {
  EXPECT_EQ(read("59", "6m0s"), window(59, 6min));
  EXPECT_EQ(read("0", "120ms"), window(0, 120ms));
  EXPECT_EQ(read("7", "7.66s"), window(7, 7660ms));
  EXPECT_EQ(read("7", "2m59.56s"), window(7, 179'560ms));
  EXPECT_EQ(read("7", "1h0m0.5s"), window(7, 1h + 500ms));
  EXPECT_EQ(read("7", "2"), window(7, 2s));
  EXPECT_EQ(read("7", to_rfc3339(kNow + 30s)), window(7, 30s));
  EXPECT_EQ(read("7", to_rfc3339(kNow - 30s)), window(7, 0s));
}

TEST(RateWindow, SaysNothingWhereOneIsMissingOrUnreadable) {
  for (const auto* left : {"", "-1", "many", "1.5"})
    EXPECT_EQ(read(left, "1s"), std::nullopt) << left;
  for (const auto* reset : {"", "-1", "soon", "nan", "inf", "1e300", "30d", "-2m1.5s",
                            "4294967295h0.5s", "m1.5s", "2m-1.5s"})
    EXPECT_EQ(read("1", reset), std::nullopt) << reset;
  EXPECT_EQ(rate_window({}, "x-ratelimit-*-requests", kNow), std::nullopt);
}

TEST(RateWindow, FillsUpSteadily) {
  const auto w = window(20, 80s);  // one a second
  EXPECT_EQ(w.available(kNow), 20U);
  EXPECT_EQ(w.available(kNow + 30s), 50U);
  EXPECT_EQ(w.available(kNow + 80s), 100U);
  EXPECT_EQ(w.available(kNow + 1h), 100U);
  EXPECT_EQ(w.when(20), kNow);
  EXPECT_EQ(w.when(21), kNow + 1s);
  EXPECT_EQ(w.when(100), kNow + 80s);
  EXPECT_EQ(w.when(1000), kNow + 80s);
  EXPECT_EQ(window(0, 0s).available(kNow), 100U);
}

}  // namespace
}  // namespace weir::provider
