#pragma once
// What a job of the library was accepted with: kept beside its requests, never with a key. The file is written last, so its being there
// means that the job was accepted.
#include <chrono>
#include <optional>
#include <string>

#include "base/time.h"
#include "plan/cached_content.h"
#include "plan/limits.h"
#include "plan/plan.h"
#include "weir/optimize.h"

namespace weir::library {

/// How the job is to be done; from an Optimization.
struct JobPolicy {
  plan::RouteWish wish = plan::RouteWish::kAuto;
  bool caching = false;
  plan::ContentWish contents = plan::ContentWish::kAuto;
  bool fallback = true;
  Duration batch_timeout = std::chrono::hours(24);
  Duration fallback_timeout = std::chrono::minutes(30);
  plan::Limits limits = {};
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

}  // namespace weir::library
