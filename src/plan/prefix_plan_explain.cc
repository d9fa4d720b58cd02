// The plan in plain words.
#include <fmt/format.h>

#include <algorithm>

#include "plan/prefix_plan.h"

namespace weir::plan {
namespace {

// Prefixes that are explained one by one.
constexpr std::size_t kPrefixesTold = 5;

double percent(double part) { return part * 100; }

}  // namespace

void PrefixPlan::explain(const PrefixSettings& settings, const PrefixChoice& choice) {
  const auto say = [&](std::string text) {
    if (reasons.size() < kReasonsMax) reasons.push_back(std::move(text));
  };
  const auto route = llm::to_string(settings.route);
  std::size_t shared = 0, short_ones = 0;
  for (std::size_t i = 1; i < tree_.nodes.size(); ++i) {
    ++shared;
    if (Tokens{tree_.nodes[i].tokens} < settings.prefix_min) ++short_ones;
  }
  const bool automatic = settings.mode == catalogue::CacheMode::kAutomatic;
  if (settings.mode == catalogue::CacheMode::kNone) {
    say(fmt::format("no prompt cache on the {} route", route));
  } else if (shared == 0) {
    say("no two items begin with the same block, so nothing is cached");
  } else if (choice.count == 0) {
    if (short_ones == shared)
      say(fmt::format(
          "the {} shared prefixes are all shorter than {} tokens, from which on the model caches",
          shared, settings.prefix_min.count));
    else
      say(fmt::format(
          "no shared prefix is marked: at an expected hit rate of {:.0f} % (break-even {:.0f} %) "
          "the reads do not pay for the writes",
          percent(estimate.hit_rate), percent(estimate.hit_rate_break_even)));
  } else {
    const double saved = static_cast<double>((estimate.uncached - estimate.expected).pico);
    const double whole = static_cast<double>(std::max<__int128>(1, estimate.uncached.pico));
    say(fmt::format(
        "{} of {} shared prefixes are {}: at an expected hit rate of {:.0f} % (break-even {:.0f} "
        "%) "
        "the prompts cost {:.0f} % less than uncached",
        choice.count, shared, automatic ? "worth sending side by side" : "marked",
        percent(estimate.hit_rate), percent(estimate.hit_rate_break_even), percent(saved / whole)));
    if (automatic) say("the provider caches by itself and writes are free: only the order matters");
    else if (settings.ttls.size() > 1 || ttl != llm::CacheTtl::kDefault)
      say(fmt::format(
          "TTL {}: of the {} offered it is the cheapest for a gap of {} between two uses",
          llm::to_string(ttl), settings.ttls.size(), human_duration(settings.use_gap)));
    std::vector<std::uint32_t> top;
    for (std::uint32_t i = 1; i < tree_.nodes.size(); ++i)
      if (choice.chosen[i]) top.push_back(i);
    const auto value = [&](std::uint32_t i) {
      const auto& node = tree_.nodes[i];
      return double{1} * (node.tokens - tree_.nodes[node.parent].tokens) * (node.items - 1.0);
    };
    const auto told = std::min(kPrefixesTold, top.size());
    std::ranges::partial_sort(top, top.begin() + static_cast<std::ptrdiff_t>(told),
                              [&](auto a, auto b) { return value(a) > value(b); });
    for (std::size_t i = 0; i < told; ++i)
      say(fmt::format("prefix {:016x}: {} blocks, about {} tokens, {} items",
                      tree_.nodes[top[i]].hash, tree_.nodes[top[i]].blocks,
                      tree_.nodes[top[i]].tokens, tree_.nodes[top[i]].items));
    say(order_.empty()
            ? "items go out depth-first, so that equal prefixes follow each other"
            : fmt::format("items go out depth-first in windows of {}; within a window those that "
                          "write go first",
                          settings.window_items));
    if (schedule_.left_to_later > 0)
      say(
          fmt::format("{} requests had more prefixes to write than breakpoints ({}): the rest is "
                      "written by later ones",
                      schedule_.left_to_later, settings.breakpoints_max));
    if (settings.route == llm::Route::kBatch && !primes.empty())
      say(fmt::format("{} prefixes are written by {} small batches first", primes.size(),
                      stages - 1));
    if (settings.route == llm::Route::kSync)
      say("an item that reads a prefix waits until the answer that writes it has begun");
  }
  if (choice.count > 0 && short_ones > 0)
    say(fmt::format("{} shared prefixes are shorter than {} tokens and are not cached on their own",
                    short_ones, settings.prefix_min.count));
  if (policy == llm::CachePolicy::kSuppressed)
    say("the provider would write unasked and charge for it, so its cache is switched off");
  if (tree_.nodes_dropped > 0)
    say(fmt::format("{} prefixes that save least were forgotten for want of room",
                    tree_.nodes_dropped));
  if (tree_.tails_cut > 0)
    say(fmt::format("of {} items only the first block of their own was compared, for want of room",
                    tree_.tails_cut));
}

}  // namespace weir::plan
