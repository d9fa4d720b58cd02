#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "provider/openai_chat_dialect.h"

namespace weir::provider::openai_chat {
namespace {

using llm::CachePolicy;
using llm::RawMark;

const Options kBlocksOptions{.provider = "test", .breakpoints = true, .cache_key = true};
const Options kBlocksPlain{.provider = "plain"};

RawBlocks blocks(std::string bytes, const Options& options = kBlocksOptions) {
  auto out = raw_blocks(options, {llm::Dialect::kOpenAIChat, std::move(bytes)});
  EXPECT_TRUE(out) << out.error().message;
  return out.value_or(RawBlocks{});
}

// One character a block: whether it is markable.
std::string markable(std::string bytes, const Options& options = kBlocksOptions) {
  std::string out;
  for (const auto& block : blocks(std::move(bytes), options).blocks)
    out += block.markable ? 'y' : '-';
  return out;
}

std::vector<std::uint64_t> hashes(std::string bytes) {
  std::vector<std::uint64_t> out;
  for (const auto& block : blocks(std::move(bytes)).blocks) out.push_back(block.hash);
  return out;
}

// How many blocks from the front two bodies share.
std::size_t shared(std::string a, std::string b) {
  const auto one = hashes(std::move(a)), other = hashes(std::move(b));
  const auto end = std::ranges::mismatch(one, other);
  return static_cast<std::size_t>(end.in1 - one.begin());
}

std::string message(std::string_view role, std::string_view content) {
  return R"({"messages":[{"role":")" + std::string(role) + R"(","content":)" +
         std::string(content) + "}]}";
}

Result<std::string> encode(std::string bytes, std::vector<RawMark> marks,
                           CachePolicy policy = CachePolicy::kMarked,
                           const Options& options = kBlocksOptions) {
  llm::Request in;
  in.model = "m";
  in.cache = policy;
  in.raw = llm::RawBody{llm::Dialect::kOpenAIChat, std::move(bytes), std::move(marks)};
  return encode_body(options, in, llm::Route::kSync);
}

std::string refused(std::string bytes, std::vector<RawMark> marks) {
  const auto body = encode(std::move(bytes), std::move(marks));
  EXPECT_FALSE(body);
  if (body) return "";
  EXPECT_EQ(body.error().kind, ErrorKind::kInvalidArgument);
  EXPECT_FALSE(body.error().hint.empty());
  return body.error().message;
}

TEST(OpenaiRawBlocks, WhatMayCarryAMarker) {
  for (const auto* role : {"system", "developer", "user", "tool"}) {
    EXPECT_EQ(markable(message(role, R"("a")")), "y") << role;
    EXPECT_EQ(markable(message(role, R"([{"type":"text","text":"a"},{"type":"text","text":" "},)"
                                     R"({"type":"image_url","image_url":{}},{"type":"later"}])")),
              "y---")
        << role;
  }
  EXPECT_EQ(markable(message("assistant", R"("a")")), "-");
  EXPECT_EQ(markable(message("function", R"("a")")), "-");
  EXPECT_EQ(markable(message("user", R"("a")"), kBlocksPlain), "-");
}

TEST(OpenaiRawBlocks, ToolsAndSchemaStandBeforeTheMessages) {
  const auto listed = blocks(R"({"messages":[{"role":"user","content":"a"}],"tools":[{}],)"
                             R"("response_format":{"type":"text"}})");
  ASSERT_EQ(listed.blocks.size(), 2U);
  EXPECT_FALSE(listed.blocks[0].markable);
  EXPECT_EQ(listed.blocks[0].bytes, 19U);
  EXPECT_TRUE(listed.blocks[1].markable);
  EXPECT_EQ(listed.blocks[1].bytes, 3U);
}

TEST(OpenaiRawBlocks, ToolCallsAreABlockBehindTheContent) {
  const auto listed = blocks(R"({"messages":[{"role":"assistant","content":"a","tool_calls":[{}]},)"
                             R"({"role":"assistant","content":null,"tool_calls":[]}]})");
  ASSERT_EQ(listed.blocks.size(), 3U);
  EXPECT_EQ(listed.blocks[1].bytes, 4U);
  EXPECT_EQ(listed.blocks[2].bytes, 2U);
}

TEST(OpenaiRawBlocks, OddShapesAreListedAndNotMarkable) {
  EXPECT_EQ(markable("{}"), "");
  EXPECT_EQ(markable(R"({"messages":[]})"), "-");
  EXPECT_EQ(markable(R"({"messages":7,"tools":[]})"), "--");
  EXPECT_EQ(markable(R"({"messages":[7,{},{"role":"user"},{"role":"user","content":[]},)"
                     R"({"role":"user","content":{}},{"role":"user","content":[7,[]]},)"
                     R"({"role":7,"content":"a"},{"content":"a"},{"role":"user","content":""}]})"),
            "----------");
  EXPECT_EQ(markable(R"({"messages":[{"role":"user","content":"a"}],"messages":[]})"), "-");
  EXPECT_EQ(markable(R"({"messages":[{"role":"user","content":"a","content":"b"}]})"), "--");
  EXPECT_EQ(markable(message("user", R"([{"type":"text","type":"text","text":"a"}])")), "-");
}

TEST(OpenaiRawBlocks, OwnMarkersAndOptions) {
  const std::string mark = R"("prompt_cache_breakpoint":{"mode":"explicit"})";
  EXPECT_TRUE(blocks(message("user", R"([{"type":"text","text":"a",)" + mark + "}]")).own_marks);
  EXPECT_TRUE(blocks(message("assistant", R"([{"type":"image_url",)" + mark + "}]")).own_marks);
  EXPECT_TRUE(blocks(R"({"prompt_cache_options":{}})").own_marks);
  EXPECT_TRUE(blocks(R"({"prompt_cache_retention":"24h"})").own_marks);
  EXPECT_FALSE(blocks(R"({"prompt_cache_options":null,"prompt_cache_key":"k"})").own_marks);
  EXPECT_FALSE(
      blocks(message("user", R"([{"type":"text","prompt_cache_breakpoint":null}])")).own_marks);
}

TEST(OpenaiRawBlocks, OnlyWhatChangesThePrefixIsInTheHash) {
  const std::string plain = R"("messages":[{"role":"user","content":"a"}]})";
  for (const auto* same :
       {R"({"max_completion_tokens":9,"max_tokens":1,)", R"({"temperature":0,"top_p":1,"seed":3,)",
        R"({"model":"x","n":2,"stop":"x",)", R"({"stream":true,"stream_options":{},)",
        R"({"user":"u","safety_identifier":"s","metadata":{},"store":true,)",
        R"({"logprobs":true,"logit_bias":{},"tools":null, )"})
    EXPECT_EQ(hashes(same + plain), hashes("{" + plain)) << same;
  for (const auto* all :
       {R"({"tools":[{}],)", R"({"response_format":{"type":"json_object"},)",
        R"({"reasoning_effort":"low",)", R"({"verbosity":"low",)", R"({"service_tier":"flex",)",
        R"({"prompt_cache_key":"k",)", R"({"tool_choice":"none",)", R"({"tomorrow":1,)"})
    EXPECT_EQ(shared("{" + plain, all + plain), 0U) << all;
}

TEST(OpenaiRawBlocks, EqualUpToWhatDiffers) {
  const auto body = [](std::string_view system, std::string_view name, std::string_view text) {
    return R"({"messages":[{"role":"system","content":")" + std::string(system) +
           R"("},{"role":"user","name":")" + std::string(name) +
           R"(","content":[{"type":"text","text":"a"},{"type":"text","text":")" +
           std::string(text) + R"("}]}]})";
  };
  EXPECT_EQ(shared(body("a", "b", "c"), body("a", "b", "c")), 3U);
  EXPECT_EQ(shared(body("a", "b", "c"), body("a", "b", "x")), 2U);
  EXPECT_EQ(shared(body("a", "b", "c"), body("a", "x", "c")), 1U);
  EXPECT_EQ(shared(body("a", "b", "c"), body("x", "b", "c")), 0U);
  EXPECT_EQ(shared(message("user", R"("a")"), message("system", R"("a")")), 0U);
}

