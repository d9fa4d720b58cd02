#include <fmt/format.h>

#include <array>
#include <utility>

#include "json/lines.h"
#include "json/write.h"
#include "providers/ollama/wire.h"

namespace weir::providers::ollama {
namespace {

namespace chat = provider::openai_chat;

constexpr std::size_t kLineBytesMax =
    16 << 20;  // a line is a few hundred bytes; this only bounds memory
constexpr std::size_t kAnswerBytesMax = 32 << 20;  // as the largest result row
constexpr std::size_t kToolCallsMax = 1024;

constexpr std::array kRules{
    chat::ErrorRule{404, "", ErrorKind::kNotFound,
                    "`ollama pull` the model on the server, and check its name and tag"},
    chat::ErrorRule{401, "", ErrorKind::kUnauthenticated,
                    "ollama.com wants OLLAMA_API_KEY; a server of your own wants none"},
    chat::ErrorRule{
        503, "", ErrorKind::kRateLimited,
        "the server's queue is full: lower the concurrency, or raise OLLAMA_MAX_QUEUE there"},
};
constexpr chat::ErrorRule kTooLong{
    0, "", ErrorKind::kInvalidArgument,
    "shorten the document, or raise OLLAMA_CONTEXT_LENGTH on the server"};
constexpr chat::ErrorRule kNoMemory{
    0, "", ErrorKind::kInvalidArgument,
    "the model does not fit into the server's memory: use a smaller one"};

// Errors have no code, and a model that does not fit comes as 500, which would be tried again.
const chat::ErrorRule* rule_by_words(int /*status*/, std::string_view words) {
  if (words.contains("exceeds the") && words.contains("context")) return &kTooLong;
  if (words.contains("requires more system memory")) return &kNoMemory;
  return nullptr;
}

std::unexpected<Error> bad(std::string_view what) {
  return std::unexpected(Error{.kind = ErrorKind::kBadResponse,
                               .message = fmt::format("ollama {}", what),
                               .hint = "check that the endpoint is an Ollama server",
                               .provider = "ollama"});
}

llm::FinishReason finish_of(const llm::Response& response) {
  if (!response.tool_calls_json.empty()) return llm::FinishReason::kToolUse;
  if (response.finish_raw == "stop") return llm::FinishReason::kStop;
  // "limit": the context is full, and may not be shifted.
  if (response.finish_raw == "length" || response.finish_raw == "limit")
    return llm::FinishReason::kLength;
  return llm::FinishReason::kOther;
}

// The counters stand beside the message, without an object of their own.
void read_usage(json::Value body, llm::Response& out) {
  out.usage.input = chat::token_count(body["prompt_eval_count"]);
  out.usage.output = chat::token_count(body["eval_count"]);
  json::Writer raw;
  raw.begin_object();
  for (const std::string_view name : {"total_duration", "load_duration", "prompt_eval_count",
                                      "prompt_eval_duration", "eval_count", "eval_duration"})
    if (const auto count = body[name].integer()) raw.field(name, *count);
  out.usage_raw = raw.end_object().take();
}

void read_end(json::Value body, llm::Response& out) {
  out.model = body["model"].string_or("");
  out.finish_raw = body["done_reason"].string_or("");
  out.created = parse_rfc3339(body["created_at"].string().value_or(std::string_view()));
  read_usage(body, out);
}

class LineDecoder final : public provider::StreamDecoder {
 public:
  Result<void> feed(std::string_view bytes, std::string& text) override {
    lines_.feed(bytes, [&](const json::LineSplitter::Line& line) {
      take(line, text, true);
      return !error_;
    });
    if (error_) return std::unexpected(*error_);
    return {};
  }

  Result<llm::Response> finish() override {
    std::string rest;
    lines_.finish([&](const json::LineSplitter::Line& line) {
      take(line, rest, false);
      return true;
    });
    if (error_) return std::unexpected(*error_);
    if (!done_)
      return std::unexpected(Error{.kind = ErrorKind::kDeadlineExceeded,
                                   .message = "ollama: the streamed answer was cut before its end",
                                   .provider = "ollama"});
    llm::Response out = response_;
    if (calls_ > 0) out.tool_calls_json = "[" + tool_calls_ + "]";
    out.finish = finish_of(out);
    return out;
  }

