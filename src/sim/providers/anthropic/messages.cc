#include "sim/providers/anthropic/messages.h"

#include "http/sse.h"
#include "json/write.h"
#include "sim/providers/anthropic/heard.h"

namespace weir::sim::anthropic {
namespace {

constexpr std::int64_t kChunkTokens = 4;
constexpr std::int64_t kUsPercent = 110;  // inference_geo "us"

// Members that always stand in an answer, though what they tell of is not simulated, are null or 0.
// Doc: https://platform.claude.com/docs/en/api/messages/create (checked 2026-11-23, by the types of
// @anthropic-ai/sdk 1.12.0).
std::string usage_json(const MessageAnswer& answer, std::int64_t output) {
  const TokenBuckets& tokens = answer.tokens;
  json::Writer out;
  out.begin_object()
      .field("input_tokens", tokens.input)
      .field("cache_creation_input_tokens", tokens.cache_write_5m + tokens.cache_write_1h)
      .field("cache_read_input_tokens", tokens.cache_read);
  out.key("cache_creation").begin_object();
  out.field("ephemeral_5m_input_tokens", tokens.cache_write_5m)
      .field("ephemeral_1h_input_tokens", tokens.cache_write_1h)
      .end_object();
  out.field("output_tokens", output).key("output_tokens_details").begin_object();
  out.field("thinking_tokens", std::int64_t{0}).end_object();
  out.key("server_tool_use").null();
  out.field("service_tier", answer.batch ? "batch" : "standard")
      .field("speed", "standard")
      .field("inference_geo", answer.geo_us ? "us" : "global")
      .end_object();
  return out.take();
}

std::string_view stop_reason(const MessageAnswer& answer) {
  if (answer.generated.cut) return "max_tokens";
  return answer.tool.empty() ? "end_turn" : "tool_use";
}

void open_message(json::Writer& out, const MessageAnswer& answer) {
  out.begin_object().field("id", answer.id).field("type", "message").field("role", "assistant");
  out.field("model", answer.row->model).key("container").null().key("diagnostics").null();
}

// What stands beside stop_reason.
void no_stop_details(json::Writer& out) {
  out.key("stop_sequence").null().key("stop_details").null();
}

std::string tool_id(const MessageAnswer& answer) { return "toolu_" + answer.id.substr(4); }

// A tool's input that the output limit cut is no JSON any more: then the input is empty.
std::string_view tool_input(const MessageAnswer& answer) {
  return answer.generated.cut ? std::string_view("{}") : std::string_view(answer.generated.text);
}

// The one block of an answer: its text, or the call of its tool.
json::Writer& open_block(json::Writer& out, const MessageAnswer& answer, std::string_view text,
                         std::string_view input) {
  if (answer.tool.empty())
    return out.begin_object().field("type", "text").field("text", text).key("citations").null();
  out.begin_object().field("type", "tool_use").field("id", tool_id(answer));
  out.field("name", answer.tool).key("input").raw(input).key("caller").begin_object();
  return out.field("type", "direct").end_object();
}

}  // namespace

std::int64_t Messages::count(const MessageRequest& request) {
  return read_prompt(request.body, request.row->model, "", false, world_.tokens).tokens;
}

Checked<MessageAnswer> Messages::complete(const MessageRequest& request,
                                          const MessageContext& context) {
  const ModelRow& row = *request.row;
  const Prompt prompt =
      read_prompt(request.body, row.model, context.account, context.batch, world_.tokens);
  if (world_.listener.listening()) hear_message_body(request.body, world_.listener);
  if (row.input_tokens_max > 0 && prompt.tokens > row.input_tokens_max)
    return refuse("prompt is too long: " + std::to_string(prompt.tokens) + " tokens > " +
                  std::to_string(row.input_tokens_max) + " maximum");
  MessageAnswer answer{
      .tool = request.tool, .row = &row, .batch = context.batch, .geo_us = request.geo_us};
  answer.id = make_id("msg_", world_.options.seed, context.number);
  answer.warmed_only = request.output_max == 0;
  answer.generated = generate(
      world_, {.prompt = prompt.texts, .document = prompt.document, .schema = request.schema},
      request.output_max);
  answer.latency = latency_of(world_.options.seed, context.number, answer.generated.tokens);
  answer.tokens = use_cache(world_.cache, prompt,
                            {.start = context.start,
                             .first_byte = context.start + answer.latency.first_byte,
                             .tokens_min = row.cache_tokens_min,
                             .may_read = context.may_read_cache});
  answer.tokens.output = answer.generated.tokens;
  answer.pico_usd = cost_pico_usd(
      row, answer.tokens, {.half = context.batch, .percent = request.geo_us ? kUsPercent : 100});
  return answer;
}

std::string message_body(const MessageAnswer& answer) {
  json::Writer out;
  open_message(out, answer);
  out.key("content").begin_array();
  if (!answer.warmed_only)
    open_block(out, answer, answer.generated.text, tool_input(answer)).end_object();
  out.end_array().field("stop_reason", stop_reason(answer));
  no_stop_details(out);
  out.key("usage").raw(usage_json(answer, answer.tokens.output)).end_object();
  return out.take();
}

std::vector<Piece> message_stream(const MessageAnswer& answer) {
  std::vector<Piece> pieces;
  const auto send = [&](Duration delay, std::string_view name, std::string_view data) {
    pieces.push_back({delay, http::sse_text(name, data)});
  };
  json::Writer start;
  start.begin_object().field("type", "message_start").key("message");
  open_message(start, answer);
  start.key("content").begin_array().end_array().key("stop_reason").null();
  no_stop_details(start);
  start.key("usage").raw(usage_json(answer, 1)).end_object().end_object();
  send(Duration(0), "message_start", start.text());

  json::Writer block;
  block.begin_object()
      .field("type", "content_block_start")
      .field("index", std::int64_t{0})
      .key("content_block");
  open_block(block, answer, "", "{}").end_object().end_object();
  send(Duration(0), "content_block_start", block.text());
  send(Duration(0), "ping", R"({"type":"ping"})");

  for (const auto text : stream_chunks(answer.generated.text, kChunkTokens)) {
    json::Writer delta;
    delta.begin_object()
        .field("type", "content_block_delta")
        .field("index", std::int64_t{0})
        .key("delta");
    delta.begin_object().field("type", answer.tool.empty() ? "text_delta" : "input_json_delta");
    delta.field(answer.tool.empty() ? "text" : "partial_json", text).end_object().end_object();
    send(kTokenTime * kChunkTokens, "content_block_delta", delta.text());
  }
  send(Duration(0), "content_block_stop", R"({"type":"content_block_stop","index":0})");

  json::Writer end;
  end.begin_object().field("type", "message_delta").key("delta").begin_object();
  end.field("stop_reason", stop_reason(answer)).key("container").null();
  no_stop_details(end);
  end.end_object();
  end.key("usage").raw(usage_json(answer, answer.tokens.output)).end_object();
  send(Duration(0), "message_delta", end.text());
  send(Duration(0), "message_stop", R"({"type":"message_stop"})");
  return pieces;
}

}  // namespace weir::sim::anthropic
