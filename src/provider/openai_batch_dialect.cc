// The batch step machine: which event leads to which step. What an answer means is in
// openai_batch_dialect_machine.cc.
#include "provider/openai_batch_dialect.h"

#include <fmt/format.h>

#include <algorithm>

#include "provider/openai_batch_dialect_machine.h"

namespace weir::provider::openai_batch {
namespace {

constexpr Duration kPollMinDefault = std::chrono::seconds(10);  // where the catalogue says nothing
constexpr Duration kPollMaxDefault = std::chrono::seconds(60);
constexpr Duration kWaitMin =
    std::chrono::seconds(1);  // a retry-after of 0 must not become a busy loop

std::unexpected<Error> misfit(const State& state, const BatchEvent& event) {
  return fail(ErrorKind::kInternal,
              fmt::format("batch event {} does not fit step {}{}", static_cast<int>(event.kind),
                          static_cast<int>(state.at), state.waiting ? " (waiting)" : ""));
}

}  // namespace

Result<Step> next(const Options& options, std::string_view state, const BatchEvent& event,
                  const BatchContext& context) {
  using Kind = BatchEvent::Kind;
  if (state.empty()) {
    Machine machine(options, context, State{});
    if (event.kind == Kind::kStart || event.kind == Kind::kRestarted) return machine.start();
    if (event.kind == Kind::kCancel || event.kind == Kind::kSettle) return machine.on(event);
    return misfit(State{}, event);
  }
  WEIR_TRY(auto known, read_state(state));
  return Machine(options, context, std::move(known)).on(event);
}

Result<Step> Machine::on(const BatchEvent& event) {
  using Kind = BatchEvent::Kind;
  if (event.kind == Kind::kSettle) return on_settle(event.settlement);
  if (state_.at == At::kDone) return finish();
  const bool collecting = state_.at == At::kCollect && !state_.waiting;
  const bool sending = state_.at != At::kCollect && !state_.waiting;
  switch (event.kind) {
    case Kind::kStart:
    case Kind::kSettle: break;
    case Kind::kRestarted: return on_restarted();
    case Kind::kCancel: return on_cancel();
    case Kind::kTimer:
      if (state_.waiting) return perform();
      break;
    case Kind::kCollected:
    case Kind::kCollectFailed:
      if (collecting) return on_collected(event);
      break;
    case Kind::kAnswer:
    case Kind::kNotSent:
    case Kind::kLost:
      if (!sending) break;
      switch (state_.at) {
        case At::kUpload: return on_upload(event);
        case At::kCreate: return on_create(event);
        case At::kList: return on_list(event);
        case At::kPoll: return on_poll(event);
        case At::kCancel: return on_cancel_answer(event);
        case At::kDelete: return on_removed(event);
        case At::kCollect:
        case At::kDone: break;
      }
  }
  return misfit(state_, event);
}

Step Machine::on_restarted() {
  if (state_.waiting && state_.until > context_.now)
    return later(state_.at, state_.until - context_.now);
  const bool create_unsure = state_.at == At::kCreate && !state_.waiting;
  // Tries bound what the provider makes fail; a process that is killed again and again is not its
  // fault.
  state_.tries = 0;
  state_.creates = 0;
  if (create_unsure) return create_unknown(state_.intent, "restarted while it was being created");
  if (state_.at == At::kList) return relist();
  return perform();
}

Step Machine::on_cancel() {
  state_.cancel = true;
  switch (state_.at) {
    case At::kUpload: return refuse(cancelled_error());
    case At::kCreate:
      if (state_.waiting) return refuse(cancelled_error());
      return create_unknown(context_.now, "cancelled while it was being created");
    case At::kList: return relist();  // whether there is something to cancel must be known first
    case At::kPoll:
    case At::kCancel: return state_.cancelling ? poll() : cancel();
    case At::kCollect:
    case At::kDelete:
      note("it had ended before it could be cancelled");
      if (state_.waiting && state_.until > context_.now)
        return later(state_.at, state_.until - context_.now);
      return perform();
    case At::kDone: break;
  }
  return finish();
}

// A human looked where the machine may not: what they say replaces whatever was under way.
Step Machine::on_settle(const Settlement& settlement) {
  using How = Settlement::How;
  state_.outcome = Finished::Outcome::kEnded;
  state_.error.reset();
  state_.line.reset();
  state_.file = 0;
  state_.tries = 0;
  state_.cancel = false;  // the engine says so again where it still wants that
  if (settlement.how == How::kLost) return finish();
  if (settlement.how == How::kNotMade)
    return refuse({.kind = ErrorKind::kCancelled,
                   .message = "settled by hand: no batch was made",
                   .provider = std::string(options_.chat.provider)});
  if (state_.batch != settlement.provider_batch_id) {
    state_.status.clear();
    state_.created = state_.ended = std::nullopt;
    state_.done.reset();
    state_.cancelling = false;
    state_.files[1].clear();
    state_.files[2].clear();
    state_.unstable.clear();
    state_.page.clear();
    state_.rows = 0;
  }
  state_.batch = settlement.provider_batch_id;
  state_.by_hand = true;
  return poll();
}

// --- The steps
// ------------------------------------------------------------------------------------------------------

Step Machine::perform() {
  switch (state_.at) {
    case At::kUpload: return upload();
    case At::kCreate: return create();
    case At::kList: return list();
    case At::kPoll: return poll();
    case At::kCancel: return cancel();
    case At::kCollect: return collect();
    case At::kDelete: return remove();
    case At::kDone: break;
  }
  return finish();
}

Step Machine::upload() {
  go(At::kUpload);
  return send("upload", upload_plan(options_, context_));
}

Step Machine::create() {
  go(At::kCreate);
  state_.intent = context_.now;
  ++state_.creates;
  return send("create", create_plan(options_, context_, state_.files[0]));
}

Step Machine::relist() {
  state_.after.clear();
  return list();
}

Step Machine::list() {
  go(At::kList);
  if (state_.after.empty()) {  // a new round
    state_.round = context_.now;
    // The clock was ahead when these were noted: all that is known is that both were before now.
    if (state_.intent > context_.now) state_.intent = Time{};
    state_.unknown_since = std::min(state_.unknown_since, context_.now);
    state_.pages = 0;
    state_.found.clear();
  }
  return send("list", list_plan(options_, context_, state_.after));
}

Step Machine::poll() {
  go(At::kPoll);
  return send("poll", poll_plan(options_, context_, state_.batch));
}

Step Machine::cancel() {
  go(At::kCancel);
  return send("cancel", cancel_plan(options_, context_, state_.batch));
}

// Reads the files in turn: 1 output, 2 errors. Whether one exists is all that counts, not the
// status.
Step Machine::collect() {
  if (!options_.pages.path.empty()) return collect_page();
  go(At::kCollect);
  state_.file = std::max<std::size_t>(state_.file, 1);
  while (state_.file < state_.files.size() && state_.files[state_.file].empty()) ++state_.file;
  if (state_.file == state_.files.size()) {
    state_.file = 0;
    return remove();
  }
  return act(Collect{.artefact = state_.file == 1 ? "output" : "errors",
                     .plan = content_plan(options_, context_, state_.files[state_.file])});
}

Step Machine::collect_page() {
  go(At::kCollect);
  return act(Collect{.artefact = "results",
                     .plan = page_plan(options_, context_, state_.batch, state_.page),
                     .rows_member = std::string(options_.pages.member),
                     .rows_before = state_.rows});
}

Step Machine::remove() {
  go(At::kDelete);
  while (state_.file < state_.files.size() && state_.files[state_.file].empty()) ++state_.file;
  if (state_.file == state_.files.size()) return finish();
  return send("delete", delete_plan(options_, context_, state_.files[state_.file]));
}

Step Machine::finish() {
  go(At::kDone);
  Finished finished{
      .outcome = state_.outcome, .error = state_.error.value_or(Error{}), .line = state_.line};
  return act(std::move(finished));
}

// --- Helpers
// --------------------------------------------------------------------------------------------------------

void Machine::go(At at) {
  if (state_.at != at) state_.tries = 0;
  state_.at = at;
  state_.waiting = false;
}

Step Machine::act(decltype(Step::action) action) {
  return {.state = write_state(state_),
          .view = {.provider_batch_id = state_.batch,
                   .status = state_.status,
                   .created_at = state_.created,
                   .ended_at = state_.ended,
                   .done = state_.done},
          .action = std::move(action),
          .reason = std::move(reason_)};
}

Step Machine::send(std::string operation, http::RequestPlan plan) {
  return act(Send{.operation = std::move(operation), .plan = std::move(plan)});
}

Step Machine::later(At at, Duration duration) {
  go(at);
  ++state_.tries;
  state_.waiting = true;
  duration = std::max(duration, kWaitMin);
  state_.until = context_.now + duration;
  return act(Wait{duration});
}

Duration Machine::backoff() const {
  const auto& limits = context_.limits;
  const Duration least = limits.poll_min > Duration::zero() ? limits.poll_min : kPollMinDefault;
  const Duration most =
      std::max(limits.poll_max > Duration::zero() ? limits.poll_max : kPollMaxDefault, least);
  Duration wait = least;
  for (std::uint64_t i = 0; i < state_.tries && wait < most; ++i) wait += wait / 2;
  return std::min(wait, most);
}

Duration Machine::backoff(const Error& error) const {
  return error.retry_after ? Duration(*error.retry_after) : backoff();
}

void Machine::note(std::string_view text) {
  if (!reason_.empty()) reason_ += "; ";
  reason_ += text;
}

}  // namespace weir::provider::openai_batch