TEST(OpenaiRawBlocks, TwoMessagesAreNotOne) {
  const std::string a = R"({"type":"text","text":"a"})";
  EXPECT_EQ(shared(message("user", "[" + a + "," + a + "]"),
                   R"({"messages":[{"role":"user","content":[)" + a +
                       R"(]},{"role":"user","content":[)" + a + "]}]}"),
            1U);
}

TEST(OpenaiRawBlocks, OnlyObjectsOfThisDialect) {
  EXPECT_EQ(raw_blocks(kBlocksOptions, {llm::Dialect::kAnthropicMessages, "{}"}).error().kind,
            ErrorKind::kUnsupported);
  EXPECT_EQ(raw_blocks(kBlocksOptions, {llm::Dialect::kOpenAIChat, "[]"}).error().kind,
            ErrorKind::kInvalidArgument);
}

TEST(OpenaiRawMarks, EveryOtherByteStays) {
  const std::string bytes =
      "{ \"messages\" : [ {\"role\":\"system\",\"content\":\"a \\\"]\"},\n"
      "{\"role\":\"user\",\"content\":[{\"text\":\"b\",\"type\":\"text\" }, 7]}],\"model\":\"m\" }";
  EXPECT_EQ(encode(bytes, {{1}, {0}}).value_or(""),
            "{ \"messages\" : [ {\"role\":\"system\",\"content\":[{\"type\":\"text\",\"text\":\"a "
            "\\\"]\","
            "\"prompt_cache_breakpoint\":{\"mode\":\"explicit\"}}]},\n"
            "{\"role\":\"user\",\"content\":[{\"text\":\"b\",\"type\":\"text\","
            "\"prompt_cache_breakpoint\":{\"mode\":\"explicit\"} }, 7]}],\"model\":\"m\","
            "\"prompt_cache_options\":{\"mode\":\"explicit\",\"ttl\":\"30m\"} }");
  EXPECT_EQ(encode(bytes, {}).value_or(""), bytes);
  EXPECT_EQ(encode(bytes, {}, CachePolicy::kUntouched).value_or(""), bytes);
}

