// What the Responses API answers.
#include "sim/openai_shape/responses.h"

#include "http/sse.h"
#include "json/write.h"

namespace weir::sim::openai_shape {
namespace {

constexpr std::int64_t kDeltaTokens = 4;

// The same chance names all parts of an answer.
std::string id_of(const ChatAnswer& answer, std::string_view prefix) {
  return std::string(prefix) + answer.id.substr(answer.id.size() - 24);
}

std::string_view status_of(const ChatAnswer& answer) {
  return answer.generated.cut ? "incomplete" : "completed";
}

// {"type":"output_text","annotations":[],"logprobs":[],"text":"…"}
std::string part_json(std::string_view text) {
  json::Writer out;
  out.begin_object().field("type", "output_text").key("annotations").begin_array().end_array();
  out.key("logprobs").begin_array().end_array().field("text", text);
  return out.end_object().take();
}

// The one item of an answer: a message, or a call. Without its text where it has only begun.
std::string item_json(const ChatAnswer& answer, bool begun) {
  json::Writer out;
  const std::string_view status = begun ? "in_progress" : status_of(answer);
  const std::string_view text = begun ? std::string_view() : answer.generated.text;
  out.begin_object();
  if (!answer.tool.empty()) {
    out.field("id", id_of(answer, "fc_")).field("type", "function_call").field("status", status);
    out.field("arguments", text).field("call_id", id_of(answer, "call_"));
    return out.field("name", answer.tool).end_object().take();
  }
  out.field("id", id_of(answer, "msg_")).field("type", "message").field("status", status);
  out.key("content").begin_array();
  if (!begun) out.raw(part_json(text));
  return out.end_array().field("role", "assistant").end_object().take();
}

std::string response_usage(const Traits& traits, const TokenBuckets& tokens) {
  json::Writer out;
  out.begin_object().field("input_tokens", tokens.prompt());
  out.key("input_tokens_details").begin_object().field("cached_tokens", tokens.cache_read);
  if (traits.usage_written) out.field("cache_write_tokens", tokens.cache_write);
  out.end_object().field("output_tokens", tokens.output);
  out.key("output_tokens_details").begin_object().field("reasoning_tokens", std::int64_t{0});
  out.end_object().field("total_tokens", tokens.prompt() + tokens.output);
  return out.end_object().take();
}

std::string response_json(const Traits& traits, const ChatAnswer& answer, bool begun) {
  json::Writer out;
  const bool cut = !begun && answer.generated.cut;
  out.begin_object().field("id", id_of(answer, "resp_")).field("object", "response");
  out.field("created_at", answer.created);
  out.field("status", begun ? std::string_view("in_progress") : status_of(answer));
  out.key("error").null().key("incomplete_details");
  if (cut) out.begin_object().field("reason", "max_output_tokens").end_object();
  else out.null();
  out.field("model", answer.model).key("output").begin_array();
  if (!begun) out.raw(item_json(answer, false));
  out.end_array().field("service_tier", answer.tier).key("usage");
  if (begun) out.null();
  else out.raw(response_usage(traits, answer.tokens));
  std::string text = out.end_object().take();
  text.pop_back();
  return text + "," + answer.echo + "}";
}

// Events in their order, each with its number.
class Events {
 public:
  /// @param members what the event says beside its type, begun within an object.
  template <class Members>
  void send(Duration delay, std::string_view type, Members&& members) {
    json::Writer out;
    out.begin_object().field("type", type).field("sequence_number", number_++);
    members(out);
    pieces_.push_back({delay, http::sse_text(type, out.end_object().take())});
  }
  std::vector<Piece> take() { return std::move(pieces_); }

 private:
  std::vector<Piece> pieces_;
  std::int64_t number_ = 0;
};

void at_item(json::Writer& out, const ChatAnswer& answer) {
  out.field("item_id", id_of(answer, answer.tool.empty() ? "msg_" : "fc_"));
  out.field("output_index", std::int64_t{0});
}

void at_part(json::Writer& out, const ChatAnswer& answer) {
  at_item(out, answer);
  out.field("content_index", std::int64_t{0});
}

void send_message(Events& events, const ChatAnswer& answer) {
  const auto& text = answer.generated.text;
  events.send(Duration(0), "response.content_part.added", [&](json::Writer& out) {
    at_part(out, answer);
    out.key("part").raw(part_json(""));
  });
  for (const auto piece : stream_chunks(text, kDeltaTokens))
    events.send(kTokenTime * kDeltaTokens, "response.output_text.delta", [&](json::Writer& out) {
      at_part(out, answer);
      out.field("delta", piece).key("logprobs").begin_array().end_array();
    });
  events.send(Duration(0), "response.output_text.done", [&](json::Writer& out) {
    at_part(out, answer);
    out.field("text", text).key("logprobs").begin_array().end_array();
  });
  events.send(Duration(0), "response.content_part.done", [&](json::Writer& out) {
    at_part(out, answer);
    out.key("part").raw(part_json(text));
  });
}

void send_call(Events& events, const ChatAnswer& answer) {
  const auto& text = answer.generated.text;
  for (const auto piece : stream_chunks(text, kDeltaTokens))
    events.send(kTokenTime * kDeltaTokens, "response.function_call_arguments.delta",
                [&](json::Writer& out) {
                  at_item(out, answer);
                  out.field("delta", piece);
                });
  events.send(Duration(0), "response.function_call_arguments.done", [&](json::Writer& out) {
    at_item(out, answer);
    out.field("name", answer.tool).field("arguments", text);
  });
}

}  // namespace

std::string response_body(const Traits& traits, const ChatAnswer& answer) {
  return response_json(traits, answer, false);
}

std::vector<Piece> response_stream(const Traits& traits, const ChatAnswer& answer) {
  Events events;
  const auto whole = [&](std::string_view type, bool begun) {
    events.send(Duration(0), type, [&](json::Writer& out) {
      out.key("response").raw(response_json(traits, answer, begun));
    });
  };
  const auto item = [&](std::string_view type, bool begun) {
    events.send(Duration(0), type, [&](json::Writer& out) {
      out.field("output_index", std::int64_t{0}).key("item").raw(item_json(answer, begun));
    });
  };
  whole("response.created", true);
  whole("response.in_progress", true);
  item("response.output_item.added", true);
  if (answer.tool.empty()) send_message(events, answer);
  else send_call(events, answer);
  item("response.output_item.done", false);
  whole(answer.generated.cut ? "response.incomplete" : "response.completed", false);
  return events.take();
}

}  // namespace weir::sim::openai_shape
