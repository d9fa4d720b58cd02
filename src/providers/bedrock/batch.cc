// The batch step machine: which event leads to which step. What an answer means is in batch_answers.cc.
#include <fmt/format.h>

#include <algorithm>

#include "providers/bedrock/batch_machine.h"

namespace weir::providers::bedrock {

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

// S3 takes no Bedrock API key, and the job's role and place are nobody's but the user's to choose.
Step Machine::start() {
  const auto& settings = context_.credentials.settings;
  std::string_view missing;
  for (const auto name : {kRole, kBucket, kSecret, kKeyId, kRegion})
    if (!settings.find(name)) missing = name;
  if (missing.empty() && bucket_of(settings)) return upload();
  s_.by_hand = true;  // there is nothing to delete
  return refuse({.kind = ErrorKind::kUnsupported,
                 .message = missing.empty()
                                ? "bedrock: the setting bucket names no bucket"
                                : fmt::format("bedrock: a batch needs the setting {}", missing),
                 .hint = missing.empty() ? "such as s3://name/prefix"
                                         : "give it by --set, its variable or the configuration",
                 .provider = "bedrock"});
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
    case At::kCreate: return on_create(event);
    case At::kFind: return on_found(event);
    case At::kPoll: return on_poll(event);
    case At::kStop: return on_stopped(event);
    case At::kList: return on_listed(event);
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
  return perform();
}

Step Machine::on_cancel() {
  s_.cancel = true;
  const auto cancelled = [] {
    return Error{.kind = ErrorKind::kCancelled,
                 .message = "cancelled before the provider had the batch",
                 .provider = "bedrock"};
  };
  switch (s_.at) {
    case At::kUpload: return refuse(cancelled());
    case At::kCreate:
      if (s_.waiting && !s_.unsure) return refuse(cancelled());
      return make_unsure("cancelled while it was being created");
    case At::kFind: return find();  // whether there is something to stop must be known first
    case At::kPoll:
    case At::kStop: return s_.stopping ? poll() : stop();
    case At::kList:
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
                   .provider = "bedrock"});
  const auto id = job_id(settlement.provider_batch_id);
  if (s_.job != id) {
    s_.status.clear();
    s_.folder.clear();
    s_.created = s_.ended = std::nullopt;
    s_.done.reset();
    s_.objects.clear();
    s_.stopping = false;
  }
  s_.object = 0;
  s_.job = id;
  s_.by_hand = true;
  return poll();
}

// --- The steps ------------------------------------------------------------------------------------------------------

Step Machine::perform() {
  switch (s_.at) {
    case At::kUpload: return upload();
    case At::kCreate: return create();
    case At::kFind: return find();
    case At::kPoll: return poll();
    case At::kStop: return stop();
    case At::kList: return list();
    case At::kCollect: return collect();
    case At::kRemove: return remove();
    case At::kDone: break;
  }
  return finish();
}

Step Machine::upload() { return send(At::kUpload, "upload", upload_plan(context_)); }

Step Machine::create() {
  ++s_.creates;
  return send(At::kCreate, "create", create_plan(context_));
}

Step Machine::find() { return send(At::kFind, "find", find_plan(context_)); }

Step Machine::poll() { return send(At::kPoll, "poll", job_plan(context_, s_.job)); }

Step Machine::stop() { return send(At::kStop, "stop", stop_plan(context_, s_.job)); }

Step Machine::list() { return send(At::kList, "list", objects_plan(context_, s_.folder)); }

// "….jsonl.out" are rows; "manifest.json.out" and whatever else is written there are none.
bool Machine::has_rows(std::size_t object) const {
  return s_.objects[object].ends_with(".jsonl.out");
}

Step Machine::collect() {
  while (s_.object < s_.objects.size() && !has_rows(s_.object)) ++s_.object;
  if (s_.object >= s_.objects.size()) return remove();
  const auto& key = s_.objects[s_.object];
  const auto tries = s_.tries;
  go(At::kCollect);
  s_.tries = tries;
  return act(provider::Collect{.artefact = key.substr(key.rfind('/') + 1),
                               .plan = object_plan(context_, http::Method::kGet, key)});
}

// The input, then the output; what cannot be deleted is left in the bucket. Of a job that a human named it may be another's: it stays.
Step Machine::remove() {
  if (s_.by_hand || s_.removed > s_.objects.size()) return finish();
  const auto key = s_.removed == 0 ? input_key(context_) : s_.objects[s_.removed - 1];
  return send(At::kRemove, "delete", object_plan(context_, http::Method::kDelete, key));
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

}  // namespace weir::providers::bedrock
