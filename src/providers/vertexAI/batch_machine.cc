// What each answer means. The rule behind all of it: a create is repeated only when it surely was not made.
#include "providers/vertexAI/batch_machine.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "provider/http_error.h"

namespace weir::providers::vertexAI {

using provider::BatchEvent;
using provider::Finished;
using provider::Step;
using Kind = BatchEvent::Kind;

namespace {

constexpr Duration kVisibilityDefault =
    std::chrono::minutes(10);  // where the catalogue says nothing
constexpr std::string_view kElsewhere =
    "look for it in the Google Cloud console, then settle it by the number at the end of its name";

bool ok(const BatchEvent& event) {
  return event.kind == Kind::kAnswer && event.response.status >= 200 &&
         event.response.status <= 299;
}

// A failure that may pass: worth the same GET or upload again.
bool passing(const Error& error) {
  return error.kind == ErrorKind::kRateLimited || error.kind == ErrorKind::kUnavailable ||
         error.kind == ErrorKind::kDeadlineExceeded || error.kind == ErrorKind::kBadResponse;
}

json::Value parse(json::Parser& parser, const BatchEvent& event) {
  return parser.parse(event.response.body).value_or(json::Value());
}

// "predictions.jsonl", in shards or not; what else an export leaves there is no result.
bool holds_rows(std::string_view object) { return object.ends_with(".jsonl"); }

}  // namespace

Error Machine::error(ErrorKind kind, std::string message, std::string hint) const {
  return Error{.kind = kind,
               .message = fmt::format("{}: {}", options_.provider, message),
               .hint = std::move(hint),
               .provider = std::string(options_.provider)};
}

Error Machine::error_of(const BatchEvent& event) const {
  if (event.kind == Kind::kAnswer && !ok(event))
    return provider::gemini::decode_error(options_, event.response, context_.now);
  if (event.kind == Kind::kAnswer) {
    Error out = error(ErrorKind::kBadResponse, "an answer that cannot be read");
    out.http_status = event.response.status;
    return out;
  }
  // Without an access token nothing goes out; whether that passes, its error says.
  if (event.kind == Kind::kNotSent && event.error.kind == ErrorKind::kUnauthenticated)
    return event.error;
  const bool lost = event.kind == Kind::kLost;
  const auto& why = event.error.message;
  Error out = error(lost ? ErrorKind::kDeadlineExceeded : ErrorKind::kUnavailable,
                    fmt::format("{}{}{}", lost ? "no answer came" : "the request could not be sent",
                                why.empty() ? "" : ": ", why),
                    event.error.hint);
  out.retry_after = event.error.retry_after;
  return out;
}

Step Machine::refuse(Error error) {
  state_.outcome = Finished::Outcome::kRefused;
  state_.error = std::move(error);
  return sweep();
}

// Nothing is deleted: whoever settles it may need the objects.
Step Machine::hold(Error error) {
  state_.outcome = Finished::Outcome::kHeld;
  state_.error = std::move(error);
  note(fmt::format("held: {}", state_.error->message));
  return finish();
}

// --- Upload: safe to repeat, it replaces the object

Step Machine::on_uploaded(const BatchEvent& event) {
  if (ok(event)) return create();
  Error told = error_of(event);
  if (!passing(told) || ++state_.uploads >= kUploadTriesMax) return refuse(std::move(told));
  note(fmt::format("upload again ({})", told.message));
  return later(At::kUpload, backoff(told));
}

// --- Create

Step Machine::on_create(const BatchEvent& event) {
  if (event.kind == Kind::kLost)
    return create_unknown(context_.now, "no answer to its create came");
  if (event.kind == Kind::kNotSent) {
    Error told = error_of(event);
    return passing(told) ? create_again(std::move(told)) : refuse(std::move(told));
  }
  const int status = event.response.status;
  if (ok(event)) {
    json::Parser parser;
    const auto job = read_job(options_, parse(parser, event));
    if (!job) return create_unknown(context_.now, "the answer to its create cannot be read");
    state_.job = job->id;
    return observe(*job, event.response);
  }
  // 408, 409, 499, 5xx and what is no answer of the provider's at all: something in between may have passed the create on.
  if (status == 408 || status == 409 || status == 499 || status >= 500 || status < 400)
    return create_unknown(context_.now, fmt::format("its create was answered {}", status));
  Error told = error_of(event);
  if (told.kind == ErrorKind::kRateLimited) return create_again(std::move(told));
  return refuse(std::move(told));
}

// Surely not made: the same create again, after a wait.
Step Machine::create_again(Error error) {
  if (state_.creates >= kCreateTriesMax) return refuse(std::move(error));
  note(fmt::format("create again ({})", error.message));
  return later(At::kCreate, backoff(error));
}

Step Machine::create_unknown(Time since, std::string_view why) {
  state_.unknown_since = since;
  note(fmt::format("whether the batch was made is unknown ({}): listing the jobs", why));
  return relist();
}

// --- List: settles an unknown create. The order of the list is not documented, so it is read to its end.

Step Machine::on_list(const BatchEvent& event) {
  json::Parser parser;
  std::optional<JobList> page;
  if (ok(event)) page = read_list(options_, parse(parser, event));
  if (!page) {
    Error told = error_of(event);
    if (passing(told)) return later(At::kList, backoff(told));
    told.hint = "an unsettled create can only be found with the account that made it";
    return hold(std::move(told));
  }
  for (const auto& job : page->jobs) {
    const bool seen = std::ranges::find(state_.found, job.id) != state_.found.end();
    if (job.tag == recovery_tag(context_.id) && !seen && state_.found.size() < 3)
      state_.found.push_back(job.id);
  }
  if (turn_page(page->next)) {
    if (state_.pages < kListPagesMax) return list();
    return hold(error(ErrorKind::kBadResponse,
                      fmt::format("the list of jobs does not end (looking for the name {})",
                                  recovery_tag(context_.id)),
                      std::string(kElsewhere)));
  }
  return listed();
}

Step Machine::listed() {
  if (state_.found.empty()) return none_listed();
  if (state_.found.size() > 1)
    return hold(
        error(ErrorKind::kBadResponse,
              fmt::format("two jobs answer to one create: {}", fmt::join(state_.found, ", ")),
              "cancel one of them, then settle the other by its id"));
  state_.job = state_.found.front();
  note(fmt::format("adopted {}, found in the list of jobs", state_.job));
  return poll();
}

// Not there may mean not yet: only after create_visibility_max is a job that is not listed one that was not made.
Step Machine::none_listed() {
  const Duration told = context_.limits.create_visibility_max;
  const Time sure = state_.unknown_since + (told > Duration::zero() ? told : kVisibilityDefault);
  if (state_.round <
      sure) {  // counted from when the listing began: what came after its first page is not in it
    state_.page.clear();
    return later(At::kList, std::min(backoff(), std::max(sure - context_.now, Duration::zero())));
  }
  if (state_.cancel)
    return refuse(error(ErrorKind::kCancelled, "cancelled before the provider had the batch"));
  if (state_.creates >= kCreateTriesMax)
    return refuse(
        error(ErrorKind::kUnavailable,
              fmt::format("{} creates without an outcome, none of them listed", state_.creates)));
  note("no batch of ours is listed: the create is sent again");
  return create();
}

// --- Poll and cancel

Step Machine::on_poll(const BatchEvent& event) {
  json::Parser parser;
  if (ok(event)) {
    const auto job = read_job(options_, parse(parser, event));
    if (job && job->id == state_.job) return observe(*job, event.response);
  }
  Error told = error_of(event);
  if (passing(told)) return later(At::kPoll, backoff(told));
  told.message += fmt::format(" (job {})", state_.job);
  told.hint = told.kind == ErrorKind::kNotFound
                  ? "the job may be of another project or location: give those that made it"
                  : "use a key of the account that made the batch, then settle it";
  return hold(std::move(told));
}

// {} says that it was accepted, not that it is done.
Step Machine::on_cancel_answer(const BatchEvent& event) {
  if (ok(event)) {
    state_.cancelling = true;
    return later(At::kPoll, backoff());
  }
  Error told = error_of(event);
  if (told.kind == ErrorKind::kUnauthenticated) {
    told.hint = "use a key of the account that made the batch, then settle it";
    return hold(std::move(told));
  }
  // Refused where the job has just ended, or it failed: its state tells, and observe() asks again where it still runs.
  note(fmt::format("cancel not confirmed ({})", told.message));
  return later(At::kPoll, backoff(told));
}

// Any state that is not an end, known or not, still runs; the engine has the deadline.
Step Machine::observe(const Job& job, const http::Response& response) {
  if (state_.by_hand && !job.tag.empty() && job.tag != recovery_tag(context_.id)) return not_ours();
  state_.status = job.state;
  if (job.done) state_.done = job.done;
  if (job.created) state_.created = job.created;
  if (job.end != End::kNone) return settle(job);
  if (state_.cancel && !state_.cancelling) return cancel();
  const auto told = provider::retry_after(response.headers, context_.now);
  return later(At::kPoll, told ? Duration(*told) : backoff());
}

Step Machine::not_ours() {
  return hold(error(ErrorKind::kInvalidArgument,
                    fmt::format("job {} holds other requests than this one", state_.job),
                    "settle it again, with the id of the right job"));
}

// Whatever the state, what it left is read: completed rows are exported, and paid, when a job is cut short as well.
Step Machine::settle(const Job& job) {
  state_.ended = job.ended;
  state_.output = output_of(job);
  state_.outcome = Finished::Outcome::kEnded;
  state_.failed.reset();
  if (job.end == End::kFailed)
    state_.failed = job.error.value_or(
        error(ErrorKind::kUnavailable, fmt::format("job {} failed without a reason", state_.job)));
  state_.file.clear();
  state_.collected = 0;
  return files();
}

// An answer must not choose what is read: only a folder of our own in the bucket, or of the job that a human named.
std::string Machine::output_of(const Job& job) const {
  const auto bucket = fmt::format("gs://{}/", site_.bucket);
  auto ours = vertexAI::output_of(site_, context_.id);
  if (!job.output.starts_with(bucket)) return ours;
  auto folder = job.output.substr(bucket.size());
  if (!folder.ends_with('/')) folder += '/';
  const bool known = folder.starts_with(ours) || state_.by_hand;
  return known && folder.size() > 1 ? folder : ours;
}

// --- The objects of the results, one after the other

Step Machine::on_files(const BatchEvent& event) {
  json::Parser parser;
  std::optional<ObjectList> page;
  if (ok(event)) page = read_objects(parse(parser, event), state_.output);
  if (!page) {
    Error told = error_of(event);
    if (passing(told)) return later(At::kFiles, backoff(told));
    told.message += fmt::format(" (results of job {})", state_.job);
    if (told.hint.empty()) told.hint = "let the account list and read the bucket, then settle it";
    return hold(std::move(told));
  }
  std::string next;
  for (auto& name : page->names)
    if (name > state_.file && holds_rows(name) && (next.empty() || name < next))
      next = std::move(name);
  if (!next.empty()) {
    state_.file = std::move(next);
    return collect();
  }
  if (turn_page(page->next) && state_.pages < kListPagesMax) return files();
  return all_read();
}

Step Machine::all_read() {
  if (state_.collected > 0) return sweep();
  if (state_.failed) return refuse(*state_.failed);
  if (end_of(state_.status) != End::kSucceeded) return sweep();  // cancelled or expired: no row ran
  // It has results, and they are not there: the export may lag behind.
  if (++state_.unnamed < kCollectTriesMax) return later(At::kPoll, backoff());
  return hold(error(ErrorKind::kBadResponse,
                    fmt::format("job {} succeeded, but left nothing at gs://{}/{}", state_.job,
                                site_.bucket, state_.output),
                    "settle it once the bucket shows the results"));
}

Step Machine::on_collected(const BatchEvent& event) {
  if (event.kind == Kind::kCollected) {
    ++state_.collected;
    return files();
  }
  // The engine says so of rows that carry other ids; only a human can have led us there.
  if (state_.by_hand && event.error.kind == ErrorKind::kNotFound && event.error.http_status == 0)
    return not_ours();
  if (state_.tries + 1 < kCollectTriesMax) return later(At::kCollect, backoff(event.error));
  Error told = event.error;
  told.provider = options_.provider;
  told.message = fmt::format("{}: {} of job {} cannot be read: {}", options_.provider, state_.file,
                             state_.job, told.message);
  return hold(std::move(told));
}

// --- Sweep: best effort

Step Machine::on_sweep(const BatchEvent& event) {
  json::Parser parser;
  std::optional<ObjectList> page;
  if (ok(event)) page = read_objects(parse(parser, event), folder_of(site_, context_.id));
  if (!page) {
    // A refused batch may never have had a bucket: that is no news.
    if (state_.outcome == Finished::Outcome::kEnded)
      note(fmt::format("the bucket could not be swept ({})", error_of(event).message));
    return finish();
  }
  if (page->names.empty()) return finish();
  state_.file = std::move(page->names.front());
  return remove();
}

Step Machine::on_removed(const BatchEvent& event) {
  const int status = event.kind == Kind::kAnswer ? event.response.status : 0;
  if (!ok(event) && status != 404) {
    // Looked at again a few times: it may be gone, and others are to go as well.
    state_.swept += kSweepTriesMax / kRemoveFailuresMax;
    if (state_.swept < kSweepTriesMax) return sweep();
    note(fmt::format("{} could not be deleted ({})", state_.file, error_of(event).message));
    return finish();
  }
  if (++state_.swept >= kSweepTriesMax) return finish();
  return sweep();
}

}  // namespace weir::providers::vertexAI
