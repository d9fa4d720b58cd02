// The standard API: items of a sync job, and single items that left a batch.
#include <fmt/format.h>

#include <algorithm>

#include "cost/pricing.h"
#include "engine/job_engine.h"
#include "provider/http_error.h"

namespace weir::engine {
namespace {
// From this many single items on, a shared prefix is marked for them as well.
constexpr std::uint64_t kFallbackMarkMin = 3;

// Refused for the account's sake, not the item's: every other request would be refused as well. A 402 is unpaid; a 429 that is
// not worth a retry is an exhausted quota or spend limit.
bool concerns_account(const Error& error) {
  if (error.kind == ErrorKind::kUnauthenticated || error.http_status == 402) return true;
  return error.http_status == 429 && !retryable(error.kind);
}

}  // namespace

// The request with the job's cache plan applied. `marked` tells whether a mark of ours is in it.
llm::Request JobEngine::prepared(Item item, PackedMarks marks, const plan::CachePlan& cache,
                                 bool* marked) const {
  auto& request = item.request;
  request.model = parts_.model.name;
  if (!request.output_max && !request.raw) request.output_max = options_.output_max;
  if (!request.raw && llm::has_marks(request)) {  // the caller's own: ours stay away
    *marked = false;
    llm::join_pieces(request);
    request.cache = llm::CachePolicy::kMarked;
    return std::move(request);
  }
  const bool mark = job_.marking && cache.policy == llm::CachePolicy::kMarked;
  const auto places = mark ? marks.places() : std::vector<std::uint32_t>();
  *marked = plan::apply_marks(request, places, cache.ttl, parts_.adapter) > 0;
  request.cache = cache.policy;
  if (cache.policy == llm::CachePolicy::kMarked && !*marked)
    request.cache = parts_.model.automatic_writes_charged ? llm::CachePolicy::kSuppressed
                                                          : llm::CachePolicy::kUntouched;
  return std::move(request);
}

// What holds for requests by the standard API: of single items that leave a batch job, whether their marks pay there.
const plan::CachePlan& JobEngine::sync_cache(Time now) {
  if (job_.plan.route == llm::Route::kSync) return job_.plan.cache;
  if (fallback_cache_) return *fallback_cache_;
  const auto items = retry_due_.size() + 1 + (rest_standard_ ? job_.items - job_.next_place : 0);
  const auto shared = job_.bound_batch.written + job_.bound_batch.read;
  fallback_cache_ = plan::plan_singles(plan_input(now), items < kFallbackMarkMin ? 1 : items,
                                       shared / std::max<std::uint64_t>(job_.items, 1));
  return *fallback_cache_;
}

Money JobEngine::ceiling_of(const llm::Request& request, llm::Route route, std::uint64_t bytes,
                            Time now) const {
  Tokens output = request.output_max.value_or(parts_.model.output_max.value_or(Tokens{128'000}));
  json::Parser parser;
  if (const auto body = parser.parse(request.raw ? request.raw->bytes : "{}");
      body && request.raw) {
    for (const auto* key : {"max_completion_tokens", "max_tokens", "max_output_tokens"})
      if (const auto max = (*body)[key].integer(); max && !request.output_max) output = {*max};
    // So many answers to one prompt, each as long.
    output.count *= std::clamp<std::int64_t>((*body)["n"].integer_or(1), 1, 1000);
  }
  return cost::ceiling_of(bytes, output, parts_.model.price_at(now), route);
}

bool JobEngine::affordable(Money ceiling) const {
  if (!options_.spend_max) return true;
  MoneySum committed = totals_.spent + totals_.exposure + MoneySum{reserved_.pico};
  if (filling_) committed += filling_->state.ceiling;
  return committed + MoneySum{ceiling.pico} <= MoneySum{options_.spend_max->pico};
}

std::optional<std::uint64_t> JobEngine::next_retry(Time now) {
  for (auto& [item, due] : retry_due_)
    if (due <= now) return item;
  return std::nullopt;
}

Result<void> JobEngine::send_sync(Time now) {
  const bool sync_job = job_.plan.route == llm::Route::kSync || rest_standard_;
  if (content_holds(now)) return {};
  while (!spend_stopped_ && !spend_waits_ && parts_.journal.free_slots() > 0) {
    // The first answer begins before the fan-out: a cache entry is readable only from then on.
    if (sync_job && !sync_primed_ && !flights_.empty()) break;
    const auto retry = next_retry(now);
    if (!retry && (!sync_job || job_.next_place >= job_.items)) break;
    if (flights_.size() >= options_.concurrency_max) break;
    if (!account_->may_send(seat_, request_tokens_, now)) return {};  // it calls when it may
    if (retry) {
      retry_due_.erase(*retry);
      auto entry = unplaced(*retry);
      if (const auto row = deviating_.find(*retry); row != deviating_.end())
        entry.marks = PackedMarks::from_bits(row->second.marks);
      WEIR_TRY(const bool sent, send_item(entry, now));
      if (sent) continue;
      retry_due_[*retry] = now;
      break;
    }
    WEIR_TRY(const bool passed, send_place(now));
    if (!passed) break;
  }
  account_->rest(seat_);
  return {};
}

bool JobEngine::in_flight(std::uint64_t item) const {
  return std::ranges::any_of(flights_, [&](const auto& f) { return f.second.item == item; });
}

// The next place of the order. False: it has to wait, for the item that writes what this one reads or for money.
Result<bool> JobEngine::send_place(Time now) {
  WEIR_TRY(const auto entry, member(order(), job_.next_place));
  WEIR_TRY(const bool open, is_open(entry.item));
  if (open && !deviating_.contains(entry.item) && !in_flight(entry.item)) {
    if (entry.waits_for != PlanEntry::kNobody && in_flight(entry.waits_for)) return false;
    WEIR_TRY(const bool sent, send_item(entry, now));
    if (!sent) return false;
  }
  ++job_.next_place;
  job_dirty_ = true;
  return true;
}

// False: not sent because the spend limit is reached.
Result<bool> JobEngine::send_item(const PlanEntry& entry, Time now) {
  const auto item = entry.item;
  auto source_item = parts_.source.item(item);
  if (!source_item) {
    WEIR_CHECK(end_rejected(item, {}, source_item.error()));
    return true;
  }
  if (source_item->rejected) {
    WEIR_CHECK(end_rejected(item, *source_item, *source_item->rejected));
    return true;
  }
  Flight flight{.item = item, .sent_at = now, .marks = entry.marks};
  const auto id = source_item->id;
  const auto line = source_item->line;
  const auto request =
      prepared(std::move(*source_item), entry.marks, sync_cache(now), &flight.marked);
  flight.reads = flight.marked && entry.waits_for != PlanEntry::kNobody;
  flight.attempt = AttemptId::make(now, parts_.random);
  auto plan = encode_attempt(request, flight, now);
  if (!plan) {
    WEIR_CHECK(end_rejected(item, {.id = id, .line = line}, plan.error()));
    return true;
  }
  // What a cached content holds counts as if it were sent.
  const auto held =
      flight.content == 0 ? 0 : static_cast<std::uint64_t>(content_->state.tokens.count);
  flight.ceiling = ceiling_of(request, llm::Route::kSync, plan->content_length() + held, now);
  if (!affordable(flight.ceiling)) {
    spend_waits_ = true;  // what runs may yet free its reserve
    spend_stopped_ = flights_.empty() && running() == 0 && !filling_;
    return false;
  }
  flight.sequence = next_sequence_++;
  WEIR_TRY(flight.slot,
           parts_.journal.intent(flight.sequence, flight.attempt, item, flight.ceiling, now));
  reserve(flight.ceiling);
  request_tokens_ = static_cast<std::uint64_t>(cost::estimate_tokens(plan->content_length()).count);
  account_->sent(seat_, request_tokens_, now);
  const auto call = next_call_++;
  flights_.emplace(call, flight);
  calls_.push_back(
      {.id = call, .kind = Call::Kind::kSync, .plan = std::move(*plan), .operation = "sync"});
  return true;
}

Result<void> JobEngine::sync_answer(const Flight& flight, const http::Response& response,
                                    Time now) {
  auto decoded = parts_.adapter.decode_sync(response, now);
  if (!decoded) {
    WEIR_TRY(const bool plainly, refused_with_content(flight, decoded.error(), now));
    if (plainly) return {};
    // A 2xx that cannot be read was answered, so it was billed: by how much is unknown.
    const bool answered = response.status >= 200 && response.status < 300;
    return sync_failed(
        flight, decoded.error(),
        answered ? JournalEntry::Outcome::kUnknown : JournalEntry::Outcome::kNotBilled, now);
  }
  sync_primed_ = true;
  if (flight.reads && job_.plan.route == llm::Route::kSync) {
    ++job_.reads.due;
    if (decoded->usage.cache_read.count > 0) ++job_.reads.hits;
    observe_reads();
  }
  sync_latency_ += (now - flight.sent_at - sync_latency_) / 8;
  account_->succeeded();
  const auto priced_at = decoded->created.value_or(now);
  const auto usage = decoded->usage;
  content_read(flight, usage, priced_at);
  WEIR_CHECK(end_answered(std::move(*decoded), llm::Route::kSync,
                          {.sequence = flight.sequence,
                           .attempt = flight.attempt,
                           .item = flight.item,
                           .priced_at = priced_at},
                          flight.attempt.text(), flight.marked));
  parts_.journal.outcome(flight.slot, JournalEntry::Outcome::kBilled, priced_at, usage);
  slots_settled_.push_back(flight.slot);
  return {};
}

Result<void> JobEngine::sync_failed(const Flight& flight, const Error& error,
                                    JournalEntry::Outcome outcome, Time now) {
  parts_.journal.outcome(flight.slot, outcome, now, {});
  slots_settled_.push_back(flight.slot);
  if (outcome == JournalEntry::Outcome::kUnknown)
    book({.sequence = flight.sequence,
          .attempt = flight.attempt,
          .item = flight.item,
          .outcome = cost::LedgerEntry::Outcome::kUnknown,
          .priced_at = now,
          .cost = flight.ceiling});
  const bool limited = error.kind == ErrorKind::kRateLimited;
  if (limited) {
    account_->limited(error, parts_.random, now);
    reason("the provider limited the rate: concurrency was halved and requests waited as it asked");
  }
  if (concerns_account(error)) stopped_ = error;
  WEIR_TRY(const auto end, log_->end_of(flight.item));
  if (end != ItemEnd::kNone) return {};  // a row of its batch came after all
  auto& row = deviate({.item = static_cast<std::uint32_t>(flight.item), .marks = flight.marks},
                      ItemRow::State::kRetrySync, error.message);
  const bool never_sent = error.kind == ErrorKind::kUnavailable && error.http_status == 0;
  if (limited || never_sent) {
    const auto waits = ++rate_limited_[flight.item];
    if (waits > kRateLimitedMax) return end_failed(flight.item, flight.sequence, error);
    retry_due_[flight.item] = now + backoff(never_sent ? waits : 0, error, parts_.random);
    if (never_sent) account_->pause(retry_due_[flight.item]);
    return {};
  }
  if (concerns_account(
          error)) {  // not the item's fault: the next process tries it as if this had not been
    retry_due_[flight.item] = now;
    return {};
  }
  ++row.attempts;
  if (!retryable(error.kind) || row.attempts >= options_.attempts_max)
    return end_failed(flight.item, flight.sequence, error);
  retry_due_[flight.item] = now + backoff(row.attempts, error, parts_.random);
  return {};
}

Result<void> JobEngine::take_answer(std::uint64_t call, http::Response response, Time now) {
  if (response.headers.find("x-weir-simulated")) {
    job_dirty_ = job_dirty_ || !job_.simulated;
    job_.simulated = true;
  }
  if (const auto found = flights_.find(call); found != flights_.end()) {
    const Flight flight = found->second;
    flights_.erase(found);
    release(flight.ceiling);
    account_->over(seat_);
    account_->observed(parts_.adapter.rate_limits(response.headers, now));
    return sync_answer(flight, response, now);
  }
  if (content_ && content_->call == call) return content_answer(response, now);
  const auto batch = batch_calls_.find(call);
  if (batch == batch_calls_.end()) return {};
  auto& run = batches_.at(batch->second);
  batch_calls_.erase(batch);
  if (!run.artefact.empty())
    return artefact_failed(run, provider::error_of_status(response, now), now);
  return feed(run, {.kind = provider::BatchEvent::Kind::kAnswer, .response = std::move(response)},
              now);
}

Result<void> JobEngine::take_failure(std::uint64_t call, const Error& error, Time now) {
  const bool not_sent =
      error.kind == ErrorKind::kUnavailable || error.kind == ErrorKind::kUnauthenticated;
  if (const auto found = flights_.find(call); found != flights_.end()) {
    const Flight flight = found->second;
    flights_.erase(found);
    release(flight.ceiling);
    account_->over(seat_);
    if (not_sent) return sync_failed(flight, error, JournalEntry::Outcome::kNotBilled, now);
    Error unknown = error;
    unknown.kind = ErrorKind::kDeadlineExceeded;
    return sync_failed(flight, unknown, JournalEntry::Outcome::kUnknown, now);
  }
  if (content_ && content_->call == call) return content_failure(error, not_sent, now);
  const auto batch = batch_calls_.find(call);
  if (batch == batch_calls_.end()) return {};
  auto& run = batches_.at(batch->second);
  batch_calls_.erase(batch);
  if (!run.artefact.empty()) return artefact_failed(run, error, now);
  using Kind = provider::BatchEvent::Kind;
  return feed(run, {.kind = not_sent ? Kind::kNotSent : Kind::kLost, .error = error}, now);
}

}  // namespace weir::engine
