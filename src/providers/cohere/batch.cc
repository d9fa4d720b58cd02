// The batch step machine: which event leads to which step. What an answer means is in batch_answers.cc.
#include <fmt/format.h>

#include <algorithm>

#include "providers/cohere/batch_machine.h"

namespace weir::providers::cohere {

using provider::BatchEvent;
using provider::Step;

namespace {

constexpr Duration kPollMinDefault = std::chrono::seconds(10);  // where the catalogue says nothing
constexpr Duration kPollMaxDefault = std::chrono::seconds(60);
constexpr Duration kWaitMin = std::chrono::seconds(1);  // a retry-after of 0 is no busy loop

std::unexpected<Error> misfit(const State& state, const BatchEvent& event) {
  return fail(ErrorKind::kInternal,
              fmt::format("batch event {} does not fit step {}{}", static_cast<int>(event.kind),
                          static_cast<int>(state.at), state.waiting ? " (waiting)" : ""));
}

}  // namespace

Result<Step> next_step(std::string_view state, const BatchEvent& event,
                       const provider::BatchContext& context) {
  using Kind = BatchEvent::Kind;
  if (state.empty()) {
    Machine machine(context, State{});
    if (event.kind == Kind::kStart || event.kind == Kind::kRestarted) return machine.start();
    if (event.kind == Kind::kCancel || event.kind == Kind::kSettle) return machine.on(event);
    return misfit(State{}, event);
  }
  WEIR_TRY(auto known, read_state(state));
  return Machine(context, std::move(known)).on(event);
}

Result<Step> Machine::on(const BatchEvent& event) {
  using Kind = BatchEvent::Kind;
  if (event.kind == Kind::kSettle) return on_settle(event.settlement);
  if (s_.at == At::kDone) return finish();
  const bool collecting = s_.at == At::kCollect && !s_.waiting;
  switch (event.kind) {
    case Kind::kStart:
    case Kind::kSettle: break;
    case Kind::kRestarted: return on_restarted();
    case Kind::kCancel: return on_cancel();
    case Kind::kTimer:
      if (s_.waiting) return perform();
      break;
    case Kind::kCollected:
    case Kind::kCollectFailed:
      if (collecting) return on_collected(event);
      break;
    case Kind::kAnswer:
    case Kind::kNotSent:
    case Kind::kLost:
      if (!s_.waiting && !collecting) return on_answer(event);
      break;
  }
  return misfit(s_, event);
}

Step Machine::on_answer(const BatchEvent& event) {
  switch (s_.at) {
    case At::kUpload: return on_upload(event);
    case At::kReady: return on_ready(event);
    case At::kCreate: return on_create(event);
    case At::kList: return on_list(event);
    case At::kPoll: return on_poll(event);
    case At::kCancel: return on_cancelled(event);
    case At::kLocate: return on_located(event);
    case At::kRemove: return on_removed(event);
    case At::kCollect:
    case At::kDone: break;
  }
  return finish();
}

Step Machine::on_restarted() {
  if (s_.waiting && s_.until > context_.now) return later(s_.at, s_.until - context_.now);
  // Tries bound what the provider makes fail; a process that is killed again and again is not its fault.
  s_.tries = 0;
  if (s_.at == At::kCreate && !s_.waiting)
    return create_unknown("restarted while it was being created");
  if (s_.at == At::kCollect) return locate();  // links do not live long
  return perform();
}

Step Machine::on_cancel() {
  s_.cancel = true;
  const auto cancelled = [] {
    return Error{.kind = ErrorKind::kCancelled,
                 .message = "cancelled before the provider had the batch",
                 .provider = "cohere"};
  };
  switch (s_.at) {
    case At::kUpload:
    case At::kReady: return refuse(cancelled());
    case At::kCreate:
      if (s_.waiting) return refuse(cancelled());
      return create_unknown("cancelled while it was being created");
    case At::kList: return relist();  // whether there is something to cancel must be known first
    case At::kPoll:
    case At::kCancel: return cancel();
    case At::kLocate:
    case At::kCollect:
    case At::kRemove:
      note("it had ended before it could be cancelled");
      if (s_.waiting && s_.until > context_.now) return later(s_.at, s_.until - context_.now);
      return perform();
    case At::kDone: break;
  }
  return finish();
}

// A human looked where the machine may not: what they say replaces whatever was under way.
Step Machine::on_settle(const provider::Settlement& settlement) {
  using How = provider::Settlement::How;
  s_.outcome = provider::Finished::Outcome::kEnded;
  s_.error.reset();
  s_.tries = s_.missing = 0;
  s_.unknown.reset();
  s_.cancel = false;  // the engine says so again where it still wants that
  if (settlement.how == How::kLost) return finish();
  if (settlement.how == How::kNotMade)
    return refuse({.kind = ErrorKind::kCancelled,
                   .message = "settled by hand: no batch was made",
                   .provider = "cohere"});
  if (s_.batch != settlement.provider_batch_id) {
    s_.status.clear();
    s_.output.clear();
    s_.created = s_.ended = std::nullopt;
    s_.done.reset();
  }
  s_.part = s_.parts = 0;
  s_.batch = settlement.provider_batch_id;
  s_.by_hand = true;
  return poll();
}

// --- The steps ------------------------------------------------------------------------------------------------------

Step Machine::perform() {
  switch (s_.at) {
    case At::kUpload: return upload();
    case At::kReady: return ready();
    case At::kCreate: return create();
    case At::kList: return list();
    case At::kPoll: return poll();
    case At::kCancel: return cancel();
    case At::kLocate:
    case At::kCollect: return locate();
    case At::kRemove: return remove();
    case At::kDone: break;
  }
  return finish();
}

Step Machine::upload() {
  ++s_.uploads;
  return send(At::kUpload, "upload", upload_plan(context_));
}

Step Machine::ready() {
  return send(At::kReady, "dataset state", dataset_plan(context_, http::Method::kGet, s_.dataset));
}

Step Machine::create() {
  ++s_.creates;
  return send(At::kCreate, "create", create_plan(context_, s_.dataset));
}

Step Machine::list() { return send(At::kList, "list", list_plan(context_, s_.page)); }

Step Machine::relist() {
  s_.page.clear();
  s_.pages = 0;
  s_.found.clear();
  return list();
}

Step Machine::poll() { return send(At::kPoll, "poll", poll_plan(context_, s_.batch)); }

Step Machine::cancel() { return send(At::kCancel, "cancel", cancel_plan(context_, s_.batch)); }

Step Machine::locate() {
  return send(At::kLocate, "locate", dataset_plan(context_, http::Method::kGet, s_.output));
}

// The input, then the output; what is left over is deleted by the provider after 30 days. Of a batch that a human named, the
// output may be another's: it stays.
Step Machine::remove() {
  const auto of = [&](const std::string& dataset) {
    return send(At::kRemove, "delete", dataset_plan(context_, http::Method::kDelete, dataset));
  };
  if (s_.removed == 0 && s_.dataset.empty()) s_.removed = 1;
  if (s_.removed == 0) return of(s_.dataset);
  if (s_.removed == 1 && !s_.output.empty() && !s_.by_hand) return of(s_.output);
  return finish();
}

Step Machine::finish() {
  go(At::kDone);
  provider::Finished finished{
      .outcome = s_.outcome, .error = s_.error.value_or(Error{}), .line = std::nullopt};
  return act(std::move(finished));
}

// --- Helpers --------------------------------------------------------------------------------------------------------

void Machine::go(At at) {
  if (s_.at != at) s_.tries = 0;
  s_.at = at;
  s_.waiting = false;
}

Step Machine::act(decltype(Step::action) action) {
  return {.state = write_state(s_),
          .view = {.provider_batch_id = s_.batch,
                   .status = s_.status,
                   .created_at = s_.created,
                   .ended_at = s_.ended,
                   .done = s_.done},
          .action = std::move(action),
          .reason = std::move(reason_)};
}

Step Machine::send(At at, std::string operation, http::RequestPlan plan) {
  go(at);
  return act(provider::Send{.operation = std::move(operation), .plan = std::move(plan)});
}

Step Machine::later(At at, Duration duration) {
  go(at);
  ++s_.tries;
  s_.waiting = true;
  duration = std::max(duration, kWaitMin);
  s_.until = context_.now + duration;
  return act(provider::Wait{duration});
}

Duration Machine::backoff() const {
  const auto& limits = context_.limits;
  const Duration least = limits.poll_min > Duration::zero() ? limits.poll_min : kPollMinDefault;
  const Duration most =
      std::max(limits.poll_max > Duration::zero() ? limits.poll_max : kPollMaxDefault, least);
  Duration wait = least;
  for (std::uint64_t i = 0; i < s_.tries && wait < most; ++i) wait += wait / 2;
  return std::min(wait, most);
}

Duration Machine::backoff(const Error& error) const {
  return error.retry_after ? Duration(*error.retry_after) : backoff();
}

void Machine::note(std::string_view text) {
  if (!reason_.empty()) reason_ += "; ";
  reason_ += text;
}

}  // namespace weir::providers::cohere
