// The simulated servers: how each counts and complains.
#include <gtest/gtest.h>

#include "sim/testing.h"

namespace weir::sim::openAICompatible {

std::unique_ptr<Provider> make_provider();

namespace {

using testing::Bench;
using testing::Parsed;

Bench make_bench(http::Headers headers = {{"authorization", "Bearer key-1"}}) {
  return {make_provider(), std::move(headers)};
}

std::string body(std::string_view model, std::string_view more = "") {
  return R"({"model":")" + std::string(model) + R"(","messages":[{"role":"system","content":")" +
         testing::words(300) + R"("},{"role":"user","content":"What is it?"}])" +
         std::string(more) + "}";
}

constexpr std::string_view kVllm = "/openAICompatible/v1/chat/completions";
constexpr std::string_view kDeepSeek = "/openAICompatible/deepseek/chat/completions";
constexpr std::string_view kRouter = "/openAICompatible/openrouter/api/v1/chat/completions";

Parsed usage(Bench& bench, std::string_view path, std::string_view model) {
  const auto reply = bench.post(std::string(path), body(model));
  EXPECT_EQ(reply.head.status, 200) << reply.text();
  return Parsed(Parsed(reply.text())["usage"].text());
}

TEST(CompatibleSim, EachServerCountsItsOwnWay) {
  auto bench = make_bench();
  const auto bare = usage(bench, kVllm, "qwen3-32b");
  EXPECT_GT(bare["prompt_tokens"].integer_or(0), 300);
  EXPECT_TRUE(bare["prompt_tokens_details"].is_null());

  EXPECT_EQ(usage(bench, kDeepSeek, "deepseek-chat")["prompt_cache_hit_tokens"].integer(), 0);
  bench.wait(std::chrono::seconds(10));
  const auto hit = usage(bench, kDeepSeek, "deepseek-chat");
  EXPECT_GT(hit["prompt_cache_hit_tokens"].integer_or(0), 0);
  EXPECT_EQ(hit["prompt_cache_hit_tokens"].integer_or(0) % 64, 0);
  EXPECT_EQ(
      hit["prompt_cache_hit_tokens"].integer_or(0) + hit["prompt_cache_miss_tokens"].integer_or(0),
      hit["prompt_tokens"].integer_or(-1));

  const std::string_view llama = "meta-llama/llama-3.3-70b-instruct";
  EXPECT_EQ(usage(bench, kRouter, llama)["prompt_tokens_details"]["cached_tokens"].integer(), 0);
  bench.wait(std::chrono::seconds(10));
  EXPECT_GT(usage(bench, kRouter, llama)["prompt_tokens_details"]["cached_tokens"].integer_or(0),
            0);
  EXPECT_EQ(bench.bill().size(), 5U);
}

TEST(CompatibleSim, OnlyTheOpenServerWantsNoKey) {
  auto bench = make_bench({});
  EXPECT_EQ(bench.post(std::string(kVllm), body("qwen3-32b")).head.status, 200);
  EXPECT_EQ(bench.get("/openAICompatible/v1/models").head.status, 200);
  EXPECT_EQ(bench.post(std::string(kDeepSeek), body("deepseek-chat")).head.status, 401);
  EXPECT_EQ(bench.post(std::string(kRouter), body("deepseek-chat")).head.status, 401);
}

TEST(CompatibleSim, EachServerComplainsItsOwnWay) {
  auto bench = make_bench();
  const auto flat = bench.post(std::string(kVllm), body("none"));
  EXPECT_EQ(flat.head.status, 404);
  EXPECT_TRUE(Parsed(flat.text())["message"].is_string()) << flat.text();
  const auto numbered = bench.post(std::string(kRouter), body("none"));
  EXPECT_EQ(Parsed(numbered.text())["error"]["code"].integer(), 404);
  const auto usual = bench.post(std::string(kDeepSeek), body("none"));
  EXPECT_EQ(Parsed(usual.text())["error"]["code"].string(), "model_not_found");
  EXPECT_EQ(bench.get("/openAICompatible/v1/batches?limit=1").head.status, 404);
}

TEST(CompatibleSim, TheRouterCommentsItsStream) {
  auto bench = make_bench();
  const auto reply = bench.post(std::string(kRouter), body("deepseek-chat", R"(,"stream":true)"));
  EXPECT_TRUE(reply.text().starts_with(": OPENROUTER PROCESSING\n\n"));
  EXPECT_TRUE(reply.text().contains("\"usage\""));
  EXPECT_TRUE(bench.bill().at(0).delivered);
}

}  // namespace
}  // namespace weir::sim::openAICompatible
