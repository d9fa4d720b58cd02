// What the provider says of a cached content, and of the requests that named one.
#include <fmt/format.h>

#include <algorithm>

#include "cost/pricing.h"
#include "engine/job_engine.h"

namespace weir::engine {
namespace {

constexpr std::chrono::seconds kListAgainMin{2}, kListAgainMax{60};
constexpr std::chrono::seconds kTryAgain{2};
constexpr std::uint32_t kDeleteTriesMax = 3, kCreatesFailedMax = 3;
// Tokens of roles and tools around the texts, where nobody tells how many there are.
constexpr std::int64_t kScaffoldMax = 2000;
// So many requests in a row that are refused with it, and none that is not: it is not their fault.
constexpr std::uint32_t kRefusedMax = 3;

bool is_success(int status) { return status >= 200 && status < 300; }
// Never there, expired, deleted; or another project's, which cannot be told apart.
bool is_gone(int status) { return status == 403 || status == 404; }

std::optional<Time> told_at(const http::Response& response) {
  const auto date = response.headers.find("date");
  return date ? parse_http_date(*date) : std::nullopt;
}

}  // namespace

Result<void> JobEngine::content_answer(const http::Response& response, Time now) {
  auto& run = *content_;
  run.call = 0;
  run.dirty = true;
  using Asked = ContentRun::Asked;
  switch (run.asked) {
    case Asked::kList: return content_listed(response, now);
    case Asked::kExtend: return content_extended(response, now);
    case Asked::kDelete: return content_deleted(response, now);
    case Asked::kCreate: break;
  }
  auto made = parts_.adapter.cached_contents()->decode_content(response, now);
  if (made) return content_made(*made, response, now);
  // An answer that cannot be read, and one that something in between may have given.
  if (is_success(response.status) || response.status >= 500 || response.status == 408)
    content_doubt(fmt::format("its create was answered {}", response.status), now);
  else content_refused(made.error(), now);
  return {};
}

Result<void> JobEngine::content_failure(const Error& error, bool not_sent, Time now) {
  auto& run = *content_;
  run.call = 0;
  run.dirty = true;
  using Asked = ContentRun::Asked;
  const Time again = now + kTryAgain * (std::int64_t{1} << std::min(run.tries, 5U));
  switch (run.asked) {
    case Asked::kCreate:
      if (not_sent) content_refused(error, now);
      else content_doubt("the answer to its create was lost", now);
      return {};
    case Asked::kList:
      ++run.tries;
      run.wake_at = std::min<Time>(again, now + kListAgainMax);
      return {};
    case Asked::kExtend: run.wake_at = again; return {};
    case Asked::kDelete: break;
  }
  run.delete_heard = run.delete_heard || !not_sent;
  run.wake_at = again;
  if (++run.tries < kDeleteTriesMax) return {};
  reason("cache: the cached content could not be deleted, and is left to expire: " + error.message);
  end_content(run.state.expires_max(), false);
  return {};
}

// Created, found or extended: what the provider tells of its life counts from what its clock says now.
void JobEngine::content_told(const provider::CachedContent& told, const http::Response& response,
                             Time now) {
  auto& state = content_->state;
  state.expires = told.expires;
  const auto at = told_at(response);
  const auto left = at ? told.expires - *at : state.ttl - (now - content_->asked_at);
  state.lives_until = now + std::min<Duration>(left, state.ttl);
}

Result<void> JobEngine::content_made(const provider::CachedContent& made,
                                     const http::Response& response, Time now) {
  auto& run = *content_;
  auto& state = run.state;
  const auto bound = cost::ceiling_of(state.head_bytes, Tokens{0},
                                      parts_.model.price_at(state.begun_at), llm::Route::kSync);
  state.counted = made.tokens.count > 0;
  state.tokens = state.counted ? made.tokens
                               : Tokens{static_cast<std::int64_t>(state.head_bytes) + kScaffoldMax};
  state.name = made.name;
  state.created = made.created;
  content_told(made, response, now);
  run.in_doubt = false;
  run.tries = 0;
  content_failures_ = 0;
  cost::LedgerEntry entry{.sequence = state.create_sequence,
                          .kind = cost::LedgerEntry::Kind::kContentWrite,
                          .attempt = state.attempt,
                          .item = state.number,
                          .priced_at = made.created};
  if (state.counted) {
    const auto& row = parts_.model.price_at(made.created);
    entry.usage.cache_write = made.tokens;
    entry.cost = made.tokens * cost::rates_for(row, llm::Route::kSync, made.tokens).input;
  } else {
    entry.outcome = cost::LedgerEntry::Outcome::kUnknown;
    entry.cost = bound;
  }
  state.written = entry.cost;
  book(entry);
  state.phase = ContentPhase::kReady;
  reserve_content(content_ceiling(state, state.ttl));
  must_commit_ = job_dirty_ = true;
  sync_primed_ = true;  // what all share is written
  if (!state.counted) stop_content("the provider does not say how many tokens it holds", now);
  return {};
}

// It may have been made: looked for by its name, and not made again.
void JobEngine::content_doubt(std::string_view why, Time now) {
  auto& run = *content_;
  run.in_doubt = true;
  run.doubt_since = run.state.begun_at;
  run.wake_at = now;
  reason(fmt::format("cache: {}: the cached content is looked for by its name", why));
}

Result<void> JobEngine::content_listed(const http::Response& response, Time now) {
  auto& run = *content_;
  const auto page = parts_.adapter.cached_contents()->decode_list(response, now);
  if (!page) {
    ++run.tries;
    run.wake_at = now + kListAgainMax;
    return {};
  }
  const auto name = run.state.display_name();
  for (const auto& content : page->contents)
    if (content.display_name == name) {
      reason("cache: the cached content was found by its name");
      return content_made(content, response, now);
    }
  if (!page->next.empty()) return list_contents(page->next, now);
  if (now - run.doubt_since >= parts_.provider.cache.contents->create_visibility_max) {
    // What is not listed while it would still live was not made. Of an earlier process's create nobody knows when that was.
    const bool of_this_process = run.doubt_since == run.state.begun_at;
    if (of_this_process && now - run.state.begun_at < run.state.ttl)
      content_not_made("it is not listed, so it was not made");
    else content_lost();
    return {};
  }
  const auto wait = kListAgainMin * (std::int64_t{1} << std::min(run.tries++, 5U));
  run.wake_at = now + std::min(wait, kListAgainMax);
  return {};
}

// Nothing was made, so there is nothing to pay.
void JobEngine::content_not_made(std::string why) {
  auto& run = *content_;
  reason("cache: no cached content: " + why);
  release(run.state.ceiling);
  run.state.ceiling = {};
  run.state.reason = std::move(why);
  run.state.phase = ContentPhase::kGone;
  run.dirty = must_commit_ = job_dirty_ = true;
}

void JobEngine::content_refused(const Error& error, Time now) {
  const bool passes =
      error.kind == ErrorKind::kRateLimited || error.kind == ErrorKind::kUnavailable;
  content_failures_ += passes ? 1 : kCreatesFailedMax;
  contents_off_ = content_failures_ >= kCreatesFailedMax;
  content_considered_ = 0;
  content_pause_until_ = now + backoff(content_failures_, error, parts_.random);
  content_not_made(error.message);
}

Result<void> JobEngine::content_extended(const http::Response& response, Time now) {
  auto& run = *content_;
  const auto told = parts_.adapter.cached_contents()->decode_content(response, now);
  if (told) {
    content_told(*told, response, now);
    run.state.extended_to.reset();
    run.tries = 0;
    must_commit_ = true;
    return {};
  }
  if (is_gone(response.status)) {
    stop_content("it was gone before it could be extended", now);
    return {};
  }
  run.wake_at = now + kTryAgain * (std::int64_t{1} << std::min(run.tries, 5U));
  return {};
}

Result<void> JobEngine::content_deleted(const http::Response& response, Time now) {
  auto& run = *content_;
  const auto at = told_at(response);
  const auto& state = run.state;
  if (is_success(response.status)) {
    end_content(at.value_or(state.expires_max()), at.has_value());
  } else if (is_gone(response.status)) {
    const bool expired = !state.extended_to && at &&
                         unix_seconds(*at) >= unix_seconds(state.expires) && !run.delete_heard;
    end_content(expired ? state.expires : state.expires_max(), expired);
  } else if (++run.tries >= kDeleteTriesMax) {
    reason(fmt::format(
        "cache: the cached content could not be deleted, and is left to expire: the provider "
        "answered {}",
        response.status));
    end_content(state.expires_max(), false);
  } else {
    run.wake_at = now + kTryAgain * (std::int64_t{1} << std::min(run.tries, 5U));
  }
  return {};
}

// It is kept no more from `until` on, by the provider's clock; where that is not known, at the latest.
void JobEngine::end_content(Time until, bool known) {
  auto& run = *content_;
  auto& state = run.state;
  known = known && state.counted;
  const auto& row = parts_.model.price_at(state.created);
  // Whole seconds of the provider's clock, as far as they can be told.
  const std::chrono::seconds kept{unix_seconds(until) - unix_seconds(state.created) +
                                  (known ? 0 : 1)};
  const auto cost =
      cost::storage_cost(state.tokens, kept, row.cache_storage_hour.value_or(Price{}));
  state.stored = cost;
  book({.sequence = state.store_sequence,
        .kind = cost::LedgerEntry::Kind::kContentStore,
        .attempt = state.attempt,
        .item = state.number,
        .outcome =
            known ? cost::LedgerEntry::Outcome::kBilled : cost::LedgerEntry::Outcome::kUnknown,
        .priced_at = state.created,
        .cost = cost});
  release(state.ceiling);
  state.ceiling = {};
  state.phase = ContentPhase::kGone;
  content_considered_ = 0;
  run.dirty = must_commit_ = job_dirty_ = true;
}

// It is never known whether it was made: the most that it can have cost is shown as exposure.
void JobEngine::content_lost() {
  auto& run = *content_;
  auto& state = run.state;
  const auto& row = parts_.model.price_at(state.begun_at);
  const auto write = cost::ceiling_of(state.head_bytes, Tokens{0}, row, llm::Route::kSync);
  cost::LedgerEntry entry{.sequence = state.create_sequence,
                          .kind = cost::LedgerEntry::Kind::kContentWrite,
                          .attempt = state.attempt,
                          .item = state.number,
                          .outcome = cost::LedgerEntry::Outcome::kUnknown,
                          .priced_at = state.begun_at,
                          .cost = write};
  book(entry);
  entry.sequence = state.store_sequence;
  entry.kind = cost::LedgerEntry::Kind::kContentStore;
  entry.cost = {state.ceiling.pico - write.pico};
  book(entry);
  content_not_made("whether it was made was never known; if so, it expires by itself");
}

void JobEngine::content_read(const Flight& flight, const llm::Usage& usage, Time priced_at) {
  if (flight.content == 0) return;
  const auto& rates =
      cost::rates_for(parts_.model.price_at(priced_at), llm::Route::kSync, usage.prompt());
  ++job_.content_reads;
  job_.content_saved += usage.cache_read * rates.input;
  job_.content_saved -= usage.cache_read * cost::read_price(rates);
  job_dirty_ = true;
  if (!content_ || content_->state.number != flight.content) return;
  ++content_->state.reads;
  content_->refused = 0;
  content_->dirty = true;
}

// A request that the provider refused with it is sent again without it, whatever the reason. True: that is what happens.
Result<bool> JobEngine::refused_with_content(const Flight& flight, const Error& error, Time now) {
  const auto status = error.http_status;
  const bool passes = status == 401 || status == 402 || status == 408 || status == 429;
  if (flight.content == 0 || status < 400 || status > 499 || passes) return false;
  parts_.journal.outcome(flight.slot, JournalEntry::Outcome::kNotBilled, now, {});
  slots_settled_.push_back(flight.slot);
  if (content_ && content_->state.number == flight.content &&
      content_->state.phase == ContentPhase::kReady) {
    if (is_gone(status)) {
      stop_content("the provider no longer has it", now);
    } else if (++content_->refused >= kRefusedMax) {
      contents_off_ = true;
      stop_content("it was refused: " + error.message, now);
    }
  }
  WEIR_TRY(const auto end, log_->end_of(flight.item));
  if (end != ItemEnd::kNone) return true;
  content_declined_.insert(flight.item);
  deviate({.item = static_cast<std::uint32_t>(flight.item), .marks = flight.marks},
          ItemRow::State::kRetrySync,
          is_gone(status) ? "the cached content was gone: sent again without it"
                          : "refused with the cached content: sent again without it");
  retry_due_[flight.item] = now;
  return true;
}

}  // namespace weir::engine
