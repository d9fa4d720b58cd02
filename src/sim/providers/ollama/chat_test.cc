// The simulated ollama: its answers, its quirks, its bill of nothing.
#include <gtest/gtest.h>

#include "sim/testing.h"

namespace weir::sim::ollama {

std::unique_ptr<Provider> make_provider();

namespace {

using testing::Bench;
using testing::Parsed;

Bench make_bench(http::Headers headers = {}) { return {make_provider(), std::move(headers)}; }

constexpr std::string_view kChat = "/ollama/api/chat";

std::string body(std::string_view more, std::string_view text = "What is it?",
                 std::string_view model = "llama3.2") {
  return R"({"model":")" + std::string(model) + R"(","messages":[{"role":"user","content":")" +
         std::string(text) + "\"}]" + std::string(more) + "}";
}

Reply chat(Bench& bench, const std::string& text) { return bench.post(std::string(kChat), text); }

TEST(OllamaSim, AnswersWholeAndStreamedAlike) {
  auto bench = make_bench();
  const auto whole = chat(bench, body(R"(,"stream":false)"));
  ASSERT_EQ(whole.head.status, 200) << whole.text();
  const Parsed one(whole.text());
  testing::expect_members(one.root, {"model", "created_at", "message", "done", "done_reason",
                                     "total_duration", "eval_count", "prompt_eval_count"});
  EXPECT_EQ(one["done"].boolean(), true);
  EXPECT_EQ(one["done_reason"].string(), "stop");

  const auto stream = chat(bench, body("", "What is that?"));
  EXPECT_EQ(stream.head.headers.find("content-type"), "application/x-ndjson");
  const auto lines = testing::lines_of(stream.text());
  ASSERT_GT(lines.size(), 2U);
  std::string text;
  for (const auto& line : lines) {
    const Parsed part(line);
    text += part["message"]["content"].string_or("");
    EXPECT_EQ(part["done"].boolean(), &line == &lines.back());
  }
  EXPECT_FALSE(text.empty());
  ASSERT_EQ(bench.bill().size(), 2U);
  EXPECT_EQ(bench.bill()[0].pico_usd, 0);
  EXPECT_GT(bench.bill()[0].tokens.input, 0);
  EXPECT_TRUE(bench.bill()[0].delivered);
}

TEST(OllamaSim, ThePromptThatIsStillInMemoryIsNotCounted) {
  auto bench = make_bench();
  const auto count = [&](std::string_view text) {
    return Parsed(chat(bench, body(R"(,"stream":false)", text)).text())["prompt_eval_count"]
        .integer();
  };
  EXPECT_GT(count("one"), 0);
  EXPECT_EQ(count("one"), std::nullopt);
  EXPECT_GT(count("two"), 0);
  EXPECT_EQ(bench.bill()[1].tokens.input, 0);
}

TEST(OllamaSim, WhatDoesNotFitIsDroppedUnlessForbidden) {
  auto bench = make_bench();
  const std::string text = testing::words(400);
  const auto dropped = chat(bench, body(R"(,"stream":false)", text, "tinyllama"));
  ASSERT_EQ(dropped.head.status, 200) << dropped.text();
  EXPECT_LE(Parsed(dropped.text())["prompt_eval_count"].integer_or(999), 256);
  const auto refused = chat(bench, body(R"(,"stream":false,"truncate":false)", text, "tinyllama"));
  EXPECT_EQ(refused.head.status, 400);
  EXPECT_TRUE(refused.text().contains("exceeds the context length")) << refused.text();
}

TEST(OllamaSim, FormatsAndOptions) {
  auto bench = make_bench();
  const auto json = chat(
      bench,
      body(
          R"(,"stream":false,"format":{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]})"));
  EXPECT_TRUE(Parsed(Parsed(json.text())["message"]["content"].string_or(""))["a"].is_string());
  const auto cut = chat(bench, body(R"(,"stream":false,"options":{"num_predict":1})"));
  EXPECT_EQ(Parsed(cut.text())["done_reason"].string(), "length");
  EXPECT_EQ(Parsed(cut.text())["eval_count"].integer(), 1);
  EXPECT_EQ(chat(bench, body(R"(,"options":{"num_predict":"1"})")).head.status, 400);
  EXPECT_EQ(chat(bench, body(R"(,"options":{"stop":"x"})")).head.status, 400);
}

TEST(OllamaSim, ToolsImagesAndResultsCountAsPrompt) {
  auto bench = make_bench();
  const auto count = [&](std::string_view messages, std::string_view more = "") {
    const auto reply = chat(bench, R"({"model":"llama3.2:latest","stream":false,"messages":)" +
                                       std::string(messages) + std::string(more) + "}");
    EXPECT_EQ(reply.head.status, 200) << reply.text();
    return Parsed(reply.text())["prompt_eval_count"].integer_or(0);
  };
  const auto least = count(R"([{"role":"user","content":"Hi"}])");
  EXPECT_GT(count(R"([{"role":"user","content":"Hi","images":["iVBORw0KGgo="]}])"), least);
  EXPECT_GT(
      count(
          R"([{"role":"user","content":"Hi"}])",
          R"(,"tools":[{"type":"function","function":{"name":"look","parameters":{"type":"object"}}}])"),
      least);
  // A result needs no call: nothing is checked.
  EXPECT_GT(count(R"([{"role":"user","content":"Hi"},{"role":"tool","content":"a cat"}])"), least);
  const auto refused = chat(
      bench,
      R"({"model":"llama3.2","messages":[{"role":"assistant","content":"","tool_calls":[{"function":{"name":"a","arguments":"{}"}}]}]})");
  EXPECT_EQ(refused.head.status, 400);
}

TEST(OllamaSim, ErrorsAreTexts) {
  auto bench = make_bench();
  const auto missing = chat(bench, body("", "Hi", "no-such-model"));
  EXPECT_EQ(missing.head.status, 404);
  EXPECT_EQ(Parsed(missing.text())["error"].string(),
            "model \"no-such-model\" not found, try pulling it first");
  EXPECT_EQ(chat(bench, "{").head.status, 400);
  EXPECT_EQ(chat(bench, R"({"model":"llama3.2","messages":[{"role":"x"}]})").head.status, 400);
  EXPECT_EQ(bench.get("/ollama/api/nothing").head.status, 404);
  auto refused = make_bench({{"authorization", "Bearer invalid"}});
  EXPECT_EQ(refused.get("/ollama/api/tags").head.status, 401);
  EXPECT_TRUE(bench.bill().empty());
}

TEST(OllamaSim, ListsWhatWasPulled) {
  auto bench = make_bench();
  const auto reply = bench.get("/ollama/api/tags");
  const Parsed tags(reply.text());
  EXPECT_EQ(tags["models"].size(), 6U);  // models of embeddings among them
  EXPECT_TRUE(reply.text().contains("llama3.2:latest"));
  EXPECT_TRUE(bench.get("/ollama/api/version").text().contains("version"));
}

}  // namespace
}  // namespace weir::sim::ollama
