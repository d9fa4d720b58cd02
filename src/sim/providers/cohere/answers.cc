#include "sim/providers/cohere/answers.h"

#include "http/sse.h"
#include "json/write.h"
#include "sim/json_reply.h"

namespace weir::sim::cohere {
namespace {

using openai_shape::ChatAnswer;

constexpr std::int64_t kChunkTokens = 4;

// Numbers are floats: 12.0.
void write_float(json::Writer& out, std::string_view name, std::int64_t count) {
  out.key(name).raw(std::to_string(count) + ".0");
}

void write_usage(json::Writer& out, const ChatAnswer& answer) {
  const auto& tokens = answer.tokens;
  out.key("usage").begin_object().key("billed_units").begin_object();
  write_float(out, "input_tokens", tokens.prompt());
  write_float(out, "output_tokens", tokens.output);
  out.end_object().key("tokens").begin_object();
  write_float(out, "input_tokens", tokens.prompt() + kPreambleTokens);
  write_float(out, "output_tokens", tokens.output);
  out.end_object();
  write_float(out, "cached_tokens", tokens.cache_read);
  out.end_object();
}

void write_call(json::Writer& out, const ChatAnswer& answer, std::string_view arguments) {
  out.begin_object().field("id", call_id(answer)).field("type", "function").key("function");
  out.begin_object().field("name", answer.tool).field("arguments", arguments);
  out.end_object().end_object();
}

std::string event(std::string_view type, const auto& write) {
  json::Writer out;
  out.begin_object().field("type", type);
  write(out);
  out.end_object();
  return http::sse_text(type, out.text());
}

// {"type":…,"index":0,"delta":{"message":{…}}}
std::string delta(std::string_view type, bool indexed, const auto& write) {
  return event(type, [&](json::Writer& out) {
    if (indexed) out.field("index", std::int64_t{0});
    out.key("delta").begin_object().key("message").begin_object();
    write(out);
    out.end_object().end_object();
  });
}

void stream_text(const ChatAnswer& answer, std::vector<Piece>& out) {
  const auto content = [](bool typed, std::string_view text) {
    return [=](json::Writer& to) {
      to.key("content").begin_object();
      if (typed) to.field("type", "text");
      to.field("text", text).end_object();
    };
  };
  out.push_back({Duration(0), delta("content-start", true, content(true, ""))});
  for (const auto text : stream_chunks(answer.generated.text, kChunkTokens))
    out.push_back({kTokenTime * kChunkTokens, delta("content-delta", true, content(false, text))});
  out.push_back({Duration(0), event("content-end",
                                    [](json::Writer& to) { to.field("index", std::int64_t{0}); })});
}

void stream_call(const ChatAnswer& answer, std::vector<Piece>& out) {
  out.push_back({Duration(0), delta("tool-plan-delta", false,
                                    [](json::Writer& to) { to.field("tool_plan", kPlan); })});
  out.push_back({Duration(0), delta("tool-call-start", true, [&](json::Writer& to) {
                   to.key("tool_calls");
                   write_call(to, answer, "");
                 })});
  for (const auto text : stream_chunks(answer.generated.text, kChunkTokens))
    out.push_back({kTokenTime * kChunkTokens, delta("tool-call-delta", true, [&](json::Writer& to) {
                     to.key("tool_calls").begin_object().key("function").begin_object();
                     to.field("arguments", text).end_object().end_object();
                   })});
  out.push_back({Duration(0), event("tool-call-end",
                                    [](json::Writer& to) { to.field("index", std::int64_t{0}); })});
}

}  // namespace

std::string_view finish_reason(const ChatAnswer& answer) {
  if (answer.generated.cut) return "MAX_TOKENS";
  return answer.tool.empty() ? "COMPLETE" : "TOOL_CALL";
}

std::string call_id(const ChatAnswer& answer) {
  return answer.tool + "_" + answer.id.substr(answer.id.size() - 12);
}

std::string answer_body(const ChatAnswer& answer) {
  json::Writer out;
  out.begin_object().field("id", answer.id).key("message").begin_object();
  out.field("role", "assistant");
  if (answer.tool.empty()) {
    out.key("content").begin_array().begin_object();
    out.field("type", "text").field("text", answer.generated.text).end_object().end_array();
  } else {
    out.field("tool_plan", kPlan).key("tool_calls").begin_array();
    write_call(out, answer, answer.generated.text);
    out.end_array();
  }
  out.end_object().field("finish_reason", finish_reason(answer));
  write_usage(out, answer);
  return out.end_object().take();
}

std::vector<Piece> answer_stream(const ChatAnswer& answer) {
  std::vector<Piece> out;
  out.push_back({Duration(0), event("message-start", [&](json::Writer& to) {
                   to.field("id", answer.id).key("delta").begin_object().key("message");
                   to.begin_object().field("role", "assistant").key("content").begin_array();
                   to.end_array().field("tool_plan", "").key("tool_calls").begin_array();
                   to.end_array().key("citations").begin_array().end_array();
                   to.end_object().end_object();
                 })});
  if (answer.tool.empty()) stream_text(answer, out);
  else stream_call(answer, out);
  out.push_back({Duration(0), event("message-end", [&](json::Writer& to) {
                   to.key("delta").begin_object().field("finish_reason", finish_reason(answer));
                   write_usage(to, answer);
                   to.end_object();
                 })});
  return out;
}

std::string_view usual_words(int status) {
  switch (status) {
    case 401: return "invalid api token";
    case 402:
      return "Please add or update your payment method at "
             "https://dashboard.cohere.com/billing?tab=payment to continue";
    case 404: return "404 page not found";
    case 429: return "You are past the per minute request limit, please wait and try again later.";
    case 499: return "request cancelled";
    case 503:
    case 529: return "service unavailable";
    default: return status < 500 ? "invalid request" : "internal server error";
  }
}

Reply error_reply(int status, std::string_view message, std::string_view id) {
  if (status == 529) status = 503;  // this provider knows no 529
  json::Writer out;
  out.begin_object();
  if (!id.empty()) out.field("id", id);
  out.field("message", message.empty() ? usual_words(status) : message).end_object();
  return json_reply(status, out.take());
}

}  // namespace weir::sim::cohere
