// The streamed form of an answer.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "http/event_stream.h"
#include "json/patch.h"
#include "json/write.h"
#include "providers/bedrock/converse.h"
#include "providers/bedrock/errors.h"

namespace weir::providers::bedrock {
namespace {

// Messages of an event stream may have 16 MB of payload.
constexpr std::size_t kMessageBytesMax = (16U << 20) + 4096;
constexpr std::size_t kAnswerBytesMax = 32U << 20;
constexpr std::size_t kBlocksMax =
    10'000;  // an answer has a handful; keeps the search by index cheap

std::unexpected<Error> bad_stream(std::string why) {
  return std::unexpected(Error{.kind = ErrorKind::kBadResponse,
                               .message = "bedrock: " + std::move(why),
                               .provider = "bedrock"});
}

class Decoder final : public provider::StreamDecoder {
 public:
  Result<void> feed(std::string_view bytes, std::string& text) override {
    if (error_) return std::unexpected(*error_);
    auto fed = messages_.feed(bytes, [&](http::EventMessage&& message) {
      if (error_) return;
      if (auto done = on_message(message, text); !done) error_ = std::move(done).error();
    });
    if (!fed && !error_) {
      error_ = std::move(fed).error();
      error_->provider = "bedrock";
    }
    if (error_) return std::unexpected(*error_);
    return {};
  }
  Result<llm::Response> finish() override;

 private:
  struct Block {
    std::int64_t index = 0;
    bool call = false;
    std::string text;      // of a call the JSON of its input, in pieces
    std::string id, name;  // of a call
  };

  Result<void> on_message(const http::EventMessage& message, std::string& text);
  Result<void> on_event(std::string_view type, json::Value event, std::string_view raw,
                        std::string& text);
  Result<void> on_start(json::Value event);
  Result<void> on_delta(json::Value event, std::string& text);
  Result<void> on_metadata(json::Value event, std::string_view raw);
  Result<void> on_exception(const http::EventMessage& message);
  Result<void> append(std::string& to, std::string_view bytes);
  Result<Block*> block(std::int64_t index);
  [[nodiscard]] std::string call_json(const Block& block);

