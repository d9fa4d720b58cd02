#include "base/hash.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace weir {
namespace {

// Vectors of RFC 3720, B.4, and the check value of the CRC catalogue.
TEST(Crc32c, KnownVectors) {
  EXPECT_EQ(crc32c(""), 0U);
  EXPECT_EQ(crc32c("123456789"), 0xE3069283U);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAU);
  EXPECT_EQ(crc32c(std::string(32, '\xFF')), 0x62A8AB43U);
  std::string ascending;
  for (char c = 0; c < 32; ++c) ascending.push_back(c);
  EXPECT_EQ(crc32c(ascending), 0x46DD794EU);
}

RC_GTEST_PROP(Crc32c, GoesOnFromASeed, (const std::string& head, const std::string& tail)) {
  RC_ASSERT(crc32c(tail, crc32c(head)) == crc32c(head + tail));
}

TEST(Hash64, KnownVectorsAndSeeds) {
  EXPECT_EQ(hash64(""), 0x2D06800538D394C2U);
  EXPECT_NE(hash64("a"), hash64("a", 1));
  EXPECT_NE(hash64("a"), hash64("b"));
}

TEST(ContentDigest, Is32HexDigits) {
  EXPECT_EQ(content_digest(""), "99aa06d3014798d86001c324468d497f");
  EXPECT_NE(content_digest("a"), content_digest("b"));
}

}  // namespace
}  // namespace weir
