// Streaming: `data: {GenerateContentResponse}` events without names and without an end mark; each has
// the parts that are new, the last one the finish reason, and each the usage so far. Doc:
// https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent (checked 2026-11-23)
#include <fmt/format.h>

#include "http/sse.h"
#include "provider/gemini_dialect.h"
#include "provider/openai_chat_dialect.h"

namespace weir::provider::gemini {
namespace {

constexpr std::size_t kEventBytesMax = 32 << 20;   // an event may hold the whole answer
constexpr std::size_t kAnswerBytesMax = 32 << 20;  // as the largest result row

class ChunkDecoder final : public StreamDecoder {
 public:
  explicit ChunkDecoder(const Options& options) : options_(options), events_(kEventBytesMax) {}

  Result<void> feed(std::string_view bytes, std::string& text) override {
    if (error_) return std::unexpected(*error_);
    const auto parsed =
        events_.feed(bytes, [&](http::SseEvent&& event) { take(event.data, text); });
    if (!parsed && !error_) error_ = parsed.error();
    if (error_) return std::unexpected(*error_);
    return {};
  }

  Result<llm::Response> finish() override {
    if (error_) return std::unexpected(*error_);
    if (response_.finish_raw.empty())
      return std::unexpected(error(ErrorKind::kDeadlineExceeded,
                                   "the streamed answer was cut before its end; whether it is "
                                   "billed is unknown"));
    if (response_.usage_raw.empty())
      return std::unexpected(error(ErrorKind::kBadResponse,
                                   "the streamed answer told no usage, so its cost is unknown"));
    llm::Response out = response_;
    out.finish = blocked_ ? llm::FinishReason::kRefusal : finish_reason(out.finish_raw);
    if (!calls_.empty()) {
      out.tool_calls_json = "[" + calls_ + "]";
      if (out.finish == llm::FinishReason::kStop) out.finish = llm::FinishReason::kToolUse;
    }
    return out;
  }

 private:
  [[nodiscard]] Error error(ErrorKind kind, std::string_view what) const {
    return Error{.kind = kind,
                 .message = fmt::format("{}: {}", options_.provider, what),
                 .provider = std::string(options_.provider)};
  }

  void take(std::string_view data, std::string& text) {
    if (error_) return;
    const auto chunk = parser_.parse(data);
    if (!chunk || !chunk->is_object()) {
      error_ = error(ErrorKind::kBadResponse, "a streamed event is no JSON object");
      return;
    }
    if (const auto told = (*chunk)["error"]; !told.is_null()) {
      error_ = decode_error_object(options_, 0, told);
      // Part of the answer came: it may have been billed, so this is no clean refusal.
      if (began_) error_->kind = ErrorKind::kDeadlineExceeded;
      return;
    }
    take_chunk(*chunk, text);
  }

  void take_chunk(json::Value chunk, std::string& text) {
    if (response_.id.empty()) response_.id = chunk["responseId"].string_or("");
    if (response_.model.empty()) response_.model = chunk["modelVersion"].string_or("");
    if (const auto created = chunk["createTime"].string())
      response_.created = parse_rfc3339(*created);
    if (const auto usage = chunk["usageMetadata"]; usage.is_object()) {
      response_.usage = decode_usage(usage);
      response_.usage_raw = usage.text();
    }
    if (const auto reason = chunk["promptFeedback"]["blockReason"].string()) {
      blocked_ = true;
      response_.finish_raw = openai_chat::presentable(*reason);
    }
    for (const auto candidate : chunk["candidates"].items()) {
      if (candidate["index"].integer_or(0) != 0) continue;
      began_ = true;
      for (const auto part : candidate["content"]["parts"].items()) take_part(part, text);
      if (const auto reason = candidate["finishReason"].string())
        response_.finish_raw = openai_chat::presentable(*reason);
    }
    if (bytes_ > kAnswerBytesMax)
      error_ = error(ErrorKind::kBadResponse, "the streamed answer is larger than 32 MB");
  }

  void take_part(json::Value part, std::string& text) {
    const auto words = answer_text(part);
    text += words;
    append(response_.text, words);
    if (!part["functionCall"].is_object()) return;
    if (!calls_.empty()) append(calls_, ",");
    append(calls_, part.text());
  }

  // Past the bound nothing is kept; take_chunk() then refuses the answer.
  void append(std::string& to, std::string_view bytes) {
    bytes_ += bytes.size();
    if (bytes_ <= kAnswerBytesMax) to += bytes;
  }

  Options options_;
  http::SseParser events_;
  json::Parser parser_;
  llm::Response response_;
  std::string calls_;  // parts, with commas between
  std::size_t bytes_ = 0;
  std::optional<Error> error_;
  bool began_ = false, blocked_ = false;
};

}  // namespace

std::unique_ptr<StreamDecoder> stream_decoder(const Options& options) {
  return std::make_unique<ChunkDecoder>(options);
}

}  // namespace weir::provider::gemini
