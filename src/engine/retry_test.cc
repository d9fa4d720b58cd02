#include "engine/retry.h"

#include <gtest/gtest.h>

namespace weir::engine {
namespace {

using namespace std::chrono_literals;

TEST(Retry, OnlyWhatMayPassIsTriedAgain) {
  for (const auto kind : {ErrorKind::kRateLimited, ErrorKind::kUnavailable,
                          ErrorKind::kDeadlineExceeded, ErrorKind::kBadResponse})
    EXPECT_TRUE(retryable(kind)) << to_string(kind);
  for (const auto kind :
       {ErrorKind::kInvalidArgument, ErrorKind::kUnauthenticated, ErrorKind::kNotFound,
        ErrorKind::kUnsupported, ErrorKind::kCancelled, ErrorKind::kInternal})
    EXPECT_FALSE(retryable(kind)) << to_string(kind);
}

TEST(Retry, BackoffDoublesWithinItsHalvesUpToAMinute) {
  SeededRandom random(1);
  for (int i = 0; i < 1000; ++i) {
    for (std::uint32_t attempts = 0; attempts < 100; ++attempts) {
      const Duration ceiling =
          attempts < 6 ? std::chrono::seconds(1 << attempts) : std::chrono::seconds(60);
      const auto wait = backoff(attempts, {}, random);
      ASSERT_GE(wait, ceiling / 2);
      ASSERT_LE(wait, ceiling);
    }
  }
}

TEST(Retry, TheProvidersOwnWordWinsWhenItIsLonger) {
  SeededRandom random(1);
  EXPECT_EQ(backoff(0, {.retry_after = 90s}, random), 90s);
  EXPECT_GE(backoff(5, {.retry_after = 1ms}, random), 16s);
}

}  // namespace
}  // namespace weir::engine
