// The batch step machine: which event leads to which step. What an answer means is in
// batch_machine.cc.
#include "providers/gemini/batch.h"

#include <fmt/format.h>

#include <algorithm>

#include "providers/gemini/batch_machine.h"

namespace weir::providers::gemini {

using provider::BatchEvent;
using provider::Collect;
using provider::Finished;
using provider::Send;
using provider::Step;
using provider::Wait;
using Kind = BatchEvent::Kind;

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

Result<Step> next_batch_step(const provider::gemini::Options& options, std::string_view state,
                             const BatchEvent& event, const provider::BatchContext& context) {
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
      if (sending) return on_answer(event);
  }
  return misfit(state_, event);
}

Step Machine::on_answer(const BatchEvent& event) {
  switch (state_.at) {
    case At::kStart: return on_opened(event);
    case At::kUpload: return on_uploaded(event);
    case At::kQuery: return on_queried(event);
    case At::kCreate: return on_create(event);
    case At::kList: return on_list(event);
    case At::kPoll: return on_poll(event);
    case At::kCancel: return on_cancel_answer(event);
    case At::kDeleteFile:
    case At::kDeleteBatch: return on_removed(event);
    case At::kCollect:
    case At::kDone: break;
  }
  return finish();
}

Step Machine::on_restarted() {
  if (state_.waiting && state_.until > context_.now)
    return later(state_.at, state_.until - context_.now);
  const bool under_way = !state_.waiting;
  // Tries bound what the provider makes fail; a process that is killed again and again is not its
  // fault.
  state_.tries = 0;
  state_.uploads = 0;
  state_.creates = 0;
  if (under_way && state_.at == At::kCreate)
    return create_unknown(state_.intent, "restarted while it was being created");
  if (under_way && state_.at == At::kUpload) return query_upload();
  if (state_.at == At::kList) return relist();
  return perform();
}

Step Machine::on_cancel() {
  const auto before = [&] {
    return refuse(error(ErrorKind::kCancelled, "cancelled before the provider had the batch"));
  };
  state_.cancel = true;
  switch (state_.at) {
    case At::kStart:
    case At::kUpload:
    case At::kQuery: return before();
    case At::kCreate:
      if (state_.waiting) return before();
      return create_unknown(context_.now, "cancelled while it was being created");
    case At::kList: return relist();  // whether there is something to cancel must be known first
    case At::kPoll:
    case At::kCancel: return state_.cancelling ? poll() : cancel();
    case At::kCollect:
    case At::kDeleteFile:
    case At::kDeleteBatch:
      note("it had ended before it could be cancelled");
      if (state_.waiting && state_.until > context_.now)
        return later(state_.at, state_.until - context_.now);
      return perform();
    case At::kDone: break;
  }
  return finish();
}

// A human looked where the machine may not: what they say replaces whatever was under way.
Step Machine::on_settle(const provider::Settlement& settlement) {
  using How = provider::Settlement::How;
  state_.outcome = Finished::Outcome::kEnded;
  state_.error.reset();
  state_.tries = 0;
  state_.unnamed = 0;
  state_.cancel = false;  // the engine says so again where it still wants that
  if (settlement.how == How::kLost) return finish();
  if (settlement.how == How::kNotMade)
    return refuse(error(ErrorKind::kCancelled, "settled by hand: no batch was made"));
  std::string name = settlement.provider_batch_id;
  if (!name.starts_with(kBatchesName)) name.insert(0, kBatchesName);
  if (!is_name(name, kBatchesName))
    return hold(error(ErrorKind::kInvalidArgument, "that is no id of a batch",
                      "give what stands behind batches/ in its name"));
  if (state_.batch != name) {
    state_.status.clear();
    state_.output.clear();
    state_.created = state_.ended = std::nullopt;
    state_.done.reset();
    state_.cancelling = false;
  }
  state_.batch = std::move(name);
  state_.by_hand = true;
  return poll();
}

// --- The steps

Step Machine::perform() {
  switch (state_.at) {
    case At::kStart: return open_upload();
    case At::kUpload: return upload(state_.offset);
    case At::kQuery: return query_upload();
    case At::kCreate: return create();
    case At::kList: return list();
    case At::kPoll: return poll();
    case At::kCancel: return cancel();
    case At::kCollect: return collect();
    case At::kDeleteFile: return remove_file();
    case At::kDeleteBatch: return remove_batch();
    case At::kDone: break;
  }
  return finish();
}

Step Machine::open_upload() {
  go(At::kStart);
  state_.session.clear();
  return send("upload", upload_start_plan(context_));
}

Step Machine::upload(std::uint64_t offset) {
  go(At::kUpload);
  state_.offset = std::min(offset, context_.image_bytes);
  return send("upload", upload_plan(context_, state_.session, state_.offset));
}

Step Machine::query_upload() {
  go(At::kQuery);
  return send("upload", upload_query_plan(context_, state_.session));
}

Step Machine::create() {
  go(At::kCreate);
  state_.intent = context_.now;
  ++state_.creates;
  return send("create", create_plan(context_, state_.file));
}

Step Machine::relist() {
  state_.page.clear();
  return list();
}

Step Machine::list() {
  go(At::kList);
  if (state_.page.empty()) {  // a new round
    state_.round = context_.now;
    // The clock was ahead when it was noted: all that is known is that it was before now.
    state_.unknown_since = std::min(state_.unknown_since, context_.now);
    state_.pages = 0;
    state_.found.clear();
  }
  return send("list", list_plan(context_, state_.page));
}

Step Machine::poll() {
  go(At::kPoll);
  return send("poll", poll_plan(context_, state_.batch));
}

Step Machine::cancel() {
  go(At::kCancel);
  return send("cancel", cancel_plan(context_, state_.batch));
}

Step Machine::collect() {
  go(At::kCollect);
  return act(Collect{.artefact = "output", .plan = download_plan(context_, state_.output)});
}

Step Machine::remove_file() {
  if (state_.file.empty()) return remove_batch();
  go(At::kDeleteFile);
  return send("delete", delete_plan(context_, state_.file));
}

// The responses are the batch's, and go with it; a batch that nobody deletes is kept for ever.
Step Machine::remove_batch() {
  if (state_.output.empty() || state_.outcome != Finished::Outcome::kEnded) return finish();
  go(At::kDeleteBatch);
  return send("delete", delete_plan(context_, state_.batch));
}

Step Machine::finish() {
  go(At::kDone);
  return act(Finished{.outcome = state_.outcome, .error = state_.error.value_or(Error{})});
}

// --- Helpers

void Machine::go(At at) {
  if (state_.at != at) state_.tries = 0;
  state_.at = at;
  state_.waiting = false;
}

Step Machine::act(decltype(Step::action) action) {
  return {.state = write_state(state_),
          .view = {.provider_batch_id = batch_id(),
                   .status = state_.status,
                   .created_at = state_.created,
                   .ended_at = state_.ended,
                   .done = state_.done},
          .action = std::move(action),
          .reason = std::move(reason_)};
}

// For people: what stands behind "batches/" in its name.
std::string Machine::batch_id() const {
  return state_.batch.empty() ? "" : state_.batch.substr(kBatchesName.size());
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

}  // namespace weir::providers::gemini
