#include "sim/batch_clock.h"

#include <algorithm>

#include "sim/draw.h"

namespace weir::sim {
namespace {
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr Duration kSpreadMax = hours(20);  // well before it expires, unless a fault stretches it
constexpr Duration kRowTime = milliseconds(20);
constexpr Duration kTail = seconds(2);  // from the start of the last row to its answer
constexpr Time kNever = Time::max();
}  // namespace

BatchClock::BatchClock(const Plan& plan, const std::vector<FaultRule>& faults)
    : created_at_(plan.created_at),
      expires_at_(plan.created_at + plan.life),
      tail_(kTail),
      rows_(plan.rows),
      rows_run_max_(plan.rows) {
  auto random = draw(plan.seed, "batch clock", plan.batch);
  begins_at_ = created_at_ + draw_between(random, plan.validation_min, plan.validation_max);
  const auto count = static_cast<std::int64_t>(rows_);
  spread_ = std::min(kSpreadMax, draw_between(random, minutes(1), minutes(10)) + kRowTime * count);
  finalizing_ = draw_between(random, plan.finalizing_min, plan.finalizing_max);
  cancelling_ = draw_between(random, seconds(5), seconds(60));
  const auto part = [&](double fraction) {
    return static_cast<std::size_t>(static_cast<double>(rows_) * std::clamp(fraction, 0.0, 1.0));
  };
  for (const auto& rule : faults) {
    if (rule.kind == FaultKind::kSlowBatch) spread_ += rule.duration;
    if (rule.kind == FaultKind::kExpireBatch) {
      rows_run_max_ = part(rule.fraction);
      if (rule.duration > Duration(0)) expires_at_ = created_at_ + rule.duration;
    }
  }
  for (const auto& rule : faults)
    if (rule.kind == FaultKind::kCancelBatch) cancel_at_ = row_start(part(rule.fraction));
}

Time BatchClock::row_start(std::size_t row) const {
  if (rows_ == 0) return begins_at_;
  const __int128 share = static_cast<__int128>(spread_.count()) * static_cast<std::int64_t>(row);
  return begins_at_ + Duration(static_cast<std::int64_t>(share / static_cast<std::int64_t>(rows_)));
}

Time BatchClock::done_at() const {
  return rows_run_max_ < rows_ ? kNever : begins_at_ + spread_ + tail_;
}

BatchPhase BatchClock::last_phase() const {
  if (done_at() <= expires_at_ && (!cancel_at_ || done_at() <= *cancel_at_))
    return BatchPhase::kCompleted;
  return cancel_at_ && *cancel_at_ < expires_at_ ? BatchPhase::kCancelled : BatchPhase::kExpired;
}

Time BatchClock::ends_at() const {
  switch (last_phase()) {
    case BatchPhase::kCompleted: return done_at() + finalizing_;
    case BatchPhase::kCancelled: return *cancel_at_ + cancelling_;
    default: return expires_at_;
  }
}

BatchPhase BatchClock::phase(Time now) const {
  const BatchPhase last = last_phase();
  if (now >= ends_at()) return last;
  if (last == BatchPhase::kCancelled && now >= *cancel_at_) return BatchPhase::kCancelling;
  if (now < begins_at_) return BatchPhase::kValidating;
  return now >= done_at() ? BatchPhase::kFinalizing : BatchPhase::kRunning;
}

bool BatchClock::ended(Time now) const { return now >= ends_at(); }

bool BatchClock::runs(std::size_t row) const {
  if (row >= rows_run_max_) return false;
  const Time start = row_start(row);
  return start < expires_at_ && (!cancel_at_ || start < *cancel_at_);
}

std::size_t BatchClock::rows_run() const {
  std::size_t low = 0, high = rows_run_max_;
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (runs(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

bool BatchClock::cancel(Time now) {
  const BatchPhase current = phase(now);
  if (current == BatchPhase::kCancelling) return true;
  if (current != BatchPhase::kValidating && current != BatchPhase::kRunning) return false;
  if (!cancel_at_ || now < *cancel_at_) cancel_at_ = now;
  return true;
}

}  // namespace weir::sim