TEST(OpenaiRawMarks, TheModelIsSetAsWell) {
  EXPECT_EQ(encode(R"({"messages":[{"role":"user","content":"a"}]})", {{0}}).value_or(""),
            R"({"messages":[{"role":"user","content":[{"type":"text","text":"a",)"
            R"("prompt_cache_breakpoint":{"mode":"explicit"}}]}],"model":"m",)"
            R"("prompt_cache_options":{"mode":"explicit","ttl":"30m"}})");
}

TEST(OpenaiRawMarks, ASuppressedCacheSwitchesTheProvidersOwnWritesOff) {
  const auto suppressed = [](std::string bytes, const Options& options = kBlocksOptions) {
    return encode(std::move(bytes), {}, CachePolicy::kSuppressed, options).value_or("");
  };
  EXPECT_EQ(suppressed("{}"), R"({"model":"m","prompt_cache_options":{"mode":"explicit"}})");
  EXPECT_EQ(suppressed(R"({"model":"m","prompt_cache_options":null})"),
            R"({"model":"m","prompt_cache_options":{"mode":"explicit"}})");
  for (const std::string own :
       {R"({"model":"m","prompt_cache_options":{"mode":"implicit"}})",
        R"({"model":"m","prompt_cache_retention":"24h"})",
        R"({"model":"m","messages":[{"content":[{"prompt_cache_breakpoint":{}}]}]})"})
    EXPECT_EQ(suppressed(own), own);
  EXPECT_EQ(suppressed(R"({"model":"m"})", kBlocksPlain), R"({"model":"m"})");
  // As for a request of ours: no marker either.
  EXPECT_EQ(encode(R"({"model":"m","messages":[{"role":"user","content":"a"}]})", {{0}},
                   CachePolicy::kSuppressed)
                .value_or(""),
            R"({"model":"m","messages":[{"role":"user","content":"a"}],)"
            R"("prompt_cache_options":{"mode":"explicit"}})");
}

TEST(OpenaiRawMarks, WhatCannotBeMarkedIsNamed) {
  const std::string five =
      message("user", R"([{"type":"text","text":"a"},{"type":"text","text":"b"},)"
                      R"({"type":"text","text":"c"},{"type":"text","text":"d"},)"
                      R"({"type":"text","text":"e"},{"type":"text","text":""}])");
  EXPECT_EQ(refused(five, {{0}, {1}, {2}, {3}, {4}}),
            "the ready-made body has 5 cache breakpoints, 4 are allowed");
  EXPECT_EQ(refused(five, {{5}}), "block 5 of the ready-made body cannot carry a cache breakpoint");
  EXPECT_EQ(refused(five, {{6}}), "the ready-made body has 6 blocks, so block 6 cannot be marked");
  EXPECT_EQ(refused(five, {{2}, {2}}), "block 2 of the ready-made body is marked twice");
  EXPECT_EQ(refused(five, {{0, llm::CacheTtl::k1h}}),
            "test keeps a marked prefix 30 minutes, not 1h");
  EXPECT_TRUE(
      refused(R"({"prompt_cache_options":{},"messages":[{"role":"user","content":"a"}]})", {{0}})
          .contains("of its own"));
  EXPECT_EQ(encode(five, {{0}}, CachePolicy::kMarked, kBlocksPlain).error().kind,
            ErrorKind::kUnsupported);
}

}  // namespace
}  // namespace weir::provider::openai_chat
