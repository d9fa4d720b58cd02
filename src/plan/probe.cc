#include "plan/probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace weir::plan {
namespace {

// An expectation that lies so many deviations from the break-even needs no probe: being wrong is unlikely enough.
constexpr double kCertainDeviations = 3;
// Provided that it rests on so many requests: the catalogue's word alone is never certain.
constexpr double kCertainRequests = 100;
// What the catalogue guessed weighs no more than this against a probe of the job itself.
constexpr double kExpectationRequests = 8;

ProbeDecision none(std::string reason) { return {.items = 0, .reason = std::move(reason)}; }

}  // namespace

ProbeDecision plan_probe(const ProbeInput& input) {
  const double mean = input.hit_rate.mean();
  const double even = input.hit_rate_break_even;
  if (even <= 0) return none("no probe: a miss costs no more than no cache");
  const auto most = static_cast<std::uint64_t>(static_cast<double>(input.items) * kProbeShareMax);
  if (most < kProbeItemsMin)
    return none(fmt::format("no probe: {} items are too few, {} % of them would tell nothing",
                            input.items, kProbeShareMax * 100));
  const double deviations = std::abs(mean - even) / std::max(input.hit_rate.deviation(), 1e-9);
  if (deviations >= kCertainDeviations &&
      input.hit_rate.hits + input.hit_rate.misses >= kCertainRequests)
    return none(fmt::format(
        "no probe: a hit rate of {:.0f} % has been seen often enough, break-even is {:.0f} %",
        mean * 100, even * 100));
  // The probe and the bulk after it: two windows at worst, and one more for a prefix that is primed.
  if (input.until_deadline && *input.until_deadline < 3 * input.batch_window)
    return none(fmt::format("no probe: the deadline leaves {}, three batches may take {}",
                            human_duration(*input.until_deadline),
                            human_duration(3 * input.batch_window)));
  const auto items = std::min(most, kProbeItemsMax);
  return {.items = items,
          .reason =
              fmt::format("a probe of {} items measures the hit rate first: {:.0f} % is expected, "
                          "below {:.0f} % marks would cost more than they save",
                          items, mean * 100, even * 100)};
}

AfterProbe after_probe(const ProbeInput& input, std::uint64_t hits, std::uint64_t requests) {
  AfterProbe out;
  const double known = input.hit_rate.hits + input.hit_rate.misses;
  const double weight = std::min(known, kExpectationRequests) / known;
  const auto tried = static_cast<double>(requests);
  const auto hit = static_cast<double>(std::min(hits, requests));
  out.hit_rate = {.hits = input.hit_rate.hits * weight + hit,
                  .misses = input.hit_rate.misses * weight + tried - hit};
  if (requests == 0) out.hit_rate = input.hit_rate;
  out.mark = out.hit_rate.mean() > input.hit_rate_break_even;
  if (requests == 0) out.reason = "the probe brought no answer, the expectation stands";
  else
    out.reason = fmt::format(
        "of {} answers of the probe {:.0f} % read the cache (expected {:.0f} %, break-even "
        "{:.0f} %): {}",
        requests, hit / tried * 100, input.hit_rate.mean() * 100, input.hit_rate_break_even * 100,
        out.mark ? "the rest is marked" : "the rest goes without marks");
  return out;
}

}  // namespace weir::plan
