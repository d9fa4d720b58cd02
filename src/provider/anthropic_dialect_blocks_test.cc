#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "provider/anthropic_dialect.h"

namespace weir::provider::anthropic_dialect {
namespace {

using llm::CacheTtl;
using llm::RawMark;

RawBlocks blocks(std::string bytes) {
  auto out = raw_blocks({llm::Dialect::kAnthropicMessages, std::move(bytes)});
  EXPECT_TRUE(out) << out.error().message;
  return out.value_or(RawBlocks{});
}

// One character a block: whether it is markable.
std::string markable(std::string bytes) {
  std::string out;
  for (const auto& block : blocks(std::move(bytes)).blocks) out += block.markable ? 'y' : '-';
  return out;
}

std::vector<std::uint64_t> hashes(std::string bytes) {
  std::vector<std::uint64_t> out;
  for (const auto& block : blocks(std::move(bytes)).blocks) out.push_back(block.hash);
  return out;
}

std::string message(std::string_view content) {
  return R"({"messages":[{"role":"user","content":)" + std::string(content) + "}]}";
}

// How many blocks from the front two bodies share.
std::size_t shared(std::string a, std::string b) {
  const auto one = hashes(std::move(a)), other = hashes(std::move(b));
  const auto end = std::ranges::mismatch(one, other);
  return static_cast<std::size_t>(end.in1 - one.begin());
}

llm::Request request(std::string bytes, std::vector<RawMark> marks) {
  llm::Request out;
  out.cache = llm::CachePolicy::kMarked;
  out.raw = llm::RawBody{llm::Dialect::kAnthropicMessages, std::move(bytes), std::move(marks)};
  return out;
}

std::string encoded(std::string bytes, std::vector<RawMark> marks) {
  std::string out;
  const auto done = append_body(request(std::move(bytes), std::move(marks)), out);
  EXPECT_TRUE(done) << done.error().message;
  return out;
}

std::string refused(std::string bytes, std::vector<RawMark> marks) {
  std::string out = "before";
  const auto done = append_body(request(std::move(bytes), std::move(marks)), out);
  EXPECT_FALSE(done);
  EXPECT_EQ(out, "before");
  EXPECT_EQ(done.error().kind, ErrorKind::kInvalidArgument);
  EXPECT_FALSE(done.error().hint.empty());
  return done ? "" : done.error().message;
}

constexpr std::string_view kBody =
    R"({"model":"m", "messages":[{"role":"user","content":[{"type":"text","text":"a"}, {"type":"image","source":{}}]},)"
    "\n"
    R"({"content":"b \"]}","role":"assistant"}], "system" : "S", "tools":[{"name":"t","input_schema":{}}]})";

TEST(AnthropicRawBlocks, ToolsThenSystemThenMessages) {
  const auto listed = blocks(std::string(kBody));
  ASSERT_EQ(listed.blocks.size(), 5U);
  EXPECT_FALSE(listed.own_marks);
  const std::vector<std::uint32_t> sizes{30, 3, 26, 28, 8};
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    EXPECT_EQ(listed.blocks[i].bytes, sizes[i]) << i;
    EXPECT_TRUE(listed.blocks[i].markable) << i;
  }
}

TEST(AnthropicRawBlocks, WhatMayCarryAMarker) {
  EXPECT_EQ(markable(message(R"([{"type":"text","text":"a"},{"type":"text","text":""},)"
                             R"({"type":"text","text":" \n"},{"type":"text"},)"
                             R"({"type":"thinking","thinking":"a","signature":"s"},)"
                             R"({"type":"redacted_thinking","data":"a"},{"type":"image"},)"
                             R"({"type":"document"},{"type":"search_result"},)"
                             R"({"type":"tool_use","input":{}},{"type":"later"}])")),
            "y-----yyyy-");
  EXPECT_EQ(markable(message(R"([{"type":"tool_result","content":"a"},)"
                             R"({"type":"tool_result","content":[ {"type":"text","text":"a"}]},)"
                             R"({"type":"tool_result","content":""},{"type":"tool_result"},)"
                             R"({"type":"tool_result","content":[ ]}])")),
            "yy---");
  EXPECT_EQ(markable(R"({"tools":[{"name":"a"},{"name":"b","defer_loading":true},)"
                     R"({"name":"c","defer_loading":false},{"type":"mcp_toolset"},{},7]})"),
            "y-y---");
  EXPECT_EQ(markable(R"({"system":[{"type":"text","text":"a"},{"type":"image"}]})"), "y-");
}

