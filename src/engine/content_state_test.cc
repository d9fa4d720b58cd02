#include "engine/content_state.h"

#include <gtest/gtest.h>

namespace weir::engine {
namespace {

TEST(ContentState, IsReadAsItWasWritten) {
  ContentState state{.number = 3,
                     .phase = ContentPhase::kDeleting,
                     .attempt = {5, 6},
                     .create_sequence = 7,
                     .store_sequence = 8,
                     .head_messages = 2,
                     .head_bytes = 9,
                     .head_hash = ~std::uint64_t{0},
                     .ttl = std::chrono::minutes(5),
                     .begun_at = from_unix_seconds(10),
                     .lives_until = from_unix_seconds(11),
                     .ceiling = {12},
                     .name = "cachedContents/x",
                     .tokens = {13},
                     .counted = false,
                     .created = from_unix_seconds(14),
                     .expires = from_unix_seconds(15),
                     .extended_to = from_unix_seconds(16),
                     .delete_sent = true,
                     .reads = 17,
                     .written = {18},
                     .stored = {19},
                     .reason = "why"};
  const auto text = state.encode();
  const auto read = ContentState::decode(text);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->encode(), text);
  EXPECT_EQ(read->phase, ContentPhase::kDeleting);
  EXPECT_EQ(read->head_hash, ~std::uint64_t{0});
  EXPECT_EQ(read->expires_max(), from_unix_seconds(16));
  EXPECT_EQ(read->display_name(), "weir-" + read->attempt.text());
  EXPECT_FALSE(read->counted);
  state.extended_to.reset();
  EXPECT_EQ(ContentState::decode(state.encode())->expires_max(), from_unix_seconds(15));
}

TEST(ContentState, WhatIsNoneIsAnError) {
  for (const auto* text : {"", "{}", R"({"v":1})", R"({"v":2,"attempt":"x"})"})
    EXPECT_EQ(ContentState::decode(text).error().kind, ErrorKind::kInternal) << text;
}

}  // namespace
}  // namespace weir::engine
