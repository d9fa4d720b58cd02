#include "library/hints.h"

#include "base/hash.h"
#include "cost/pricing.h"
#include "library/translate.h"

namespace weir::library {
namespace {

std::uint64_t bytes_of(const std::vector<Tool>& tools) {
  std::uint64_t bytes = 0;
  for (const auto& tool : tools)
    bytes += tool.name.size() + tool.description.size() + tool.parameters.size();
  return bytes;
}

std::uint64_t bytes_of(const std::vector<Text>& texts) {
  std::uint64_t bytes = 0;
  for (const auto& text : texts) bytes += text.text.size();
  return bytes;
}

// Answers to look at before marking is doubted; older ones count less and less.
constexpr double kDueMin = 12, kDecay = 0.98;

}  // namespace

std::uint32_t add_hints(Request& request, const CacheConfig& config,
                        const Capabilities& capabilities) {
  if (has_hints(request) || capabilities.cache != CacheStrategy::kExplicit) return 0;
  const auto most = std::min(config.max_breakpoints, capabilities.cache_breakpoints_max);
  const auto least = std::max(config.min_tokens, capabilities.cache_prefix_min);
  const auto tools = bytes_of(request.tools);
  const auto both = tools + bytes_of(request.system);
  const CacheHint hint{config.ttl};
  std::uint32_t added = 0;
  if (added < most && !request.system.empty() && cost::estimate_tokens(both) >= least) {
    request.system.back().cache = hint;
    ++added;
  }
  if (added < most && !request.tools.empty() && cost::estimate_tokens(tools) >= least) {
    request.tools.back().cache = hint;
    ++added;
  }
  return added;
}

std::uint64_t prefix_bytes(const Request& request) {
  return bytes_of(request.tools) + bytes_of(request.system);
}

std::uint64_t request_bytes(const Request& request) {
  std::uint64_t bytes = prefix_bytes(request);
  for (const auto& message : request.messages)
    for (const auto& part : message.parts) {
      if (const auto* text = std::get_if<Text>(&part)) bytes += text->text.size();
      if (const auto* image = std::get_if<Image>(&part)) bytes += image->data.size();
      if (const auto* result = std::get_if<ToolResult>(&part)) bytes += result->text.size();
    }
  return bytes;
}

std::uint64_t prefix_of(const Request& request) {
  std::uint64_t hash = 0;
  for (const auto& tool : request.tools) {
    hash = hash64(tool.name, hash + 1);
    hash = hash64(tool.description, hash + 1);
    hash = hash64(tool.parameters, hash + 1);
  }
  for (const auto& text : request.system) hash = hash64(text.text, hash + 2);
  return hash;
}

PrefixMemory::Look PrefixMemory::look(std::uint64_t prefix, Time now, Duration ttl) {
  const std::scoped_lock lock(mutex_);
  if (seen_.size() >= kPrefixesMax && !seen_.contains(prefix))
    std::erase_if(seen_, [&](const auto& entry) { return entry.second + ttl < now; });
  if (seen_.size() >= kPrefixesMax && !seen_.contains(prefix)) seen_.clear();
  const auto [found, fresh] = seen_.try_emplace(prefix, now);
  const bool lately = !fresh && found->second + ttl >= now;
  found->second = now;
  return {.marks = lately || due_ < kDueMin || hits_ >= break_even_ * due_, .lately = lately};
}

void PrefixMemory::saw(bool hit) {
  const std::scoped_lock lock(mutex_);
  due_ = due_ * kDecay + 1;
  hits_ = hits_ * kDecay + (hit ? 1 : 0);
}

std::optional<double> PrefixMemory::rate() {
  const std::scoped_lock lock(mutex_);
  if (due_ < kDueMin) return std::nullopt;
  return hits_ / due_;
}

}  // namespace weir::library
