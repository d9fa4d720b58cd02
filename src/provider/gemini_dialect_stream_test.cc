// Streams of the Gemini dialect, in pieces of any size.
#include <gtest/gtest.h>

#include "provider/gemini_dialect.h"

namespace weir::provider::gemini {
namespace {

const Options kStreamOptions{.provider = "test", .errors = {}};

std::string data(std::string_view json) { return "data: " + std::string(json) + "\r\n\r\n"; }

const std::string kText =
    data(
        R"({"candidates":[{"content":{"parts":[{"text":"Let me think.","thought":true}]},"index":0}],)"
        R"("usageMetadata":{"promptTokenCount":9,"totalTokenCount":9},"responseId":"r1","modelVersion":"m"})") +
    data(
        R"({"candidates":[{"content":{"parts":[{"text":"Hel"}]}}],"usageMetadata":{"promptTokenCount":9}})") +
    data(
        R"({"candidates":[{"content":{"parts":[{"text":"lo"}],"role":"model"},"finishReason":"STOP"}],)"
        R"("usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":2,"thoughtsTokenCount":4}})");

struct Out {
  std::string words;
  Result<void> fed;
  Result<llm::Response> response = llm::Response{};
};
Out decode(std::string_view text, std::size_t piece = 1 << 20) {
  const auto decoder = stream_decoder(kStreamOptions);
  Out out;
  for (std::size_t at = 0; at < text.size() && out.fed; at += piece)
    out.fed = decoder->feed(text.substr(at, piece), out.words);
  out.response = decoder->finish();
  return out;
}
ErrorKind kind(std::string_view text) {
  const auto out = decode(text);
  return out.response ? ErrorKind::kInternal : out.response.error().kind;
}

TEST(GeminiStream, ATextInPieces) {
  for (const std::size_t piece : {1U, 7U, 64U, 100'000U}) {
    const auto out = decode(kText, piece);
    ASSERT_TRUE(out.response) << out.response.error().text();
    EXPECT_EQ(out.words, "Hello");
    EXPECT_EQ(out.response->text, "Hello");
    EXPECT_EQ(out.response->finish, llm::FinishReason::kStop);
    EXPECT_EQ(out.response->id, "r1");
    EXPECT_EQ(out.response->usage, (llm::Usage{.input = {9}, .output = {6}}));
  }
}

TEST(GeminiStream, FunctionCallsAreCollected) {
  const auto out = decode(
      data(R"({"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":1}},)"
           R"("thoughtSignature":"s"}]}}],"usageMetadata":{}})") +
      data(R"({"candidates":[{"content":{"parts":[{"functionCall":{"name":"g","args":{}}}]},)"
           R"("finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":3}})"));
  ASSERT_TRUE(out.response);
  EXPECT_EQ(out.response->finish, llm::FinishReason::kToolUse);
  const auto calls = decode_tool_calls(kStreamOptions, out.response->tool_calls_json).value();
  EXPECT_EQ(calls,
            (std::vector<llm::ToolCall>{{"call_0~s", "f", R"({"a":1})"}, {"call_1", "g", "{}"}}));
}

TEST(GeminiStream, ABlockedPrompt) {
  const auto out = decode(data(
      R"({"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":3}})"));
  ASSERT_TRUE(out.response);
  EXPECT_EQ(out.response->finish, llm::FinishReason::kRefusal);
  EXPECT_EQ(out.response->usage.input.count, 3);
}

TEST(GeminiStream, WhatIsCutIsUnknown) {
  EXPECT_EQ(kind(""), ErrorKind::kDeadlineExceeded);
  EXPECT_EQ(kind(kText.substr(0, kText.size() / 2)), ErrorKind::kDeadlineExceeded);
}

TEST(GeminiStream, Errors) {
  const std::string overloaded = data(R"({"error":{"code":503,"status":"UNAVAILABLE"}})");
  EXPECT_EQ(kind(overloaded), ErrorKind::kUnavailable);
  EXPECT_EQ(kind(data(R"({"candidates":[{"content":{"parts":[{"text":"x"}]}}]})") + overloaded),
            ErrorKind::kDeadlineExceeded);
  EXPECT_EQ(kind(data("{")), ErrorKind::kBadResponse);
  EXPECT_EQ(kind(data("[]")), ErrorKind::kBadResponse);
  EXPECT_EQ(kind(data(R"({"candidates":[{"finishReason":"STOP"}]})")), ErrorKind::kBadResponse);
  const auto decoder = stream_decoder(kStreamOptions);
  std::string words;
  EXPECT_FALSE(decoder->feed(data("{"), words));
  EXPECT_FALSE(decoder->feed(kText, words));  // stays broken
  EXPECT_EQ(words, "");
}

TEST(GeminiStream, AnAnswerWithoutBound) {
  const auto decoder = stream_decoder(kStreamOptions);
  const std::string chunk = data(R"({"candidates":[{"content":{"parts":[{"text":")" +
                                 std::string(std::size_t{1} << 20, 'x') + R"("}]}}]})");
  std::string words;
  Result<void> fed;
  for (int i = 0; i < 40 && fed; ++i) {
    words.clear();
    fed = decoder->feed(chunk, words);
  }
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error().kind, ErrorKind::kBadResponse);
}

}  // namespace
}  // namespace weir::provider::gemini
