#pragma once
// Internal to the library: what an OptimizedModel consists of.
#include <atomic>
#include <memory>

#include "library/hints.h"
#include "library/job_meta.h"
#include "library/native_model.h"
#include "library/observer.h"
#include "weir/optimize.h"

namespace weir {

// Hidden: a nested class shows itself where its outer one does.
class [[gnu::visibility("hidden")]] OptimizedModel::Impl {
 public:
  Impl(std::shared_ptr<library::Host> engine_host, std::unique_ptr<ChatModel> base_model,
       Optimization wanted);

  std::shared_ptr<library::Host> host;
  std::unique_ptr<ChatModel> base;
  library::NativeModel* native = nullptr;  // the base, where it is Weir's
  BatchPort* port = nullptr;               // the base, where it has one
  Optimization options;
  Capabilities capabilities;
  bool tells = true;  // decisions are logged

  [[nodiscard]] bool batches() const;  // a provider batch is wanted and possible
  [[nodiscard]] bool hints() const;    // breakpoints are wanted and possible
  [[nodiscard]] bool idle(const CallOptions& call) const;  // nothing of ours
  [[nodiscard]] bool observing(const CallOptions& call) const;
  /// The call with the workload that it belongs to.
  [[nodiscard]] CallOptions told(const CallOptions& call) const;
  /// The request with hints, where they are expected to pay. @return whether any was added.
  bool prepare(Request& request);
  void observe(const Response& response, bool hinted);
  /// Books what did not come through a model of Weir, and what `auto` would have made of it where nothing is optimised.
  /// @param batch they came together, and may wait.
  void answered(std::span<const Request> requests, std::span<const Result<Response>> responses,
                const CallOptions& call, bool batch);
  /// What the caller gets of the base's answer to its request, which was sent with hints or as it was.
  Result<Response> finish(Result<Response> response, const Request& request,
                          const CallOptions& call, bool hinted, std::stop_token stop);
  [[nodiscard]] std::string subject() const;

  /// A durable job. Where `strict`, a request that cannot be sent refuses all of them; else it ends failed by itself.
  Result<library::JobPtr> submit(const RequestGenerator& next, const CallOptions& call,
                                 bool strict);
  std::vector<Result<Response>> batch_as_job(std::span<const Request> requests,
                                             const CallOptions& call, const std::stop_token& stop);
  std::vector<Result<Response>> batch_by_base(std::span<const Request> requests,
                                              const CallOptions& call, const std::stop_token& stop,
                                              const std::string& why);
  void record(std::span<const Result<Response>> responses, const std::string& workload);
  /// Of a base of the user's own; a model of Weir asks by itself. @error as Spend::admit.
  [[nodiscard]] Result<void> admit(const CallOptions& call) const;

 private:
  [[nodiscard]] bool caching() const;
  /// How long a written prefix is taken to live.
  [[nodiscard]] Duration ttl() const;
  library::JobPolicy policy(const CallOptions& call) const;
  [[nodiscard]] const catalogue::Provider* rules() const;  // of the catalogue; null: not known
  library::PrefixMemory memory_;
  library::Observer observer_;
  std::atomic<library::HitRate> told_rate_ = library::HitRate::kFine;
};

}  // namespace weir
