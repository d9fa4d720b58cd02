// Streaming: named events with a `type`, up to one that holds the whole response. Doc:
// https://developers.openai.com/api/docs/guides/streaming-responses (checked 2026-11-27)
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "http/sse.h"
#include "provider/openai_responses_dialect.h"

namespace weir::provider::openai_responses {
namespace {

constexpr std::size_t kEventBytesMax = 32 << 20;   // the last event is the whole answer
constexpr std::size_t kAnswerBytesMax = 32 << 20;  // as the largest result row
constexpr std::size_t kItemsMax = 4096;
constexpr std::size_t kHeldBytesMax = kEventBytesMax;  // the first event repeats the request

class EventDecoder final : public StreamDecoder {
 public:
  explicit EventDecoder(const Options& options) : options_(options), events_(kEventBytesMax) {}

  Result<void> feed(std::string_view bytes, std::string& text) override {
    if (error_) return std::unexpected(*error_);
    const auto parsed = events_.feed(bytes, [&](http::SseEvent&& event) { take(event, text); });
    if (!parsed && !error_) error_ = parsed.error();
    if (error_) return std::unexpected(*error_);
    return {};
  }

  Result<llm::Response> finish() override {
    if (error_) return std::unexpected(*error_);
    if (response_) return *response_;
    return std::unexpected(error(ErrorKind::kDeadlineExceeded,
                                 "the streamed answer was cut before its end; whether it is "
                                 "billed is unknown"));
  }

 private:
  [[nodiscard]] Error error(ErrorKind kind, std::string_view what) const {
    return Error{.kind = kind,
                 .message = fmt::format("{}: {}", options_.provider, what),
                 .provider = std::string(options_.provider)};
  }

  void take(const http::SseEvent& event, std::string& text) {
    if (error_ || response_ || event.data == "[DONE]") return;
    const auto data = parser_.parse(event.data);
    if (!data || !data->is_object()) {
      error_ = error(ErrorKind::kBadResponse, "a streamed event is no JSON object");
      return;
    }
    const auto type = (*data)["type"].string().value_or(event.name);
    if (type == "error" || (*data)["error"].is_object()) return take_error(*data);
    if (type == "response.output_text.delta") {
      began_ = true;
      const auto delta = (*data)["delta"].string().value_or(std::string_view());
      if (count(delta.size())) text += delta;
    } else if (type == "response.output_item.added") {
      began_ = true;
    } else if (type == "response.output_item.done") {
      take_item(*data);
    } else if (type == "response.completed" || type == "response.incomplete" ||
               type == "response.failed") {
      take_end((*data)["response"]);
    }
  }

  // {"type":"error","code":"…","message":"…","param":null}; some servers wrap it as a refused request's.
  void take_error(json::Value data) {
    error_ = data["error"].is_object() ? openai_chat::decode_error_body(options_, 0, data)
                                       : openai_chat::decode_error_object(options_, 0, data);
    if (began_) error_->kind = ErrorKind::kDeadlineExceeded;
  }

  void take_item(json::Value data) {
    auto item = data["item"].text();
    const auto index = data["output_index"].integer_or(0);
    if (!count(item.size())) return;
    if (items_.size() >= kItemsMax && !items_.contains(index)) {
      error_ = error(ErrorKind::kBadResponse, "the streamed answer has too many items");
      return;
    }
    items_[index] = std::move(item);
  }

  void take_end(json::Value body) {
    std::string all = "[";
    for (const auto& [index, item] : items_) {
      if (all.size() > 1) all += ',';
      all += item;
    }
    all += ']';
    json::Parser parser;
    const auto items = parser.parse(all);
    auto response =
        openai_responses::decode_response(options_, body, items.value_or(json::Value()));
    if (response) {
      response_ = *std::move(response);
      return;
    }
    error_ = std::move(response).error();
    if (began_ && error_->kind != ErrorKind::kBadResponse)
      error_->kind = ErrorKind::kDeadlineExceeded;
  }

  bool count(std::size_t bytes) {
    bytes_ += bytes;
    if (bytes_ <= kAnswerBytesMax) return true;
    error_ = error(ErrorKind::kBadResponse, "the streamed answer is larger than 32 MB");
    return false;
  }

  Options options_;
  http::SseParser events_;
  json::Parser parser_;
  std::map<std::int64_t, std::string> items_;  // that are done, by output_index
  std::optional<llm::Response> response_;
  std::optional<Error> error_;
  std::size_t bytes_ = 0;
  bool began_ = false;
};

// {"type":"response.created",…}, {"type":"error",…}; chat chunks have no type.
bool is_semantic(const http::SseEvent& event) {
  if (event.name == "error" || event.name.starts_with("response.")) return true;
  json::Parser parser;
  const auto data = parser.parse(event.data);
  if (!data) return false;
  const auto type = (*data)["type"].string().value_or("");
  return type == "error" || type.starts_with("response.");
}

class EitherDecoder final : public StreamDecoder {
 public:
  explicit EitherDecoder(const Options& options) : options_(options), events_(kHeldBytesMax) {}

  Result<void> feed(std::string_view bytes, std::string& text) override {
    if (chosen_) return chosen_->feed(bytes, text);
    held_ += bytes;
    std::optional<bool> semantic;
    const auto parsed = events_.feed(bytes, [&](http::SseEvent&& event) {
      if (!semantic) semantic = is_semantic(event);
    });
    if (!semantic && parsed && held_.size() <= kHeldBytesMax) return {};
    chosen_ = semantic.value_or(false) ? openai_responses::stream_decoder(options_)
                                       : openai_chat::stream_decoder(options_);
    return chosen_->feed(std::exchange(held_, {}), text);
  }

  Result<llm::Response> finish() override {
    if (!chosen_) chosen_ = openai_chat::stream_decoder(options_);
    return chosen_->finish();
  }

 private:
  Options options_;
  http::SseParser events_;
  std::string held_;
  std::unique_ptr<StreamDecoder> chosen_;
};

}  // namespace

std::unique_ptr<StreamDecoder> stream_decoder(const Options& options) {
  return std::make_unique<EventDecoder>(options);
}

std::unique_ptr<StreamDecoder> either_stream_decoder(const Options& options) {
  return std::make_unique<EitherDecoder>(options);
}

}  // namespace weir::provider::openai_responses
