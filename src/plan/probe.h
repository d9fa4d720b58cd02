#pragma once
// The probe: where the hit rate of a batch is uncertain and the job large, a small batch measures it before the bulk is marked or not.
// Pure functions: numbers in, a decision and its reason out. The caller keeps what was decided with the job.
//
// A probe marks like the bulk would, so a prefix is written once and the probe's items read it: send the probe's first item (the
// prime) ahead as the plan says, then the rest of the probe, then judge its answers with after_probe().
#include <cstdint>
#include <optional>
#include <string>

#include "base/time.h"
#include "plan/prefix_settings.h"
#include "plan/prefix_stats.h"

namespace weir::plan {

/// A probe is at most this part of the items: what it loses, were every request of it to miss, stays below 2 % of the prompts at 1h prices.
inline constexpr double kProbeShareMax = 0.02;
/// Fewer answers do not tell a rate from its break-even.
inline constexpr std::uint64_t kProbeItemsMin = 20;
/// More answers tell nothing new: at 400 the rate is known within 5 points (two deviations).
inline constexpr std::uint64_t kProbeItemsMax = 400;

struct ProbeInput {
  std::uint64_t items = 0;         // of the job; those that share a marked prefix
  HitRate hit_rate;                // expected (PrefixStats::expected)
  double hit_rate_break_even = 0;  // of the TTL that would be marked
  std::optional<Duration> until_deadline;
  Duration batch_window{};  // the provider may take so long for each batch
};

struct ProbeDecision {
  std::uint64_t items = 0;  // 0: no probe
  std::string reason;
};
ProbeDecision plan_probe(const ProbeInput& input);

struct AfterProbe {
  bool mark = false;  // the rest
  HitRate hit_rate;   // to plan the rest with
  std::string reason;
};
/// `hits` of `requests` answers of the probe that could have read did. Answers that wrote a prefix first are no such answers.
/// No answers (the batch failed or expired): the expectation stands.
AfterProbe after_probe(const ProbeInput& input, std::uint64_t hits, std::uint64_t requests);

}  // namespace weir::plan