 private:
  void refuse(std::string_view what) { error_ = bad(what).error(); }

  // Of a stream that was cut, the last line may be half a one.
  void take(const json::LineSplitter::Line& line, std::string& text, bool whole) {
    if (done_ || error_ || (line.bytes.empty() && !line.too_long)) return;
    const auto body = parser_.parse(line.bytes);
    if (!body || !body->is_object()) {
      if (whole) refuse("sent a line that is no JSON object");
      return;
    }
    if (!(*body)["error"].is_null()) {
      error_ = chat::decode_error_object(error_options(), 0, (*body)["error"]);
      if (began_) error_->kind = ErrorKind::kDeadlineExceeded;
      return;
    }
    began_ = true;
    take_message((*body)["message"], text);
    if ((*body)["done"].boolean() != true) return;
    done_ = true;
    read_end(*body, response_);
  }

  void take_message(json::Value message, std::string& text) {
    const auto content = message["content"].string().value_or(std::string_view());
    bytes_ += content.size();
    text += content;
    response_.text += content;
    for (const auto item : message["tool_calls"].items()) {
      const std::string call = json::Value(item).text();
      bytes_ += call.size();
      if (calls_++ > 0) tool_calls_ += ',';
      tool_calls_ += call;
    }
    if (bytes_ > kAnswerBytesMax || calls_ > kToolCallsMax)
      refuse("streams an answer that does not end");
  }

  json::LineSplitter lines_{kLineBytesMax};
  json::Parser parser_;
  llm::Response response_;
  std::string tool_calls_;
  std::size_t calls_ = 0, bytes_ = 0;
  std::optional<Error> error_;
  bool began_ = false, done_ = false;
};

}  // namespace

const chat::Options& error_options() {
  static constexpr chat::Options kOptions{
      .provider = "ollama", .errors = kRules, .rule_by_words = rule_by_words};
  return kOptions;
}

Result<llm::Response> decode_chat(json::Value body) {
  const auto message = body["message"];
  if (!message.is_object()) return bad("answered without a message");
  if (body["done"].boolean() != true) return bad("answered with a part of an answer");
  llm::Response out;
  out.text = message["content"].string_or("");
  if (message["tool_calls"].size() != 0) out.tool_calls_json = message["tool_calls"].text();
  read_end(body, out);
  out.finish = finish_of(out);
  return out;
}

Result<llm::Response> decode_answer(const http::Response& response, Time now) {
  if (response.status < 200 || response.status > 299)
    return std::unexpected(chat::decode_error(error_options(), response, now));
  json::Parser parser;
  const auto body = parser.parse(response.body);
  if (!body || !body->is_object()) return bad("answered with something that is no JSON object");
  if (!(*body)["error"].is_null())
    return std::unexpected(chat::decode_error_object(error_options(), 0, (*body)["error"]));
  return decode_chat(*body);
}

// [{"id":"call_…","function":{"index":0,"name":"…","arguments":{…}}}, …]
Result<std::vector<llm::ToolCall>> decode_tool_calls(std::string_view calls_json) {
  std::vector<llm::ToolCall> out;
  if (calls_json.empty()) return out;
  json::Parser parser;
  const auto calls = parser.parse(calls_json);
  if (!calls || !calls->is_array()) return bad("answered with tool calls that are no list");
  for (const auto item : calls->items()) {
    const json::Value call(item), function = call["function"], arguments = function["arguments"];
    const auto name = function["name"].string();
    if (!name) return bad("answered with a tool call that has no name");
    out.push_back({.id = call["id"].string_or(fmt::format("call_{}", out.size())),
                   .name = std::string(*name),
                   .arguments_json = arguments.is_object() ? arguments.text() : "{}"});
  }
  return out;
}

std::unique_ptr<provider::StreamDecoder> stream_decoder() {
  return std::make_unique<LineDecoder>();
}

}  // namespace weir::providers::ollama
