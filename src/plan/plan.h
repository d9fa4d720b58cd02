#pragma once
// The route decision and the first cache planner: one shared prefix a job (the template's static part). Pure: numbers in,
// a decision and its reason out. The planner over many prefixes comes behind the same types.
#include <optional>
#include <string>

#include "catalogue/catalogue.h"
#include "llm/types.h"

namespace weir::plan {

enum class RouteWish : std::uint8_t { kAuto, kSync, kBatch };

/// What is known of a job before it runs.
struct JobShape {
  std::uint64_t items = 0;
  std::uint64_t prefix_bytes = 0;         // shared by all items; 0: none
  std::uint64_t variable_bytes_mean = 0;  // of one item
  Tokens output_expected{150};            // of one item: only compares routes, never bills
};

struct CachePlan {
  llm::CachePolicy policy = llm::CachePolicy::kUntouched;
  llm::CacheTtl ttl = llm::CacheTtl::kDefault;
  bool prime = false;  // write the prefix once, then send the rest
  double hit_rate_expected = 0;
  double hit_rate_break_even = 0;  // below it a mark costs more than it saves
  std::string reason;
};

struct JobPlan {
  llm::Route route = llm::Route::kSync;
  CachePlan cache;
  bool batch_admissible = false;  // whether the lower bound may count on batch prices
  Money expected;                 // of the whole job, by estimated tokens
  Money expected_baseline;
  std::string reason;  // of the route
};

struct PlanInput {
  const catalogue::Provider& provider;
  const catalogue::Model& model;
  RouteWish wish = RouteWish::kAuto;
  JobShape shape;
  Time now;
  std::optional<Time> deadline;
  Duration
      sync_time{};  // that the whole job takes by the standard API: what a batch leaves over must fit before the deadline
  bool caching = true;                   // false: nothing of ours
  std::optional<double> batch_hit_rate;  // observed; else the catalogue's
};

/// The cache plan for one route.
CachePlan plan_cache(const PlanInput& input, llm::Route route);
/// The cheapest admissible route in expectation. @error kUnsupported batch was asked for, and the model has none.
Result<JobPlan> plan_job(const PlanInput& input);

/// Whether marking still pays at the hit rate seen so far.
bool marking_pays(const CachePlan& plan, double hit_rate_seen);

}  // namespace weir::plan
