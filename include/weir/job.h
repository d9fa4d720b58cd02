#pragma once
// Job: requests that were accepted for good, and what becomes of them. A handle: cheap to copy; the job goes on without it. Thread-safe.
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "weir/request.h"

namespace weir {

struct JobStatus {
  enum class Phase : std::uint8_t {
    kRunning,
    kDone,     // every item has ended
    kWaiting,  // it needs something first: `why` says what (a key, a human, more money)
    kStopped   // the engine has stopped; an engine on the same store goes on
  };
  Phase phase = Phase::kRunning;
  std::uint64_t items = 0, succeeded = 0, failed = 0, cancelled = 0;
  std::uint64_t batches_running = 0, batches_ended = 0;
  std::string spent_usd;             // exact decimal text
  std::string exposure_usd;          // the most that attempts of unknown outcome can have cost
  std::string why;                   // of kWaiting
  std::vector<std::string> reasons;  // decisions, oldest first
  /// Items that have ended, in whichever way; `items` of them once the job is done.
  [[nodiscard]] std::uint64_t ended() const { return succeeded + failed + cancelled; }
};
/// "running", "done", "waiting", "stopped"
WEIR_API std::string_view to_string(JobStatus::Phase phase);

class WEIR_API Job {
 public:
  class Impl;
  explicit Job(std::shared_ptr<Impl> impl);

  /// 26 characters; Engine::job() finds the job by it, after a restart as well.
  [[nodiscard]] const std::string& id() const;
  /// Where the job stands, as a copy: counts of items and batches, dollars as exact decimal text. Never blocks on disk or network.
  [[nodiscard]] JobStatus status() const;
  /// Until every item has ended, the job has to wait for somebody, or the engine stops. `timeout` is real time.
  /// @error kDeadlineExceeded the timeout; kCancelled the stop token; kUnavailable it is waiting or stopped: the message says why.
  Result<void> wait(std::optional<std::chrono::milliseconds> timeout = {},
                    std::stop_token stop = {}) const;
  /// Called with an item's number, from 0, and its answer or its own error. False: the rest is not wanted.
  using Visit = std::function<bool(std::uint64_t index, Result<Response> response)>;
  /// Every item that has ended so far, in the order of the requests, from the one numbered `from`; on the calling thread. May be called
  /// while the job runs; memory does not grow with it. Ends early when `visit` returns false.
  /// @error kUnavailable the store cannot be read; kInternal it is damaged.
  Result<void> for_each_result(const Visit& visit, std::uint64_t from = 0) const;
  /// Batches are cancelled, what they finished is kept, every other item ends kCancelled. Returns at once; wait() tells the end.
  /// Idempotent. @error kUnavailable the engine has stopped.
  Result<void> cancel() const;

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace weir
