#include "engine/batch_quota.h"

#include <algorithm>

namespace weir::engine {
namespace {

constexpr std::chrono::hours kWindow{1};
// No provider takes more in an hour; keeps the list small where none is published.
constexpr std::size_t kCreatedMax = 10'000;

}  // namespace

Time BatchQuota::next_create(std::uint64_t per_hour_max, Time now) const {
  if (per_hour_max == 0) return now;
  const auto recent = static_cast<std::uint64_t>(
      std::ranges::count_if(created_, [&](Time at) { return at > now - kWindow; }));
  if (recent < per_hour_max) return now;
  return std::min(created_[created_.size() - per_hour_max], now) + kWindow;
}

void BatchQuota::created(Time at, Time now) {
  created_.insert(std::ranges::upper_bound(created_, at), at);
  while (!created_.empty() && (created_.size() > kCreatedMax || created_.front() <= now - kWindow))
    created_.pop_front();
}

std::uint64_t BatchQuota::queued(std::string_view model) const {
  std::uint64_t tokens = 0;
  for (const auto& [batch, entry] : queued_)
    if (entry.first == model) tokens += entry.second;
  return tokens;
}

void BatchQuota::enqueue(const BatchId& batch, std::string_view model, std::uint64_t tokens) {
  queued_[batch] = {std::string(model), tokens};
}

void BatchQuota::dequeue(const BatchId& batch) { queued_.erase(batch); }

}  // namespace weir::engine
