#include "plan/prefix_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace weir::plan {
namespace {

using catalogue::CacheMode;
using llm::CachePolicy;
using llm::Route;

MoneySum uncached_cost(const PrefixTree& tree, const PrefixSettings& settings) {
  return {static_cast<__int128>(tree.prompt_tokens) * settings.input.pico_per_token};
}

// The TTL whose optimum saves most; of equals the one that was offered first.
PrefixChoice best_choice(const PrefixTree& tree, const PrefixSettings& settings) {
  PrefixChoice best;
  best.chosen.assign(tree.nodes.size(), false);
  best.expected.assign(tree.nodes.size(), 0);
  for (std::size_t i = 0; i < settings.ttls.size(); ++i) {
    if (i > 0 && settings.mode == CacheMode::kAutomatic) break;
    auto choice = choose_prefixes(tree, settings, settings.ttls[i]);
    if (i == 0 || choice.saved > best.saved) best = std::move(choice);
  }
  return best;
}

PrefixEstimate estimate_of(const PrefixTree& tree, const PrefixSettings& settings,
                           const PrefixChoice& choice, double saved) {
  PrefixEstimate out;
  out.uncached = uncached_cost(tree, settings);
  out.expected = out.uncached - MoneySum{static_cast<__int128>(saved)};
  out.bound = bound_tokens(tree, settings);
  out.lower_bound = bound_cost(out.bound, settings);
  out.prefixes = choice.count;
  out.hit_rate = choice.terms.hit_rate;
  out.hit_rate_break_even = break_even(settings, choice.terms.option);
  out.ttl = choice.terms.option.ttl;
  return out;
}

}  // namespace

PrefixEstimate estimate_prefixes(const PrefixTree& tree, const PrefixSettings& settings) {
  const auto choice = best_choice(tree, settings);
  return estimate_of(tree, settings, choice, choice.saved);
}

PrefixPlan PrefixPlan::make(PrefixTree tree, const PrefixSettings& settings) {
  PrefixPlan plan;
  plan.tree_ = std::move(tree);
  auto choice = best_choice(plan.tree_, settings);
  const bool automatic = settings.mode == CacheMode::kAutomatic;
  plan.marks_max_ = automatic ? 0 : std::min<std::uint32_t>(settings.breakpoints_max, Marks::kMax);
  plan.arrange(settings, choice);
  double saved = plan.schedule_.saved;
  if (settings.route == Route::kBatch && choice.count > 0) {
    std::vector<bool> ruled_out;
    double late = plan.late_readers(settings, choice, ruled_out);
    if (!ruled_out.empty()) {
      choice = choose_prefixes(plan.tree_, settings, choice.terms.option, ruled_out);
      plan.arrange(settings, choice);
      late = choice.count > 0 ? plan.late_readers(settings, choice, ruled_out) : 0;
    }
    saved = plan.schedule_.saved - late;
  }
  // Never dearer than no cache, whatever the limits of a request cost.
  if (choice.count > 0 && saved <= 0) {
    choice.count = 0;
    plan.arrange(settings, choice);
  }
  plan.estimate = estimate_of(plan.tree_, settings, choice, choice.count > 0 ? saved : 0);
  plan.ttl = choice.terms.option.ttl;
  if (choice.count > 0) plan.policy = automatic ? CachePolicy::kUntouched : CachePolicy::kMarked;
  else if (settings.writes_charged && settings.mode != CacheMode::kNone)
    plan.policy = CachePolicy::kSuppressed;
  plan.explain(settings, choice);
  return plan;
}

void PrefixPlan::arrange(const PrefixSettings& settings, const PrefixChoice& choice) {
  schedule_ = {};
  order_ = {};
  primes.clear();
  prime_positions_.clear();
  prime_stages_.clear();
  stages = 1;
  if (choice.count == 0) return;
  schedule_ = make_schedule(tree_, choice, settings);
  if (settings.window_items > 1) order_in_windows(settings.window_items);
  choose_primes(settings, choice);
  if (settings.route == Route::kBatch) order_by_stage();
}

