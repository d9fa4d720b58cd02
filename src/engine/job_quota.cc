// What the provider's batch queue takes: so many batches in an hour, requests in a batch, tokens that wait.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "cost/pricing.h"
#include "engine/job_engine.h"

namespace weir::engine {
namespace {

constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();
// A full queue is looked at again: another job's batch may have ended.
constexpr std::chrono::minutes kQueueLook{1};
// With less room than a tenth of the limit, a batch waits for more.
constexpr std::uint64_t kRoomShare = 10;

std::uint64_t tokens_of(std::uint64_t bytes) {
  return static_cast<std::uint64_t>(cost::estimate_tokens(bytes).count);
}

}  // namespace

// Input tokens that may still be queued for the model.
std::uint64_t JobEngine::queue_room() const {
  const auto most = parts_.provider.batch->enqueued_tokens_max;
  if (most == 0) return kUnlimited;
  const auto queued = account_->batches().queued(parts_.model.name);
  return filled(most) - std::min(filled(most), queued);
}

// When another batch may begin; `now` or later.
Time JobEngine::next_batch_at(Time now) {
  if (batch_pause_until_ && *batch_pause_until_ <= now) batch_pause_until_.reset();
  const auto& limits = *parts_.provider.batch;
  auto& quota = account_->batches();
  Time at = batch_pause_until_.value_or(now);
  if (const Time next = quota.next_create(limits.creates_per_hour_max, now); next > now) {
    reason(fmt::format("{} takes {} batches an hour: the next one waits", parts_.provider.name,
                       limits.creates_per_hour_max));
    at = std::max(at, next);
  }
  if (queue_room() < limits.enqueued_tokens_max / kRoomShare) {
    reason(fmt::format("{} queues {} tokens of a model: the next batch waits for one to end",
                       parts_.provider.name, limits.enqueued_tokens_max));
    at = std::max(at, now + kQueueLook);
  }
  if (at > now) batch_pause_until_ = at;
  return at;
}

// How much the batch may take: never so much that too few are left for another.
void JobEngine::limit(Filling& filling) const {
  const auto& limits = *parts_.provider.batch;
  filling.items_max = filled(limits.requests_max);
  const auto count = filling.range.count;
  const bool too_few_left =
      count > filling.items_max && count - filling.items_max < limits.requests_min;
  if (too_few_left) filling.items_max = std::max(count - limits.requests_min, limits.requests_min);
  filling.bytes_max = filled(limits.bytes_max);
  filling.tokens_max = queue_room();
}

void JobEngine::enqueue(const BatchState& batch) {
  account_->batches().enqueue(batch.id, parts_.model.name, tokens_of(batch.image_bytes));
}

// The provider would refuse so small a batch: its items go by the standard API, unless the spend limit alone made it small.
Result<void> JobEngine::too_few(Time now) {
  if (spend_waits_) {
    spend_stopped_ = flights_.empty() && running() == 0;
    return drop_filling();
  }
  const auto from = filling_->from;
  const auto members = filling_->state.members;
  const Error why{.kind = ErrorKind::kUnsupported,
                  .message = fmt::format("{} items are left, {} takes at least {} in a batch",
                                         filling_->state.items, parts_.provider.name,
                                         parts_.provider.batch->requests_min)};
  reason(why.message);
  advance();
  WEIR_CHECK(drop_filling());
  for (std::uint64_t sequence = 0; sequence < members.count; ++sequence) {
    WEIR_TRY(const auto entry, member(members, sequence));
    WEIR_TRY(const bool open, is_open(entry.item));
    if (open && (from == Filling::From::kReplan || !left_batch(entry.item)))
      WEIR_CHECK(fall_back(entry, why, now));
  }
  return {};
}

}  // namespace weir::engine
