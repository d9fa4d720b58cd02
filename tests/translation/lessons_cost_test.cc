// The numbered cost defects of comparable tools (lessons.md 3.2) that lie in reading an answer's usage: from the provider's bytes to
// exact dollars, sync, streamed and as a batch's row. Where a report tells its tokens, they are the ones used.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cost/pricing.h"
#include "sample.h"

namespace weir::translation::lessons {
namespace {

using ::testing::HasSubstr;

const Time kNow = from_unix_seconds(1'795'392'000);

/// A provider's wire format, as far as an answer goes; `usage` is the usage object's text.
struct Wire {
  std::string_view artefact;
  std::string (*whole)(std::string_view usage);
  std::string (*streamed)(std::string_view usage);
  std::string (*row)(std::string_view whole);
  std::string_view cancelled;  // a row that never ran; empty: the provider leaves it out
};

std::string anthropic_whole(std::string_view usage) {
  return fmt::format(
      R"({{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{{"type":"text","text":"Yes."}}],)"
      R"("stop_reason":"end_turn","stop_sequence":null,"usage":{}}})",
      usage);
}
// The whole usage at the beginning, and again at the end: the later takes the place of the former.
std::string anthropic_streamed(std::string_view usage) {
  return fmt::format(
      "event: message_start\ndata: "
      "{{\"type\":\"message_start\",\"message\":{{\"id\":\"msg_1\",\"type\":\"message\","
      "\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"stop_reason\":null,\"usage\":{0}}}}}"
      "\n\n"
      "event: content_block_start\ndata: "
      "{{\"type\":\"content_block_start\",\"index\":0,\"content_block\":"
      "{{\"type\":\"text\",\"text\":\"\"}}}}\n\n"
      "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
      "{{\"type\":\"text_delta\",\"text\":\"Yes.\"}}}}\n\n"
      "event: content_block_stop\ndata: {{\"type\":\"content_block_stop\",\"index\":0}}\n\n"
      "event: message_delta\ndata: "
      "{{\"type\":\"message_delta\",\"delta\":{{\"stop_reason\":\"end_turn\","
      "\"stop_sequence\":null}},\"usage\":{0}}}\n\n"
      "event: message_stop\ndata: {{\"type\":\"message_stop\"}}\n\n",
      usage);
}
std::string anthropic_row(std::string_view whole) {
  return fmt::format(R"({{"custom_id":"a-1","result":{{"type":"succeeded","message":{}}}}})",
                     whole);
}

std::string openai_whole(std::string_view usage) {
  return fmt::format(
      R"({{"id":"chatcmpl-1","object":"chat.completion","created":1795391000,"model":"m","choices":[{{"index":0,)"
      R"("message":{{"role":"assistant","content":"Yes.","refusal":null}},"finish_reason":"stop"}}],"usage":{}}})",
      usage);
}
// Some servers tell the usage so far with every chunk.
std::string openai_streamed(std::string_view usage) {
  return fmt::format(
      "data: "
      "{{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1795391000,"
      "\"model\":\"m\","
      "\"choices\":[{{\"index\":0,\"delta\":{{\"role\":\"assistant\",\"content\":\"Yes.\"}},"
      "\"finish_reason\":null}}],"
      "\"usage\":{0}}}\n\n"
      "data: "
      "{{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1795391000,"
      "\"model\":\"m\","
      "\"choices\":[{{\"index\":0,\"delta\":{{}},\"finish_reason\":\"stop\"}}]}}\n\n"
      "data: "
      "{{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1795391000,"
      "\"model\":\"m\","
      "\"choices\":[],\"usage\":{0}}}\n\ndata: [DONE]\n\n",
      usage);
}
std::string openai_row(std::string_view whole) {
  return fmt::format(
      R"({{"id":"batch_req_1","custom_id":"a-1","response":{{"status_code":200,"request_id":"r","body":{}}},"error":null}})",
      whole);
}

std::string gemini_whole(std::string_view usage) {
  return fmt::format(
      R"({{"candidates":[{{"content":{{"parts":[{{"text":"Yes."}}],"role":"model"}},"finishReason":"STOP","index":0}}],)"
      R"("usageMetadata":{},"modelVersion":"m","responseId":"r"}})",
      usage);
}
std::string gemini_streamed(std::string_view usage) {
  return fmt::format(
      "data: "
      "{{\"candidates\":[{{\"content\":{{\"parts\":[{{\"text\":\"Y\"}}],\"role\":\"model\"}},"
      "\"index\":0}}],"
      "\"usageMetadata\":{0},\"modelVersion\":\"m\"}}\n\n"
      "data: "
      "{{\"candidates\":[{{\"content\":{{\"parts\":[{{\"text\":\"es.\"}}],\"role\":\"model\"}},"
      "\"finishReason\":\"STOP\",\"index\":0}}],\"usageMetadata\":{0},\"modelVersion\":\"m\"}}\n\n",
      usage);
}
std::string gemini_row(std::string_view whole) {
  return fmt::format(R"({{"key":"a-1","response":{}}})", whole);
}

const Wire& wire_of(std::string_view provider) {
  static constexpr Wire kAnthropic{"results", anthropic_whole, anthropic_streamed, anthropic_row,
                                   R"({"custom_id":"a-1","result":{"type":"canceled"}})"};
  static constexpr Wire kOpenAI{
      "output", openai_whole, openai_streamed, openai_row,
      R"({"id":"batch_req_1","custom_id":"a-1","response":null,"error":{"code":"batch_cancelled","message":"Cancelled."}})"};
  static constexpr Wire kGemini{"output", gemini_whole, gemini_streamed, gemini_row, ""};
  if (provider == "anthropic") return kAnthropic;
  return provider == "gemini" ? kGemini : kOpenAI;
}

enum class Way : std::uint8_t { kWhole, kStreamed, kRow };

Result<llm::Response> read(std::string_view provider, Way way, std::string_view usage) {
  const auto& adapter = adapter_of(provider);
  const auto& wire = wire_of(provider);
  if (way == Way::kWhole)
    return adapter.decode_sync({.status = 200, .headers = {}, .body = wire.whole(usage)}, kNow);
  if (way == Way::kStreamed) {
    const auto decoder = adapter.stream_decoder();
    std::string words;
    WEIR_CHECK(decoder->feed(wire.streamed(usage), words));
    return decoder->finish();
  }
  WEIR_TRY(auto row, adapter.decode_row(wire.artefact, wire.row(wire.whole(usage)), kNow));
  if (row.outcome != provider::Row::Outcome::kSucceeded) return std::unexpected(row.error);
  return std::move(row.response);
}

const catalogue::PriceRow& row_of(std::string_view name) {
  static const auto kCatalogue = catalogue::Catalogue::built_in().value();
  const auto found = catalogue::resolve(kCatalogue, name);
  EXPECT_TRUE(found) << name;
  return found->model->price_at(kNow);
}

/// Exact dollars of an answer with that usage object, by each way.
struct Costs {
  std::string sync, batch;
};
Costs costs(std::string_view name, std::string_view usage) {
  const auto provider = name.substr(0, name.find('/'));
  const auto& row = row_of(name);
  const auto of = [&](Way way, Route route) {
    const auto response = read(provider, way, usage);
    return response ? to_usd(cost::cost_of(response->usage, row, route)) : response.error().text();
  };
  EXPECT_EQ(of(Way::kWhole, Route::kSync), of(Way::kStreamed, Route::kSync)) << name;
  return {of(Way::kWhole, Route::kSync), of(Way::kRow, Route::kBatch)};
}

struct Vector {
  std::string_view model, usage, sync, batch;
};
void expect(std::initializer_list<Vector> vectors) {
  for (const auto& vector : vectors) {
    const auto [sync, batch] = costs(vector.model, vector.usage);
    EXPECT_EQ(sync, vector.sync) << vector.model << ' ' << vector.usage;
    EXPECT_EQ(batch, vector.batch) << vector.model << ' ' << vector.usage;
  }
}

// Cached x batch x tier x TTL x stream: every line both ways of the sync route and as a row. Tokens are 1,000 in, 4,000 read,
// 2,000 written (at each TTL), 500 out; then the same above the tier.
TEST(Lessons32, Item17_EveryBucketByEveryWay) {
  expect({
      {"anthropic/claude-haiku-5-5", R"({"input_tokens":1000,"output_tokens":500})", "0.00035",
       "0.000175"},
      {"anthropic/claude-haiku-5-5",
       R"({"input_tokens":1000,"cache_read_input_tokens":4000,"output_tokens":500})", "0.00039",
       "0.000195"},
      {"anthropic/claude-haiku-5-5",
       R"({"input_tokens":1000,"cache_creation_input_tokens":2000,"cache_creation":{"ephemeral_5m_input_tokens":2000,"ephemeral_1h_input_tokens":0},"output_tokens":500})",
       "0.0006", "0.0003"},
      {"anthropic/claude-haiku-5-5",
       R"({"input_tokens":1000,"cache_creation_input_tokens":2000,"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":2000},"output_tokens":500})",
       "0.00075", "0.000375"},
      {"anthropic/claude-haiku-5-5",
       R"({"input_tokens":1000,"cache_read_input_tokens":95001,"cache_creation_input_tokens":4000,"cache_creation":{"ephemeral_5m_input_tokens":2000,"ephemeral_1h_input_tokens":2000},"output_tokens":500})",
       "0.00975005", "0.004875025"},
      {"openAI/gpt-5.6-luna", R"({"prompt_tokens":1000,"completion_tokens":500})", "0.0008",
       "0.0004"},
      {"openAI/gpt-5.6-luna",
       R"({"prompt_tokens":5000,"completion_tokens":500,"prompt_tokens_details":{"cached_tokens":4000}})",
       "0.00088", "0.00044"},
      {"openAI/gpt-5.6-luna",
       R"({"prompt_tokens":7000,"completion_tokens":500,"prompt_tokens_details":{"cached_tokens":4000,"cache_write_tokens":2000}})",
       "0.00138", "0.00069"},
      {"openAI/gpt-5.6-luna",
       R"({"prompt_tokens":272001,"completion_tokens":500,"prompt_tokens_details":{"cached_tokens":269001,"cache_write_tokens":2000}})",
       "0.01306004", "0.00653002"},
      {"gemini/gemini-2.5-pro",
       R"({"promptTokenCount":5000,"cachedContentTokenCount":4000,"candidatesTokenCount":400,"thoughtsTokenCount":100})",
       "0.00675", "0.003625"},
      {"gemini/gemini-2.5-pro",
       R"({"promptTokenCount":200001,"cachedContentTokenCount":199001,"candidatesTokenCount":400,"thoughtsTokenCount":100})",
       "0.05975025", "0.05475025"},
  });
}

// Cancelled: a row that never ran costs nothing, an answer that broke off is nobody's answer, and its cost is not known.
TEST(Lessons32, Item18_WhatWasCancelledIsNotBookedAsAnAnswer) {
  for (const std::string_view provider : {"anthropic", "openAI"}) {
    const auto& wire = wire_of(provider);
    const auto row = adapter_of(provider).decode_row(wire.artefact, wire.cancelled, kNow);
    ASSERT_TRUE(row) << provider;
    EXPECT_EQ(row->outcome, provider::Row::Outcome::kCancelled);
    EXPECT_EQ(row->response.usage, llm::Usage{});
  }
  for (const std::string_view provider : {"anthropic", "openAI", "gemini"}) {
    const auto& wire = wire_of(provider);
    const auto all = wire.streamed(R"({"input_tokens":9,"output_tokens":1})");
    const auto decoder = adapter_of(provider).stream_decoder();
    std::string words;
    ASSERT_TRUE(decoder->feed(all.substr(0, all.find("\n\n") + 2), words)) << provider;
    const auto cut = decoder->finish();
    ASSERT_FALSE(cut) << provider;
    EXPECT_EQ(cut.error().kind, ErrorKind::kDeadlineExceeded) << provider;
  }
}

// litellm#9812: written tokens as input and again as written, $0.091311 for what Anthropic billed as $0.05439.
TEST(Lessons32, Item19_WrittenTokensAreChargedOnce) {
  expect({
      {"anthropic/claude-sonnet-4-6",
       R"({"input_tokens":3,"cache_creation_input_tokens":12304,"cache_read_input_tokens":0,"output_tokens":550})",
       "0.054399", "0.0271995"},
      // #11364.
      {"anthropic/claude-opus-4-5-20251101",
       R"({"input_tokens":10,"cache_creation_input_tokens":32435,"cache_read_input_tokens":66360,"output_tokens":5120})",
       "0.36394875", "0.181974375"},
      // #40006, #31282.
      {"anthropic/claude-sonnet-5",
       R"({"input_tokens":100,"cache_creation_input_tokens":700,"cache_read_input_tokens":200,"output_tokens":0})",
       "0.00199", "0.000995"},
  });
}

// litellm#10667: the cost of Gemini's cached tokens was null; on the tokens of any-llm#664.
TEST(Lessons32, Item19_GeminisCachedTokensHaveACost) {
  expect(
      {{"gemini/gemini-2.5-flash",
        R"({"promptTokenCount":22729,"cachedContentTokenCount":17323,"candidatesTokenCount":366,"thoughtsTokenCount":91})",
        "0.00328399", "0.00190184"}});
}

// bifrost#904: cached tokens as input, $1.68 for $0.34.
TEST(Lessons32, Item20_CachedTokensAreNotInput) {
  expect(
      {{"openAI/gpt-5.1",
        R"({"prompt_tokens":1239328,"completion_tokens":12909,"prompt_tokens_details":{"cached_tokens":1188096}})",
        "0.341642", "0.170821"}});
}

// bifrost#3451: a streamed answer's written tokens doubled, $1.86 for $1.06. A stream tells them twice.
TEST(Lessons32, Item20_AStreamsWrittenTokensAreChargedOnce) {
  constexpr std::string_view kUsage =
      R"({"input_tokens":6,"cache_creation_input_tokens":159217,"cache_read_input_tokens":0,"cache_creation":{"ephemeral_5m_input_tokens":159217,"ephemeral_1h_input_tokens":0},"output_tokens":2745})";
  const auto streamed = read("anthropic", Way::kStreamed, kUsage);
  ASSERT_TRUE(streamed) << streamed.error().text();
  EXPECT_EQ(streamed->usage.written(), Tokens{159'217});
  EXPECT_EQ(
      to_usd(cost::cost_of(streamed->usage, row_of("anthropic/claude-opus-4-7"), Route::kSync)),
      "1.06376125");
}

// dwctl: an answer with "usage":null was billed at nothing. None is taken as an answer.
TEST(Lessons32, Item21_WithoutUsageNothingIsFree) {
  for (const std::string_view provider : {"anthropic", "openAI", "gemini", "azureOpenAI", "groq",
                                          "mistral", "together", "openAICompatible"})
    for (const auto way : {Way::kWhole, Way::kStreamed, Way::kRow}) {
      if (way == Way::kRow && !meeting_of(provider).batches) continue;
      const auto read_null = read(provider, way, "null");
      ASSERT_FALSE(read_null) << provider;
      EXPECT_EQ(read_null.error().kind, ErrorKind::kBadResponse) << provider;
      EXPECT_THAT(read_null.error().message, HasSubstr("usage")) << provider;
    }
}

// dwctl, posthog#369: cached tokens taken off a count that has none of them in it: 6.4x under, or below nothing.
TEST(Lessons32, Item21_CachedTokensAreTakenOffOnce) {
  expect({
      // Anthropic's input_tokens are without the cached ones; the tokens of posthog#48286.
      {"anthropic/claude-sonnet-5",
       R"({"input_tokens":247,"cache_read_input_tokens":6287,"output_tokens":100})", "0.0027514",
       "0.0013757"},
      // A server that counts like that in OpenAI's shape; the tokens of mastra#16874. Never below nothing.
      {"openAI/gpt-5.2",
       R"({"prompt_tokens":10470,"completion_tokens":2998,"prompt_tokens_details":{"cached_tokens":48384}})",
       "0.0504392", "0.0252196"},
      {"gemini/gemini-2.5-flash",
       R"({"promptTokenCount":10,"cachedContentTokenCount":1000,"candidatesTokenCount":0})",
       "0.00003", "0.00003"},
  });
}

// langwatch#7018: a read token at the input's price besides its own, 11x; a written one 1.8x.
TEST(Lessons32, Item21_ReadAndWrittenTokensHaveOnePriceEach) {
  const auto read_back = read(
      "openAI", Way::kWhole,
      R"({"prompt_tokens":869,"completion_tokens":7,"prompt_tokens_details":{"cached_tokens":11,"cache_write_tokens":5}})");
  ASSERT_TRUE(read_back);
  EXPECT_EQ(read_back->usage,
            (llm::Usage{.input = {853}, .cache_read = {11}, .cache_write = {5}, .output = {7}}));
  expect({
      {"anthropic/claude-sonnet-5",
       R"({"input_tokens":0,"cache_read_input_tokens":1000000,"output_tokens":0})", "0.20", "0.10"},
      {"anthropic/claude-sonnet-5",
       R"({"input_tokens":0,"cache_creation_input_tokens":1000000,"output_tokens":0})", "2.50",
       "1.25"},
      {"openAI/gpt-5-mini",
       R"({"prompt_tokens":1000000,"completion_tokens":0,"prompt_tokens_details":{"cached_tokens":1000000}})",
       "0.025", "0.0125"},
  });
}

// holaOS#549: what was written for an hour is not taken for five minutes, in whichever words it is told.
TEST(Lessons32, Item22_TheTtlOfAWriteIsRead) {
  expect({
      {"anthropic/claude-sonnet-5",
       R"({"input_tokens":0,"cache_creation_input_tokens":1000000,"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":1000000},"output_tokens":0})",
       "4.00", "2.00"},
      {"anthropic/claude-sonnet-5",
       R"({"input_tokens":0,"cache_creation_input_tokens":1000000,"cache_creation":{"ephemeral_1h_input_tokens":400000},"output_tokens":0})",
       "3.10", "1.55"},
  });
}

}  // namespace
}  // namespace weir::translation::lessons
