#include "engine/account.h"

#include <algorithm>

#include "engine/retry.h"

namespace weir::engine {
namespace {

// When so much is left of the window, or it is full; nothing when that is now.
std::optional<Time> short_until(const std::optional<provider::RateWindow>& window,
                                std::uint64_t wanted, Time now) {
  if (!window || now >= window->full_at || window->available(now) >= wanted) return std::nullopt;
  return std::max(window->when(wanted), now + Duration(1));
}

// The window as it is at `now`, with so much less.
void take(std::optional<provider::RateWindow>& window, std::uint64_t count, Time now) {
  if (!window) return;
  const auto left = window->available(now);
  window->remaining = left - std::min(left, count);
  // It fills at the pace it had, and what was taken takes its time.
  const auto lacking = window->limit - std::min(window->limit, left);
  const Duration rest = std::max(window->full_at - now, Duration{});
  const auto pace = lacking == 0 ? Duration{} : rest / static_cast<std::int64_t>(lacking);
  window->full_at = now + rest + pace * static_cast<std::int64_t>(std::min(left, count));
  window->seen_at = now;
}

}  // namespace

Account::Seat Account::join(bool urgent, std::function<void()> free) {
  seats_.emplace(next_seat_, Place{.urgent = urgent, .free = std::move(free)});
  return next_seat_++;
}

void Account::leave(Seat seat) {
  const auto found = seats_.find(seat);
  if (found == seats_.end()) return;
  in_flight_ -= found->second.in_flight;
  seats_.erase(found);
  wake();
}

// An equal part for every job that has requests under way or waits to send one; at least one.
std::uint64_t Account::share(const Place& place) const {
  std::uint64_t active = 0;
  for (const auto& [seat, other] : seats_)
    active += &other == &place || other.waits || other.in_flight > 0 ? 1 : 0;
  return std::max<std::uint64_t>(concurrency_ / active, 1);
}

bool Account::may_send(Seat seat, std::uint64_t tokens, Time now) {
  auto& place = seats_.at(seat);
  place.waits = true;
  if (paused_until(now) || in_flight_ >= concurrency_) return false;
  // A request larger than what the window can hold is sent when nothing else runs: the provider decides.
  if (in_flight_ > 0 && short_until(tokens_, tokens, now)) return false;
  const bool over_share = place.in_flight >= share(place);
  for (const auto& [other_seat, other] : seats_) {
    if (other_seat == seat || !other.waits) continue;
    if (other.urgent && !place.urgent) return false;
    if (over_share && other.urgent == place.urgent && other.in_flight < share(other)) return false;
  }
  place.waits = false;
  return true;
}

void Account::sent(Seat seat, std::uint64_t tokens, Time now) {
  ++seats_.at(seat).in_flight;
  ++in_flight_;
  take(requests_, 1, now);
  take(tokens_, tokens, now);
}

void Account::over(Seat seat) {
  --seats_.at(seat).in_flight;
  --in_flight_;
  wake();
}

void Account::succeeded() {
  if (++successes_ < concurrency_ || concurrency_ >= concurrency_max_) return;
  successes_ = 0;
  ++concurrency_;
  wake();
}

Time Account::limited(const Error& error, Random& random, Time now) {
  const Time until = now + backoff(0, error, random);
  slow_down(until);
  if (tell_) tell_({.limits = {}, .refused_until = until});
  return until;
}

void Account::slow_down(Time until) {
  successes_ = 0;
  concurrency_ = std::max<std::uint64_t>(1, concurrency_ / 2);
  pause(until);
}

void Account::pause(Time until) { pause_until_ = std::max(pause_until_.value_or(until), until); }

void Account::observed(const provider::RateLimits& limits) {
  if (limits.requests) requests_ = limits.requests;
  if (limits.tokens) tokens_ = limits.tokens;
  if (tell_ && (limits.requests || limits.tokens)) tell_({.limits = limits, .refused_until = {}});
}

void Account::hear(const News& news) {
  const auto take_newer = [](auto& known, const auto& told) {
    if (told && (!known || known->seen_at <= told->seen_at)) known = told;
  };
  take_newer(requests_, news.limits.requests);
  take_newer(tokens_, news.limits.tokens);
  if (news.refused_until) slow_down(*news.refused_until);
}

std::optional<Time> Account::paused_until(Time now) const {
  std::optional<Time> until;
  if (pause_until_ && now < *pause_until_) until = pause_until_;
  for (const auto* window : {&requests_, &tokens_})
    if (const auto short_of = short_until(*window, 1, now))
      until = std::max(until.value_or(now), *short_of);
  return until;
}

void Account::wake() {
  for (const auto& [seat, place] : seats_)
    if (place.waits && place.free) place.free();
}

}  // namespace weir::engine
