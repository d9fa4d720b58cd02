// The streamed form of a Messages answer.
#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "http/sse.h"
#include "json/patch.h"
#include "json/write.h"
#include "provider/anthropic_dialect.h"

namespace weir::provider::anthropic_dialect {
namespace {

// An event carries at most one block's start or one delta; a row of 32 MB is the largest thing in
// memory anywhere.
constexpr std::size_t kEventBytesMax = 32U << 20;
constexpr std::size_t kAnswerBytesMax = 32U << 20;
constexpr std::size_t kBlocksMax =
    10'000;  // an answer has a handful; keeps the search by index cheap
constexpr std::size_t kUsageBytesMax =
    16U << 10;  // a usage object has some 500 bytes; merging is quadratic in it

class Decoder final : public StreamDecoder {
 public:
  explicit Decoder(ErrorOf error_of) : error_of_(error_of), events_(kEventBytesMax) {}

  Result<void> feed(std::string_view bytes, std::string& text) override {
    if (error_) return std::unexpected(*error_);
    auto fed = events_.feed(bytes, [&](http::SseEvent&& event) {
      if (error_ || stopped_) return;
      if (auto done = on_event(event, text); !done) error_ = std::move(done).error();
    });
    if (!fed && !error_) error_ = std::move(fed).error();
    if (error_) return std::unexpected(*error_);
    return {};
  }

  Result<llm::Response> finish() override;

 private:
  enum class Kind : std::uint8_t { kText, kToolUse, kOther };
  struct Block {
    std::int64_t index = 0;
    Kind kind = Kind::kOther;
    std::string text;   // of a text block; of a tool call the JSON of its input, in pieces
    std::string start;  // of a tool call: the block as content_block_start gave it
  };

  Result<void> on_event(const http::SseEvent& event, std::string& text);
  Result<void> on_message_start(json::Value root, std::string_view raw);
  Result<void> on_block_start(json::Value root, std::string_view raw, std::string& text);
  Result<void> on_block_delta(json::Value root, std::string& text);
  Result<void> on_message_delta(json::Value root, std::string_view raw);
  Result<void> on_error(json::Value root);
  Result<void> append(std::string& to, std::string_view bytes);
  Result<Block*> block(std::int64_t index, Kind kind);
  [[nodiscard]] Result<std::string> tool_call(const Block& block);

