#pragma once
// The route decision of a job: what each admissible route is expected to cost with the cache used as well as it can be, and the
// cheapest that meets the deadline. Pure: the job's shape and its shared prefixes in, a decision and its reasons out.
#include <optional>
#include <string>

#include "catalogue/catalogue.h"
#include "llm/types.h"
#include "plan/prefix_plan.h"

namespace weir::plan {

enum class RouteWish : std::uint8_t { kAuto, kSync, kBatch };

/// Prefixes are compared among so many items at once, so that memory does not grow with the job: 18 bytes an item.
inline constexpr std::uint64_t kPlannedAtOnce = 1U << 20;

/// What is known of a job before it runs.
struct JobShape {
  std::uint64_t items = 0;
  std::uint64_t prompt_tokens = 0;  // of all items, estimated
  Tokens output_expected{150};      // of one item: only compares routes, never bills
  friend bool operator==(const JobShape&, const JobShape&) = default;
};

/// What holds for every request of the job; which of its blocks are marked is the PrefixPlan's.
struct CachePlan {
  llm::CachePolicy policy = llm::CachePolicy::kUntouched;
  llm::CacheTtl ttl = llm::CacheTtl::kDefault;
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
  std::string batch_needs = {};          // why this account cannot make batches; empty: it can
  bool answer_format = false;            // the answers must follow a schema
};

struct PlannedJob {
  JobPlan job;
  PrefixPlan prefixes;                  // of the chosen route
  BoundTokens bound_sync, bound_batch;  // of the job, as far as the tree shows it
};

/// @error kUnsupported batch was asked for, and the model has none.
Result<void> check_wish(const PlanInput& input);

/// The cheapest admissible route in expectation (a batch that saves nothing is not waited for), and how its prefixes are cached.
/// `tree` holds the job's items, or as many of the first as are planned at once: what it shows is taken for the rest as well.
/// @error as check_wish.
Result<PlannedJob> plan_job(const PlanInput& input, PrefixTree tree);

/// The rules that a job's prefixes are planned by.
PrefixSettings settings_of(const PlanInput& input, llm::Route route);

/// The cache plan for `items` more requests that share `prefix_tokens` each: single ones, that leave a batch.
CachePlan plan_singles(const PlanInput& input, std::uint64_t items, std::uint64_t prefix_tokens);

/// Whether marking still pays at the hit rate seen so far.
bool marking_pays(const CachePlan& plan, double hit_rate_seen);

/// Whether a batch that begins now is worth its price with so much time left: most end within an hour, one that is stopped needs
/// minutes to stand still, and then there must be time to do its items (`tail`) by the standard API, unless there is not in any case.
bool time_for_batch(Duration left, Duration window, Duration tail);

}  // namespace weir::plan