// Inside a batch a reader that follows its writer too closely misses. What that costs in all; and the prefixes, each with all that
// is chosen below it, whose readers would lose more by it than they save (`ruled_out` stays empty when there are none).
double PrefixPlan::late_readers(const PrefixSettings& settings, const PrefixChoice& choice,
                                std::vector<bool>& ruled_out) const {
  const auto& t = choice.terms;
  const auto count = static_cast<std::uint32_t>(size());
  std::vector<std::uint32_t> rank(count);
  for (std::uint32_t k = 0; k < count; ++k) rank[order_.empty() ? k : order_[k]] = k;
  std::vector<double> saved(tree_.nodes.size()), lost(tree_.nodes.size());
  double all_lost = 0;
  for (std::uint32_t position = 0; position < count; ++position) {
    const auto use = use_at(tree_, schedule_, position);
    const auto longest = use.writes.empty() ? use.reads : use.writes.front();
    if (longest == 0) continue;
    const double read = (t.write - t.read) * choice.expected[use.reads];
    const double wrote = (t.write - t.input) * tree_.nodes[longest].tokens;
    saved[longest] += read - wrote;
    if (use.reads == 0) continue;
    const auto writer = schedule_.writer[use.reads];
    if (stage_of(writer) < stage_of(position)) continue;  // primed: it ended before
    if (rank[position] - rank[writer] >= settings.batch_abreast) continue;
    lost[longest] += read;
    all_lost += read;
  }
  // Upwards: a prefix answers for all below it, but no prefix may live on what others save.
  std::vector<std::uint32_t> bad;
  for (std::size_t i = tree_.nodes.size(); i-- > 1;) {
    if (choice.chosen[i] && saved[i] <= lost[i]) {
      bad.push_back(static_cast<std::uint32_t>(i));
      continue;  // it goes with all below it; its parents are judged without it
    }
    saved[tree_.nodes[i].parent] += saved[i];
    lost[tree_.nodes[i].parent] += lost[i];
  }
  if (bad.empty()) return all_lost;
  ruled_out.assign(tree_.nodes.size(), false);
  for (const auto node : bad)
    for (auto i = node; i < tree_.nodes[node].end; ++i) ruled_out[i] = true;
  return all_lost;
}

// Within a window those that wait for nobody come first, then those that wait for them: by levels, depth-first within a level.
void PrefixPlan::order_in_windows(std::uint32_t window) {
  const auto count = static_cast<std::uint32_t>(size());
  order_.reserve(count);
  std::vector<std::uint32_t> level, starts;
  for (std::uint32_t begin = 0; begin < count; begin += std::min(window, count - begin)) {
    const auto end = begin + std::min(window, count - begin);
    level.assign(end - begin, 0);
    std::uint32_t levels = 1;
    for (auto position = begin; position < end; ++position) {
      const auto use = use_at(tree_, schedule_, position);
      if (use.reads == 0 || schedule_.writer[use.reads] < begin) continue;
      auto& own = level[position - begin];
      own = level[schedule_.writer[use.reads] - begin] + 1;
      levels = std::max(levels, own + 1);
    }
    starts.assign(levels + 1, 0);
    for (const auto l : level) ++starts[l + 1];
    for (std::uint32_t l = 0; l < levels; ++l) starts[l + 1] += starts[l];
    order_.resize(end);
    for (auto position = begin; position < end; ++position)
      order_[begin + starts[level[position - begin]]++] = position;
  }
}

