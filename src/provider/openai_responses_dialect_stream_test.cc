#include <gtest/gtest.h>

#include "provider/openai_responses_dialect.h"

namespace weir::provider::openai_responses {
namespace {

constexpr openai_chat::ErrorRule kEventRules[] = {
    {0, "rate_limit_exceeded", ErrorKind::kRateLimited, ""}};
const Options kEventOptions{.provider = "test", .responses = true, .errors = kEventRules};

struct Outcome {
  Result<llm::Response> response = llm::Response{};
  std::string text;
};
Outcome stream(std::string_view bytes, std::size_t piece = 1 << 20) {
  const auto decoder = either_stream_decoder(kEventOptions);
  Outcome out;
  for (std::size_t at = 0; at < bytes.size(); at += piece)
    if (const auto fed = decoder->feed(bytes.substr(at, piece), out.text); !fed) break;
  out.response = decoder->finish();
  return out;
}

std::string event(std::string_view type, std::string_view members) {
  return "event: " + std::string(type) + "\ndata: {\"type\":\"" + std::string(type) + "\"," +
         std::string(members) + "}\n\n";
}
const std::string kBegin =
    ": waiting\n\n" +
    event("response.created", R"("response":{"id":"resp_1","status":"in_progress","error":null})");
const std::string kItem = event("response.output_item.added", R"("output_index":0,"item":{})");
std::string delta(std::string_view text) {
  return event("response.output_text.delta",
               R"("output_index":0,"content_index":0,"delta":")" + std::string(text) + "\"");
}
const std::string kDoneItem =
    event("response.output_item.done",
          R"("output_index":0,"item":{"type":"message","content":[{"type":"output_text",)"
          R"("text":"Grüße"}]})");
std::string end(std::string_view output, std::string_view type = "response.completed",
                std::string_view more = R"("status":"completed")") {
  return event(type, R"("response":{"object":"response","id":"resp_1","model":"m","output":)" +
                         std::string(output) + R"(,"usage":{"input_tokens":9,"output_tokens":2},)" +
                         std::string(more) + "}");
}
constexpr std::string_view kOutput =
    R"([{"type":"message","content":[{"type":"output_text","text":"Grüße"}]}])";

TEST(OpenaiResponsesStream, AnyChunkingGivesTheSame) {
  const std::string bytes =
      kBegin + kItem + delta("Grü") + delta("ße") + kDoneItem + end(kOutput) + "data: [DONE]\n\n";
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    const auto out = stream(bytes, piece);
    ASSERT_TRUE(out.response) << out.response.error().text();
    EXPECT_EQ(out.text, "Grüße");
    EXPECT_EQ(out.response->text, "Grüße");
    EXPECT_EQ(out.response->usage, (llm::Usage{.input = {9}, .output = {2}}));
  }
}

// Some servers leave the output out of the last event.
TEST(OpenaiResponsesStream, TheItemsStandForAMissingOutput) {
  for (const std::string_view output : {"[]", "null"}) {
    const auto out = stream(kBegin + kItem + delta("Grüße") + kDoneItem + end(output));
    ASSERT_TRUE(out.response) << out.response.error().text();
    EXPECT_EQ(out.response->text, "Grüße");
  }
}

TEST(OpenaiResponsesStream, AnIncompleteAnswer) {
  const auto out = stream(kBegin + kItem + delta("Grüße") +
                          end(kOutput, "response.incomplete",
                              R"("status":"incomplete","incomplete_details":)"
                              R"({"reason":"max_output_tokens"})"));
  ASSERT_TRUE(out.response);
  EXPECT_EQ(out.response->finish, llm::FinishReason::kLength);
}

TEST(OpenaiResponsesStream, Errors) {
  const auto kind = [](const std::string& bytes) {
    const auto out = stream(bytes);
    return out.response ? ErrorKind::kInternal : out.response.error().kind;
  };
  const auto error = event("error", R"("code":"rate_limit_exceeded","message":"x","param":null)");
  EXPECT_EQ(kind(error), ErrorKind::kRateLimited);
  EXPECT_EQ(kind(kBegin + error), ErrorKind::kRateLimited);
  // Part of the answer came: it may be billed.
  EXPECT_EQ(kind(kBegin + kItem + error), ErrorKind::kDeadlineExceeded);
  const auto failed =
      event("response.failed",
            R"("response":{"status":"failed","error":{"code":"rate_limit_exceeded"}})");
  EXPECT_EQ(kind(kBegin + failed), ErrorKind::kRateLimited);
  EXPECT_EQ(kind(kBegin + kItem + failed), ErrorKind::kDeadlineExceeded);
  EXPECT_EQ(kind(kBegin + kItem + delta("Gr")), ErrorKind::kDeadlineExceeded);  // cut
  EXPECT_EQ(kind(""), ErrorKind::kDeadlineExceeded);
  EXPECT_EQ(kind(kBegin + "data: nonsense\n\n"), ErrorKind::kBadResponse);
}

TEST(OpenaiResponsesStream, CompletionsAreToldApart) {
  const auto out = stream(
      "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},"
      "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}}\n\n"
      "data: [DONE]\n\n",
      7);
  ASSERT_TRUE(out.response) << out.response.error().text();
  EXPECT_EQ(out.response->text, "Hi");
}

}  // namespace
}  // namespace weir::provider::openai_responses
