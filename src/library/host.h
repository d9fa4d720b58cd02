#pragma once
// What stands behind an Engine: the store's folder and lock, the catalogue, the clock, three loops (single requests; the books of those;
// jobs) and their desks.
// Shared by the engine and everything it made; stop() ends the threads. Thread-safe.
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "catalogue/catalogue.h"
#include "library/call_desk.h"
#include "library/job_desk.h"
#include "library/loop.h"
#include "library/record.h"
#include "library/settings.h"
#include "runtime/clock.h"
#include "runtime/store_lock.h"
#include "weir/optimize.h"

namespace weir::library {

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

  CallDesk& calls() { return *calls_; }
  JobDesk& jobs() { return *jobs_; }
  Records& records() { return *records_; }
  [[nodiscard]] const Settings& settings() const { return settings_; }
  runtime::RuntimeClock& clock() { return *clock_; }
  const std::string& folder() const { return folder_; }
  /// Of the threads that work for jobs.
  [[nodiscard]] runtime::ThreadPriority background() const;
  const Hooks& hooks() const { return options_.hooks; }
  const catalogue::Catalogue& catalogue() const { return catalogue_; }
  /// Reads the configuration again, where its file has changed. @error it is not right: the old one stays.
  Result<bool> refresh();
  /// What the configured level lets through.
  void log(LogLevel level, std::string_view line) const;
  /// A decision that somebody may want to see.
  void decided(std::string subject, std::string reason) const;
  void fell_back(std::string subject, std::string reason) const;
  /// The hit rate of a model's marked requests fell below the configured threshold.
  void few_hits(std::string subject, double rate) const;

 private:
  explicit Host(EngineOptions options) : options_(std::move(options)) {}
  Result<void> open();
  Result<void> make_folder();
  void watch(const std::stop_token& stop);
  Result<TargetPtr> without_key(const JobMeta& meta) const;

  EngineOptions options_;
  std::string folder_;
  catalogue::Catalogue catalogue_;
  Settings settings_;
  LogSink log_;  // what the desks log to
  std::unique_ptr<runtime::RuntimeClock> clock_;
  std::unique_ptr<runtime::StoreLock> lock_;
  std::unique_ptr<Loop> book_loop_;
  std::unique_ptr<HttpLoop> call_loop_, job_loop_;
  std::unique_ptr<CallDesk> calls_;
  std::unique_ptr<JobDesk> jobs_;
  std::unique_ptr<Records> records_;
  std::mutex refreshing_, stopping_;
  std::jthread watcher_;  // of the file
  bool stopped_ = false;
  Result<void> stop_outcome_;
};

}  // namespace weir::library

/// The public Engine::Impl is the host itself.
class weir::Engine::Impl {
 public:
  std::shared_ptr<library::Host> host;
};