TEST(AnthropicRawBlocks, OddShapesAreListedAndNotMarkable) {
  EXPECT_EQ(markable("{}"), "");
  EXPECT_EQ(markable(R"({"tools":[],"system":[],"messages":[]})"), "-");
  EXPECT_EQ(markable(R"({"tools":{},"system":7,"messages":"x"})"), "---");
  EXPECT_EQ(markable(R"({"messages":[7,{},{"role":"user"},{"role":"user","content":null},)"
                     R"({"role":"user","content":[]},{"role":"user","content":[7,null,[]]},)"
                     R"({"role":"robot","content":"a"},{"role":7,"content":"a"},)"
                     R"({"content":"a"},{"role":"user","content":""}]})"),
            "------------");
  EXPECT_EQ(markable(message(R"([{"type":7,"text":"a"},{"type":"text","text":7}])")), "--");
}

TEST(AnthropicRawBlocks, WhatStandsTwiceIsNotMarkable) {
  EXPECT_EQ(markable(R"({"system":"a","system":"b"})"), "-");
  EXPECT_EQ(
      markable(message(R"([{"type":"text","text":"a","text":"b"},{"type":"text","text":"c"}])")),
      "-y");
  EXPECT_EQ(markable(R"({"messages":[{"role":"user","content":"a","content":"b"}]})"), "-");
  // The second one counts too.
  EXPECT_NE(hashes(R"({"system":"a","system":"b"})"), hashes(R"({"system":"a","system":"c"})"));
}

TEST(AnthropicRawBlocks, EscapedNamesAreTheNamesTheySpell) {
  EXPECT_EQ(markable(R"({"\u0073ystem":[{"type":"\u0074ext","text":"a"}]})"), "y");
  EXPECT_TRUE(blocks(R"({"system":[{"type":"text","cache\u005fcontrol":{}}]})").own_marks);
}

TEST(AnthropicRawBlocks, OwnMarkersAreSeenWhereverTheyMayStand) {
  const std::string mark = R"("cache_control":{"type":"ephemeral"})";
  EXPECT_TRUE(blocks("{" + mark + "}").own_marks);
  EXPECT_TRUE(blocks(R"({"tools":[{"name":"t",)" + mark + "}]}").own_marks);
  EXPECT_TRUE(blocks(R"({"system":[{"type":"text","text":"a",)" + mark + "}]}").own_marks);
  EXPECT_TRUE(
      blocks(message(R"([{"type":"text","text":"a"},{"type":"image",)" + mark + "}]")).own_marks);
  EXPECT_TRUE(blocks(message(R"([{"type":"tool_result","content":[{"type":"text","text":"a",)" +
                             mark + "}]}]"))
                  .own_marks);
  EXPECT_TRUE(
      blocks(message(R"([{"type":"document","source":{"content":[{)" + mark + "}]}}]")).own_marks);
}

TEST(AnthropicRawBlocks, TheCallersOwnDataIsNoMarker) {
  EXPECT_FALSE(blocks(R"({"cache_control":null,"system":[{"type":"text","cache_control":null}]})")
                   .own_marks);
  EXPECT_FALSE(
      blocks(R"({"tools":[{"name":"t","input_schema":{"properties":{"cache_control":{}}}}]})")
          .own_marks);
  EXPECT_FALSE(blocks(message(R"([{"type":"tool_use","input":{"cache_control":{}}},)"
                              R"({"type":"text","text":"\"cache_control\":{}"}])"))
                   .own_marks);
  EXPECT_FALSE(blocks(R"({"metadata":{"cache_control":{}}})").own_marks);
}

