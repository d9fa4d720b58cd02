#pragma once
// What stands behind an Engine: the store's folder and lock, the catalogue, the clock, three loops (single requests; the books of those;
// jobs) and their desks.
// Shared by the engine and everything it made; stop() ends the threads. Thread-safe.
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "catalogue/catalogue.h"
#include "library/call_desk.h"
#include "library/cost_report.h"
#include "library/job_desk.h"
#include "library/loop.h"
#include "library/record.h"
#include "library/settings.h"
#include "library/spend.h"
#include "runtime/clock.h"
#include "runtime/store_lock.h"
#include "weir/optimize.h"

namespace weir::library {

/// How good a hit rate is, by the configuration's thresholds. Worse is larger.
enum class HitRate : std::uint8_t { kFine, kLow, kUseless };

class Host {
 public:
  /// @error as Engine::create.
  static Result<std::shared_ptr<Host>> create(EngineOptions options);
  ~Host();
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  Result<void> stop(std::chrono::milliseconds deadline);
  /// The model's target, its ledger opened. @error as Engine::model.
  Result<TargetPtr> target(std::string_view name, const ModelOptions& options);
  /// The same of a model that makes embeddings. @error as Engine::embedding_model.
  Result<TargetPtr> embedding_target(std::string_view name, const ModelOptions& options);

  CallDesk& calls() { return *calls_; }
  JobDesk& jobs() { return *jobs_; }
  Spend& spend() { return *spend_; }
  [[nodiscard]] const Settings& settings() const { return settings_; }
  runtime::RuntimeClock& clock() { return *clock_; }
  const std::string& folder() const { return folder_; }
  /// Of the threads that work for jobs.
  [[nodiscard]] runtime::ThreadPriority background() const;
  const Hooks& hooks() const { return options_.hooks; }
  const catalogue::Catalogue& catalogue() const { return catalogue_; }
  /// Reads the configuration again. @return whether it says something else now. @error it is not right: the old one stays.
  Result<bool> reload();
  /// The workload that a single request is booked under: the name, while there are not too many that no configuration has.
  std::string booked_under(const std::string& workload);
  /// Books answers that did not come through a model of Weir. @error kUnavailable the store does not take them.
  Result<void> record(std::span<const Response> responses, const ModelInfo& model,
                      const std::string& workload);
  /// Keeps what `auto` would have made of answers; see Observer.
  void keep_observed(std::span<const Response> would_be, const ModelInfo& model);
  /// What the configured level lets through.
  void log(LogLevel level, std::string_view line) const;
  /// A decision that somebody may want to see. @param logged where the configuration wants that.
  void decided(std::string subject, std::string reason, bool logged) const;
  void fell_back(std::string subject, std::string reason) const;
  /// An optimisation failed: logged, and an alert.
  void failed(const std::string& subject, const std::string& reason) const;
  [[nodiscard]] HitRate judge(double rate) const;
  /// The hit rate of a workload's or model's marked requests: warns where it is worse than what was `told` last.
  void tell_hit_rate(const std::string& subject, double rate, HitRate told) const;

 private:
  explicit Host(EngineOptions options) : options_(std::move(options)) {}
  Result<void> open();
  Result<void> make_folder();
  Result<void> open_desks();
  Result<void> load_prices();
  Result<void> load_spend();
  void follow_file();
  void watch(const std::stop_token& stop);
  void alert(const std::string& subject, const std::string& message) const;
  Result<TargetPtr> without_key(const JobMeta& meta) const;
  /// What both kinds of models have. @error as Engine::model.
  Result<std::shared_ptr<Target>> access(const catalogue::ModelRef& model,
                                         const ModelOptions& options) const;

  EngineOptions options_;
  std::string folder_;
  catalogue::Catalogue catalogue_;
  Settings settings_;
  Tell tell_;  // what the jobs' desk tells
  std::unique_ptr<runtime::RuntimeClock> clock_;
  std::unique_ptr<runtime::StoreLock> lock_;
  std::unique_ptr<Spend> spend_;
  std::unique_ptr<Loop> book_loop_;
  std::unique_ptr<HttpLoop> call_loop_, job_loop_;
  std::unique_ptr<CallDesk> calls_;
  std::unique_ptr<JobDesk> jobs_;
  std::unique_ptr<Records> records_, observed_;
  std::unique_ptr<CostReport> report_;
  std::mutex naming_;
  std::set<std::string> names_;  // of workloads that no configuration has
  std::mutex refreshing_, stopping_;
  std::jthread watcher_;  // of the file and the clock
  bool stopped_ = false;
  Result<void> stop_outcome_;
};

}  // namespace weir::library

/// The public Engine::Impl is the host itself.
class weir::Engine::Impl {
 public:
  std::shared_ptr<library::Host> host;
};