  http::EventStreamParser messages_{kMessageBytesMax};
  json::Parser parser_;
  llm::Response response_;
  std::vector<Block> blocks_;
  std::size_t answer_bytes_ = 0;
  bool started_ = false, stopped_ = false, counted_ = false;
  std::optional<Error> error_;
};

// :message-type event, exception or error; :event-type or :exception-type says which.
Result<void> Decoder::on_message(const http::EventMessage& message, std::string& text) {
  const auto kind = message.find(":message-type").value_or("event");
  if (kind != "event") return on_exception(message);
  const auto parsed = parser_.parse(message.payload);
  if (!parsed) return bad_stream("a streamed event is " + parsed.error().message);
  return on_event(message.find(":event-type").value_or(""), *parsed, message.payload, text);
}

// Events that are not known are tolerated.
Result<void> Decoder::on_event(std::string_view type, json::Value event, std::string_view raw,
                               std::string& text) {
  if (type == "messageStart") started_ = true;
  if (type == "contentBlockStart") return on_start(event);
  if (type == "contentBlockDelta") return on_delta(event, text);
  if (type == "metadata") return on_metadata(event, raw);
  if (type == "messageStop") {
    stopped_ = true;
    response_.finish_raw = event["stopReason"].string_or("");
  }
  return {};
}

Result<void> Decoder::append(std::string& to, std::string_view bytes) {
  answer_bytes_ += bytes.size();
  if (answer_bytes_ > kAnswerBytesMax)
    return bad_stream("a streamed answer is larger than its bound");
  to += bytes;
  return {};
}

// A text has no start of its own: its first delta makes the block.
Result<Decoder::Block*> Decoder::block(std::int64_t index) {
  const auto found = std::ranges::find(blocks_, index, &Block::index);
  if (found != blocks_.end()) return &*found;
  if (blocks_.size() >= kBlocksMax)
    return bad_stream("a streamed answer has too many content blocks");
  return &blocks_.emplace_back(Block{.index = index});
}

// {"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"tooluse_…","name":"…"}}}
Result<void> Decoder::on_start(json::Value event) {
  const auto call = event["start"]["toolUse"];
  if (!call.is_object()) return {};
  WEIR_TRY(Block* const target, block(event["contentBlockIndex"].integer_or(0)));
  target->call = true;
  target->id.clear();
  target->name.clear();
  WEIR_CHECK(append(target->id, call["toolUseId"].string().value_or("")));
  return append(target->name, call["name"].string().value_or(""));
}

// {"contentBlockIndex":0,"delta":{"text":"…"}}, or {"toolUse":{"input":"{\"pa"}}; what else there is (reasoning) is no part of the answer's text
Result<void> Decoder::on_delta(json::Value event, std::string& text) {
  const auto piece = event["delta"]["text"].string();
  const auto input = event["delta"]["toolUse"]["input"].string();
  if (!piece && !input) return {};
  WEIR_TRY(Block* const target, block(event["contentBlockIndex"].integer_or(0)));
  if (input) {
    target->call = true;
    return append(target->text, *input);
  }
  text += *piece;
  return append(target->text, *piece);
}

Result<void> Decoder::on_metadata(json::Value event, std::string_view raw) {
  const auto usage = json::locate(raw, {"usage"});
  if (!event["usage"].is_object() || !usage) return bad_stream("a streamed answer tells no usage");
  response_.usage = decode_usage(event["usage"]);
  response_.usage_raw = json::raw_at(raw, *usage);
  counted_ = true;
  return {};
}

Result<void> Decoder::on_exception(const http::EventMessage& message) {
  const auto name =
      message.find(":exception-type").value_or(message.find(":error-code").value_or(""));
  const auto parsed = parser_.parse(message.payload);
  std::string text = parsed ? (*parsed)["message"].string_or("") : "";
  if (text.empty()) text = message.find(":error-message").value_or("");
  Error error = error_of_name(name, text);
  const bool retryable =
      error.kind == ErrorKind::kUnavailable || error.kind == ErrorKind::kRateLimited;
  if (started_ && retryable) {
    error.kind = ErrorKind::kDeadlineExceeded;
    error.message += "; the answer had begun, so whether it is billed is not known";
  }
  return std::unexpected(std::move(error));
}

// An answer cut at its limit ends within the input: what came is then kept as a text, so nothing is lost or invented.
std::string Decoder::call_json(const Block& block) {
  json::Writer out;
  out.begin_object().field("toolUseId", block.id).field("name", block.name).key("input");
  if (block.text.empty()) out.raw("{}");
  else if (parser_.parse(block.text)) out.raw(block.text);
  else out.string(block.text);
  return out.end_object().take();
}

Result<llm::Response> Decoder::finish() {
  if (error_) return std::unexpected(*error_);
  if (!stopped_ || !counted_)
    return std::unexpected(
        Error{.kind = ErrorKind::kDeadlineExceeded,
              .message = fmt::format("bedrock: the streamed answer was cut before its end (no {})",
                                     stopped_ ? "metadata" : "messageStop"),
              .provider = "bedrock"});
  response_.finish = finish_of(response_.finish_raw);
  std::ranges::sort(blocks_, {}, &Block::index);
  for (const auto& block : blocks_) {
    if (!block.call) {
      response_.text += block.text;
      continue;
    }
    response_.tool_calls_json += response_.tool_calls_json.empty() ? "[" : ",";
    response_.tool_calls_json += call_json(block);
  }
  if (!response_.tool_calls_json.empty()) response_.tool_calls_json += "]";
  blocks_.clear();
  return std::move(response_);
}

}  // namespace

std::unique_ptr<provider::StreamDecoder> make_stream_decoder() {
  return std::make_unique<Decoder>();
}

}  // namespace weir::providers::bedrock