TEST(AnthropicRawBlocks, OnlyWhatChangesThePrefixIsInTheHash) {
  const std::string plain = R"("system":"S","messages":[{"role":"user","content":"a"}]})";
  for (const auto* same :
       {R"({"max_tokens":9,)", R"({"temperature":0.1,"top_p":1,"top_k":3,)", R"({"model":"x",)",
        R"({"stream":true,"metadata":{"user_id":"u"},)", R"({"stop_sequences":["x"], )",
        R"({"service_tier":"auto","thinking":null,"cache_control":null,)"})
    EXPECT_EQ(hashes(same + plain), hashes("{" + plain)) << same;
  EXPECT_EQ(shared("{" + plain, R"({"tool_choice":{"type":"any"},)" + plain), 1U);
  for (const auto* all : {R"({"thinking":{"type":"adaptive"},)", R"({"speed":"fast",)",
                          R"({"output_config":{"effort":"low"},)", R"({"tomorrow":1,)"})
    EXPECT_EQ(shared("{" + plain, all + plain), 0U) << all;
  EXPECT_EQ(hashes(R"({"a":1,"b":2,)" + plain), hashes(R"({"b":2,"a":1,)" + plain));
  EXPECT_NE(hashes(R"({"a":1,"b":2,)" + plain), hashes(R"({"a":2,"b":1,)" + plain));
}

TEST(AnthropicRawBlocks, EqualUpToWhatDiffers) {
  const auto body = [](std::string_view tool, std::string_view system, std::string_view text) {
    return R"({"tools":[{"name":"t"},{"name":")" + std::string(tool) + R"("}],"system":")" +
           std::string(system) + R"(","messages":[{"role":"user","content":")" + std::string(text) +
           R"("},{"role":"assistant","content":"c"}]})";
  };
  EXPECT_EQ(shared(body("a", "b", "c"), body("a", "b", "c")), 5U);
  EXPECT_EQ(shared(body("a", "b", "c"), body("x", "b", "c")), 1U);
  EXPECT_EQ(shared(body("a", "b", "c"), body("a", "x", "c")), 2U);
  EXPECT_EQ(shared(body("a", "b", "c"), body("a", "b", "x")), 3U);
  EXPECT_EQ(shared(message(R"("a")"), R"({"messages":[{"role":"assistant","content":"a"}]})"), 0U);
  EXPECT_EQ(shared(message(R"("a")"), R"({"system":"a"})"), 0U);
}

TEST(AnthropicRawBlocks, TwoMessagesAreNotOne) {
  const std::string a = R"({"type":"text","text":"a"})", b = R"({"type":"text","text":"b"})";
  EXPECT_EQ(
      shared(message("[" + a + "," + b + "]"), R"({"messages":[{"role":"user","content":[)" + a +
                                                   R"(]},{"role":"user","content":[)" + b + "]}]}"),
      1U);
}

TEST(AnthropicRawBlocks, ImagesAndCitationsChangeWhatStandsBeforeThem) {
  const auto with = [](std::string_view block) {
    return R"({"tools":[{"name":"t"}],"system":"S","messages":[{"role":"user","content":[)"
           R"({"type":"text","text":"a"},)" +
           std::string(block) + "]}]}";
  };
  const auto plain = with(R"({"type":"document"})");
  EXPECT_EQ(shared(plain, with(R"({"type":"document","citations":{"enabled":false}})")), 3U);
  EXPECT_EQ(shared(plain, with(R"({"type":"document","citations":{"enabled":true}})")), 1U);
  EXPECT_EQ(shared(plain, with(R"({"type":"image"})")), 2U);
  EXPECT_EQ(shared(plain, with(R"({"type":"tool_result","content":[{"type":"image"}]})")), 2U);
}

