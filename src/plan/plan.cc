#include "plan/plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "cost/pricing.h"

namespace weir::plan {
namespace {

using catalogue::CacheMode;
using llm::CachePolicy;
using llm::Route;

// Most batches end within an hour; from the request to cancel until one stands still, minutes at every provider that says.
constexpr std::chrono::hours kBatchUseful{1};
constexpr std::chrono::minutes kStopSettle{10};
constexpr std::uint64_t kBatchItemsMin = 2;

Duration useful(Duration window) { return std::min<Duration>(kBatchUseful, window) + kStopSettle; }

Money capped(__int128 pico) {
  constexpr std::int64_t kMost = 9'000'000'000'000'000'000;
  return {pico < kMost ? static_cast<std::int64_t>(pico) : kMost};
}

// The prompts at this price, for all items: the tree may hold only the first of them.
MoneySum whole_job(const PlanInput& input, MoneySum of_tree, std::uint64_t tree_tokens) {
  if (tree_tokens == 0 || tree_tokens >= input.shape.prompt_tokens) return of_tree;
  const double share =
      static_cast<double>(input.shape.prompt_tokens) / static_cast<double>(tree_tokens);
  return {static_cast<__int128>(static_cast<double>(of_tree.pico) * share)};
}

Money with_outputs(const PlanInput& input, Route route, MoneySum prompts) {
  const auto& row = input.model.price_at(input.now);
  const auto& rates = route == Route::kBatch ? row.batch : row.sync;
  return capped(prompts.pico + static_cast<__int128>(input.shape.items) *
                                   input.shape.output_expected.count * rates.output.pico_per_token);
}

Money uncached(const PlanInput& input, Route route) {
  const auto& row = input.model.price_at(input.now);
  const auto& rates = route == Route::kBatch ? row.batch : row.sync;
  return with_outputs(
      input, route,
      {static_cast<__int128>(input.shape.prompt_tokens) * rates.input.pico_per_token});
}

// Of the models that have batches at all.
bool says_format(const PlanInput& input) {
  return !input.answer_format || input.provider.batch->answer_format;
}

bool can_batch(const PlanInput& input) {
  return input.provider.batch && input.model.batch && input.batch_needs.empty() &&
         says_format(input);
}

// Why a batch is not admissible; empty when it is.
std::string batch_obstacle(const PlanInput& input) {
  if (!input.provider.batch) return fmt::format("{} has no batch API", input.provider.name);
  if (!input.model.batch)
    return fmt::format("{} has no batch price for {}", input.provider.name, input.model.name);
  if (!input.batch_needs.empty()) return input.batch_needs;
  if (!says_format(input))
    return fmt::format("{} takes no answer schema in a batch", input.provider.name);
  if (input.shape.items < kBatchItemsMin) return "a single item is not worth a batch";
  if (const auto least = input.provider.batch->requests_min; input.shape.items < least)
    return fmt::format("{} takes at least {} items in a batch", input.provider.name, least);
  const auto& window = input.provider.batch->window;
  if (!input.deadline) return {};
  const Duration left = *input.deadline - input.now;
  if (left >= window || time_for_batch(left, window, input.sync_time)) return {};
  return fmt::format(
      "the deadline leaves {}, a batch may take {}{}", human_duration(left), human_duration(window),
      input.sync_time > Duration{}
          ? fmt::format(", and its tail {} by the standard API", human_duration(input.sync_time))
          : "");
}

CachePlan summary_of(const PrefixPlan& prefixes) {
  return {.policy = prefixes.policy,
          .ttl = prefixes.ttl,
          .hit_rate_expected = prefixes.estimate.hit_rate,
          .hit_rate_break_even = prefixes.estimate.hit_rate_break_even,
          .reason = fmt::format("{}", fmt::join(prefixes.reasons, "; "))};
}

// Every stage is a wait: with a deadline, the bulk must still be worth a batch behind them.
bool time_to_prime(const PlanInput& input) {
  if (!input.deadline || !input.provider.batch) return true;
  const Duration stages =
      useful(input.provider.batch->window) * static_cast<int>(PrefixPlan::kStagesMax + 1);
  return *input.deadline - input.now >= stages + input.sync_time;
}

}  // namespace

bool time_for_batch(Duration left, Duration window, Duration tail) {
  const Duration rest = left - useful(window);
  return rest >= Duration{} && (tail <= rest || tail > left);
}

PrefixSettings settings_of(const PlanInput& input, Route route) {
  auto settings = settings_for(input.provider, input.model, route, input.now, input.batch_hit_rate);
  // Tokens are estimated, and a prefix that turns out too short is silently uncached and costs nothing: so lean towards marking.
  settings.prefix_min.count = settings.prefix_min.count * 3 / 4;
  // Where writes are free, the few that miss for want of a prime cost less than the wait.
  // And a batch of one is not everywhere taken.
  const bool small_batches = !input.provider.batch || input.provider.batch->requests_min <= 1;
  if (!small_batches || !time_to_prime(input) || settings.mode == CacheMode::kAutomatic)
    settings.prime_items_min = 0;
  if (input.caching) return settings;
  settings.mode = CacheMode::kNone;
  settings.ttls.clear();
  return settings;
}

Result<void> check_wish(const PlanInput& input) {
  if (input.wish != RouteWish::kBatch || can_batch(input)) return {};
  return fail(ErrorKind::kUnsupported, batch_obstacle(input), "use --route auto or sync");
}

Result<PlannedJob> plan_job(const PlanInput& input, PrefixTree tree) {
  WEIR_CHECK(check_wish(input));
  PlannedJob out;
  const auto tokens = tree.prompt_tokens;
  const auto expected = [&](Route route, const PrefixEstimate& estimate) {
    return with_outputs(input, route, whole_job(input, estimate.expected, tokens));
  };
  const auto sync = settings_of(input, Route::kSync);
  const auto sync_estimate = estimate_prefixes(tree, sync);
  out.bound_sync = sync_estimate.bound;
  out.job.expected_baseline = uncached(input, Route::kSync);
  const auto obstacle = batch_obstacle(input);
  out.job.batch_admissible = input.wish != RouteWish::kSync && can_batch(input) &&
                             (obstacle.empty() || input.wish == RouteWish::kBatch);
  Money batch_cost;
  const Money sync_cost = expected(Route::kSync, sync_estimate);
  if (out.job.batch_admissible) {
    const auto estimate = estimate_prefixes(tree, settings_of(input, Route::kBatch));
    out.bound_batch = estimate.bound;
    batch_cost = expected(Route::kBatch, estimate);
  }
  const bool batch =
      out.job.batch_admissible && (input.wish == RouteWish::kBatch || batch_cost < sync_cost);
  auto& job = out.job;
  job.route = batch ? Route::kBatch : Route::kSync;
  out.prefixes =
      PrefixPlan::make(std::move(tree), batch ? settings_of(input, Route::kBatch) : sync);
  job.cache = summary_of(out.prefixes);
  if (!input.caching) job.cache.reason = "caching is switched off";
  job.expected = expected(job.route, out.prefixes.estimate);
  if (input.wish != RouteWish::kAuto)
    job.reason = fmt::format("{} was asked for", llm::to_string(job.route));
  else if (!job.batch_admissible) job.reason = obstacle;
  else
    job.reason =
        fmt::format("expected {} by {}, {} by {}", human_usd(batch ? batch_cost : sync_cost),
                    llm::to_string(job.route), human_usd(batch ? sync_cost : batch_cost),
                    llm::to_string(batch ? Route::kSync : Route::kBatch));
  return out;
}

CachePlan plan_singles(const PlanInput& input, std::uint64_t items, std::uint64_t prefix_tokens) {
  const auto shared = static_cast<std::uint32_t>(std::min<std::uint64_t>(prefix_tokens, 1U << 31));
  const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(items, 1U << 31));
  PrefixTree tree;
  tree.nodes.push_back({.end = 2, .items = count});
  tree.nodes.push_back(
      {.hash = 1, .end = 2, .tokens = shared, .blocks = 1, .direct = count, .items = count});
  tree.prompt_tokens = std::uint64_t{shared} * count;
  const auto settings = settings_of(input, Route::kSync);
  CachePlan out;
  if (input.caching && input.model.automatic_writes_charged) out.policy = CachePolicy::kSuppressed;
  if (count < 2 || settings.mode != CacheMode::kBreakpoints) return out;
  const auto estimate = estimate_prefixes(tree, settings);
  if (estimate.prefixes == 0) return out;
  return {.policy = CachePolicy::kMarked,
          .ttl = estimate.ttl,
          .hit_rate_expected = estimate.hit_rate,
          .hit_rate_break_even = estimate.hit_rate_break_even,
          .reason = {}};
}

bool marking_pays(const CachePlan& plan, double hit_rate_seen) {
  return hit_rate_seen >= plan.hit_rate_break_even;
}

}  // namespace weir::plan