  ErrorOf error_of_;
  http::SseParser events_;
  json::Parser parser_;
  llm::Response response_;
  std::vector<Block> blocks_;
  std::size_t answer_bytes_ = 0;
  bool started_ = false, stopped_ = false;
  std::optional<Error> error_;
};

Result<void> Decoder::on_event(const http::SseEvent& event, std::string& text) {
  // Events that are not known must be tolerated, whatever they carry.
  static constexpr std::string_view kKnown[] = {"message_start",       "content_block_start",
                                                "content_block_delta", "message_delta",
                                                "message_stop",        "error"};
  if (!event.name.empty() && std::ranges::find(kKnown, event.name) == std::end(kKnown)) return {};
  const auto parsed = parser_.parse(event.data);
  if (!parsed)
    return fail(ErrorKind::kBadResponse, "a streamed event is " + parsed.error().message);
  const json::Value root = *parsed;
  const std::string name = event.name.empty() ? root["type"].string_or("") : event.name;
  if (name == "message_start") return on_message_start(root, event.data);
  if (name == "content_block_start") return on_block_start(root, event.data, text);
  if (name == "content_block_delta") return on_block_delta(root, text);
  if (name == "message_delta") return on_message_delta(root, event.data);
  if (name == "error") return on_error(root);
  if (name == "message_stop") stopped_ = true;
  return {};
}

// {"type":"message_start","message":{"id":"msg_…","model":"…","usage":{"input_tokens":25,…,"output_tokens":1}}}
Result<void> Decoder::on_message_start(json::Value root, std::string_view raw) {
  const json::Value message = root["message"];
  const auto usage = json::locate(raw, {"message", "usage"});
  if (!message["usage"].is_object() || !usage)
    return fail(ErrorKind::kBadResponse, "a streamed answer began without its usage");
  if (usage->length > kUsageBytesMax)
    return fail(ErrorKind::kBadResponse, "the usage of a streamed answer is larger than its bound");
  started_ = true;
  response_.id = message["id"].string_or("");
  response_.model = message["model"].string_or("");
  response_.usage_raw = json::raw_at(raw, *usage);
  return {};
}

Result<void> Decoder::append(std::string& to, std::string_view bytes) {
  answer_bytes_ += bytes.size();
  if (answer_bytes_ > kAnswerBytesMax)
    return fail(ErrorKind::kBadResponse, "a streamed answer is larger than its bound");
  to += bytes;
  return {};
}

// The latest block of that index and kind; a delta without its start makes one.
Result<Decoder::Block*> Decoder::block(std::int64_t index, Kind kind) {
  const auto found = std::find_if(blocks_.rbegin(), blocks_.rend(), [&](const Block& b) {
    return b.index == index && b.kind == kind;
  });
  if (found != blocks_.rend()) return &*found;
  if (blocks_.size() >= kBlocksMax)
    return fail(ErrorKind::kBadResponse, "a streamed answer has too many content blocks");
  return &blocks_.emplace_back(Block{.index = index, .kind = kind});
}

Result<void> Decoder::on_block_start(json::Value root, std::string_view raw, std::string& text) {
  const json::Value content = root["content_block"];
  const auto type = content["type"].string();
  const std::int64_t index = root["index"].integer_or(0);
  if (type == "text") {
    WEIR_TRY(Block* const target, block(index, Kind::kText));
    const auto first = content["text"].string().value_or("");
    WEIR_CHECK(append(target->text, first));
    text += first;
  } else if (type == "tool_use") {
    WEIR_TRY(Block* const target, block(index, Kind::kToolUse));
    const auto span = json::locate(raw, {"content_block"});
    target->start.clear();
    if (span) WEIR_CHECK(append(target->start, json::raw_at(raw, *span)));
  }
  return {};
}

Result<void> Decoder::on_block_delta(json::Value root, std::string& text) {
  const json::Value delta = root["delta"];
  const auto type = delta["type"].string();
  const std::int64_t index = root["index"].integer_or(0);
  if (type == "text_delta") {
    WEIR_TRY(Block* const target, block(index, Kind::kText));
    const auto piece = delta["text"].string().value_or("");
    WEIR_CHECK(append(target->text, piece));
    text += piece;
  } else if (type == "input_json_delta") {
    WEIR_TRY(Block* const target, block(index, Kind::kToolUse));
    WEIR_CHECK(append(target->text, delta["partial_json"].string().value_or("")));
  }
  return {};  // thinking_delta, signature_delta, citations_delta: not part of the answer's text
}

// {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":15}}: the
// counts are cumulative, so a member replaces the one of message_start and is never added to it.
Result<void> Decoder::on_message_delta(json::Value root, std::string_view raw) {
  if (const auto reason = root["delta"]["stop_reason"].string()) response_.finish_raw = *reason;
  const auto span = json::locate(raw, {"usage"});
  if (!root["usage"].is_object() || !span || !started_) return {};
  const std::string_view usage = json::raw_at(raw, *span);
  if (usage.size() > kUsageBytesMax)
    return fail(ErrorKind::kBadResponse, "the usage of a streamed answer is larger than its bound");
  for (const auto member : root["usage"].members()) {
    const json::Value value(member.value);
    const auto place = json::locate(usage, {std::string_view(member.key)});
    if (value.is_null() || !place) continue;
    auto edit = json::set_member(response_.usage_raw, {}, member.key, json::raw_at(usage, *place));
    if (!edit) continue;
    WEIR_TRY(response_.usage_raw, json::apply(response_.usage_raw, {*std::move(edit)}));
  }
  if (response_.usage_raw.size() > kUsageBytesMax)
    return fail(ErrorKind::kBadResponse, "the usage of a streamed answer is larger than its bound");
  return {};
}

Result<void> Decoder::on_error(json::Value root) {
  Error error = error_of_(decode_error(root));
  const bool retryable =
      error.kind == ErrorKind::kUnavailable || error.kind == ErrorKind::kRateLimited;
  if (started_ && retryable) {
    error.kind = ErrorKind::kDeadlineExceeded;
    error.message += "; the answer had begun, so whether it is billed is not known";
  }
  return std::unexpected(std::move(error));
}

Result<std::string> Decoder::tool_call(const Block& block) {
  constexpr std::string_view kNoStart = R"({"type":"tool_use"})";
  const std::string_view start = block.start.empty() ? kNoStart : std::string_view(block.start);
  if (block.text.empty()) return std::string(start);
  // An answer cut at max_tokens ends within the input: what came is then kept as a string, so
  // nothing is lost or invented.
  std::string input;
  if (parser_.parse(block.text)) input = block.text;
  else json::append_string(input, block.text);
  auto edit = json::set_member(start, {}, "input", input);
  if (!edit) return fail(ErrorKind::kBadResponse, "a streamed tool call is no object");
  return json::apply(start, {*std::move(edit)});
}

Result<llm::Response> Decoder::finish() {
  if (error_) return std::unexpected(*error_);
  if (!stopped_)
    return fail(ErrorKind::kDeadlineExceeded,
                "the streamed answer was cut before its end (no message_stop)");
  if (!started_)
    return fail(ErrorKind::kBadResponse, "a streamed answer ended without a beginning");
  response_.finish = finish_of(response_.finish_raw);
  for (const Block& block : blocks_) {
    if (block.kind == Kind::kText) response_.text += block.text;
    if (block.kind != Kind::kToolUse) continue;
    WEIR_TRY(const std::string call, tool_call(block));
    response_.tool_calls_json += response_.tool_calls_json.empty() ? "[" : ",";
    response_.tool_calls_json += call;
  }
  if (!response_.tool_calls_json.empty()) response_.tool_calls_json += "]";
  const auto usage = parser_.parse(response_.usage_raw);
  if (!usage)
    return fail(ErrorKind::kBadResponse, "the usage of a streamed answer is not readable");
  response_.usage = decode_usage(*usage);
  blocks_.clear();
  return std::move(response_);
}

}  // namespace

std::unique_ptr<StreamDecoder> make_stream_decoder(ErrorOf error_of) {
  return std::make_unique<Decoder>(error_of);
}

}  // namespace weir::provider::anthropic_dialect
