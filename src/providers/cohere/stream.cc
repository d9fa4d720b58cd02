// Streaming: message-start, then content-start, -delta, -end for each part, tool-plan-delta, tool-call-start, -delta, -end,
// citations, and message-end, which has reason and usage. There is no [DONE].
// Doc: https://docs.cohere.com/reference/chat-stream (reference of 2026-11-23)
#include <fmt/format.h>

#include <map>

#include "http/sse.h"
#include "providers/cohere/errors.h"
#include "providers/cohere/wire.h"

namespace weir::providers::cohere {
namespace {

constexpr std::size_t kEventBytesMax = 16 << 20;   // an event is some hundred bytes
constexpr std::size_t kAnswerBytesMax = 32 << 20;  // as the largest result row
constexpr std::size_t kToolCallsMax = 1024;

Error error(ErrorKind kind, std::string_view what) {
  return {.kind = kind, .message = fmt::format("cohere: {}", what), .provider = "cohere"};
}

class EventDecoder final : public provider::StreamDecoder {
 public:
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
    if (!done_)
      return std::unexpected(error(ErrorKind::kDeadlineExceeded,
                                   "the streamed answer was cut before its end; whether it is "
                                   "billed is unknown"));
    if (response_.usage_raw.empty())
      return std::unexpected(error(ErrorKind::kBadResponse,
                                   "the streamed answer told no usage, so its cost is unknown"));
    llm::Response out = response_;
    std::vector<CallPieces> calls;
    for (const auto& [index, call] : calls_) calls.push_back(call);
    out.tool_calls_json = calls_json(calls);
    return out;
  }

 private:
  void take(std::string_view data, std::string& text) {
    if (done_ || error_) return;
    const auto event = parser_.parse(data);
    if (!event || !event->is_object()) {
      error_ = error(ErrorKind::kBadResponse, "a streamed event is no JSON object");
      return;
    }
    const auto type = (*event)["type"].string();
    if (!type) return refused((*event)["message"]);
    const auto delta = (*event)["delta"];
    if (*type == "message-start") {
      began_ = true;
      response_.id = (*event)["id"].string_or("");
    } else if (*type == "message-end") {
      take_end(delta);
    } else {
      take_delta(*type, *event, delta["message"], text);
    }
  }

  // {"message":"…"}, an error in the middle of the events.
  void refused(json::Value message) {
    const auto words = message.string();
    if (!words) return;
    error_ = error_of_words(*words);
    if (began_) error_->kind = ErrorKind::kDeadlineExceeded;
  }

  void take_delta(std::string_view type, json::Value event, json::Value message,
                  std::string& text) {
    began_ = true;
    if (type == "content-start" || type == "content-delta") {
      const auto piece = message["content"]["text"].string().value_or(std::string_view());
      text += piece;
      append(response_.text, piece);
    } else if (type == "tool-call-start" || type == "tool-call-delta") {
      const auto index = event["index"].integer_or(0);
      if (calls_.size() >= kToolCallsMax && !calls_.contains(index)) {
        error_ = error(ErrorKind::kBadResponse, "the streamed answer has too many tool calls");
        return;
      }
      const auto call = message["tool_calls"], function = call["function"];
      auto& to = calls_[index];
      append(to.id, call["id"].string().value_or(std::string_view()));
      append(to.name, function["name"].string().value_or(std::string_view()));
      append(to.arguments, function["arguments"].string().value_or(std::string_view()));
    }
    if (bytes_ > kAnswerBytesMax)
      error_ = error(ErrorKind::kBadResponse, "the streamed answer is larger than 32 MB");
  }

  // {"finish_reason":"COMPLETE","usage":{…}}; with an "error" where the generation failed.
  void take_end(json::Value delta) {
    done_ = true;
    response_.finish_raw = delta["finish_reason"].string_or("");
    response_.finish = finish_of(response_.finish_raw);
    if (!has_usage(delta["usage"])) return;
    response_.usage = decode_usage(delta["usage"]);
    response_.usage_raw = delta["usage"].text();
  }

  // Past the bound nothing is kept; take_delta() then refuses the answer.
  void append(std::string& to, std::string_view bytes) {
    bytes_ += bytes.size();
    if (bytes_ <= kAnswerBytesMax) to += bytes;
  }

  http::SseParser events_{kEventBytesMax};
  json::Parser parser_;
  llm::Response response_;
  std::map<std::int64_t, CallPieces> calls_;
  std::size_t bytes_ = 0;
  std::optional<Error> error_;
  bool began_ = false, done_ = false;
};

}  // namespace

std::unique_ptr<provider::StreamDecoder> stream_decoder() {
  return std::make_unique<EventDecoder>();
}

}  // namespace weir::providers::cohere
