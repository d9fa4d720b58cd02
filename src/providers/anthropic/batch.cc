#include "providers/anthropic/batch.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "http/url.h"
#include "provider/http_error.h"
#include "providers/anthropic/batch_machine.h"
#include "providers/anthropic/errors.h"
#include "providers/anthropic/wire.h"

namespace weir::providers::anthropic {
namespace {

using provider::Step;
using std::chrono::seconds;

// Live answers of running batches said retry-after: 10.
constexpr Duration kPollDelay = seconds(10);
constexpr Duration kPollDelayMax = seconds(60);
// Whatever the provider says, a loop must not spin.
constexpr Duration kWaitMin = seconds(1);
// Results were seen to be 404 for a moment after the end.
constexpr std::int64_t kResultsMissingMax = 30;
// Those of an adopted batch: then whether it is still there is asked, so often in all.
constexpr std::int64_t kAdoptedMissingMax = 3;
constexpr std::int64_t kChecksMax = 10;
// Reading results costs nothing and they stay for 29 days, so an outage of half a day needs
// nobody's help.
constexpr std::int64_t kCollectOutageMax = 1000;
// Other failures of reading do not go away by themselves.
constexpr std::int64_t kCollectFailuresMax = 10;

bool is_outage(ErrorKind kind) {
  return kind == ErrorKind::kUnavailable || kind == ErrorKind::kRateLimited ||
         kind == ErrorKind::kDeadlineExceeded;
}

bool outcome_unknown(int status) { return status == 408 || status == 409 || status >= 500; }

}  // namespace

Result<Step> next_batch_step(std::string_view state, const provider::BatchEvent& event,
                             const provider::BatchContext& context) {
  WEIR_TRY(BatchState known, read_state(state));
  return Machine(std::move(known), event, context).run();
}

std::optional<Remote> remote_of(json::Value object) {
  Remote remote;
  remote.id = object["id"].string_or("");
  // It becomes a segment of our paths (percent-encoded), so it must not climb.
  if (remote.id.empty() || remote.id == "." || remote.id == ".." || remote.id.size() > 256)
    return std::nullopt;
  remote.status = object["processing_status"].string_or("").substr(0, 64);
  remote.created_at = parse_rfc3339(object["created_at"].string().value_or(""));
  remote.ended_at = parse_rfc3339(object["ended_at"].string().value_or(""));
  return remote;
}

// An unknown status is a batch that runs: the engine has the deadline.
bool has_ended(const Remote& remote) { return remote.status == "ended"; }

Result<Step> Machine::run() {
  if (event_.kind == Kind::kSettle) return on_settle();
  switch (s_.phase) {
    case Phase::kNew: return on_new();
    case Phase::kCreate: return on_create();
    case Phase::kList: return on_list();
    case Phase::kPoll: return on_poll();
    case Phase::kCancel: return on_cancel();
    case Phase::kCollect: return on_collect();
    case Phase::kDelete: return on_delete();
    case Phase::kCreateWait:
    case Phase::kListWait:
    case Phase::kPollWait:
    case Phase::kCollectWait: return on_wait();
    case Phase::kDone: return step(s_.finished, "");
  }
  return unexpected_event();
}

Result<Step> Machine::on_new() {
  if (event_.kind == Kind::kStart || event_.kind == Kind::kRestarted) return send_create("");
  if (event_.kind != Kind::kCancel) return unexpected_event();
  return finish(Outcome::kRefused,
                {.kind = ErrorKind::kCancelled, .message = "cancelled before it was sent"}, "");
}

// POST /v1/messages/batches {"requests":[{"custom_id":"w…-0","params":{…}},…]}: the body is the
// image as it stands.
Step Machine::send_create(std::string reason) {
  ++s_.creates;
  // A create that surely made nothing leaves no trace to look for; one in doubt does, so its time
  // stays.
  if (s_.doubts == 0) s_.intent = context_.now;
  auto plan = plan_of(http::Method::kPost, context_.credentials, kBatchesPath, true);
  plan.body.emplace_back(http::ImageSlice{.offset = 0, .length = context_.image_bytes});
  return send(Phase::kCreate, "create", std::move(plan), std::move(reason));
}

Result<Step> Machine::on_create() {
  switch (event_.kind) {
    case Kind::kAnswer: return on_create_answer();
    case Kind::kNotSent: return retry_create(event_.error);
    case Kind::kLost: return in_doubt(event_.error.message);
    case Kind::kRestarted: return in_doubt("the program stopped while it was sent");
    case Kind::kCancel: s_.cancel_wanted = true; return in_doubt("cancelled while it was sent");
    default: return unexpected_event();
  }
}

Step Machine::on_create_answer() {
  const int status = event_.response.status;
  if (answered_2xx()) {
    const auto parsed = parser_.parse(event_.response.body);
    const auto remote = parsed ? remote_of(*parsed) : std::nullopt;
    if (!remote) return in_doubt("its answer does not name the batch");
    s_.batch = *remote;
    s_.adopted = false;
    s_.polls = s_.failures = 0;
    if (s_.cancel_wanted) return cancel_by_request();
    return wait(Phase::kPollWait, poll_delay(), "");
  }
  Error error = answer_error();
  if (outcome_unknown(status)) return in_doubt(error.message);
  // A 429 is answered before anything is made.
  if (status == 429 && is_outage(error.kind)) return retry_create(error);
  return finish(Outcome::kRefused, std::move(error), "");
}

Step Machine::retry_create(const Error& error) {
  if (s_.creates >= kCreatesMax)
    return finish(Outcome::kRefused, error,
                  fmt::format("gave up after {} tries to create the batch", s_.creates));
  const Duration delay = error.retry_after ? Duration(*error.retry_after) : backoff(s_.creates - 1);
  return wait(Phase::kCreateWait, delay, "the create made no batch: " + error.message);
}

Step Machine::send_poll(std::string reason) {
  return send(Phase::kPoll, "poll",
              plan_of(http::Method::kGet, context_.credentials, batch_path(""), false),
              std::move(reason));
}

Result<Step> Machine::on_poll() {
  if (event_.kind == Kind::kRestarted) return send_poll("");
  if (event_.kind == Kind::kCancel) return cancel_by_request();
  if (event_.kind == Kind::kTimer || event_.kind == Kind::kStart ||
      event_.kind == Kind::kCollected || event_.kind == Kind::kCollectFailed)
    return unexpected_event();
  // An adopted batch that is gone was another's: it was read and deleted by its owner.
  if (s_.adopted && event_.kind == Kind::kAnswer && event_.response.status == 404) return reject();
  if (auto later = unless_answered(Phase::kPollWait, "poll")) return *std::move(later);
  const auto parsed = parser_.parse(event_.response.body);
  auto remote = parsed ? remote_of(*parsed) : std::nullopt;
  if (!remote || remote->id != s_.batch.id)
    return repeat_later(Phase::kPollWait,
                        {.message = "the answer to a poll is not the batch that was asked for"});
  if (!remote->created_at) remote->created_at = s_.batch.created_at;
  s_.batch = *std::move(remote);
  s_.failures = 0;
  if (has_ended(s_.batch)) return begin_collect("");
  if (s_.cancel_wanted && !s_.adopted && s_.batch.status != "canceling") return send_cancel("");
  // Its retry-after (10 s, always) says how soon is too soon; how seldom is soon enough, the limits say.
  const auto told = provider::retry_after(event_.response.headers, context_.now);
  const auto ours = poll_delay();
  return wait(Phase::kPollWait, told ? std::max(Duration(*told), ours) : ours, "");
}

Step Machine::cancel_by_request() {
  s_.cancel_wanted = true;
  if (!s_.adopted) return send_cancel("");
  return send_poll(
      "not cancelled: the batch was found by count and time and may be another's until its rows "
      "tell");
}

// POST /v1/messages/batches/{id}/cancel
Step Machine::send_cancel(std::string reason) {
  s_.polls = 0;
  return send(Phase::kCancel, "cancel",
              plan_of(http::Method::kPost, context_.credentials, batch_path("/cancel"), false),
              std::move(reason));
}

// Whatever the answer, polling tells how it stands; a poll that finds the batch running sends the
// cancel again.
Result<Step> Machine::on_cancel() {
  if (event_.kind == Kind::kRestarted || event_.kind == Kind::kCancel) return send_cancel("");
  if (event_.kind != Kind::kAnswer && event_.kind != Kind::kLost && event_.kind != Kind::kNotSent)
    return unexpected_event();
  if (!answered_2xx()) {
    const Error error = answer_error();
    const Duration delay =
        error.retry_after ? Duration(*error.retry_after) : backoff(s_.failures++);
    return wait(Phase::kPollWait, delay, "the cancel was not confirmed: " + error.message);
  }
  const auto parsed = parser_.parse(event_.response.body);
  if (const auto remote = parsed ? remote_of(*parsed) : std::nullopt;
      remote && remote->id == s_.batch.id)
    s_.batch.status = remote->status;
  return wait(Phase::kPollWait, poll_delay(), "");
}

Step Machine::begin_collect(std::string reason) {
  ++s_.checks;
  s_.failures = 0;
  return send_collect(std::move(reason));
}

// GET /v1/messages/batches/{id}/results. The answer's results_url is not followed: the path is
// known, and the key stays with the configured origin. Each candidate has an artefact name of its
// own, so that no offset of one is applied to another.
Step Machine::send_collect(std::string reason) {
  s_.phase = Phase::kCollect;
  s_.due.reset();
  provider::Collect collect;
  collect.artefact = s_.checks <= 1 ? "results" : fmt::format("results.{}", s_.checks);
  collect.plan = plan_of(http::Method::kGet, context_.credentials, batch_path("/results"), false);
  return step(std::move(collect), std::move(reason));
}

Result<Step> Machine::on_collect() {
  switch (event_.kind) {
    case Kind::kCollected: {
      if (s_.by_hand)
        return finish(Outcome::kEnded, {},
                      fmt::format("{} was read; left at the provider", s_.batch.id));
      if (s_.adopted) return collected_adopted();
      return send(Phase::kDelete, "delete",
                  plan_of(http::Method::kDelete, context_.credentials, batch_path(""), false), "");
    }
    case Kind::kCollectFailed: return collect_failed();
    case Kind::kRestarted: return send_collect("");
    case Kind::kCancel: return send_collect("too late to cancel: the batch has ended");
    default: return unexpected_event();
  }
}

Step Machine::collect_failed() {
  const Error& error = event_.error;
  const bool missing = error.kind == ErrorKind::kNotFound;
  if (missing && error.http_status != 404 && s_.by_hand) return wrong_batch();
  if (missing && error.http_status != 404 && s_.adopted) return reject();
  if (error.kind == ErrorKind::kUnauthenticated)
    return held(error, "the key may not read the results any more");
  const std::int64_t tries_max = is_outage(error.kind) ? kCollectOutageMax
                                 : missing             ? kResultsMissingMax
                                                       : kCollectFailuresMax;
  // What an adopted batch was may have been read and deleted by its owner meanwhile: a poll tells.
  if (missing && s_.adopted && s_.failures >= kAdoptedMissingMax && s_.checks <= kChecksMax)
    return send_poll("its results are gone: looking whether the batch is");
  if (s_.failures >= tries_max)
    return held(error, fmt::format("the results could not be read in {} tries", s_.failures));
  return repeat_later(Phase::kCollectWait, error);
}

// Deleting is tidiness: results would stay for 29 days. Whether it works changes nothing.
Result<Step> Machine::on_delete() {
  if (event_.kind == Kind::kRestarted)
    return send(Phase::kDelete, "delete",
                plan_of(http::Method::kDelete, context_.credentials, batch_path(""), false), "");
  if (event_.kind != Kind::kAnswer && event_.kind != Kind::kLost && event_.kind != Kind::kNotSent &&
      event_.kind != Kind::kCancel)
    return unexpected_event();
  return finish(Outcome::kEnded, {},
                answered_2xx() ? "" : "the ended batch was left at the provider: not deleted");
}

Result<Step> Machine::on_wait() {
  const Duration left = s_.due ? *s_.due - context_.now : Duration{};
  switch (event_.kind) {
    case Kind::kTimer: return after_wait();
    case Kind::kRestarted:
      if (left > Duration{}) return step(provider::Wait{left}, "");
      return after_wait();
    case Kind::kCancel: break;
    default: return unexpected_event();
  }
  s_.cancel_wanted = true;
  if (s_.phase == Phase::kCreateWait)
    return finish(Outcome::kRefused,
                  {.kind = ErrorKind::kCancelled, .message = "cancelled before it was made"}, "");
  if (s_.phase == Phase::kPollWait) return cancel_by_request();
  return after_wait();
}

Step Machine::after_wait() {
  switch (s_.phase) {
    case Phase::kCreateWait: return send_create("");
    case Phase::kListWait: return begin_listing("");
    case Phase::kCollectWait: return send_collect("");
    default: return send_poll("");
  }
}

std::optional<Step> Machine::unless_answered(Phase wait_phase, std::string_view what) {
  if (answered_2xx()) return std::nullopt;
  Error error = answer_error();
  const int status = event_.kind == Kind::kAnswer ? event_.response.status : 0;
  if (status == 0 || status == 429 || outcome_unknown(status))
    return repeat_later(wait_phase, error);
  // The key, its workspace or the batch changed; asking again would hide that.
  return held(std::move(error), fmt::format("the {} was refused", what));
}

Step Machine::repeat_later(Phase wait_phase, const Error& error) {
  const Duration delay = error.retry_after ? Duration(*error.retry_after) : backoff(s_.failures);
  ++s_.failures;
  return wait(wait_phase, delay, error.message);
}

Step Machine::wait(Phase phase, Duration duration, std::string reason) {
  s_.phase = phase;
  duration = std::max(duration, kWaitMin);
  s_.due = context_.now + duration;
  return step(provider::Wait{duration}, std::move(reason));
}

Step Machine::send(Phase phase, std::string operation, http::RequestPlan plan, std::string reason) {
  s_.phase = phase;
  s_.due.reset();
  return step(provider::Send{std::move(operation), std::move(plan)}, std::move(reason));
}

Step Machine::finish(Outcome outcome, Error error, std::string reason) {
  s_.phase = Phase::kDone;
  s_.due.reset();
  if (outcome != Outcome::kEnded) error.provider = "anthropic";
  s_.finished = {.outcome = outcome, .error = std::move(error)};
  return step(s_.finished, std::move(reason));
}

Step Machine::held(Error error, std::string reason) {
  if (error.hint.empty())
    error.hint =
        "look at the account's batches in the Anthropic console, then settle the batch by hand";
  return finish(Outcome::kHeld, std::move(error), std::move(reason));
}

Step Machine::step(decltype(Step::action) action, std::string reason) const {
  return {.state = write_state(s_),
          .view = {.provider_batch_id = s_.batch.id,
                   .status = s_.batch.status,
                   .created_at = s_.batch.created_at,
                   .ended_at = s_.batch.ended_at,
                   .provisional =
                       s_.adopted && !s_.by_hand && !(s_.matched && s_.matched->id == s_.batch.id)},
          .action = std::move(action),
          .reason = std::move(reason)};
}

std::unexpected<Error> Machine::unexpected_event() const {
  return fail(ErrorKind::kInternal, fmt::format("event {} cannot follow the batch state {}",
                                                static_cast<int>(event_.kind), write_state(s_)));
}

Duration Machine::wait_max() const {
  return context_.limits.poll_max > Duration{} ? context_.limits.poll_max : kPollDelayMax;
}

// 10 s, 15 s, 20 s, … up to the limit: short batches are seen soon, long ones cost few requests.
Duration Machine::poll_delay() {
  const Duration first =
      context_.limits.poll_min > Duration{} ? context_.limits.poll_min : kPollDelay;
  const Duration delay = first + first / 2 * std::min<std::int64_t>(s_.polls, 1000);
  ++s_.polls;
  return std::min(delay, wait_max());
}

// 1 s, 2 s, 4 s, … No jitter: a batch is one caller among few, and the same events must give the
// same steps.
Duration Machine::backoff(std::int64_t failures) const {
  const auto doublings = std::clamp<std::int64_t>(failures, 0, 10);
  return std::min(kWaitMin * (std::int64_t{1} << doublings), wait_max());
}

Error Machine::answer_error() const {
  return event_.kind == Kind::kAnswer ? error_of_response(event_.response, context_.now)
                                      : event_.error;
}

std::string Machine::batch_path(std::string_view suffix) const {
  return fmt::format("{}/{}{}", kBatchesPath, http::percent_encode(s_.batch.id), suffix);
}

}  // namespace weir::providers::anthropic
