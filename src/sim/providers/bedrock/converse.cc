#include "sim/providers/bedrock/converse.h"

#include "json/write.h"
#include "sim/providers/bedrock/frames.h"
#include "sim/providers/bedrock/heard.h"

namespace weir::sim::bedrock {
namespace {

constexpr std::int64_t kChunkTokens = 4;

std::string_view stop_reason(const Answer& answer) {
  if (answer.generated.cut) return "max_tokens";
  return answer.tool.empty() ? "end_turn" : "tool_use";
}

void write_usage(json::Writer& out, const Answer& answer) {
  const TokenBuckets& tokens = answer.tokens;
  out.key("usage").begin_object().field("inputTokens", tokens.input);
  out.field("outputTokens", tokens.output).field("totalTokens", tokens.prompt() + tokens.output);
  out.field("cacheReadInputTokens", tokens.cache_read);
  out.field("cacheWriteInputTokens", tokens.cache_write_5m + tokens.cache_write_1h);
  out.key("cacheDetails").begin_array();  // the longer life first; empty without a write
  const auto detail = [&](std::string_view ttl, std::int64_t count) {
    if (count > 0) out.begin_object().field("ttl", ttl).field("inputTokens", count).end_object();
  };
  detail("1h", tokens.cache_write_1h);
  detail("5m", tokens.cache_write_5m);
  out.end_array().end_object();
}

void write_metrics(json::Writer& out, const Answer& answer) {
  const auto took = answer.latency.first_byte + answer.latency.rest;
  out.key("metrics").begin_object();
  out.field("latencyMs", static_cast<std::int64_t>(
                             std::chrono::duration_cast<std::chrono::milliseconds>(took).count()));
  out.end_object();
}

// The one block of an answer: its text, or the call of its tool. An input that the output limit cut is no JSON: then it is empty.
void write_block(json::Writer& out, const Answer& answer) {
  out.begin_object();
  if (answer.tool.empty()) {
    out.field("text", answer.generated.text);
  } else {
    out.key("toolUse").begin_object().field("toolUseId", answer.call_id);
    out.field("name", answer.tool).key("input");
    out.raw(answer.generated.cut ? "{}" : answer.generated.text).end_object();
  }
  out.end_object();
}

}  // namespace

Checked<Answer> converse(World& world, const ConverseRequest& request, const Context& context) {
  const ModelRow& row = *request.model.row;
  const Prompt prompt = read_prompt(request, context.account, world.tokens);
  if (world.listener.listening()) hear_converse(request.body, world.listener);
  if (row.input_tokens_max > 0 && prompt.tokens > row.input_tokens_max)
    return refuse("Input is too long for requested model.");
  Answer answer{.tool = request.tool, .row = &row};
  answer.call_id = make_id("tooluse_", world.options.seed, context.number, 22);
  answer.generated = generate(
      world, {.prompt = prompt.texts, .document = prompt.document, .schema = request.schema},
      request.output_max);
  answer.latency = latency_of(world.options.seed, context.number, answer.generated.tokens);
  answer.tokens = use_cache(world.cache, prompt,
                            {.start = context.start,
                             .first_byte = context.start + answer.latency.first_byte,
                             .tokens_min = row.cache_tokens_min});
  answer.tokens.output = answer.generated.tokens;
  answer.pico_usd =
      cost_pico_usd(row, answer.tokens, {.half = context.batch, .percent = request.model.percent});
  return answer;
}

std::string answer_body(const Answer& answer) {
  json::Writer out;
  out.begin_object();
  write_metrics(out, answer);
  out.key("output").begin_object().key("message").begin_object().key("content").begin_array();
  write_block(out, answer);
  out.end_array().field("role", "assistant").end_object().end_object();
  out.field("stopReason", stop_reason(answer));
  write_usage(out, answer);
  return out.end_object().take();
}

std::vector<Piece> answer_stream(const Answer& answer) {
  std::vector<Piece> pieces;
  const auto send = [&](Duration delay, std::string_view type, std::string_view json) {
    pieces.push_back({delay, event_frame(type, json)});
  };
  send(Duration(0), "messageStart", R"({"p":"abcdefgh","role":"assistant"})");
  if (!answer.tool.empty()) {
    json::Writer start;
    start.begin_object().field("contentBlockIndex", std::int64_t{0}).key("start").begin_object();
    start.key("toolUse").begin_object().field("name", answer.tool);
    start.field("toolUseId", answer.call_id).end_object().end_object().end_object();
    send(Duration(0), "contentBlockStart", start.text());
  }
  for (const auto text : stream_chunks(answer.generated.text, kChunkTokens)) {
    json::Writer delta;
    delta.begin_object().field("contentBlockIndex", std::int64_t{0}).key("delta").begin_object();
    if (answer.tool.empty()) delta.field("text", text);
    else delta.key("toolUse").begin_object().field("input", text).end_object();
    delta.end_object().field("p", "abc").end_object();
    send(kTokenTime * kChunkTokens, "contentBlockDelta", delta.text());
  }
  send(Duration(0), "contentBlockStop", R"({"contentBlockIndex":0})");
  json::Writer stop;
  stop.begin_object().field("p", "abcd").field("stopReason", stop_reason(answer)).end_object();
  send(Duration(0), "messageStop", stop.text());
  json::Writer end;
  end.begin_object();
  write_metrics(end, answer);
  write_usage(end, answer);
  send(Duration(0), "metadata", end.end_object().text());
  return pieces;
}

}  // namespace weir::sim::bedrock
