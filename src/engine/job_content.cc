// A cached content for the sync route: whether one is made, kept, and when it goes. Each step is committed before its request
// leaves; whatever fails, requests go on without it.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cost/pricing.h"
#include "engine/job_engine.h"

namespace weir::engine {
namespace {

// Requests wait so long for the answer to a create, and then go without it.
constexpr std::chrono::seconds kHoldMax{30};
// What may still be on its way when the provider drops it.
constexpr std::chrono::seconds kExpiryMargin{5};
constexpr std::uint64_t kContentsMax =
    50;  // of a job: each pays for itself, and so many are no plan
constexpr std::uint64_t kHeadItemsMax = 1000;  // looked at to find the head again
constexpr std::uint32_t kExtendTriesMax = 3;
// Seconds that rounding to whole ones can add.
constexpr std::chrono::seconds kRounding{2};

Tokens estimated(const plan::RequestHead& head) { return cost::estimate_tokens(head.bytes); }

}  // namespace

bool JobEngine::contents_wanted() const {
  return options_.caching && options_.contents != plan::ContentWish::kNever &&
         parts_.provider.cache.contents && parts_.adapter.cached_contents() != nullptr;
}

std::uint64_t JobEngine::sync_items_left() const {
  const bool sync_job = job_.plan.route == llm::Route::kSync || rest_standard_;
  return retry_due_.size() +
         (sync_job ? job_.items - std::min(job_.next_place, job_.items) : std::uint64_t{0});
}

bool JobEngine::content_in_flight() const {
  return std::ranges::any_of(flights_, [](const auto& f) { return f.second.content != 0; });
}

// No request will name it any more.
bool JobEngine::content_over() const {
  if (draining_ || job_.cancel_wanted || spend_stopped_ || complete()) return true;
  return sync_items_left() == 0 && flights_.empty();
}

// The create is under way, and worth waiting for.
bool JobEngine::content_holds(Time now) const {
  return content_ && content_->state.phase == ContentPhase::kCreating && content_->call != 0 &&
         content_->asked == ContentRun::Asked::kCreate && now < content_->asked_at + kHoldMax;
}

// Nothing that it still needs keeps a process from ending: one in doubt is settled by the next.
bool JobEngine::content_rests() const {
  return !content_ || (content_->state.phase == ContentPhase::kCreating && content_->call == 0);
}

std::optional<Time> JobEngine::content_wake(Time now) const {
  if (!content_) return std::nullopt;
  const auto& run = *content_;
  if (run.call != 0)
    return content_holds(now) ? std::optional<Time>(run.asked_at + kHoldMax) : std::nullopt;
  if (run.wake_at && *run.wake_at > now) return run.wake_at;
  if (run.state.phase != ContentPhase::kReady) return std::nullopt;
  const auto before = run.state.lives_until - std::max<Duration>(run.state.ttl / 3, kHoldMax * 2);
  if (before > now) return before;
  const auto end = run.state.lives_until - kExpiryMargin;
  return end > now ? std::optional<Time>(end) : std::nullopt;
}

Result<void> JobEngine::content_turn(Time now) {
  if (!content_) return consider_content(now);
  auto& run = *content_;
  if (run.call != 0) return {};
  const bool waits = run.wake_at && *run.wake_at > now;
  switch (run.state.phase) {
    case ContentPhase::kGone: return {};
    case ContentPhase::kCreating:
      WEIR_ASSERT(run.in_doubt);  // an answer that leaves no doubt ends this phase
      if (complete()) content_lost();
      else if (!waits && !draining_) return list_contents("", now);
      return {};
    case ContentPhase::kDeleting:
      return waits || content_in_flight() ? Result<void>() : delete_content(now);
    case ContentPhase::kReady: break;
  }
  if (content_over()) {
    if (content_in_flight()) return {};
    stop_content("", now);
    return delete_content(now);
  }
  if (now + kExpiryMargin >= run.state.lives_until) {
    stop_content("its life was over", now);
    return {};
  }
  if (!content_head_) {
    WEIR_TRY(const bool found, load_head());
    if (!found) stop_content("the requests that it was made for are not found again", now);
  }
  return waits ? Result<void>() : extend_content(now);
}

Result<void> JobEngine::consider_content(Time now) {
  // Not for the rest of a batch job: a commit in between would count places as sent whose intents a power loss may take.
  if (rest_standard_) return {};
  if (!contents_wanted() || !job_.planned || job_.head.bytes == 0 || contents_off_ || draining_ ||
      job_.cancel_wanted || contents_made_ >= kContentsMax)
    return {};
  const auto& row = parts_.model.price_at(now);
  const auto reads = sync_items_left();
  if (!row.cache_storage_hour || reads <= content_considered_) return {};
  if (content_pause_until_ && now < *content_pause_until_) return {};
  content_considered_ = reads;
  const auto& rates = cost::rates_for(row, llm::Route::kSync, estimated(job_.head));
  const auto content =
      plan::plan_content({.tokens = estimated(job_.head),
                          .tokens_min = parts_.model.cache_prefix_min.value_or(Tokens{0}),
                          .reads = reads,
                          .reads_take = sync_time(reads),
                          .implicit_hit_rate = options_.contents == plan::ContentWish::kPrefer
                                                   ? 0
                                                   : parts_.provider.cache.sync_hit_rate_expected,
                          .input = rates.input,
                          .read = cost::read_price(rates),
                          .storage_hour = *row.cache_storage_hour});
  if (content.pays) return make_content(content, now);
  if (content_considered_ > 1) reason("cache: no cached content: " + content.reason);
  return {};
}

Result<void> JobEngine::make_content(const plan::ContentPlan& content, Time now) {
  WEIR_TRY(const bool found, load_head());
  if (!found) {
    contents_off_ = true;
    return {};
  }
  ContentState state{.number = contents_made_ + 1,
                     .attempt = AttemptId::make(now, parts_.random),
                     .head_messages = job_.head.messages,
                     .head_bytes = job_.head.bytes,
                     .head_hash = job_.head.hash,
                     .ttl = content.ttl,
                     .begun_at = now,
                     .lives_until = now + content.ttl};
  state.ceiling = content_ceiling(state, content.ttl);
  if (!affordable(state.ceiling)) {
    reason("cache: no cached content: the spend limit leaves no room for one");
    return {};
  }
  const auto name = state.display_name();
  const auto attempt = state.attempt.text();
  auto plan = parts_.adapter.cached_contents()->encode_create({.head = *content_head_,
                                                               .messages = state.head_messages,
                                                               .display_name = name,
                                                               .attempt_id = attempt,
                                                               .ttl = content.ttl},
                                                              parts_.credentials);
  if (!plan) {
    contents_off_ = true;
    reason("cache: no cached content: " + plan.error().message);
    return {};
  }
  reason("cache: a cached content is made: " + content.reason);
  ++contents_made_;
  state.create_sequence = next_sequence_++;
  state.store_sequence = next_sequence_++;
  reserve(state.ceiling);
  content_ = ContentRun{};
  content_->state = std::move(state);
  return ask_content(ContentRun::Asked::kCreate, std::move(plan), now);
}

// The first request that begins as the job's do.
Result<bool> JobEngine::load_head() {
  if (content_head_) return true;
  const auto most = std::min(job_.items, kHeadItemsMax);
  for (std::uint64_t item = 0; item < most; ++item) {
    auto source_item = parts_.source.item(item);
    if (!source_item || source_item->rejected || source_item->request.raw) continue;
    auto& request = source_item->request;
    llm::join_pieces(request);
    if (plan::head_of(request, job_.head.messages) != job_.head) continue;
    request.model = parts_.model.name;
    request.messages.resize(job_.head.messages);
    content_head_ = std::move(request);
    return true;
  }
  return false;
}

bool JobEngine::fits_content(std::uint64_t item, const llm::Request& request, Time now) const {
  return content_ && content_head_ && content_->state.phase == ContentPhase::kReady &&
         now + kExpiryMargin < content_->state.lives_until && !content_declined_.contains(item) &&
         plan::has_head(request, *content_head_, content_->state.head_messages);
}

// With the cached content where there is one and the request begins as it does; else as it is.
Result<http::RequestPlan> JobEngine::encode_attempt(const llm::Request& request, Flight& flight,
                                                    Time now) const {
  const std::string attempt = flight.attempt.text();
  const provider::SyncCall call{parts_.credentials, attempt, now};
  if (fits_content(flight.item, request, now)) {
    auto plan = parts_.adapter.cached_contents()->encode_sync(
        request, content_->state.head_messages, content_->state.name, call);
    if (plan) {
      flight.content = content_->state.number;
      return plan;
    }
  }
  return parts_.adapter.encode_sync(request, call);
}

// The most that making it and keeping it for so long can cost, as far as it is not booked.
Money JobEngine::content_ceiling(const ContentState& state, Duration life) const {
  const auto& row = parts_.model.price_at(state.begun_at);
  const bool made = !state.name.empty();
  const auto write = cost::ceiling_of(state.head_bytes, Tokens{0}, row, llm::Route::kSync);
  const Tokens most =
      made ? state.tokens
           : Tokens{write.pico / std::max<std::int64_t>(1, row.sync.input.pico_per_token)};
  const auto kept = std::chrono::ceil<std::chrono::seconds>(life) + kRounding;
  const auto store = cost::storage_cost(most, kept, row.cache_storage_hour.value_or(Price{}));
  return {(made ? 0 : write.pico) + store.pico};
}

void JobEngine::reserve_content(Money ceiling) {
  release(content_->state.ceiling);
  content_->state.ceiling = ceiling;
  reserve(ceiling);
}

Result<void> JobEngine::resume_content(const LoadedAggregate& aggregate, Time now) {
  WEIR_TRY(auto state, ContentState::decode(aggregate.state));
  contents_made_ = std::max(contents_made_, state.number);
  next_sequence_ = std::max(next_sequence_, state.store_sequence + 1);
  if (state.phase == ContentPhase::kGone) return {};
  reserve(state.ceiling);
  content_ = ContentRun{};
  content_->version = aggregate.version;
  content_->in_doubt = state.phase == ContentPhase::kCreating;
  content_->doubt_since = now + Duration(1);  // never the time of the create
  content_->delete_heard = state.delete_sent;
  content_->state = std::move(state);
  return {};
}

Result<void> JobEngine::ask_content(ContentRun::Asked what, Result<http::RequestPlan> plan,
                                    Time now) {
  constexpr std::array<std::string_view, 4> kNames{"content_create", "content_list",
                                                   "content_extend", "content_delete"};
  if (!plan) return std::unexpected(std::move(plan).error());
  auto& run = *content_;
  run.asked = what;
  run.asked_at = now;
  run.wake_at.reset();
  run.call = next_call_++;
  run.dirty = must_commit_ = true;
  calls_.push_back({.id = run.call,
                    .kind = Call::Kind::kContent,
                    .plan = std::move(*plan),
                    .operation = std::string(kNames.at(static_cast<std::size_t>(what)))});
  return {};
}

Result<void> JobEngine::list_contents(std::string_view page, Time now) {
  return ask_content(ContentRun::Asked::kList,
                     parts_.adapter.cached_contents()->encode_list(page, parts_.credentials), now);
}

Result<void> JobEngine::extend_content(Time now) {
  auto& run = *content_;
  const auto reads = sync_items_left();
  const auto take = sync_time(reads);
  const auto left = run.state.lives_until - now;
  if (run.extended_enough || !plan::extension_due(left, run.state.ttl, take)) return {};
  const auto& row = parts_.model.price_at(run.state.created);
  const auto& rates = cost::rates_for(row, llm::Route::kSync, run.state.tokens);
  const auto content =
      plan::plan_extension({.tokens = run.state.tokens,
                            .reads = reads,
                            .reads_take = take,
                            .implicit_hit_rate = options_.contents == plan::ContentWish::kPrefer
                                                     ? 0
                                                     : parts_.provider.cache.sync_hit_rate_expected,
                            .input = rates.input,
                            .read = cost::read_price(rates),
                            .storage_hour = row.cache_storage_hour.value_or(Price{})});
  // It lives on from when the provider hears of it, which is before it would have ended.
  const Time until = run.state.expires_max() + content.ttl;
  const auto ceiling = content_ceiling(run.state, until - run.state.created);
  const bool room = affordable({ceiling.pico - run.state.ceiling.pico});
  if (!content.pays || !room || ++run.tries > kExtendTriesMax) {
    run.extended_enough = true;
    reason("cache: the cached content is not extended: " +
           (!content.pays ? content.reason
            : room        ? std::string("the provider did not take it")
                          : std::string("the spend limit leaves no room")));
    return {};
  }
  reserve_content(ceiling);
  run.state.extended_to = until;
  run.state.ttl = content.ttl;
  return ask_content(ContentRun::Asked::kExtend,
                     parts_.adapter.cached_contents()->encode_extend(run.state.name, content.ttl,
                                                                     parts_.credentials),
                     now);
}

// No request names it any more; it is deleted when none that does is on its way.
void JobEngine::stop_content(std::string why, Time now) {
  auto& run = *content_;
  run.state.phase = ContentPhase::kDeleting;
  run.wake_at = now;
  run.tries = 0;
  run.dirty = must_commit_ = true;
  content_considered_ = 0;
  if (why.empty()) return;
  reason("cache: the cached content is used no more: " + why);
  run.state.reason = std::move(why);
}

Result<void> JobEngine::delete_content(Time now) {
  content_->state.delete_sent = true;
  return ask_content(
      ContentRun::Asked::kDelete,
      parts_.adapter.cached_contents()->encode_delete(content_->state.name, parts_.credentials),
      now);
}

}  // namespace weir::engine
