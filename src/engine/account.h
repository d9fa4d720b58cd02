#pragma once
// One account at one provider: what may be sent now, shared by every job that uses it. Pure: driven by events with `now`. AIMD
// concurrency, pauses that the provider asked for, windows that its headers told, fair shares between jobs, urgent ones first.
// Not thread-safe: lives on the engine's thread, outlives its jobs' engines.
#include <cstdint>
#include <functional>
#include <map>
#include <optional>

#include "base/random.h"
#include "base/result.h"
#include "base/time.h"
#include "engine/batch_quota.h"
#include "provider/rate_limits.h"

namespace weir::engine {

class Account {
 public:
  /// A job's place at the account.
  using Seat = std::uint64_t;

  explicit Account(std::uint64_t concurrency_max)
      : concurrency_max_(concurrency_max), concurrency_(concurrency_max) {}

  /// `free` is called when something may be sent again that may_send() refused; it must not call back into the account.
  Seat join(bool urgent = false, std::function<void()> free = {});
  void leave(Seat seat);
  void on_free(Seat seat, std::function<void()> free) { seats_.at(seat).free = std::move(free); }

  /// Whether this job may send a request of about so many tokens now. A job that is refused gets its share before others get more.
  [[nodiscard]] bool may_send(Seat seat, std::uint64_t tokens, Time now);
  void sent(Seat seat, std::uint64_t tokens, Time now);
  /// The request is over, whatever came of it.
  void over(Seat seat);
  void succeeded();
  /// The provider refused for the rate: half the concurrency, and nothing is sent before it said. @return until when.
  Time limited(const Error& error, Random& random, Time now);
  /// Nothing is sent before `until`: the address cannot be reached, …
  void pause(Time until);
  void observed(const provider::RateLimits& limits);

  /// What the provider told a user of the account, for others that use it too and keep an Account of their own (on another thread).
  struct News {
    provider::RateLimits limits;
    std::optional<Time> refused_until;  // it was refused for the rate
  };
  /// `tell` is called when the provider told this one something; it must not call back into the account.
  void on_news(std::function<void(const News&)> tell) { tell_ = std::move(tell); }
  /// The same as if it had been told to this one, but goes no further. What is older than what is known changes nothing.
  void hear(const News& news);

  /// Whether the job was refused, and has had no turn since.
  [[nodiscard]] bool waits(Seat seat) const { return seats_.at(seat).waits; }
  [[nodiscard]] BatchQuota& batches() { return batches_; }
  /// The job has nothing to send any more, for now.
  void rest(Seat seat) { seats_.at(seat).waits = false; }

  [[nodiscard]] std::uint64_t concurrency() const { return concurrency_; }
  /// The end of the pause under way, or of the window that is used up.
  [[nodiscard]] std::optional<Time> paused_until(Time now) const;

 private:
  struct Place {
    bool urgent = false;
    bool waits = false;  // was refused since it last sent
    std::uint64_t in_flight = 0;
    std::function<void()> free;
  };
  [[nodiscard]] std::uint64_t share(const Place& place) const;
  void wake();
  void slow_down(Time until);

  std::function<void(const News&)> tell_;
  std::uint64_t concurrency_max_, concurrency_;
  std::uint64_t successes_ = 0, in_flight_ = 0;
  std::map<Seat, Place> seats_;
  Seat next_seat_ = 1;
  std::optional<Time> pause_until_;
  std::optional<provider::RateWindow> requests_, tokens_;
  BatchQuota batches_;
};

}  // namespace weir::engine
