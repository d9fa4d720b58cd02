#include <gtest/gtest.h>

#include "base/random.h"
#include "provider/openai_chat_dialect.h"

namespace weir::provider::openai_chat {
namespace {

constexpr ErrorRule kStreamRules[] = {
    {429, "rate_limit_exceeded", ErrorKind::kRateLimited, "slow down"}};
const Options kStreamOptions{.provider = "test", .errors = kStreamRules};

std::string chunk(std::string_view delta, std::string_view finish = "null") {
  return "data: "
         "{\"id\":\"c1\",\"created\":1795000000,\"model\":\"m\",\"choices\":[{\"index\":0,"
         "\"delta\":" +
         std::string(delta) + ",\"finish_reason\":" + std::string(finish) +
         "}],\"usage\":null}\n\n";
}
constexpr std::string_view kUsage =
    "data: "
    "{\"id\":\"c1\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}}\n\n";
constexpr std::string_view kDone = "data: [DONE]\n\n";

struct Outcome {
  Result<llm::Response> response = llm::Response{};
  std::string text;
};
Outcome stream(std::string_view bytes, std::size_t piece = 1 << 20) {
  const auto decoder = stream_decoder(kStreamOptions);
  Outcome out;
  for (std::size_t at = 0; at < bytes.size(); at += piece)
    if (const auto fed = decoder->feed(bytes.substr(at, piece), out.text); !fed) {
      out.response = std::unexpected(fed.error());
      const auto finished = decoder->finish();
      EXPECT_FALSE(finished);
      return out;
    }
  out.response = decoder->finish();
  return out;
}

std::string whole() {
  return ": keep-alive\n\n" + chunk(R"({"role":"assistant","content":""})") +
         chunk(R"({"content":"Grü"})") + chunk(R"({"content":"ße"})") + chunk("{}", "\"stop\"") +
         std::string(kUsage) + std::string(kDone);
}

TEST(OpenaiChatStream, AnyChunkingGivesTheSame) {
  const std::string bytes = whole();
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    const auto out = stream(bytes, piece);
    ASSERT_TRUE(out.response) << out.response.error().text();
    EXPECT_EQ(out.text, "Grüße");
    EXPECT_EQ(out.response->text, "Grüße");
    EXPECT_EQ(out.response->id, "c1");
    EXPECT_EQ(out.response->model, "m");
    EXPECT_EQ(out.response->finish, llm::FinishReason::kStop);
    EXPECT_EQ(out.response->created, from_unix_seconds(1795000000));
    EXPECT_EQ(out.response->usage, (llm::Usage{.input = {9}, .output = {2}}));
    EXPECT_EQ(out.response->usage_raw, R"({"prompt_tokens":9,"completion_tokens":2})");
  }
}

TEST(OpenaiChatStream, ToolCallsAreAssembled) {
  const auto out = stream(
      chunk(
          R"({"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":""}}]})") +
      chunk(R"({"tool_calls":[{"index":0,"function":{"arguments":"{\"a\""}}]})") +
      chunk(R"({"tool_calls":[{"index":1,"id":"c2","function":{"name":"g","arguments":"{}"}}]})") +
      chunk(R"({"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]})") +
      chunk("{}", "\"tool_calls\"") + std::string(kUsage) + std::string(kDone));
  ASSERT_TRUE(out.response) << out.response.error().text();
  EXPECT_EQ(out.response->finish, llm::FinishReason::kToolUse);
  EXPECT_EQ(out.response->tool_calls_json,
            R"([{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},)"
            R"({"id":"c2","type":"function","function":{"name":"g","arguments":"{}"}}])");
}

TEST(OpenaiChatStream, ARefusalIsTheTextOfARefusedAnswer) {
  const auto out = stream(chunk(R"({"refusal":"No"})") + chunk(R"({"refusal":"."})", "\"stop\"") +
                          std::string(kUsage) + std::string(kDone));
  ASSERT_TRUE(out.response);
  EXPECT_EQ(out.text, "");
  EXPECT_EQ(out.response->text, "No.");
  EXPECT_EQ(out.response->finish, llm::FinishReason::kRefusal);
}

TEST(OpenaiChatStream, ACutStreamIsUnknownWhereverItIsCut) {
  const std::string bytes = whole();
  const auto known = bytes.find("data: [DONE]");  // by then the answer and its usage are whole
  for (std::size_t end = 0; end < known; ++end) {
    const auto out = stream(std::string_view(bytes).substr(0, end));
    ASSERT_FALSE(out.response) << end;
    EXPECT_EQ(out.response.error().kind, ErrorKind::kDeadlineExceeded);
  }
  EXPECT_TRUE(stream(std::string_view(bytes).substr(0, known)).response);
}

TEST(OpenaiChatStream, ErrorEvents) {
  const std::string event =
      "data: {\"error\":{\"message\":\"slow\",\"code\":\"rate_limit_exceeded\"}}\n\n";
  const auto first = stream(event);
  ASSERT_FALSE(first.response);
  EXPECT_EQ(first.response.error().kind, ErrorKind::kRateLimited);
  EXPECT_EQ(first.response.error().provider_code, "rate_limit_exceeded");
  const auto late = stream(chunk(R"({"content":"a"})") + event);
  ASSERT_FALSE(late.response);
  EXPECT_EQ(late.response.error().kind, ErrorKind::kDeadlineExceeded);
}

TEST(OpenaiChatStream, WhatIsNoStreamOfOurs) {
  for (const std::string& bytes : {std::string("data: nonsense\n\n"), std::string("data: []\n\n"),
                                   std::string(kUsage) + std::string(kDone),
                                   chunk(R"({"content":"a"})", "\"stop\"") + std::string(kDone)}) {
    const auto out = stream(bytes);
    ASSERT_FALSE(out.response) << bytes;
    EXPECT_EQ(out.response.error().kind, ErrorKind::kBadResponse) << bytes;
  }
}

TEST(OpenaiChatStream, AnAnswerWithoutEndIsBounded) {
  const auto decoder = stream_decoder(kStreamOptions);
  const std::string piece = chunk("{\"content\":\"" + std::string(1 << 20, 'x') + "\"}");
  std::string text;
  Result<void> fed;
  for (int i = 0; i < 40 && fed; ++i) {
    text.clear();
    fed = decoder->feed(piece, text);
  }
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error().kind, ErrorKind::kBadResponse);
}

}  // namespace
}  // namespace weir::provider::openai_chat
