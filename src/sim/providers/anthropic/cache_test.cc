// Every rule of the prompt cache with the bucket numbers that it leads to. The model's minimum is
// 1,024 tokens; one word of words() is one token; a message adds 4 tokens.
#include "sim/providers/anthropic/bench_testing.h"

namespace weir::sim::anthropic {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::words;

Usage ask(testing::Bench& b, const std::string& body, const http::Headers& more = {}) {
  const Reply reply = b.post(std::string(kMessagesPath), body, more);
  EXPECT_EQ(reply.head.status, 200) << reply.text();
  Usage usage = usage_of(testing::Parsed(reply.text()).root);
  usage.output = 0;
  return usage;
}

TEST(AnthropicCache, WrittenOnceThenRead) {
  auto b = make_bench();
  const auto body = [](std::string_view document) { return body_of(words(1100), "5m", document); };
  EXPECT_EQ(ask(b, body("one")), (Usage{.input = 5, .write_5m = 1100}));
  b.wait(seconds(1));
  EXPECT_EQ(ask(b, body("two three")), (Usage{.input = 6, .read = 1100}));
  // The bill holds the same numbers: 5 x 2.00 + 1100 x 2.50, then 6 x 2.00 + 1100 x 0.20, and the
  // output.
  EXPECT_EQ(b.bill()[0].pico_usd,
            5 * 2'000'000 + 1100LL * 2'500'000 + b.bill()[0].tokens.output * 10'000'000);
  EXPECT_EQ(b.bill()[1].pico_usd,
            6 * 2'000'000 + 1100 * 200'000 + b.bill()[1].tokens.output * 10'000'000);
}

TEST(AnthropicCache, BelowTheMinimumNothingHappens) {
  auto b = make_bench();
  EXPECT_EQ(ask(b, body_of(words(1023), "5m", "one")), (Usage{.input = 1028}));
  b.wait(seconds(1));
  EXPECT_EQ(ask(b, body_of(words(1023), "5m", "one")), (Usage{.input = 1028}));
  EXPECT_EQ(ask(b, body_of(words(1024), "5m", "one")), (Usage{.input = 5, .write_5m = 1024}));
  // Another model, another minimum: 4,096.
  const std::string haiku = R"({"model":"claude-haiku-4-5","max_tokens":9,"system":[)" +
                            text_block(words(4000), "5m") +
                            R"(],"messages":[{"role":"user","content":"one"}]})";
  EXPECT_EQ(ask(b, haiku), (Usage{.input = 4005}));
}

TEST(AnthropicCache, VisibleOnlyAfterTheFirstByteOfTheWriter) {
  auto b = make_bench();
  const std::string body = body_of(words(1100), "5m", "one");
  ask(b, body);
  b.wait(std::chrono::milliseconds(200));  // the first byte takes 300 ms at least
  EXPECT_EQ(ask(b, body), (Usage{.input = 5, .write_5m = 1100}));
  b.wait(seconds(1));
  EXPECT_EQ(ask(b, body).read, 1100);
}

TEST(AnthropicCache, LifeCountsFromTheStartAndIsRefreshedByAReadForFree) {
  auto b = make_bench();
  const std::string body = body_of(words(1100), "5m", "one");
  ask(b, body);
  b.wait(minutes(4));
  EXPECT_EQ(ask(b, body).read, 1100);
  b.wait(minutes(4));
  EXPECT_EQ(ask(b, body), (Usage{.input = 5, .read = 1100}));
  b.wait(minutes(5));
  EXPECT_EQ(ask(b, body).write_5m, 1100);
}

TEST(AnthropicCache, AnHourLastsAnHour) {
  auto b = make_bench();
  const std::string body = body_of(words(1100), "1h", "one");
  EXPECT_EQ(ask(b, body), (Usage{.input = 5, .write_1h = 1100}));
  b.wait(minutes(59));
  EXPECT_EQ(ask(b, body).read, 1100);
  b.wait(minutes(60));
  EXPECT_EQ(ask(b, body).write_1h, 1100);
  EXPECT_EQ(b.bill()[0].pico_usd,
            5 * 2'000'000 + 1100LL * 4'000'000 + b.bill()[0].tokens.output * 10'000'000);
}

TEST(AnthropicCache, AccountsAndModelsShareNothing) {
  auto b = make_bench();
  const std::string body = body_of(words(1100), "5m", "one");
  ask(b, body);
  b.wait(seconds(1));
  EXPECT_EQ(ask(b, body, {{"x-api-key", "key-2"}}).write_5m, 1100);
  std::string other = body;
  other.replace(other.find("claude-sonnet-5"), 15, "claude-sonnet-4-6");
  EXPECT_EQ(ask(b, other).write_5m, 1100);
  EXPECT_EQ(ask(b, body).read, 1100);
}

TEST(AnthropicCache, WithoutAMarkNothingIsReadOrWritten) {
  auto b = make_bench();
  ask(b, body_of(words(1100), "5m", "one"));
  b.wait(seconds(1));
  EXPECT_EQ(ask(b, body_of(words(1100), "", "one")), (Usage{.input = 1105}));
}

TEST(AnthropicCache, MixedLivesAreBilledInThreeParts) {
  auto b = make_bench();
  const auto body = [](std::string_view tail) {
    return R"({"model":"claude-sonnet-5","max_tokens":9,"system":[)" +
           text_block(words(1100), "1h") + "," + text_block(words(300, "brick"), "1h") +
           R"(],"messages":[{"role":"user","content":[)" + text_block(words(200, "wood"), "5m") +
           "," + text_block(tail) + "]}]}";
  };
  // C - B at the 5m price, B - A at the 1h price.
  EXPECT_EQ(ask(b, body("one")), (Usage{.input = 1, .write_5m = 204, .write_1h = 1400}));
  b.wait(minutes(30));  // the 5m part is gone, the 1h parts are not
  EXPECT_EQ(ask(b, body("one two")), (Usage{.input = 2, .read = 1400, .write_5m = 204}));
  b.wait(seconds(2));
  EXPECT_EQ(ask(b, body("one")), (Usage{.input = 1, .read = 1604}));
}

TEST(AnthropicCache, LooksBackOverTwentyBlocks) {
  const auto body = [](int blocks, int marked) {
    std::string content;
    for (int i = 0; i < blocks; ++i)
      content += (i > 0 ? "," : "") +
                 text_block(words(i == 0 ? 1100 : 10, "brick"), i == marked ? "5m" : "");
    return R"({"model":"claude-sonnet-5","max_tokens":9,"messages":[{"role":"user","content":[)" +
           content + "]}]}";
  };
  auto b = make_bench();
  EXPECT_EQ(ask(b, body(1, 0)), (Usage{.write_5m = 1104}));
  b.wait(seconds(1));
  // The mark is position 1, so 20 blocks on, the entry is at position 20: found.
  EXPECT_EQ(ask(b, body(20, 19)), (Usage{.read = 1104, .write_5m = 190}));
  auto other = make_bench();
  ask(other, body(1, 0));
  other.wait(seconds(1));
  EXPECT_EQ(ask(other, body(21, 20)), (Usage{.write_5m = 1304}));  // position 21: not found
}

TEST(AnthropicCache, WhatChangesAPrefix) {
  const std::string tools = R"("tools":[{"name":"t","input_schema":{"type":"object"}}],)";
  const auto body = [&](std::string_view extra, std::string_view messages_extra = "") {
    return R"({"model":"claude-sonnet-5","max_tokens":9,)" + std::string(extra) + R"("system":[)" +
           text_block(words(1100), "5m") + R"(],"messages":[{"role":"user","content":[)" +
           text_block(words(1100), "5m") + std::string(messages_extra) + "]}]}";
  };
  auto b = make_bench();
  ask(b, body(""));
  b.wait(seconds(1));
  EXPECT_EQ(ask(b, body("")).read, 2204);
  EXPECT_EQ(ask(b, body(R"("thinking":{"type":"enabled","budget_tokens":1024},)")).read,
            1100);  // messages only
  EXPECT_EQ(ask(b, body(R"("output_config":{"effort":"low"},)")).read, 1100);
  EXPECT_EQ(ask(b, body(tools)).read, 0);  // everything
  b.wait(seconds(1));
  EXPECT_GT(ask(b, body(tools)).read, 2204);
  EXPECT_GT(ask(b, body(tools + R"("tool_choice":{"type":"none"},)")).read, 1100);
  EXPECT_LT(ask(b, body(tools + R"("tool_choice":{"type":"auto","x":1},)")).read, 2204);
}

TEST(AnthropicCache, AutomaticCachingMarksTheLastBlock) {
  auto b = make_bench();
  const std::string body =
      body_of(words(1100), "", "one two", R"(,"cache_control":{"type":"ephemeral"})");
  EXPECT_EQ(ask(b, body), (Usage{.write_5m = 1106}));
  b.wait(seconds(1));
  EXPECT_EQ(ask(b, body), (Usage{.read = 1106}));
}

TEST(AnthropicCache, ZeroTokensWarmTheCache) {
  auto b = make_bench();
  std::string warm = body_of(words(1100), "1h", "one");
  warm.replace(warm.find("\"max_tokens\":64"), 15, "\"max_tokens\":0");
  const Reply reply = b.post(std::string(kMessagesPath), warm);
  const testing::Parsed message(reply.text());
  EXPECT_EQ(message["content"].size(), 0U);
  EXPECT_TRUE(message["content"].is_array());
  EXPECT_EQ(usage_of(message.root), (Usage{.input = 5, .write_1h = 1100}));
  b.wait(seconds(1));
  EXPECT_EQ(ask(b, body_of(words(1100), "1h", "two")).read, 1100);
}

TEST(AnthropicCache, RefusedMarkers) {
  auto b = make_bench();
  const auto refused = [&](const std::string& body, std::string_view why) {
    const Reply reply = b.post(std::string(kMessagesPath), body);
    EXPECT_EQ(reply.head.status, 400) << body;
    EXPECT_NE(reply.text().find(why), std::string::npos) << reply.text();
  };
  const auto with_blocks = [](const std::string& blocks, std::string_view more = "") {
    return R"({"model":"claude-sonnet-5","max_tokens":9,"messages":[{"role":"user","content":[)" +
           blocks + "]}]" + std::string(more) + "}";
  };
  std::string five, four;
  for (int i = 0; i < 5; ++i) five += (i > 0 ? "," : "") + text_block("x", "5m");
  for (int i = 0; i < 4; ++i) four += text_block("x", "5m") + ",";
  refused(with_blocks(five), "maximum of 4 blocks");
  refused(with_blocks(text_block("x", "5m") + "," + text_block("y", "1h")), "must not come after");
  refused(with_blocks(text_block("x", "2h")), "'5m' or '1h'");
  refused(with_blocks(text_block("", "5m")), "empty text");
  refused(with_blocks(R"({"type":"text","text":"x","cache_control":{"type":"eternal"}})"),
          "ephemeral");
  refused(with_blocks(four + text_block("x"), R"(,"cache_control":{"type":"ephemeral"})"),
          "all are used");
  refused(with_blocks(text_block("x", "5m"), R"(,"cache_control":{"type":"ephemeral","ttl":"1h"})"),
          "different ttl");
  EXPECT_EQ(b.post(std::string(kMessagesPath),
                   with_blocks(text_block("x", "5m"), R"(,"cache_control":{"type":"ephemeral"})"))
                .head.status,
            200);
  EXPECT_EQ(b.bill().size(), 1U);
}

}  // namespace
}  // namespace weir::sim::anthropic
