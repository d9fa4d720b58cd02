#include "sim/openai_shape/chat.h"

#include <algorithm>

#include "http/sse.h"
#include "json/write.h"
#include "sim/openai_shape/chat_heard.h"

namespace weir::sim::openai_shape {
namespace {

using std::chrono::minutes;

constexpr Duration kInMemoryLife = minutes(10);
constexpr std::size_t kBreakpointsWritten = 4;  // the latest so many are written
constexpr std::size_t kPartsMatched = 80;       // the latest so many are looked up
constexpr std::int64_t kChunkTokens = 4;

std::string finish_reason(const ChatAnswer& answer) {
  if (answer.generated.cut) return "length";
  return answer.tool.empty() ? "stop" : "tool_calls";
}

void write_head(json::Writer& out, const ChatAnswer& answer, std::string_view object) {
  out.begin_object()
      .field("id", answer.id)
      .field("object", object)
      .field("created", answer.created)
      .field("model", answer.model);
}

void write_tool_call(json::Writer& out, const Traits& traits, const ChatAnswer& answer, bool chunk,
                     std::string_view arguments) {
  out.key("tool_calls").begin_array().begin_object();
  if (chunk) out.field("index", std::int64_t{0});
  out.field("id", traits.nine_letter_ids ? answer.id.substr(answer.id.size() - 9)
                                         : "call_" + answer.id.substr(answer.id.size() - 24));
  out.field("type", "function");
  out.key("function")
      .begin_object()
      .field("name", answer.tool)
      .field("arguments", arguments)
      .end_object();
  out.end_object().end_array();
}

}  // namespace

// Older models: automatic, free to write, read in whole steps of 128 tokens.
void Chat::use_steps(const ChatRequest& request, const ChatContext& context,
                     const ChatPrompt& prompt, Time first_byte, TokenBuckets& tokens) {
  const bool in_memory = request.body["prompt_cache_retention"].string() == "in_memory" &&
                         !request.row->model.starts_with("gpt-5.5");
  const bool keyed = !traits_.cache_needs_key || request.body["prompt_cache_key"].is_string();
  if (!keyed) return;
  if (context.may_read_cache) {
    for (auto step = prompt.steps.rbegin(); step != prompt.steps.rend(); ++step) {
      if (step->tokens < request.row->cache_tokens_min) break;
      if (world_.cache.find(step->key, context.start) == nullptr) continue;
      tokens.cache_read = step->tokens;
      break;
    }
  }
  for (const auto& step : prompt.steps) {
    if (step.tokens <= tokens.cache_read) world_.cache.refresh(step.key, context.start);
    else
      world_.cache.write(step.key, context.start, first_byte,
                         in_memory ? kInMemoryLife : traits_.cache_life);
  }
}

// gpt-5.6 and later: written at breakpoints only, and the write is billed instead of the input.
void Chat::use_breakpoints(const ChatRequest& request, const ChatContext& context,
                           const ChatPrompt& prompt, Time first_byte, TokenBuckets& tokens) {
  std::vector<Breakpoint> marks = prompt.breakpoints;
  const std::size_t explicit_max =
      request.explicit_breakpoints ? kBreakpointsWritten : kBreakpointsWritten - 1;
  if (marks.size() > explicit_max)
    marks.erase(marks.begin(), marks.end() - static_cast<std::ptrdiff_t>(explicit_max));
  if (!request.explicit_breakpoints && !prompt.parts.empty() &&
      (marks.empty() || marks.back().part != prompt.parts.size() - 1))
    marks.push_back({prompt.parts.size() - 1, kBreakpointLife});
  if (marks.empty()) return;  // explicit without a mark: caching is off

  if (context.may_read_cache) {
    const std::size_t last = marks.back().part;
    const std::size_t first = last + 1 > kPartsMatched ? last + 1 - kPartsMatched : 0;
    for (std::size_t part = last + 1; part-- > first;) {
      const Place& place = prompt.parts[part];
      if (place.tokens < request.row->cache_tokens_min) break;
      if (world_.cache.find(place.key, context.start) == nullptr) continue;
      tokens.cache_read = place.tokens;
      world_.cache.refresh(place.key, context.start);
      break;
    }
  }
  std::int64_t written = tokens.cache_read;
  for (const Breakpoint& mark : marks) {
    const Place& place = prompt.parts[mark.part];
    if (place.tokens < request.row->cache_tokens_min) continue;
    if (place.tokens <= tokens.cache_read) {
      world_.cache.refresh(place.key, context.start);
      continue;
    }
    world_.cache.write(place.key, context.start, first_byte, mark.life);
    written = std::max(written, place.tokens);
  }
  tokens.cache_write = written - tokens.cache_read;
}

Checked<ChatAnswer> Chat::complete(const ChatRequest& request, const ChatContext& context) {
  const ChatPrompt prompt = reader_.read(request, context.account, context.affinity, context.batch);
  if (world_.listener.listening()) hear_chat(request.body, world_.listener);
  const ModelRow& row = *request.row;
  if (row.input_tokens_max > 0 && prompt.tokens > row.input_tokens_max)
    return refuse("This model's maximum context length is " + std::to_string(row.input_tokens_max) +
                      " tokens. However, your messages resulted in " +
                      std::to_string(prompt.tokens) + " tokens.",
                  request.echo.empty() ? "messages" : "input", "context_length_exceeded");
  ChatAnswer answer{
      .model = request.model, .tool = request.tool, .choices = request.choices, .row = &row};
  answer.echo = request.echo;
  answer.id = make_id(traits_.chat_id, world_.options.seed, context.number);
  answer.created = unix_seconds(context.start);
  answer.tier = request.flex ? "flex" : "default";
  answer.generated = generate(
      world_, {.prompt = prompt.texts, .document = prompt.document, .schema = request.schema},
      request.output_max);
  if (request.body["response_format"]["type"].string() == "json_object" && !request.schema &&
      !answer.generated.cut) {
    json::Writer wrapped;
    wrapped.begin_object().field("answer", answer.generated.text).end_object();
    answer.generated.text = wrapped.take();
    answer.generated.tokens = count_tokens(answer.generated.text);
  }
  answer.latency = latency_of(world_.options.seed, context.number, answer.generated.tokens);
  const bool cached = context.batch ? row.cached_in_batch : row.cached;
  if (cached) {
    const Time first_byte = context.start + answer.latency.first_byte;
    if (has_breakpoints(row)) use_breakpoints(request, context, prompt, first_byte, answer.tokens);
    else use_steps(request, context, prompt, first_byte, answer.tokens);
  }
  answer.tokens.input = prompt.tokens - answer.tokens.cache_read - answer.tokens.cache_write;
  answer.tokens.output = answer.generated.tokens * request.choices;
  answer.pico_usd = cost_pico_usd(row, answer.tokens, {.half = context.batch || request.flex});
  return answer;
}

std::string usage_json(const Traits& traits, const TokenBuckets& tokens) {
  if (traits.usage != nullptr) return traits.usage(tokens);
  json::Writer out;
  out.begin_object()
      .field("prompt_tokens", tokens.prompt())
      .field("completion_tokens", tokens.output)
      .field("total_tokens", tokens.prompt() + tokens.output);
  out.key("prompt_tokens_details").begin_object();
  out.field("cached_tokens", tokens.cache_read);
  if (traits.usage_written) out.field("cache_write_tokens", tokens.cache_write);
  out.field("audio_tokens", std::int64_t{0}).end_object();
  out.key("completion_tokens_details").begin_object();
  out.field("reasoning_tokens", std::int64_t{0})
      .field("audio_tokens", std::int64_t{0})
      .field("accepted_prediction_tokens", std::int64_t{0})
      .field("rejected_prediction_tokens", std::int64_t{0})
      .end_object();
  out.end_object();
  return out.take();
}

std::string usage_json(const Traits& traits, const ChatAnswer& answer) {
  return traits.answer_usage != nullptr ? traits.answer_usage(answer)
                                        : usage_json(traits, answer.tokens);
}

std::string completion_body(const Traits& traits, const ChatAnswer& answer) {
  json::Writer out;
  write_head(out, answer, "chat.completion");
  out.key("choices").begin_array();
  for (std::int64_t i = 0; i < answer.choices; ++i) {
    out.begin_object().field("index", i).key("message").begin_object().field("role", "assistant");
    if (answer.tool.empty()) {
      out.field("content", answer.generated.text);
    } else {
      out.key("content").null();
      write_tool_call(out, traits, answer, false, answer.generated.text);
    }
    out.key("refusal").null().key("annotations").begin_array().end_array().end_object();
    out.key("logprobs").null().field("finish_reason", finish_reason(answer)).end_object();
  }
  out.end_array().key("usage").raw(usage_json(traits, answer));
  out.field("service_tier", answer.tier).field("system_fingerprint", "fp_weir_sim");
  if (traits.completion_more != nullptr) traits.completion_more(answer, out);
  return out.end_object().take();
}

namespace {

// On the last chunk, or on one of its own.
void write_stream_usage(json::Writer& out, const Traits& traits, const ChatAnswer& answer) {
  const bool apart = !traits.stream_usage_in.empty();
  if (apart) out.key(traits.stream_usage_in).begin_object().field("id", answer.id);
  out.key("usage").raw(usage_json(traits, answer));
  if (apart) out.end_object();
  if (traits.completion_more != nullptr) traits.completion_more(answer, out);
}

}  // namespace

std::vector<Piece> completion_stream(const Traits& traits, const ChatAnswer& answer,
                                     bool include_usage) {
  std::vector<Piece> pieces;
  const auto send = [&](Duration delay, std::string_view data) {
    pieces.push_back({delay, http::sse_text("", data)});
  };
  const bool on_last = traits.stream_usage;  // unasked, on the last chunk
  const auto chunk = [&](std::int64_t index, const auto& delta, std::string_view finish) {
    json::Writer out;
    write_head(out, answer, "chat.completion.chunk");
    out.field("service_tier", answer.tier).field("system_fingerprint", "fp_weir_sim");
    out.key("choices")
        .begin_array()
        .begin_object()
        .field("index", index)
        .key("delta")
        .begin_object();
    delta(out);
    out.end_object().key("logprobs").null().key("finish_reason");
    if (finish.empty()) out.null();
    else out.string(finish);
    out.end_object().end_array();
    const bool last = !finish.empty() && index + 1 == answer.choices;
    if (on_last && last) {
      write_stream_usage(out, traits, answer);
    } else if (include_usage && !on_last) {
      out.key("usage").null();
    }
    return out.end_object().take();
  };
  if (traits.stream_begin != nullptr) send(Duration(0), traits.stream_begin(answer));
  for (std::int64_t i = 0; i < answer.choices; ++i) {
    send(Duration(0), chunk(
                          i,
                          [&](json::Writer& out) {
                            out.field("role", "assistant");
                            if (answer.tool.empty()) out.field("content", "");
                            else
                              write_tool_call(out.key("content").null(), traits, answer, true, "");
                            out.key("refusal").null();
                          },
                          ""));
    for (const auto text : stream_chunks(answer.generated.text, kChunkTokens)) {
      send(kTokenTime * kChunkTokens,
           chunk(
               i,
               [&](json::Writer& out) {
                 if (answer.tool.empty()) return void(out.field("content", text));
                 out.key("tool_calls").begin_array().begin_object().field("index", std::int64_t{0});
                 out.key("function")
                     .begin_object()
                     .field("arguments", text)
                     .end_object()
                     .end_object()
                     .end_array();
               },
               ""));
    }
    send(Duration(0), chunk(i, [](json::Writer&) {}, finish_reason(answer)));
  }
  if (include_usage && !on_last) {
    json::Writer out;
    write_head(out, answer, "chat.completion.chunk");
    out.field("service_tier", answer.tier).field("system_fingerprint", "fp_weir_sim");
    out.key("choices").begin_array().end_array();
    write_stream_usage(out, traits, answer);
    send(Duration(0), out.end_object().take());
  }
  send(Duration(0), "[DONE]");
  return pieces;
}

}  // namespace weir::sim::openai_shape
