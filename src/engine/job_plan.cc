// The job's plan: its items are read once, their shared prefixes found, and from them follow the route, the order and the marks.
#include <fmt/format.h>

#include <algorithm>

#include "engine/job_engine.h"
#include "plan/probe.h"

namespace weir::engine {
namespace {

// Items read in one turn: the driver answers commands in between.
constexpr std::uint64_t kReadPerTurn = 20'000;

}  // namespace

plan::PlanInput JobEngine::plan_input(Time now) const {
  return {
      .provider = parts_.provider,
      .model = parts_.model,
      .wish = options_.wish,
      .shape = job_.shape,
      .now = now,
      .deadline = options_.deadline,
      .sync_time = sync_time(job_.items),
      .caching = options_.caching,
      .batch_hit_rate = parts_.known_hits
                            ? parts_.known_hits->observed(
                                  hits_key(), parts_.provider.cache.batch_hit_rate_expected, now)
                            : std::nullopt,
      .batch_needs = provider::batch_needs(parts_.provider, parts_.credentials.settings),
      .answer_format = formats_};
}

plan::PrefixStats::Key JobEngine::hits_key() const {
  return {.account = hits_account_, .model = parts_.model.name, .route = llm::Route::kBatch};
}

// The catalogue's rate, corrected by what was seen.
plan::HitRate JobEngine::expected_hits(Time now) const {
  const double rate = parts_.provider.cache.batch_hit_rate_expected;
  return parts_.known_hits ? parts_.known_hits->expected(hits_key(), rate, now)
                           : plan::corrected(rate, {});
}

// One turn of planning. What an earlier process read is read again: nothing has been sent yet.
Result<void> JobEngine::plan_job(Time now) {
  if (!planning_) {
    planning_.emplace(parts_.adapter);
    job_.shape = {.items = job_.items};
    WEIR_CHECK(plan_->restart());
  }
  auto& p = *planning_;
  const auto chunk_end = std::min(job_.items, p.first + plan::kPlannedAtOnce);
  for (std::uint64_t count = 0; p.next < chunk_end && count < kReadPerTurn; ++count)
    WEIR_CHECK(plan_item(p.next++));
  if (p.next < chunk_end) return {};
  const bool first_chunk = p.first == 0;
  if (first_chunk) WEIR_CHECK(decide(now));
  else WEIR_CHECK(order_chunk(plan::PrefixPlan::make(p.trie.finish(), later_settings(now))));
  p.first = p.next;
  p.trie = plan::PrefixTrie();
  if (p.next < job_.items) return {};
  if (contents_wanted()) job_.head = p.heads.head();
  planning_.reset();
  job_.planned = job_dirty_ = true;
  sync_primed_ = !prefixes_shared();
  return commit_now("plan");
}

// Items that are not sent have no blocks.
Result<void> JobEngine::plan_item(std::uint64_t item) {
  auto& p = *planning_;
  WEIR_TRY(const bool open, is_open(item));
  auto source_item = open ? parts_.source.item(item) : Result<Item>(Item{});
  if (!open || !source_item || source_item->rejected) {
    p.trie.add({});
    return {};
  }
  // Where a batch was asked for, a request that it cannot be told fails by itself.
  if (options_.wish != plan::RouteWish::kBatch) formats_ |= source_item->request.format.has_value();
  p.trie.add(p.blocks.of(source_item->request, item));
  job_.shape.prompt_tokens += p.blocks.tokens();
  if (contents_wanted()) p.heads.add(source_item->request);
  return {};
}

// With the first chunk known (as a rule it is the whole job): the route, and what goes ahead of the bulk.
Result<void> JobEngine::decide(Time now) {
  auto& p = *planning_;
  auto input = plan_input(now);
  // The rest is taken for more of the same.
  if (p.next < job_.items)
    input.shape.prompt_tokens =
        static_cast<std::uint64_t>(static_cast<double>(input.shape.prompt_tokens) /
                                   static_cast<double>(p.next) * static_cast<double>(job_.items));
  WEIR_TRY(auto planned, plan::plan_job(input, p.trie.finish()));
  job_.plan = std::move(planned.job);
  job_.bound_sync = planned.bound_sync;
  job_.bound_batch = planned.bound_batch;
  if (input.batch_hit_rate && options_.caching && job_.plan.route == llm::Route::kBatch)
    reason(
        fmt::format("cache: a hit rate of {:.0f} % is expected by the {:.0f} answers seen lately; "
                    "the catalogue says {:.0f} %",
                    *input.batch_hit_rate * 100, parts_.known_hits->seen(hits_key(), now).requests,
                    parts_.provider.cache.batch_hit_rate_expected * 100));
  reason(fmt::format("route {}: {}", llm::to_string(job_.plan.route), job_.plan.reason));
  if (options_.caching)
    for (const auto& why : planned.prefixes.reasons) reason("cache: " + why);
  else reason("cache: " + job_.plan.cache.reason);
  plan_stages(planned.prefixes, now);
  return order_chunk(planned.prefixes);
}

// Of a job that is planned in several chunks: the same route and rules, and nothing goes ahead any more.
plan::PrefixSettings JobEngine::later_settings(Time now) const {
  auto settings = plan::settings_of(plan_input(now), job_.plan.route);
  settings.prime_items_min = 0;
  return settings;
}

// Batches that go ahead of the bulk: those that write prefixes, and the probe behind them.
void JobEngine::plan_stages(const plan::PrefixPlan& prefixes, Time now) {
  if (job_.plan.route != llm::Route::kBatch) return;
  std::uint64_t place = 0;
  for (std::uint32_t stage = 0; stage + 1 < prefixes.stages; ++stage) {
    while (place < prefixes.size() && prefixes.at(place).stage == stage) ++place;
    job_.stages.push_back({.end = place});
  }
  if (prefixes.policy != llm::CachePolicy::kMarked) return;
  const auto rate = expected_hits(now);
  const plan::ProbeInput input{
      .items = job_.items,
      .hit_rate = rate,
      .hit_rate_break_even = prefixes.estimate.hit_rate_break_even,
      .until_deadline = options_.deadline ? std::optional(*options_.deadline - now) : std::nullopt,
      .batch_window = parts_.provider.batch->window};
  const auto probe = plan::plan_probe(input);
  // Only an item that reads what another wrote tells anything; what comes before it in the order goes along.
  const auto most =
      place + static_cast<std::uint64_t>(static_cast<double>(job_.items) * plan::kProbeShareMax);
  std::uint64_t readers = 0;
  auto end = place;
  while (end < std::min<std::uint64_t>(most, prefixes.size()) && readers < probe.items)
    if (prefixes.at(end++).waits_for != plan::Placement::kNobody) ++readers;
  if (probe.items == 0) return reason("cache: " + probe.reason);
  if (readers < plan::kProbeItemsMin)
    return reason("cache: no probe: too few of the first items read what others write");
  if (end - place < parts_.provider.batch->requests_min)
    return reason("cache: no probe: the provider takes no batch so small");
  reason("cache: " + probe.reason);
  job_.stages.push_back({.end = end, .probe = true});
}

// Appends the order of the items at hand, unless it is the input's and each marks its first block: then nothing need be kept.
Result<void> JobEngine::order_chunk(const plan::PrefixPlan& prefixes) {
  auto& p = *planning_;
  const bool marks = prefixes.policy == llm::CachePolicy::kMarked;
  auto writer = PlanEntry::kNobody;
  const auto plain = [&](std::size_t k) {
    const auto place = prefixes.at(k);
    if (place.item != k) return false;
    if (marks && PackedMarks::of(place.marks) != PackedMarks()) return false;
    if (place.waits_for == PlanEntry::kNobody) return true;
    if (writer == PlanEntry::kNobody) writer = place.waits_for;
    return place.waits_for == writer;
  };
  bool ordered = job_.ordered;
  for (std::size_t k = 0; !ordered && k < prefixes.size(); ++k) ordered = !plain(k);
  if (!ordered) {
    if (p.first == 0) job_.writer = writer;
    return {};
  }
  if (!job_.ordered)
    for (std::uint64_t place = 0; place < p.first; ++place)
      WEIR_CHECK(
          plan_->append({.item = static_cast<std::uint32_t>(place), .waits_for = job_.writer}));
  job_.ordered = true;
  const auto base = static_cast<std::uint32_t>(p.first);
  for (std::size_t k = 0; k < prefixes.size(); ++k) {
    const auto place = prefixes.at(k);
    const bool waits = place.waits_for != PlanEntry::kNobody;
    WEIR_CHECK(plan_->append({.item = base + place.item,
                              .waits_for = waits ? base + place.waits_for : PlanEntry::kNobody,
                              .marks = PackedMarks::of(place.marks)}));
  }
  return {};
}

Result<PlanEntry> JobEngine::member(const MemberRange& range, std::uint64_t sequence) {
  WEIR_TRY(auto entry, plan_->member(range, sequence));
  if (!range.planned && entry.item != job_.writer) entry.waits_for = job_.writer;
  return entry;
}

// An item of which only the number is known: in a job with an order of its own nothing says what it shares.
PlanEntry JobEngine::unplaced(std::uint64_t item) const {
  return {.item = static_cast<std::uint32_t>(item),
          .marks = job_.ordered ? PackedMarks::none() : PackedMarks()};
}

// For the statistics: told when it is committed that they have it, so that a death loses some rather than counts them twice.
void JobEngine::tell_hits(Time now) {
  if (!parts_.new_hits || job_.plan.route != llm::Route::kBatch ||
      job_.reads.due <= job_.reads_told.due)
    return;
  hits_untold_.push_back({job_.reads.due - job_.reads_told.due,
                          job_.reads.hits - std::min(job_.reads.hits, job_.reads_told.hits), now});
  job_.reads_told = job_.reads;
  job_dirty_ = must_commit_ = true;
}

// Marks that cost more than they save are set no more.
void JobEngine::observe_reads() {
  constexpr std::uint64_t kDueMin = 20;
  if (!job_.marking || job_.plan.cache.policy != llm::CachePolicy::kMarked ||
      job_.reads.due < kDueMin)
    return;
  const double seen = static_cast<double>(job_.reads.hits) / static_cast<double>(job_.reads.due);
  if (plan::marking_pays(job_.plan.cache, seen)) return;
  job_.marking = false;
  reason(
      fmt::format("the cache hit rate was {:.0f} %, below the break-even of {:.0f} %: later "
                  "requests are not marked",
                  seen * 100, job_.plan.cache.hit_rate_break_even * 100));
}

void JobEngine::judge_probe() {
  const auto after =
      plan::after_probe({.items = job_.items,
                         .hit_rate = plan::corrected(job_.plan.cache.hit_rate_expected, {}),
                         .hit_rate_break_even = job_.plan.cache.hit_rate_break_even},
                        job_.reads.hits, job_.reads.due);
  job_.marking = job_.marking && after.mark;
  reason("cache: " + after.reason);
}

}  // namespace weir::engine
