// The plan in plain words.
#include <fmt/format.h>

#include <algorithm>

#include "plan/prefix_plan.h"

namespace weir::plan {
namespace {

// Prefixes that are explained one by one.
constexpr std::size_t kPrefixesTold = 5;

double percent(double part) { return part * 100; }

std::string counted(std::uint64_t count, std::string_view one) {
  return fmt::format("{} {}{}", count, one, count == 1 ? "" : one.ends_with('x') ? "es" : "s");
}

class Reasons {
 public:
  explicit Reasons(std::vector<std::string>& out) : out_(out) {}
  void say(std::string text) {
    if (out_.size() < PrefixPlan::kReasonsMax) out_.push_back(std::move(text));
  }

 private:
  std::vector<std::string>& out_;
};

// The prefixes that save most, largest first.
std::vector<std::uint32_t> top_prefixes(const PrefixTree& tree, const PrefixChoice& choice) {
  std::vector<std::uint32_t> top;
  for (std::uint32_t i = 1; i < tree.nodes.size(); ++i)
    if (choice.chosen[i]) top.push_back(i);
  const auto value = [&](std::uint32_t i) {
    const auto& node = tree.nodes[i];
    return std::uint64_t{node.tokens - tree.nodes[node.parent].tokens} * (node.items - 1);
  };
  const auto told = std::min(kPrefixesTold, top.size());
  std::ranges::partial_sort(
      top, top.begin() + static_cast<std::ptrdiff_t>(told),
      [&](auto a, auto b) { return value(a) != value(b) ? value(a) > value(b) : a < b; });
  top.resize(told);
  return top;
}

void explain_nothing(Reasons& reasons, const PrefixSettings& settings,
                     const PrefixEstimate& estimate, std::size_t shared, std::size_t short_ones) {
  if (settings.mode == catalogue::CacheMode::kNone)
    reasons.say(fmt::format("no prompt cache on the {} route", llm::to_string(settings.route)));
  else if (shared == 0) reasons.say("no two items begin with the same block, so nothing is cached");
  else if (short_ones == shared)
    reasons.say(fmt::format(
        "all shared prefixes ({}) are shorter than {} tokens, from which on the model caches",
        shared, settings.prefix_min.count));
  else if (estimate.hit_rate <= 0)
    reasons.say(fmt::format("no hits are expected on the {} route: no shared prefix is marked",
                            llm::to_string(settings.route)));
  else
    reasons.say(fmt::format(
        "no shared prefix is marked: at an expected hit rate of {:.0f} % (break-even {:.0f} %) "
        "the reads do not pay for the writes",
        percent(estimate.hit_rate), percent(estimate.hit_rate_break_even)));
}

void explain_marks(Reasons& reasons, const PrefixSettings& settings, const PrefixEstimate& estimate,
                   const PrefixTree& tree, const PrefixChoice& choice) {
  const bool automatic = settings.mode == catalogue::CacheMode::kAutomatic;
  const auto saved = static_cast<double>((estimate.uncached - estimate.expected).pico);
  const auto whole = static_cast<double>(std::max<__int128>(1, estimate.uncached.pico));
  reasons.say(fmt::format(
      "{} of {} {} {}: at an expected hit rate of {:.0f} % (break-even {:.0f} %) the prompts cost "
      "{:.0f} % less than uncached",
      choice.count, counted(tree.nodes.size() - 1, "shared prefix"),
      choice.count == 1 ? "is" : "are", automatic ? "worth sending side by side" : "marked",
      percent(estimate.hit_rate), percent(estimate.hit_rate_break_even), percent(saved / whole)));
  if (automatic)
    reasons.say("the provider caches by itself and writes are free: only the order matters");
  else if (settings.ttls.size() == 1 && estimate.ttl != llm::CacheTtl::kDefault)
    reasons.say(fmt::format("TTL {}", llm::to_string(estimate.ttl)));
  else if (settings.ttls.size() > 1)
    reasons.say(fmt::format(
        "TTL {}: of the {} offered it is the cheapest for a gap of {} between two uses",
        llm::to_string(estimate.ttl), settings.ttls.size(), human_duration(settings.use_gap)));
  for (const auto i : top_prefixes(tree, choice))
    reasons.say(fmt::format("a prefix of {}, about {} tokens, is shared by {} items",
                            counted(tree.nodes[i].blocks, "block"), tree.nodes[i].tokens,
                            tree.nodes[i].items));
}

}  // namespace

void PrefixPlan::explain(const PrefixSettings& settings, const PrefixChoice& choice) {
  Reasons told(reasons);
  const std::size_t shared = tree_.nodes.size() - 1;
  const auto short_ones = static_cast<std::size_t>(std::count_if(
      tree_.nodes.begin() + 1, tree_.nodes.end(),
      [&](const PrefixTree::Node& node) { return Tokens{node.tokens} < settings.prefix_min; }));
  if (choice.count == 0) {
    explain_nothing(told, settings, estimate, shared, short_ones);
  } else {
    explain_marks(told, settings, estimate, tree_, choice);
    told.say(order_.empty() ? "items go out depth-first, so that equal prefixes follow each other"
                            : fmt::format("items go out depth-first in windows of {}; within a "
                                          "window those that write go first",
                                          settings.window_items));
    if (schedule_.left_to_later > 0)
      told.say(
          fmt::format("{} requests had more prefixes to write than breakpoints ({}): the rest is "
                      "written by later ones",
                      schedule_.left_to_later, settings.breakpoints_max));
    if (settings.route == llm::Route::kSync)
      told.say("an item that reads a prefix waits until the answer that writes it has begun");
    else if (!primes.empty())
      told.say(fmt::format(
          "{} written first, by {}",
          primes.size() == 1 ? "a prefix is" : fmt::format("{} prefixes are", primes.size()),
          stages == 2 ? "a small batch" : "small batches one after the other"));
    if (short_ones > 0)
      told.say(fmt::format(
          "{} shared prefixes are shorter than {} tokens and are not cached on their own",
          short_ones, settings.prefix_min.count));
  }
  if (policy == llm::CachePolicy::kSuppressed)
    told.say("the provider would write unasked and charge for it, so its cache is switched off");
  if (tree_.nodes_dropped > 0)
    told.say(fmt::format("{} prefixes that save least were forgotten for want of room",
                         tree_.nodes_dropped));
  if (tree_.tails_cut > 0)
    told.say(
        fmt::format("of {} items only the first block of their own was compared, for want of room",
                    tree_.tails_cut));
}

}  // namespace weir::plan
