// Streaming: `data: {chat.completion.chunk}` events, then a chunk with usage and no choice, then
// `data: [DONE]`. Doc: https://developers.openai.com/api/docs/guides/streaming-responses (checked
// 2026-11-23)
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "http/sse.h"
#include "json/write.h"
#include "provider/openai_chat_dialect.h"

namespace weir::provider::openai_chat {
namespace {

constexpr std::size_t kEventBytesMax =
    16 << 20;  // a chunk is a few hundred bytes; this only bounds memory
constexpr std::size_t kAnswerBytesMax = 32 << 20;  // as the largest result row
constexpr std::size_t kToolCallsMax = 1024;        // the format allows 128 tools a request

struct ToolCall {
  std::string id, type, name, arguments;
};

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
    const bool whole = !response_.finish_raw.empty() && !response_.usage_raw.empty();
    if (!done_ && !whole)
      return std::unexpected(error(ErrorKind::kDeadlineExceeded,
                                   "the streamed answer was cut before its end; whether it is "
                                   "billed is unknown"));
    if (response_.usage_raw.empty())
      return std::unexpected(error(ErrorKind::kBadResponse,
                                   "the streamed answer told no usage, so its cost is unknown"));
    if (!began_)
      return std::unexpected(error(ErrorKind::kBadResponse, "the streamed answer has no choice"));
    llm::Response out = response_;
    out.finish = refusal_.empty() ? finish_reason(out.finish_raw) : llm::FinishReason::kRefusal;
    if (out.text.empty()) out.text = refusal_;
    out.tool_calls_json = tool_calls();
    return out;
  }

 private:
  [[nodiscard]] Error error(ErrorKind kind, std::string_view what) const {
    return Error{.kind = kind,
                 .message = fmt::format("{}: {}", options_.provider, what),
                 .provider = std::string(options_.provider)};
  }

  void take(std::string_view data, std::string& text) {
    if (done_ || error_) return;
    if (data == "[DONE]") {
      done_ = true;
      return;
    }
    const auto chunk = parser_.parse(data);
    if (!chunk || !chunk->is_object()) {
      error_ = error(ErrorKind::kBadResponse, "a streamed event is no JSON object");
      return;
    }
    if (const auto told = (*chunk)["error"];
        !told.is_null() || (*chunk)["object"].string() == "error") {
      error_ = decode_error_body(options_, 0, *chunk);
      // Part of the answer came: it may have been billed, so this is no clean refusal.
      if (began_) error_->kind = ErrorKind::kDeadlineExceeded;
      return;
    }
    take_chunk(*chunk, text);
  }

  void take_chunk(json::Value chunk, std::string& text) {
    if (response_.id.empty()) response_.id = chunk["id"].string_or("");
    if (response_.model.empty()) response_.model = chunk["model"].string_or("");
    if (const auto created = chunk["created"].integer(); created && *created > 0)
      response_.created = from_unix_seconds(std::min(*created, kUnixSecondsMax));
    take_usage(chunk["usage"]);
    if (!options_.stream_usage_in.empty()) take_usage(chunk[options_.stream_usage_in]["usage"]);
    for (const auto item : chunk["choices"].items()) {
      const json::Value choice(item);
      if (choice["index"].integer_or(0) != 0) continue;
      began_ = true;
      take_delta(choice["delta"], text);
      if (const auto reason = choice["finish_reason"].string()) response_.finish_raw = *reason;
    }
    if (bytes_ > kAnswerBytesMax)
      error_ = error(ErrorKind::kBadResponse, "the streamed answer is larger than 32 MB");
  }

  void take_usage(json::Value usage) {
    if (!usage.is_object()) return;
    response_.usage = usage_of(options_, usage);
    response_.usage_raw = usage.text();
  }

  void take_delta(json::Value delta, std::string& text) {
    take_text(delta["content"].string().value_or(std::string_view()), text);
    // Some servers send parts, of which those without a text are the model's thoughts.
    for (const auto part : delta["content"].items())
      take_text(json::Value(part)["text"].string().value_or(std::string_view()), text);
    if (const auto refusal = delta["refusal"].string()) append(refusal_, *refusal);
    for (const auto item : delta["tool_calls"].items()) {
      const json::Value call(item);
      const auto index = call["index"].integer_or(static_cast<std::int64_t>(calls_.size()));
      if (calls_.size() >= kToolCallsMax && !calls_.contains(index)) {
        error_ = error(ErrorKind::kBadResponse, "the streamed answer has too many tool calls");
        return;
      }
      auto& to = calls_[index];
      append(to.id, call["id"].string().value_or(std::string_view()));
      append(to.name, call["function"]["name"].string().value_or(std::string_view()));
      append(to.arguments, call["function"]["arguments"].string().value_or(std::string_view()));
      if (to.type.empty()) append(to.type, call["type"].string().value_or(std::string_view()));
    }
  }

  void take_text(std::string_view piece, std::string& text) {
    text += piece;
    append(response_.text, piece);
  }

  // Past the bound nothing is kept; take_chunk() then refuses the answer.
  void append(std::string& to, std::string_view bytes) {
    bytes_ += bytes.size();
    if (bytes_ <= kAnswerBytesMax) to += bytes;
  }

  // [{"id":"…","type":"function","function":{"name":"…","arguments":"…"}}], as an answer that is
  // not streamed has it.
  [[nodiscard]] std::string tool_calls() const {
    if (calls_.empty()) return {};
    json::Writer out;
    out.begin_array();
    for (const auto& [index, call] : calls_) {
      out.begin_object().field("id", call.id);
      out.field("type", call.type.empty() ? std::string_view("function") : call.type);
      out.key("function").begin_object().field("name", call.name);
      out.field("arguments", call.arguments).end_object().end_object();
    }
    out.end_array();
    return out.take();
  }

  Options options_;
  http::SseParser events_;
  json::Parser parser_;
  llm::Response response_;
  std::string refusal_;
  std::map<std::int64_t, ToolCall> calls_;
  std::size_t bytes_ = 0;
  std::optional<Error> error_;
  bool began_ = false, done_ = false;
};

}  // namespace

std::unique_ptr<StreamDecoder> stream_decoder(const Options& options) {
  return std::make_unique<ChunkDecoder>(options);
}

}  // namespace weir::provider::openai_chat
