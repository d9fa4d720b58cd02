#include "report/receipt.h"

#include <algorithm>
#include <limits>

#include "cost/pricing.h"

namespace weir::report {
namespace {

using catalogue::CacheMode;
using llm::Route;

// OpenAI's automatic cache hits in steps of 128 tokens: https://developers.openai.com/api/docs/guides/prompt-caching (checked 2026-11-23).
constexpr std::int64_t kAutomaticStep = 128;

// The answers in tokens, and how many of their prompts' a perfect cache would have written and read. The provider counts only
// totals: they are split as the estimate is.
struct Shape {
  std::int64_t answers = 0, prompt = 0, output = 0, written = 0, read = 0;
  [[nodiscard]] std::int64_t shared() const { return written + read; }
};

Shape shape_of(const ReceiptInput& input, Route route) {
  Shape shape;
  const auto& usage = input.totals.answered_usage;
  const auto& bound = route == Route::kBatch ? input.job.bound_batch : input.job.bound_sync;
  shape.answers = static_cast<std::int64_t>(input.totals.answers);
  shape.prompt = usage.prompt().count;
  shape.output = usage.output.count;
  const auto estimated = static_cast<__int128>(bound.prompt());
  const auto scaled = [&](std::uint64_t tokens) {
    return estimated == 0 ? 0
                          : static_cast<std::int64_t>(shape.prompt * static_cast<__int128>(tokens) /
                                                      estimated);
  };
  shape.written = scaled(bound.written);
  shape.read = scaled(bound.read);
  // What was really cached is shared for certain, and may be more: schemas and scaffolding count as well.
  const auto touched = usage.cache_read.count + usage.written().count;
  if (shape.answers > 0 && touched > shape.shared()) {
    const auto first = (touched + shape.answers - 1) / shape.answers;
    shape.written = std::max(shape.written, first);
    shape.read = std::max(shape.read, touched - shape.written);
  }
  return shape;
}

MoneySum times(std::int64_t tokens, Price price) {
  return {static_cast<__int128>(tokens) * price.pico_per_token};
}

MoneySum uncached(const Shape& s, const catalogue::Rates& rates) {
  return times(s.prompt, rates.input) + times(s.output, rates.output);
}

MoneySum automatic_baseline(const ReceiptInput& input, const Shape& s,
                            const catalogue::Rates& rates) {
  auto cost = uncached(s, rates);
  if (s.answers == 0) return cost;
  if (input.model.automatic_writes_charged) {
    // Its implicit breakpoint stands behind the varying tail: everything is written, nothing is read.
    const bool long_enough =
        s.prompt / s.answers >= input.model.cache_prefix_min.value_or(Tokens{1024}).count;
    const auto write = cost::write_price(rates, llm::CacheTtl::kDefault);
    return long_enough ? times(s.prompt, write) + times(s.output, rates.output) : cost;
  }
  if (input.model.cache != CacheMode::kAutomatic || s.answers < 2) return cost;
  const auto each = s.read / (s.answers - 1);
  const auto hits = (s.answers - 1) * (each / kAutomaticStep * kAutomaticStep);
  return cost - times(hits, rates.input) + times(hits, cost::read_price(rates));
}

Price cheapest_write(const ReceiptInput& input, const catalogue::Rates& rates) {
  if (input.model.cache == CacheMode::kAutomatic) return rates.input;
  Price best{std::numeric_limits<std::int64_t>::max()};
  for (const auto& price : {rates.cache_write_5m, rates.cache_write_1h, rates.cache_write})
    if (price && *price < best) best = *price;
  return best.pico_per_token == std::numeric_limits<std::int64_t>::max() ? rates.input : best;
}

MoneySum bound_on(const ReceiptInput& input, Route route) {
  const auto s = shape_of(input, route);
  const auto& row = input.model.price_at(input.job.started_at);
  const auto& rates = route == Route::kBatch ? row.batch : row.sync;
  const auto plain = uncached(s, rates);
  const bool reached =
      route == Route::kSync || input.model.stacking != catalogue::Stacking::kNoCacheInBatch;
  if (!reached || input.model.cache == CacheMode::kNone) return plain;
  const auto cached = plain - times(s.shared(), rates.input) +
                      times(s.written, cheapest_write(input, rates)) +
                      times(s.read, cost::read_price(rates));
  return std::min(plain, cached);
}

void add_losses(const ReceiptInput& input, const Shape& s, Receipt& r) {
  const auto& row = input.model.price_at(input.job.started_at);
  const auto& rates = input.job.plan.route == Route::kBatch ? row.batch : row.sync;
  const auto& usage = input.totals.answered_usage;
  const auto lose = [&](std::string to, MoneySum amount) {
    if (amount.pico > 0) r.losses.push_back({std::move(to), amount});
  };
  const auto read = cost::read_price(rates);
  MoneySum hit_rate, ttl;
  const auto written = [&](Tokens tokens, llm::CacheTtl kind) {
    if (tokens.count == 0) return;
    const auto price = cost::write_price(rates, kind);
    const auto again =
        std::max<std::int64_t>(0, tokens.count - s.written);  // the first write has to be
    hit_rate += times(again, Price{price.pico_per_token - read.pico_per_token});
    ttl += times(tokens.count - again,
                 Price{price.pico_per_token - cheapest_write(input, rates).pico_per_token});
    r.miss_premium += times(again, Price{price.pico_per_token - rates.input.pico_per_token});
  };
  written(usage.cache_write_5m, llm::CacheTtl::k5m);
  written(usage.cache_write_1h, llm::CacheTtl::k1h);
  written(usage.cache_write, llm::CacheTtl::kDefault);
  if (s.answers > 0 && input.model.cache != CacheMode::kNone) {
    const auto touched = usage.cache_read.count + usage.written().count;
    const auto missed = std::max<std::int64_t>(0, s.shared() - touched);
    const bool batch_blind = input.job.plan.route == Route::kBatch &&
                             input.model.stacking == catalogue::Stacking::kNoCacheInBatch;
    if (!batch_blind)
      hit_rate += times(missed, Price{rates.input.pico_per_token - read.pico_per_token});
  }
  lose("hit rate", hit_rate);
  lose("TTL (a longer one costs more to write)", ttl);
  lose("repeated attempts", r.lost_to_repeats);
  lose("keeping cached contents", r.contents.stored);
  MoneySum named;
  for (const auto& loss : r.losses) named += loss.amount;
  lose("route and the rest", r.spent - r.lower_bound - named);
}

}  // namespace

Receipt make_receipt(const ReceiptInput& input) {
  const auto& job = input.job;
  const auto& totals = input.totals;
  const auto& row = input.model.price_at(job.started_at);
  Receipt r;
  r.provider = job.identity.provider;
  r.model = job.identity.model;
  r.input = job.identity.input;
  r.finished = job.phase == engine::JobPhase::kDone;
  r.simulated = job.simulated;
  r.total = job.items;
  r.succeeded = input.counts.succeeded;
  r.failed = input.counts.failed;
  r.cancelled = input.counts.cancelled;
  r.same = job.same;
  r.same_cost = job.same_cost;
  r.route = job.plan.route;
  r.batch_answers = totals.batch_answers;
  r.sync_answers = totals.answers - totals.batch_answers;
  r.unknown_attempts = totals.unknown;
  r.repeats = totals.repeats;
  r.spent = totals.spent;
  r.exposure = totals.exposure;
  r.baseline = totals.baseline;
  r.contents = {.made = totals.contents,
                .reads = job.content_reads,
                .written = totals.contents_written,
                .stored = totals.contents_stored,
                .saved = job.content_saved};
  const auto contents = totals.contents_written + totals.contents_stored;
  r.lost_to_repeats = totals.spent - totals.answers_spent - contents;
  r.saved = totals.baseline - totals.spent;
  r.saved_by_batch = totals.baseline - totals.uncached;
  r.saved_by_cache = totals.uncached - totals.answers_spent - contents;
  r.automatic_baseline = automatic_baseline(input, shape_of(input, Route::kSync), row.sync);
  r.lower_bound = bound_on(input, Route::kSync);
  if (job.plan.batch_admissible)
    r.lower_bound = std::min(r.lower_bound, bound_on(input, Route::kBatch));
  // What was done can be done: a cache that was warm already, or a prefix that only some items shared, beats the estimate.
  r.lower_bound = std::min(r.lower_bound, totals.answers_spent);
  add_losses(input, shape_of(input, job.plan.route), r);
  r.hit_rate_break_even = job.plan.cache.hit_rate_break_even;
  r.provider_bill = input.provider_bill;
  const auto prompt = totals.answered_usage.prompt().count;
  if (totals.answers > 0)
    r.request_hit_rate =
        static_cast<double>(totals.cache_hits) / static_cast<double>(totals.answers);
  if (prompt > 0)
    r.token_hit_rate =
        static_cast<double>(totals.answered_usage.cache_read.count) / static_cast<double>(prompt);
  r.usage = totals.usage;
  r.accuracy = input.accuracy;
  r.wall_s = static_cast<double>(job.wall.count()) / 1e6;
  const Time end = r.finished ? job.ended_at : job.started_at;
  r.virtual_s = static_cast<double>((end - job.started_at).count()) / 1e6;
  r.price_source = row.as_of.empty() ? row.source : row.source + ", as of " + row.as_of;
  r.reasons = job.reasons;
  return r;
}

}  // namespace weir::report
