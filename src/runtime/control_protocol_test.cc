#include "runtime/control_protocol.h"

#include <gmock/gmock.h>

namespace weir::runtime {
namespace {

using ::testing::HasSubstr;
using Command = ControlRequest::Command;
using How = provider::Settlement::How;

TEST(ControlProtocol, ARequestComesBackAsItWas) {
  for (const auto command : {Command::kProgress, Command::kCancel})
    EXPECT_EQ(parse_control(write_control({.command = command}))->command, command);
  for (const auto how : {How::kAdopt, How::kNotMade, How::kLost}) {
    const ControlRequest request{
        .command = Command::kSettle,
        .batch = 7,
        .settlement = {.how = how, .provider_batch_id = how == How::kAdopt ? "batch_7" : ""}};
    const auto back = parse_control(write_control(request));
    ASSERT_TRUE(back.has_value());
    EXPECT_EQ(back->batch, 7U);
    EXPECT_EQ(back->settlement.how, how);
    EXPECT_EQ(back->settlement.provider_batch_id, request.settlement.provider_batch_id);
  }
}

TEST(ControlProtocol, WhatIsNoRequestIsRefused) {
  for (const auto* line : {"", "17", "[]", "not json", R"({"v":1})", R"({"v":1,"command":"stop"})",
                           R"({"v":1,"command":17})", R"({"v":1,"command":"settle"})",
                           R"({"v":1,"command":"settle","batch":0,"how":"lost"})",
                           R"({"v":1,"command":"settle","batch":-1,"how":"lost"})",
                           R"({"v":1,"command":"settle","batch":1,"how":"burnt"})",
                           R"({"v":1,"command":"settle","batch":1,"how":"adopt"})",
                           R"({"v":1,"command":"cancel","command":"progress"})"})
    EXPECT_EQ(parse_control(line).error().kind, ErrorKind::kInvalidArgument) << line;
  EXPECT_EQ(parse_control(R"({"v":2,"command":"cancel"})").error().kind, ErrorKind::kUnsupported);
  EXPECT_FALSE(parse_control(std::string(kControlLineBytesMax + 1, ' ')).has_value());
  EXPECT_FALSE(
      parse_control(R"({"v":1,"command":"settle","batch":1,"how":"adopt","provider_batch_id":")" +
                    std::string(257, 'x') + "\"}")
          .has_value());
}

TEST(ControlProtocol, RepliesCarryResultsAndErrors) {
  EXPECT_EQ(read_control_reply(control_reply(std::string(R"({"a":1})"))).value(), R"({"a":1})");
  const auto error =
      read_control_reply(control_reply(fail(ErrorKind::kNotFound, "no batch 3", "look"))).error();
  EXPECT_EQ(error.kind, ErrorKind::kNotFound);
  EXPECT_EQ(error.text(), "no batch 3 (look)");
  for (const auto* line : {"", "{}", R"({"v":1})", R"({"v":2,"ok":true,"result":{}})"})
    EXPECT_EQ(read_control_reply(line).error().kind, ErrorKind::kBadResponse) << line;
}

}  // namespace
}  // namespace weir::runtime
