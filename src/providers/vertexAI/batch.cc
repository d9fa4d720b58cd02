// The batch step machine: which event leads to which step. What an answer means is in batch_machine.cc.
#include "providers/vertexAI/batch.h"

#include <fmt/format.h>

#include <algorithm>

#include "providers/vertexAI/batch_machine.h"

namespace weir::providers::vertexAI {

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
  State known;
  if (!state.empty()) {
    WEIR_TRY(known, read_state(state));
  }
  auto site = batch_site_of(context.credentials.settings);
  if (!site) return Machine(options, context, {}, std::move(known)).unusable(site.error());
  Machine machine(options, context, *std::move(site), std::move(known));
  if (!state.empty()) return machine.on(event);
  if (event.kind == Kind::kStart || event.kind == Kind::kRestarted) return machine.start();
  if (event.kind == Kind::kCancel || event.kind == Kind::kSettle) return machine.on(event);
  return misfit(State{}, event);
}

// Before the create nothing was made; after it a human must give the settings back.
Step Machine::unusable(Error error) {
  const bool made = !state_.job.empty() || state_.creates > 0;
  state_.outcome = made ? Finished::Outcome::kHeld : Finished::Outcome::kRefused;
  state_.error = std::move(error);
  return finish();
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
    case At::kUpload: return on_uploaded(event);
    case At::kCreate: return on_create(event);
    case At::kList: return on_list(event);
    case At::kPoll: return on_poll(event);
    case At::kCancel: return on_cancel_answer(event);
    case At::kFiles: return on_files(event);
    case At::kSweep: return on_sweep(event);
    case At::kRemove: return on_removed(event);
    case At::kCollect:
    case At::kDone: break;
  }
  return finish();
}

Step Machine::on_restarted() {
  if (state_.waiting && state_.until > context_.now)
    return later(state_.at, state_.until - context_.now);
  const bool create_sent = state_.at == At::kCreate && !state_.waiting;
  // Tries bound what the provider makes fail; a process that is killed again and again is not its fault.
  state_.tries = 0;
  state_.uploads = 0;
  state_.creates = std::min<std::uint64_t>(state_.creates, 1);
  if (create_sent) return create_unknown(state_.intent, "restarted while it was being created");
  if (state_.at == At::kList) return relist();
  return perform();
}

Step Machine::on_cancel() {
  const auto before = [&] {
    return refuse(error(ErrorKind::kCancelled, "cancelled before the provider had the batch"));
  };
  state_.cancel = true;
  switch (state_.at) {
    case At::kUpload: return before();
    case At::kCreate:
      if (state_.waiting) return before();
      return create_unknown(context_.now, "cancelled while it was being created");
    case At::kList: return relist();  // whether there is something to cancel must be known first
    case At::kPoll:
    case At::kCancel: return state_.cancelling ? poll() : cancel();
    case At::kFiles:
    case At::kCollect:
    case At::kSweep:
    case At::kRemove:
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
  state_.failed.reset();
  state_.tries = 0;
  state_.unnamed = 0;
  state_.cancel = false;  // the engine says so again where it still wants that
  if (settlement.how == How::kLost) return finish();
  if (settlement.how == How::kNotMade)
    return refuse(error(ErrorKind::kCancelled, "settled by hand: no batch was made"));
  std::string_view id = settlement.provider_batch_id;
  id.remove_prefix(id.rfind('/') == std::string_view::npos ? 0 : id.rfind('/') + 1);
  if (!is_job_id(id))
    return hold(error(ErrorKind::kInvalidArgument, "that is no id of a job",
                      "give the number at the end of its name"));
  if (state_.job != id) {
    state_.status.clear();
    state_.output.clear();
    state_.created = state_.ended = std::nullopt;
    state_.done.reset();
    state_.cancelling = false;
  }
  state_.file.clear();
  state_.collected = 0;
  state_.job = id;
  state_.by_hand = true;
  return poll();
}

// --- The steps

Step Machine::perform() {
  switch (state_.at) {
    case At::kUpload: return upload();
    case At::kCreate: return create();
    case At::kList: return list();
    case At::kPoll: return poll();
    case At::kCancel: return cancel();
    case At::kFiles: return files();
    case At::kCollect: return collect();
    case At::kSweep: return sweep();
    case At::kRemove: return remove();
    case At::kDone: break;
  }
  return finish();
}

Step Machine::upload() {
  go(At::kUpload);
  return send("upload", upload_plan(context_, site_));
}

Step Machine::create() {
  go(At::kCreate);
  state_.intent = context_.now;
  ++state_.creates;
  return send("create", create_plan(context_, site_));
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
  return send("list", list_plan(context_, site_, state_.page));
}

Step Machine::poll() {
  go(At::kPoll);
  return send("poll", poll_plan(context_, site_, state_.job));
}

Step Machine::cancel() {
  go(At::kCancel);
  return send("cancel", cancel_plan(context_, site_, state_.job));
}

Step Machine::files() {
  if (state_.at != At::kFiles) {
    state_.page.clear();
    state_.pages = 0;
  }
  go(At::kFiles);
  return send("files", objects_plan(context_, site_, state_.output, state_.file, state_.page));
}

// Its name as seen from the folder is the artefact's.
Step Machine::collect() {
  go(At::kCollect);
  return act(
      Collect{.artefact = state_.file.substr(std::min(state_.output.size(), state_.file.size())),
              .plan = download_plan(context_, site_, state_.file)});
}

Step Machine::sweep() {
  if (state_.at != At::kSweep) {
    state_.page.clear();
    state_.file.clear();
  }
  go(At::kSweep);
  return send("sweep", objects_plan(context_, site_, folder_of(site_, context_.id), "", ""));
}

Step Machine::remove() {
  go(At::kRemove);
  return send("delete", remove_plan(context_, site_, state_.file));
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
          .view = {.provider_batch_id = state_.job,
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

bool Machine::turn_page(const std::string& next) {
  if (next.empty() || next == state_.page) return false;
  ++state_.pages;
  state_.page = next;
  return true;
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

}  // namespace weir::providers::vertexAI