TEST(AnthropicRawBlocks, TheListIsBounded) {
  std::string content = "[0";
  for (std::size_t i = 0; i < kRawBlocksMax; ++i) content += ",0";
  EXPECT_EQ(blocks(message(content + "]")).blocks.size(), kRawBlocksMax);
}

TEST(AnthropicRawBlocks, OnlyObjectsOfThisDialect) {
  EXPECT_EQ(raw_blocks({llm::Dialect::kOpenAIChat, "{}"}).error().kind, ErrorKind::kUnsupported);
  for (const auto* bytes : {"[]", "", "{", "{} x", "\"{}\""})
    EXPECT_EQ(raw_blocks({llm::Dialect::kAnthropicMessages, bytes}).error().kind,
              ErrorKind::kInvalidArgument)
        << bytes;
}

TEST(AnthropicRawMarks, EveryOtherByteStays) {
  EXPECT_EQ(
      encoded(std::string(kBody), {{0, CacheTtl::k1h}, {1, CacheTtl::k1h}, {3, {}}, {4, {}}}),
      R"({"model":"m", "messages":[{"role":"user","content":[{"type":"text","text":"a"}, {"type":"image","source":{},"cache_control":{"type":"ephemeral","ttl":"5m"}}]},)"
      "\n"
      R"({"content":[{"type":"text","text":"b \"]}","cache_control":{"type":"ephemeral","ttl":"5m"}}],"role":"assistant"}], "system" : [{"type":"text","text":"S","cache_control":{"type":"ephemeral","ttl":"1h"}}], "tools":[{"name":"t","input_schema":{},"cache_control":{"type":"ephemeral","ttl":"1h"}}]})");
  EXPECT_EQ(encoded(std::string(kBody), {}), kBody);
}

TEST(AnthropicRawMarks, AnEmptyMarkerIsFilledAndSpaceKept) {
  EXPECT_EQ(
      encoded(R"({"system":[{"cache_control" : null,"type":"text","text":"a"}, )"
              R"({"type":"text","text":"b" } ]})",
              {{1}, {0}}),
      R"({"system":[{"cache_control" : {"type":"ephemeral","ttl":"5m"},"type":"text","text":"a"}, )"
      R"({"type":"text","text":"b","cache_control":{"type":"ephemeral","ttl":"5m"} } ]})");
}

TEST(AnthropicRawMarks, ModelAndStreamAreSetAsWell) {
  auto in = request(R"({"model":"other","system":"S"})", {{0}});
  in.model = "m";
  in.stream = true;
  std::string out;
  ASSERT_TRUE(append_body(in, out));
  EXPECT_EQ(
      out,
      R"({"model":"m","system":[{"type":"text","text":"S","cache_control":{"type":"ephemeral","ttl":"5m"}}],"stream":true})");
}

TEST(AnthropicRawMarks, WhatCannotBeMarkedIsNamed) {
  const std::string five = R"({"system":[{"type":"text","text":"a"},{"type":"text","text":"b"},)"
                           R"({"type":"text","text":"c"},{"type":"text","text":"d"},)"
                           R"({"type":"text","text":"e"},{"type":"text","text":""}]})";
  EXPECT_EQ(refused(five, {{0}, {1}, {2}, {3}, {4}}),
            "the ready-made body has 5 cache breakpoints, 4 are allowed");
  EXPECT_EQ(refused(five, {{5}}), "block 5 of the ready-made body cannot carry a cache breakpoint");
  EXPECT_EQ(refused(five, {{6}}), "the ready-made body has 6 blocks, so block 6 cannot be marked");
  EXPECT_EQ(refused(five, {{2}, {2}}), "block 2 of the ready-made body is marked twice");
  EXPECT_EQ(refused(five, {{1, CacheTtl::k1h}, {0}}),
            "a 1h cache breakpoint stands after a 5m one");
  EXPECT_TRUE(refused(R"({"cache_control":{"type":"ephemeral"},"system":"a"})", {{0}})
                  .contains("of its own"));
}

}  // namespace
}  // namespace weir::provider::anthropic_dialect
