#include "library/translate.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"
#include "cost/pricing.h"

namespace weir::library {
namespace {

// The shortest lifetime of the provider that is at least the hint's; the longest, where none is.
llm::CacheMark mark_of(const CacheHint& hint, const Target& target) {
  const auto& ttls = target.provider->cache.ttls;
  if (!hint.ttl || ttls.empty()) return {};
  const auto has = [&](llm::CacheTtl ttl) { return std::ranges::find(ttls, ttl) != ttls.end(); };
  const bool longer = *hint.ttl > std::chrono::minutes(5);
  if (longer && has(llm::CacheTtl::k1h)) return {llm::CacheTtl::k1h};
  return {has(llm::CacheTtl::k5m) ? llm::CacheTtl::k5m : llm::CacheTtl::kDefault};
}

llm::Block block_of(const Text& text, const Target& target) {
  llm::Block block{.text = text.text};
  if (text.cache) block.mark = mark_of(*text.cache, target);
  return block;
}

}  // namespace

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
                   .temperature = request.temperature ? request.temperature : target.temperature};
  if (request.messages.empty())
    return fail(ErrorKind::kInvalidArgument, "the request has no message",
                "give at least one user message");
  for (const auto& text : request.system) out.system.push_back(block_of(text, target));
  for (const auto& message : request.messages) {
    llm::Message told{.role =
                          message.role == Role::kUser ? llm::Role::kUser : llm::Role::kAssistant};
    for (const auto& part : message.parts) {
      const auto* text = std::get_if<Text>(&part);
      if (text == nullptr) return fail(ErrorKind::kUnsupported, "only texts can be sent so far");
      told.content.push_back(block_of(*text, target));
    }
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
  const auto& prices = target.model->price_at(answer.created.value_or(now));
  Response out{.text = std::move(answer.text),
               .json = {},
               .tool_calls = {},
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
