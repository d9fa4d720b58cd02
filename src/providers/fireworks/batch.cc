// The batch step machine: which event leads to which step. What an answer means is in batch_answers.cc.
#include <fmt/format.h>

#include <algorithm>

#include "providers/fireworks/batch_machine.h"

namespace weir::providers::fireworks {

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

Step Machine::start() {
  if (context_.credentials.settings.find(kAccountSetting)) return dataset();
  s_.removed = 2;  // there is nothing
  return refuse({.kind = ErrorKind::kUnsupported,
                 .message = fmt::format("fireworks: a batch needs the setting {}", kAccountSetting),
                 .hint = fmt::format("give --set {}=…", kAccountSetting),
                 .provider = "fireworks"});
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
    case At::kDataset: return on_dataset(event);
    case At::kUpload: return on_upload(event);
    case At::kReady: return on_ready(event);
    case At::kCreate: return on_create(event);
    case At::kPoll: return on_poll(event);
    case At::kCancel: return on_deleted(event);
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
  const bool create_sent = s_.at == At::kCreate && !s_.waiting;
  if (create_sent) return make_unsure("restarted while it was being created");
  if (s_.at == At::kUpload && !s_.waiting) return ready();  // the dataset says whether it came
  if (s_.at == At::kCollect) return locate();               // links do not live long
  return perform();
}

Step Machine::on_cancel() {
  s_.cancel = true;
  const auto cancelled = [] {
    return Error{.kind = ErrorKind::kCancelled,
                 .message = "cancelled before the provider had the batch",
                 .provider = "fireworks"};
  };
  switch (s_.at) {
    case At::kDataset:
    case At::kUpload:
    case At::kReady: return refuse(cancelled());
    case At::kCreate:
      if (s_.waiting && !s_.unsure) return refuse(cancelled());
      return make_unsure("cancelled while it was being created");
    case At::kPoll:
      // Whether there is something to delete must be known first.
      return s_.unsure || s_.deleting ? poll() : cancel();
    case At::kCancel: return s_.deleting ? poll() : cancel();
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
  s_.tries = 0;
  s_.unsure.reset();
  s_.cancel = false;  // the engine says so again where it still wants that
  if (settlement.how == How::kLost) return finish();
  if (settlement.how == How::kNotMade)
    return refuse({.kind = ErrorKind::kCancelled,
                   .message = "settled by hand: no batch was made",
                   .provider = "fireworks"});
  if (s_.job != settlement.provider_batch_id) {
    s_.status.clear();
    s_.output.clear();
    s_.created = s_.ended = std::nullopt;
    s_.done.reset();
    s_.files.clear();
    s_.deleting = false;
  }
  s_.file = 0;
  s_.job = settlement.provider_batch_id;
  s_.by_hand = true;
  return poll();
}

// --- The steps ------------------------------------------------------------------------------------------------------

Step Machine::perform() {
  switch (s_.at) {
    case At::kDataset: return dataset();
    case At::kUpload: return upload();
    case At::kReady: return ready();
    case At::kCreate: return create();
    case At::kPoll: return poll();
    case At::kCancel: return cancel();
    case At::kLocate:
    case At::kCollect: return locate();
    case At::kRemove: return remove();
    case At::kDone: break;
  }
  return finish();
}

Step Machine::dataset() { return send(At::kDataset, "dataset", dataset_plan(context_)); }

Step Machine::upload() {
  ++s_.uploads;
  return send(At::kUpload, "upload", upload_plan(context_));
}

Step Machine::ready() { return send(At::kReady, "dataset state", dataset_get_plan(context_)); }

Step Machine::create() {
  ++s_.creates;
  return send(At::kCreate, "create", create_plan(context_));
}

Step Machine::poll() {
  const auto& id = s_.job.empty() ? job_id(context_.id) : s_.job;
  return send(At::kPoll, "poll", job_plan(context_, http::Method::kGet, id));
}

Step Machine::cancel() {
  return send(At::kCancel, "cancel", job_plan(context_, http::Method::kDelete, s_.job));
}

Step Machine::locate() { return send(At::kLocate, "locate", locate_plan(context_, s_.output)); }

// The input dataset, then the output; what is left over is left at the provider. One that a human named may be another's: it stays.
Step Machine::remove() {
  if (s_.removed == 0)
    return send(At::kRemove, "delete", dataset_delete_plan(context_, input_dataset(context_.id)));
  if (s_.removed == 1 && !s_.output.empty() && !s_.by_hand)
    return send(At::kRemove, "delete", dataset_delete_plan(context_, s_.output));
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
          .view = {.provider_batch_id = s_.job,
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

}  // namespace weir::providers::fireworks
