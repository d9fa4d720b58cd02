// The published test vectors of the encoding, in any chunks, and what is broken.
#include "http/event_stream.h"

#include <gtest/gtest.h>

namespace weir::http {
namespace {

std::string bytes_of(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  return out;
}

// Doc: the encoding tests of the AWS SDKs: empty_message, payload_no_headers, payload_one_str_header (checked 2026-11-27).
const std::string kEmpty = bytes_of("000000100000000005c248eb7d98c8ff");
const std::string kPayload = bytes_of("0000001d00000000fd528c5a7b27666f6f273a27626172277dc3653936");
const std::string kHeader = bytes_of(
    "0000003d0000002007fd83960c636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e"
    "7b27666f6f273a27626172277d8d9c08b1");

std::vector<EventMessage> parse_frames(const std::string& bytes, std::size_t chunk) {
  EventStreamParser parser(1000);
  std::vector<EventMessage> out;
  for (std::size_t at = 0; at < bytes.size(); at += chunk)
    EXPECT_TRUE(parser.feed(std::string_view(bytes).substr(at, chunk),
                            [&](EventMessage&& message) { out.push_back(std::move(message)); }));
  EXPECT_FALSE(parser.partial());
  return out;
}

std::string why(const std::string& bytes, std::size_t most = 1000) {
  EventStreamParser parser(most);
  const auto fed = parser.feed(bytes, [](EventMessage&&) { ADD_FAILURE() << "no message"; });
  if (!fed) EXPECT_EQ(fed.error().kind, ErrorKind::kBadResponse);
  return fed ? "" : fed.error().message;
}

TEST(EventStream, MessagesInAnyChunks) {
  const std::string all = kEmpty + kPayload + kHeader;
  for (const std::size_t chunk : {std::size_t{1}, std::size_t{7}, std::size_t{30}, all.size()}) {
    const auto messages = parse_frames(all, chunk);
    ASSERT_EQ(messages.size(), 3U) << chunk;
    EXPECT_TRUE(messages[0].headers.empty());
    EXPECT_EQ(messages[0].payload, "");
    EXPECT_EQ(messages[1].payload, "{'foo':'bar'}");
    EXPECT_EQ(messages[2].payload, "{'foo':'bar'}");
    EXPECT_EQ(messages[2].find("content-type"), "application/json");
    EXPECT_EQ(messages[2].find("Content-Type"), std::nullopt);
  }
}

TEST(EventStream, CutMeansPartial) {
  EventStreamParser parser(1000);
  ASSERT_TRUE(parser.feed(kHeader.substr(0, 20), [](EventMessage&&) {}));
  EXPECT_TRUE(parser.partial());
}

TEST(EventStream, WhatIsBroken) {
  auto bad = kHeader;
  bad[9] ^= 1;  // the prelude's checksum
  EXPECT_NE(why(bad).find("begins with a wrong checksum"), std::string::npos);
  bad = kHeader;
  bad[3] = '\x3e';  // a longer message: told at once, not waited for
  EXPECT_NE(why(bad).find("begins with a wrong checksum"), std::string::npos);
  bad = kHeader;
  bad[50] ^= 1;  // in the payload
  EXPECT_NE(why(bad).find("ends with a wrong checksum"), std::string::npos);
  EXPECT_NE(why(kHeader, 60).find("larger than its bound"), std::string::npos);
}

TEST(EventStream, OneWholeMessage) {
  EXPECT_EQ(parse_event_message(kPayload)->payload, "{'foo':'bar'}");
  for (std::size_t length = 0; length < kPayload.size(); ++length)
    EXPECT_FALSE(parse_event_message(kPayload.substr(0, length)));
}

}  // namespace
}  // namespace weir::http