void PrefixPlan::choose_primes(const PrefixSettings& settings, const PrefixChoice& choice) {
  const bool batch = settings.route == Route::kBatch;
  const auto items_min = batch ? settings.prime_items_min : 2;
  if (items_min == 0) return;
  // By stage: what is written ahead of a prefix must be written ahead itself.
  for (std::uint32_t stage = 0; stage < (batch ? kStagesMax : 1); ++stage) {
    std::vector<Prime> found;
    for (std::uint32_t i = 1; i < tree_.nodes.size(); ++i) {
      const auto& node = tree_.nodes[i];
      const auto writer = schedule_.writer[i];
      if (!choice.chosen[i] || writer == Schedule::kNever || node.items < items_min) continue;
      const auto reads = use_at(tree_, schedule_, writer).reads;
      const bool ready =
          stage == 0 ? reads == 0 : reads != 0 && stage_of(schedule_.writer[reads]) == stage - 1;
      if (!ready || stage_of(writer) < stage) continue;
      found.push_back({.item = schedule_.item_at[writer],
                       .stage = stage,
                       .prefix = node.hash,
                       .tokens = node.tokens,
                       .items = node.items});
    }
    const auto value = [](const Prime& p) { return std::uint64_t{p.tokens} * p.items; };
    std::ranges::sort(found, [&](const auto& a, const auto& b) {
      return value(a) != value(b) ? value(a) > value(b) : a.item < b.item;
    });
    if (found.size() + primes.size() > kPrimesMax) found.resize(kPrimesMax - primes.size());
    if (found.empty()) break;
    primes.insert(primes.end(), found.begin(), found.end());
    if (!batch) return;
    stages = stage + 2;
    for (const auto& prime : found) {
      const auto& nodes = tree_.item_node[prime.item];
      auto position = schedule_.begin[nodes];
      while (schedule_.item_at[position] != prime.item) ++position;
      const auto place = std::ranges::lower_bound(prime_positions_, position);
      if (place != prime_positions_.end() && *place == position) continue;
      prime_stages_.insert(prime_stages_.begin() + (place - prime_positions_.begin()), stage);
      prime_positions_.insert(place, position);
    }
  }
}

std::uint32_t PrefixPlan::stage_of(std::uint32_t position) const {
  const auto place = std::ranges::lower_bound(prime_positions_, position);
  if (place == prime_positions_.end() || *place != position) return kStagesMax;
  return prime_stages_[static_cast<std::size_t>(place - prime_positions_.begin())];
}

void PrefixPlan::order_by_stage() {
  if (prime_positions_.empty()) return;
  const auto before = std::move(order_);
  const auto count = static_cast<std::uint32_t>(size());
  order_ = {};
  order_.reserve(count);
  for (std::uint32_t stage = 0; stage + 1 < stages; ++stage)
    for (std::size_t i = 0; i < prime_positions_.size(); ++i)
      if (prime_stages_[i] == stage) order_.push_back(prime_positions_[i]);
  for (std::uint32_t k = 0; k < count; ++k) {
    const auto position = before.empty() ? k : before[k];
    if (!std::ranges::binary_search(prime_positions_, position)) order_.push_back(position);
  }
}

// What is written, what is read unless a look-back finds it, and with the breakpoints that are left the prefixes above: they keep
// those alive, and are found where the longer one was lost.
Marks PrefixPlan::marks_of(const ItemUse& use, std::uint32_t position) const {
  Marks marks;
  for (const auto node : use.writes)
    if (marks.count < marks_max_) marks.block[marks.count++] = tree_.nodes[node].blocks - 1;
  for (auto node = use.reads; node != 0 && marks.count < marks_max_;
       node = schedule_.nearest[tree_.nodes[node].parent])
    if (schedule_.writer[node] < position)
      marks.block[marks.count++] = tree_.nodes[node].blocks - 1;
  std::reverse(marks.block.begin(), marks.block.begin() + marks.count);
  return marks;
}

Placement PrefixPlan::at(std::size_t k) const {
  Placement out;
  const auto position = order_.empty() ? static_cast<std::uint32_t>(k) : order_[k];
  if (schedule_.item_at.empty()) {
    out.item = position;
    return out;
  }
  out.item = schedule_.item_at[position];
  const auto use = use_at(tree_, schedule_, position);
  if (use.reads != 0) out.waits_for = schedule_.item_at[schedule_.writer[use.reads]];
  out.marks = marks_of(use, position);
  const auto longest = use.writes.empty() ? use.reads : use.writes.front();
  if (longest != 0) out.prefix = tree_.nodes[longest].hash;
  if (stages > 1) out.stage = std::min(stage_of(position), stages - 1);
  return out;
}

std::size_t PrefixPlan::memory_bytes() const {
  return tree_.memory_bytes() +
         sizeof(std::uint32_t) *
             (schedule_.begin.capacity() + schedule_.writer.capacity() +
              schedule_.nearest.capacity() + schedule_.item_at.capacity() + order_.capacity());
}

}  // namespace weir::plan
