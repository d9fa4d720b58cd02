#include "plan/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cost/pricing.h"

namespace weir::plan {
namespace {

using catalogue::CacheMode;
using catalogue::Stacking;
using llm::CachePolicy;
using llm::Route;

// After priming, sync reads of a warm prefix are all but certain; a little is left for evictions.
constexpr double kSyncHitRate = 0.95;
// Priming a batch adds the wait for a one-request batch: not for a handful of items.
constexpr std::uint64_t kPrimeItemsMin = 20;
// Most batches end within an hour; what a slow one leaves over goes by the standard API before the deadline.
constexpr std::chrono::minutes kBatchUsual{70};
constexpr std::uint64_t kBatchItemsMin = 2;

struct Factors {
  double input, read, write;
};

Factors factors(const catalogue::PriceRow& row, Route route, llm::CacheTtl ttl) {
  const auto& rates = route == Route::kBatch ? row.batch : row.sync;
  const auto pico = [](Price price) { return static_cast<double>(price.pico_per_token); };
  return {pico(rates.input), pico(cost::read_price(rates)), pico(cost::write_price(rates, ttl))};
}

// Mean pico-dollars a prefix token costs over n items, when each item but the first hits with this rate.
double marked_mean(const Factors& f, double items, double hit_rate) {
  return (f.write + (items - 1) * (hit_rate * f.read + (1 - hit_rate) * f.write)) / items;
}

bool cache_reaches(const PlanInput& input, Route route) {
  if (input.model.cache == CacheMode::kNone) return false;
  return route == Route::kSync || (input.model.stacking != Stacking::kNoCacheInBatch &&
                                   input.model.stacking != Stacking::kBatchRateOnly);
}

double hit_rate(const PlanInput& input, Route route) {
  if (route == Route::kSync) return kSyncHitRate;
  return std::clamp(input.batch_hit_rate.value_or(input.provider.cache.batch_hit_rate_expected),
                    0.0, 1.0);
}

// Not caching, with the reason; where the provider would write and charge by itself, it is told not to.
CachePlan unmarked(const PlanInput& input, std::string reason) {
  CachePlan plan;
  plan.policy = input.caching && input.model.automatic_writes_charged ? CachePolicy::kSuppressed
                                                                      : CachePolicy::kUntouched;
  plan.reason = std::move(reason);
  return plan;
}

// A prefix token's mean price under the plan.
double prefix_mean(const PlanInput& input, Route route, const CachePlan& plan) {
  const auto f = factors(input.model.price_at(input.now), route, plan.ttl);
  const auto items = static_cast<double>(std::max<std::uint64_t>(input.shape.items, 1));
  if (plan.policy == CachePolicy::kMarked) return marked_mean(f, items, plan.hit_rate_expected);
  if (input.model.cache == CacheMode::kAutomatic && cache_reaches(input, route) &&
      input.shape.prefix_bytes / 4 >=
          static_cast<std::uint64_t>(input.model.cache_prefix_min.value_or(Tokens{1024}).count))
    return (f.input + (items - 1) * (plan.hit_rate_expected * f.read +
                                     (1 - plan.hit_rate_expected) * f.input)) /
           items;
  return f.input;
}

Money expected_cost(const PlanInput& input, Route route, const CachePlan& plan) {
  const auto& row = input.model.price_at(input.now);
  const auto& rates = route == Route::kBatch ? row.batch : row.sync;
  const auto prefix = static_cast<double>(cost::estimate_tokens(input.shape.prefix_bytes).count);
  const auto rest =
      static_cast<double>(cost::estimate_tokens(input.shape.variable_bytes_mean).count);
  const double item = prefix * prefix_mean(input, route, plan) +
                      rest * static_cast<double>(rates.input.pico_per_token) +
                      static_cast<double>(input.shape.output_expected.count) *
                          static_cast<double>(rates.output.pico_per_token);
  const double total = item * static_cast<double>(input.shape.items);
  return {total < 9e18 ? static_cast<std::int64_t>(total)
                       : std::int64_t{9'000'000'000'000'000'000}};
}

// Why a batch is not admissible; empty when it is.
std::string batch_obstacle(const PlanInput& input) {
  if (!input.provider.batch || !input.model.batch)
    return fmt::format("{} has no batch price for {}", input.provider.name, input.model.name);
  if (input.shape.items < kBatchItemsMin) return "a single item is not worth a batch";
  const auto& window = input.provider.batch->window;
  if (!input.deadline || *input.deadline - input.now >= window) return {};
  const Duration left = *input.deadline - input.now;
  const Duration usual = std::min<Duration>(kBatchUsual, window);
  // Where the standard API could not do the job in time either, the batch has the better chance.
  if (left < usual || (input.sync_time <= left && left < usual + input.sync_time))
    return fmt::format(
        "the deadline leaves {}, a batch may take {}{}", human_duration(left),
        human_duration(window),
        input.sync_time > Duration{}
            ? fmt::format(", and its tail {} by the standard API", human_duration(input.sync_time))
            : "");
  return {};
}

}  // namespace

CachePlan plan_cache(const PlanInput& input, Route route) {
  if (!input.caching) return unmarked(input, "caching is switched off");
  if (!cache_reaches(input, route))
    return unmarked(input, fmt::format("{} has no prompt cache on the {} route", input.model.name,
                                       llm::to_string(route)));
  if (input.shape.prefix_bytes == 0) return unmarked(input, "the items share no static part");
  const auto minimum = input.model.cache_prefix_min.value_or(Tokens{1024});
  // A prefix that turns out too short is silently uncached and costs nothing, so the estimate leans towards marking.
  const Tokens prefix_most{static_cast<std::int64_t>(input.shape.prefix_bytes / 3)};
  if (prefix_most < minimum)
    return unmarked(input, fmt::format("the static part has about {} tokens, {} caches from {} on",
                                       cost::estimate_tokens(input.shape.prefix_bytes).count,
                                       input.model.name, minimum.count));
  CachePlan plan;
  plan.hit_rate_expected = hit_rate(input, route);
  if (input.model.cache == CacheMode::kAutomatic) {
    plan.reason = "the provider caches by itself, without a charge for writes";
    plan.prime = route == Route::kSync && input.shape.items > 1;
    return plan;
  }
  plan.ttl =
      route == Route::kBatch ? input.provider.cache.batch_mark : input.provider.cache.sync_mark;
  const auto f = factors(input.model.price_at(input.now), route, plan.ttl);
  plan.hit_rate_break_even =
      f.write > f.read ? std::max(0.0, (f.write - f.input) / (f.write - f.read)) : 0;
  const auto items = static_cast<double>(input.shape.items);
  const double mean =
      input.shape.items > 0 ? marked_mean(f, items, plan.hit_rate_expected) : f.write;
  if (mean >= f.input)
    return unmarked(
        input, fmt::format("{} expected reads at a hit rate of {:.0f} % do not pay for the writes",
                           input.shape.items == 0 ? 0 : input.shape.items - 1,
                           plan.hit_rate_expected * 100));
  plan.policy = CachePolicy::kMarked;
  plan.prime = route == Route::kSync ? input.shape.items > 1 : input.shape.items >= kPrimeItemsMin;
  plan.reason = fmt::format(
      "the static part (about {} tokens) is marked at its end, TTL {}: at an expected hit rate of "
      "{:.0f} % a prefix token costs {:.2f}x "
      "its input price (break-even {:.0f} %){}",
      cost::estimate_tokens(input.shape.prefix_bytes).count, llm::to_string(plan.ttl),
      plan.hit_rate_expected * 100, mean / f.input, plan.hit_rate_break_even * 100,
      !plan.prime              ? ""
      : route == Route::kBatch ? "; a one-request batch writes it first"
                               : "; the first answer begins before the rest is sent");
  return plan;
}

Result<JobPlan> plan_job(const PlanInput& input) {
  JobPlan sync;
  sync.cache = plan_cache(input, Route::kSync);
  sync.expected = expected_cost(input, Route::kSync, sync.cache);
  sync.expected_baseline =
      expected_cost(input, Route::kSync, CachePlan{.policy = CachePolicy::kSuppressed});
  const auto obstacle = batch_obstacle(input);
  if (input.wish == RouteWish::kSync) {
    sync.reason = "sync was asked for";
    return sync;
  }
  if (!obstacle.empty() && input.wish == RouteWish::kAuto) {
    sync.reason = obstacle;
    return sync;
  }
  if (input.wish == RouteWish::kBatch && (!input.provider.batch || !input.model.batch))
    return fail(ErrorKind::kUnsupported, obstacle, "use --route auto or sync");
  JobPlan batch;
  batch.route = Route::kBatch;
  batch.batch_admissible = sync.batch_admissible = true;
  batch.cache = plan_cache(input, Route::kBatch);
  batch.expected = expected_cost(input, Route::kBatch, batch.cache);
  batch.expected_baseline = sync.expected_baseline;
  if (input.wish == RouteWish::kBatch) {
    batch.reason = "batch was asked for";
    return batch;
  }
  const bool cheaper = batch.expected <= sync.expected;
  auto& chosen = cheaper ? batch : sync;
  chosen.reason = fmt::format(
      "expected {} by {}, {} by {}", human_usd(chosen.expected), llm::to_string(chosen.route),
      human_usd((cheaper ? sync : batch).expected), llm::to_string((cheaper ? sync : batch).route));
  return chosen;
}

bool marking_pays(const CachePlan& plan, double hit_rate_seen) {
  return hit_rate_seen >= plan.hit_rate_break_even;
}

}  // namespace weir::plan
