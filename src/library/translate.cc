#include "library/translate.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"
#include "cost/pricing.h"
#include "plan/limits.h"

namespace weir::library {
namespace {

llm::CacheMark mark_of(const CacheHint& hint, const Target& target) {
  if (!hint.ttl) return {};
  return {plan::rounded_up(target.provider->cache, *hint.ttl).value_or(llm::CacheTtl::kDefault)};
}

llm::Block block_of(const Text& text, const Target& target) {
  llm::Block block{.text = text.text};
  if (text.cache) block.mark = mark_of(*text.cache, target);
  return block;
}

llm::Block block_of(const Part& part, const Target& target) {
  if (const auto* text = std::get_if<Text>(&part)) return block_of(*text, target);
  llm::Block block;
  if (const auto* image = std::get_if<Image>(&part))
    block.image =
        llm::Image{.media_type = image->media_type, .data = image->data, .url = image->url};
  if (const auto* call = std::get_if<ToolCall>(&part))
    block.tool_call =
        llm::ToolCall{.id = call->id, .name = call->name, .arguments_json = call->arguments};
  if (const auto* result = std::get_if<ToolResult>(&part))
    block.tool_result = llm::ToolResult{
        .tool_call_id = result->call_id, .text = result->text, .is_error = result->is_error};
  return block;
}

void add_tools(const Request& request, const Target& target, llm::Request& out) {
  for (const auto& tool : request.tools) {
    llm::Tool told{
        .name = tool.name, .description = tool.description, .parameters_json = tool.parameters};
    if (tool.cache) told.mark = mark_of(*tool.cache, target);
    out.tools.push_back(std::move(told));
  }
  out.tool_choice = {.kind = static_cast<llm::ToolChoice::Kind>(request.tool_choice.kind),
                     .name = request.tool_choice.name};
  static_assert(static_cast<int>(llm::ToolChoice::Kind::kNamed) ==
                static_cast<int>(ToolChoice::Kind::kNamed));
}

}  // namespace

std::vector<ToolCall> from_llm(std::vector<llm::ToolCall> calls) {
  std::vector<ToolCall> out;
  for (auto& call : calls)
    out.push_back({.id = std::move(call.id),
                   .name = std::move(call.name),
                   .arguments = std::move(call.arguments_json)});
  return out;
}

CacheOutcome cache_outcome(const Usage& usage, bool marked) {
  if (usage.cache_read.count > 0) return CacheOutcome::kHit;
  if (usage.written().count > 0) return CacheOutcome::kWrite;
  return marked ? CacheOutcome::kMiss : CacheOutcome::kNone;
}

bool has_hints(const Request& request) {
  const auto hinted = [](const Text& text) { return text.cache.has_value(); };
  if (std::ranges::any_of(request.system, hinted)) return true;
  if (std::ranges::any_of(request.tools, [](const Tool& tool) { return tool.cache.has_value(); }))
    return true;
  return std::ranges::any_of(request.messages, [&](const Message& message) {
    return std::ranges::any_of(message.parts, [&](const Part& part) {
      const auto* text = std::get_if<Text>(&part);
      return text != nullptr && hinted(*text);
    });
  });
}

Result<llm::Request> to_llm(const Request& request, const Target& target) {
  llm::Request out{.model = target.model->name,
                   .output_max = request.output_max.value_or(target.output_max),
                   .temperature = request.temperature ? request.temperature : target.temperature,
                   .top_p = request.top_p,
                   .seed = request.seed,
                   .stop = request.stop};
  add_tools(request, target, out);
  if (request.messages.empty())
    return fail(ErrorKind::kInvalidArgument, "the request has no message",
                "give at least one user message");
  for (const auto& text : request.system) out.system.push_back(block_of(text, target));
  for (const auto& message : request.messages) {
    llm::Message told{.role =
                          message.role == Role::kUser ? llm::Role::kUser : llm::Role::kAssistant};
    for (const auto& part : message.parts) told.content.push_back(block_of(part, target));
    out.messages.push_back(std::move(told));
  }
  if (!request.answer_schema.empty()) {
    WEIR_TRY(const auto schema, prompt::AnswerSchema::parse(request.answer_schema));
    out.format = llm::AnswerFormat{.name = "answer", .schema_json = schema.text()};
  }
  if (has_hints(request)) out.cache = llm::CachePolicy::kMarked;
  if (!request.system.empty())
    out.cache_key = "weir-" + content_digest(request.system.front().text).substr(0, 20);
  return out;
}

Result<Response> to_response(llm::Response answer, const Request& request, const Target& target,
                             Route route, bool marked, Time now) {
  std::vector<ToolCall> calls;
  if (!answer.tool_calls_json.empty()) {
    WEIR_TRY(auto told, target.adapter->tool_calls(answer));
    calls = from_llm(std::move(told));
  }
  const auto& prices = target.model->price_at(answer.created.value_or(now));
  Response out{.text = std::move(answer.text),
               .json = {},
               .tool_calls = std::move(calls),
               .finish_reason = answer.finish,
               .usage = answer.usage,
               .cost = cost::cost_of(answer.usage, prices, route),
               .baseline = cost::baseline_of(answer.usage, prices),
               .route = route,
               .cache_outcome = cache_outcome(answer.usage, marked),
               .fallback_reason = {},
               .attempts = 1,
               .model = std::move(answer.model),
               .raw = {}};
  // A call of a tool comes instead of the answer.
  if (request.answer_schema.empty() || answer.finish == FinishReason::kToolUse) return out;
  WEIR_TRY(const auto schema, prompt::AnswerSchema::parse(request.answer_schema));
  auto checked = schema.check(out.text);
  if (!checked) {
    auto error = std::move(checked).error();
    if (answer.finish == FinishReason::kLength)
      error.hint = "the answer was cut at the output limit: raise output_max";
    return std::unexpected(std::move(error));
  }
  out.json = std::move(checked->json);
  return out;
}

}  // namespace weir::library
