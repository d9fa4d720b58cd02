#pragma once
// Durable jobs: accepted on the caller's thread, driven on the jobs' loop, each with a folder of its own that `weir job` reads as well.
// Thread-safe.
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/account.h"
#include "engine/store.h"
#include "json/value.h"
#include "library/job_meta.h"
#include "library/loop.h"
#include "library/spend.h"
#include "library/target.h"
#include "runtime/clock.h"
#include "runtime/pooled_files.h"
#include "runtime/random.h"
#include "weir/engine.h"

namespace weir::library {
class JobDesk;
struct RunningJob;
}  // namespace weir::library

namespace weir {

/// One job: what its callers and the loop share.
/// Hidden: a nested class shows itself where its outer one does.
class [[gnu::visibility("hidden")]] Job::Impl {
 public:
  library::JobMeta meta;
  library::TargetPtr target;  // set before it runs; without a key until that is known
  std::string folder, output;

  mutable std::mutex mutex;
  mutable std::condition_variable_any changed;
  JobStatus status;
  std::uint64_t segment_bytes = 0;  // of its results, committed
  bool batch_route = false;
  bool cancel_wanted = false;
  MoneySum spent_booked;             // of its workload; on the loop only
  bool begun = false;                // opened by this process; on the loop only
  library::JobDesk* desk = nullptr;  // null once the engine has stopped

  std::vector<std::function<void()>> over;  // called once, when it runs no longer

  void set(JobStatus::Phase phase, std::string why = {});
  /// Called when the job runs no longer, on the loop; at once where that is so already.
  void when_over(std::function<void()> callback);
};

}  // namespace weir

namespace weir::library {

using JobPtr = std::shared_ptr<Job::Impl>;

/// What the desk tells; by the configuration's rules. None is empty.
struct Tell {
  LogSink log;
  std::function<void(std::string subject, std::string reason, bool logged)> decided;
  std::function<void(const std::string& subject, const std::string& reason)> failed;
  std::function<void(const std::string& subject, double rate)> hit_rate;
};

/// What the desk works with; borrowed.
struct DeskParts {
  HttpLoop& loop;
  runtime::RuntimeClock& clock;
  const Hooks& hooks;
  const Tell& tell;
  Spend& spend;
};

class JobDesk {
 public:
  JobDesk(DeskParts parts, std::string folder);
  ~JobDesk();

  /// Finds what earlier engines left. `resolve` gives the target of a description, without a key.
  using Resolve = std::function<Result<TargetPtr>(const JobMeta&)>;
  Result<void> load(const Resolve& resolve);
  /// Jobs of this account go on from here with its key.
  void add(const TargetPtr& target);
  /// @error kInvalidArgument no request, or one that cannot be sent; kUnavailable.
  /// Where `strict`, a request that cannot be sent refuses all of them; else it ends failed by itself.
  Result<JobPtr> submit(const TargetPtr& target, JobMeta meta, const RequestGenerator& next,
                        bool strict);
  Result<JobPtr> find(std::string_view id);
  std::vector<JobPtr> all();
  void cancel(const JobPtr& job);
  /// Jobs that wait for money go on where their workload has more than when they stopped.
  void retry_unpaid();
  /// Forgets a job that submit() has just made and that could not be opened: nothing of it was sent. Not of one with an idempotency
  /// key. @return false where it has begun after all, or the engine has stopped: then it stays.
  bool withdraw(const JobPtr& job);
  /// As CallDesk has them: what providers told jobs goes to `tell`, on the jobs' loop; what they told single requests is heard here.
  using OnNews = std::function<void(const std::string& account, const engine::Account::News& news)>;
  void on_news(OnNews tell) { tell_ = std::move(tell); }
  void hear(const std::string& account, const engine::Account::News& news);
  bool stop(std::chrono::steady_clock::time_point until);

 private:
  static Result<void> accept(Job::Impl& job, const RequestGenerator& next, bool strict);
  void enqueue(const JobPtr& job);
  void start_next();
  Result<void> start(const JobPtr& job);
  asio::awaitable<void> drive(std::shared_ptr<RunningJob> running);
  Result<std::optional<Money>> spend_max(Job::Impl& job, engine::Store& store);
  void book(Job::Impl& job, MoneySum spent, Time at);
  void update(RunningJob& running);
  void ended(RunningJob& running, const Result<void>& outcome);
  void tell_fallbacks(const RunningJob& running);
  void tell_hits(const RunningJob& running);
  engine::Account* account_of(const std::string& account);

  const DeskParts parts_;
  const std::string folder_;
  struct Bounds {
    std::size_t jobs = 0;   // that run at once
    std::size_t files = 0;  // of theirs that stay open, besides what a job must hold
  };
  static Bounds bounds();
  const Bounds bounds_;
  OnNews tell_;
  std::mutex mutex_;
  std::map<std::string, JobPtr, std::less<>> jobs_;
  std::map<std::string, std::string> by_key_;  // idempotency key -> id
  bool stopped_ = false;

  // On the loop only.
  runtime::SystemRandom random_;
  runtime::PooledFiles files_;
  std::deque<JobPtr> waiting_;
  struct Unpaid {
    JobPtr job;
    MoneySum left;  // of its workload's budget, when it stopped
  };
  std::vector<Unpaid> unpaid_;
  std::map<std::string, std::shared_ptr<RunningJob>> running_;
  std::map<std::string, std::unique_ptr<engine::Account>> accounts_;
  bool draining_ = false;
};

/// A result's line as a Response. @error the item's own error.
Result<Response> response_of_line(std::string_view line, const Job::Impl& job,
                                  json::Parser& parser);

}  // namespace weir::library
