#pragma once
// What a job of the library was accepted with: kept beside its requests, never with a key. The file is written last, so its being there
// means that the job was accepted.
#include <chrono>
#include <optional>
#include <string>

#include "base/time.h"
#include "catalogue/catalogue.h"
#include "plan/plan.h"
#include "weir/optimize.h"

namespace weir::library {

/// How the job is to be done; from an Optimization.
struct JobPolicy {
  plan::RouteWish wish = plan::RouteWish::kAuto;
  bool caching = false;
  bool fallback = true;
  std::uint64_t batch_size_max = 10'000;
  Duration batch_timeout = std::chrono::hours(24);
  Duration fallback_timeout = std::chrono::minutes(30);
  Duration poll_max = std::chrono::seconds(60);
  std::uint64_t cache_tokens_min = 0;
  std::uint64_t breakpoints_max = 4;
  std::optional<Duration> ttl;
  std::uint64_t attempts_max = 4;  // of one request that reached the provider
  bool tells = true;               // its decisions are logged
};

struct JobMeta {
  std::string id;
  Time created_at{};
  std::string provider, model, endpoint, account;
  std::string workload, idempotency_key;
  std::optional<double> temperature;
  std::int64_t output_max = 1024;
  std::uint64_t concurrency = 8;
  std::optional<Duration> deadline;  // from created_at
  JobPolicy policy;

  [[nodiscard]] std::string encode() const;
  /// @error kInternal it is none of ours.
  static Result<JobMeta> decode(std::string_view text);
};

/// The lifetime of the provider's that a wish is rounded up to; its longest where none is as long; nothing where a mark names none.
std::optional<llm::CacheTtl> rounded_up(const catalogue::CacheLimits& limits, Duration wish);
/// The provider's capabilities within the policy's limits: what the engine then plans by.
catalogue::Provider narrowed(const catalogue::Provider& provider, const JobPolicy& policy);
catalogue::Model narrowed(const catalogue::Model& model, const JobPolicy& policy);

}  // namespace weir::library
