// What the simulated groq does otherwise than OpenAI. Docs: README.md.
#include <gtest/gtest.h>

#include <memory>
#include <set>

#include "sim/openai_shape/bench_testing.h"

namespace weir::sim::groq {

std::unique_ptr<Provider> make_provider();

namespace {

using openai_shape::body_of;
using openai_shape::line_of;
using testing::Parsed;

const std::string kChat = "/groq/openai/v1/chat/completions";
const openai_shape::BenchPaths kPaths{.files = "/groq/openai/v1/files",
                                      .batches = "/groq/openai/v1/batches"};
constexpr std::string_view kModel = "openai/gpt-oss-20b";
constexpr std::string_view kDay = R"(,"completion_window":"24h")";

testing::Bench make_bench(Options options = {}) {
  return {make_provider(), {{"authorization", "Bearer key-1"}}, std::move(options)};
}

std::string schema(bool strict) {
  return std::string(R"(,"response_format":{"type":"json_schema","json_schema":{"name":"s",)") +
         R"("strict":)" + (strict ? "true" : "false") + R"(,"schema":{"type":"object"}}})";
}

TEST(GroqChat, UsageHasTimesAndWhatWasCached) {
  auto b = make_bench();
  const auto body = body_of(kModel, testing::words(600), "stone");
  EXPECT_TRUE(Parsed(b.post(kChat, body).text())["usage"]["prompt_tokens_details"].is_null());
  b.wait(std::chrono::minutes(1));
  const Parsed second(b.post(kChat, body).text());
  const auto cached = second["usage"]["prompt_tokens_details"]["cached_tokens"].integer_or(0);
  EXPECT_EQ(cached % 128, 0);
  EXPECT_GE(cached, 512);
  testing::expect_members(second["usage"], {"queue_time", "prompt_time", "total_time"});
  // Half the price for what was cached.
  const auto& row = b.bill().back();
  EXPECT_EQ(row.pico_usd,
            row.tokens.input * 75'000 + cached * 37'500 + row.tokens.output * 300'000);
}

TEST(GroqChat, AStreamTellsItsUsageInAMemberOfItsOwn) {
  auto b = make_bench();
  const auto text =
      b.post(kChat, body_of("llama-3.1-8b-instant", "a", "b", R"(,"stream":true)")).text();
  EXPECT_TRUE(text.contains(R"("x_groq":{"id":)"));
  EXPECT_FALSE(text.contains(R"(],"usage")"));
}

TEST(GroqChat, WhatItRefuses) {
  auto b = make_bench();
  const auto status = [&](std::string_view model, std::string_view more) {
    return b.post(kChat, body_of(model, "a", "b", more)).head.status;
  };
  EXPECT_EQ(status(kModel, R"(,"n":2)"), 400);
  EXPECT_EQ(status(kModel, R"(,"logprobs":true)"), 400);
  EXPECT_EQ(status(kModel, schema(true)), 200);
  EXPECT_EQ(status(kModel, schema(true) + R"(,"stream":true)"), 400);
  EXPECT_EQ(
      status(kModel, schema(true) + R"(,"tools":[{"type":"function","function":{"name":"f"}}])"),
      400);
  EXPECT_EQ(status("openai/gpt-oss-safeguard-20b", schema(true)), 400);
  EXPECT_EQ(status("openai/gpt-oss-safeguard-20b", schema(false)), 200);
  EXPECT_EQ(status("llama-3.1-8b-instant", schema(false)), 400);
  const auto reply = b.post(
      kChat,
      R"({"model":"openai/gpt-oss-20b","messages":[{"role":"user","name":"x","content":"a"}]})");
  EXPECT_EQ(reply.head.status, 400);
  const Parsed error(reply.text());
  EXPECT_EQ(error["error"]["type"].string(), "invalid_request_error");
  EXPECT_TRUE(error["error"].find("param") == std::nullopt);
}

TEST(GroqBatches, CachedTokensCostWhatTheOthersDo) {
  auto b = make_bench({.batch_hit_rate = 1});
  std::string lines;
  for (int i = 0; i < 20; ++i)
    lines += line_of("r" + std::to_string(i), body_of(kModel, testing::words(600), "stone"));
  const auto reply = create(b, kPaths, lines, kDay);
  ASSERT_EQ(reply.head.status, 200) << reply.text();
  const auto ended = finish(b, kPaths, Parsed(reply.text())["id"].string_or(""));
  EXPECT_EQ(ended["status"].string(), "completed");
  EXPECT_EQ(file_lines(b, kPaths, ended["output_file_id"]).size(), 20U);
  std::int64_t cached = 0;
  for (const auto& row : b.bill()) {
    cached += row.tokens.cache_read;
    EXPECT_EQ(row.pico_usd, row.tokens.prompt() * 37'500 + row.tokens.output * 150'000);
  }
  EXPECT_GT(cached, 0);
}

TEST(GroqBatches, ErrorsAreABareArray) {
  auto b = make_bench();
  const auto reply = create(b, kPaths,
                            line_of("a", body_of(kModel, "s", "d")) +
                                line_of("b", body_of(kModel, "s", "d"), "/v1/embeddings"),
                            kDay);
  const auto ended = finish(b, kPaths, Parsed(reply.text())["id"].string_or(""));
  EXPECT_EQ(ended["status"].string(), "failed");
  ASSERT_TRUE(ended["errors"].is_array());
  const json::Value first(ended["errors"].items().at(0));
  EXPECT_EQ(first["line"].integer(), 2);
}

TEST(GroqBatches, Windows) {
  auto b = make_bench();
  const auto status = [&](std::string_view window) {
    return create(b, kPaths, line_of("a", body_of(kModel, "s", "d")),
                  R"(,"completion_window":")" + std::string(window) + "\"")
        .head.status;
  };
  for (const auto* good : {"24h", "48h", "7d"}) EXPECT_EQ(status(good), 200) << good;
  for (const auto* bad : {"", "1h", "23h", "8d", "169h", "d", "7w", "99999999999h"})
    EXPECT_EQ(status(bad), 400) << bad;
}

TEST(GroqBatches, ListsGoOnByACursorFromTheOldest) {
  auto b = make_bench();
  std::vector<std::string> made;
  for (int i = 0; i < 25; ++i)
    made.push_back(
        Parsed(create(b, kPaths, line_of("a", body_of(kModel, "s", "d")), kDay).text())["id"]
            .string_or(""));
  std::vector<std::string> listed;
  std::string cursor;
  for (int page = 0; page < 3; ++page) {
    const Parsed list(
        b.get(kPaths.batches + (cursor.empty() ? std::string() : "?cursor=" + cursor)).text());
    EXPECT_TRUE(list["has_more"].is_null());
    for (const auto item : list["data"].items())
      listed.push_back(json::Value(item)["id"].string_or(""));
    cursor = list["paging"]["next_cursor"].string_or("");
    if (cursor.empty()) break;
  }
  EXPECT_EQ(listed, made);
  const Parsed two(b.get(kPaths.batches + "?id=" + made[3] + "&id=" + made[20]).text());
  EXPECT_EQ(two["data"].size(), 2U);
  EXPECT_EQ(b.get(kPaths.batches + "?cursor=x").head.status, 400);
}

}  // namespace
}  // namespace weir::sim::groq
