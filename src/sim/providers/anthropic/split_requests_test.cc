// The cutter of batch bodies against the JSON parser: what it takes is JSON, whatever happened to
// the bytes.
#include "sim/providers/anthropic/split_requests.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "json/value.h"

namespace weir::sim::anthropic {
namespace {

const std::string kBody =
    R"( { "requests" : [ {"custom_id":"a","params":{"x":[1,{"y":"}]\"\\"}],"z":null}} , {"params":{},"custom_id":"b"} ] } )";

TEST(SplitRequests, SpansAreTheElements) {
  const auto spans = split_requests(kBody);
  ASSERT_TRUE(spans.has_value()) << spans.error().message;
  ASSERT_EQ(spans->size(), 2U);
  EXPECT_EQ(kBody.substr((*spans)[1].offset, (*spans)[1].length),
            R"({"params":{},"custom_id":"b"})");
}

TEST(SplitRequests, TakesNothingThatTheParserRefuses) {
  constexpr std::string_view kSigns = "{}[]\",:\\ax1 \n\x01\xff";
  SeededRandom random(7);
  json::Parser parser;
  int taken = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string body = kBody;
    for (std::uint64_t edits = 1 + random.below(3); edits > 0; --edits) {
      const auto at = static_cast<std::size_t>(random.below(body.size()));
      const char sign = kSigns[static_cast<std::size_t>(random.below(kSigns.size()))];
      if (random.below(3) == 0) body.erase(at, 1 + static_cast<std::size_t>(random.below(3)));
      else if (random.below(2) == 0) body.insert(at, 1, sign);
      else body[at] = sign;
    }
    if (!split_requests(body)) continue;
    ++taken;
    EXPECT_TRUE(parser.parse(body).has_value()) << body;
  }
  EXPECT_GT(taken, 100);
}

}  // namespace
}  // namespace weir::sim::anthropic
