#include "plan/cached_content.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace weir::plan {
namespace {

using std::chrono::seconds;

constexpr std::int64_t kMillion = 1'000'000;
constexpr __int128 kHour = 3600;
// What goes wrong on the way takes time too.
constexpr std::chrono::minutes kSlack{1};

// Half as much again would be too much of what is paid by the hour; a quarter is not.
Duration ttl_for(Duration reads_take) {
  const auto wanted = reads_take + reads_take / 4 + kSlack;
  return std::chrono::ceil<seconds>(std::clamp<Duration>(wanted, kContentTtlMin, kContentTtlMax));
}

// What the reads cost less than without it, rounded down.
MoneySum saved(const ContentInput& input) {
  if (input.read >= input.input) return {};
  const double rate = std::clamp(input.implicit_hit_rate, 0.0, 1.0);
  // Missed by the automatic cache: so many of a million.
  const auto missed = kMillion - static_cast<std::int64_t>(std::ceil(rate * kMillion));
  const auto each = static_cast<__int128>(input.tokens.count) *
                    (input.input.pico_per_token - input.read.pico_per_token);
  return {static_cast<__int128>(input.reads) * (each * missed / kMillion)};
}

MoneySum stored(const ContentInput& input, Duration kept) {
  const auto whole = std::chrono::ceil<seconds>(kept).count();
  const auto token_seconds = static_cast<__int128>(input.tokens.count) * whole;
  return {(token_seconds * input.storage_hour.pico_per_token + kHour - 1) / kHour};
}

std::string verdict(const ContentInput& input, const ContentPlan& plan, std::string_view costs_of) {
  return fmt::format(
      "{} reads × {} tokens, of which the automatic cache is expected to hit {:.0f} %: saves {}, "
      "costs {} ({})",
      input.reads, input.tokens.count, input.implicit_hit_rate * 100, human_usd(plan.saves),
      human_usd(plan.costs), costs_of);
}

}  // namespace

ContentPlan plan_content(const ContentInput& input) {
  ContentPlan plan{.ttl = ttl_for(input.reads_take)};
  if (input.tokens < input.tokens_min || input.tokens.count <= 0) {
    plan.reason = fmt::format("{} shared tokens are fewer than the {} of a cached content",
                              input.tokens.count, input.tokens_min.count);
    return plan;
  }
  const auto kept = std::max<Duration>(plan.ttl, input.reads_take);
  plan.saves = saved(input);
  plan.costs = MoneySum{static_cast<__int128>(input.tokens.count) * input.input.pico_per_token} +
               stored(input, kept);
  plan.pays = plan.costs < plan.saves;
  plan.reason =
      verdict(input, plan, fmt::format("to write it, and to keep it for {}", human_duration(kept)));
  return plan;
}

ContentPlan plan_extension(const ContentInput& input) {
  ContentPlan plan{.ttl = ttl_for(input.reads_take)};
  plan.saves = saved(input);
  plan.costs = stored(input, std::max<Duration>(plan.ttl, input.reads_take));
  plan.pays = plan.costs < plan.saves;
  plan.reason = verdict(input, plan, fmt::format("to keep it for {}", human_duration(plan.ttl)));
  return plan;
}

bool extension_due(Duration left, Duration ttl, Duration reads_take) {
  return left < reads_take && left < std::max<Duration>(ttl / 3, kSlack);
}

}  // namespace weir::plan
