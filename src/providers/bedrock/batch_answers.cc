// What each answer means. A create whose outcome is unknown is settled by its name: the job is there, or the same create is sent again.
#include <fmt/format.h>

#include <algorithm>

#include "providers/bedrock/batch_machine.h"
#include "providers/bedrock/errors.h"

namespace weir::providers::bedrock {

using provider::BatchEvent;
using provider::Step;

namespace {

using Kind = BatchEvent::Kind;

constexpr std::uint64_t kUploadTriesMax = 8, kCreatesMax = 20;
constexpr std::uint64_t kListTriesMax = 20, kCollectTriesMax = 20;
constexpr std::uint64_t kMissingTriesMax = 5;  // of results that a job which has run says to have
constexpr Duration kVisibilityDefault = std::chrono::minutes(10);
constexpr std::string_view kSettle = "use a key of the account that made the batch, then settle it";

bool ok(const BatchEvent& event) {
  return event.kind == Kind::kAnswer && event.response.status >= 200 &&
         event.response.status <= 299;
}
int status_of(const BatchEvent& event) {
  return event.kind == Kind::kAnswer ? event.response.status : 0;
}
// A failure that may pass: worth the same again.
bool passing(const Error& error) {
  return error.kind == ErrorKind::kRateLimited || error.kind == ErrorKind::kUnavailable ||
         error.kind == ErrorKind::kDeadlineExceeded || error.kind == ErrorKind::kBadResponse;
}
json::Value parse(json::Parser& parser, const BatchEvent& event) {
  return parser.parse(event.response.body).value_or(json::Value());
}

}  // namespace

Error Machine::error_of(const BatchEvent& event) const {
  if (event.kind == Kind::kAnswer && !ok(event))
    return error_of_response(event.response, context_.now);
  Error error;
  error.provider = "bedrock";
  if (event.kind == Kind::kAnswer) {
    error.kind = ErrorKind::kBadResponse;
    error.http_status = event.response.status;
    error.message = "bedrock: an answer that cannot be read";
    return error;
  }
  const bool lost = event.kind == Kind::kLost;
  error.kind = lost ? ErrorKind::kDeadlineExceeded : ErrorKind::kUnavailable;
  error.message =
      fmt::format("bedrock: {}{}{}", lost ? "no answer came" : "the request could not be sent",
                  event.error.message.empty() ? "" : ": ", event.error.message);
  error.hint = event.error.hint;
  error.retry_after = event.error.retry_after;
  return error;
}

Step Machine::refuse(Error error) {
  s_.outcome = provider::Finished::Outcome::kRefused;
  s_.error = std::move(error);
  return remove();
}

// Nothing is deleted: whoever settles it may need the objects.
Step Machine::hold(Error error) {
  s_.outcome = provider::Finished::Outcome::kHeld;
  s_.error = std::move(error);
  note(fmt::format("held: {}", s_.error->message));
  return finish();
}

Step Machine::again_or_refuse(Error error, At at, std::uint64_t tries_max) {
  if (!passing(error) || s_.tries + 1 >= tries_max) return refuse(std::move(error));
  note(fmt::format("again ({})", error.message));
  return later(at, backoff(error));
}

// --- Upload and create ----------------------------------------------------------------------------------------------

// Safe to repeat: the key is ours, and a second object of that key takes the place of the first.
Step Machine::on_upload(const BatchEvent& event) {
  if (ok(event)) return create();
  Error error = error_of(event);
  if (passing(error)) note(fmt::format("the upload has an unknown outcome ({})", error.message));
  return again_or_refuse(std::move(error), At::kUpload, kUploadTriesMax);
}

Step Machine::on_create(const BatchEvent& event) {
  const int status = status_of(event);
  if (event.kind == Kind::kNotSent)
    return again_or_refuse(error_of(event), At::kCreate, kCreatesMax);
  if (event.kind == Kind::kLost) return make_unsure("no answer to its create came");
  json::Parser parser;
  if (ok(event)) {
    auto id = job_id(parse(parser, event)["jobArn"].string().value_or(""));
    if (id.empty()) return make_unsure("the answer to its create cannot be read");
    s_.unsure.reset();
    s_.job = std::move(id);
    s_.status = "Submitted";
    return s_.cancel ? stop() : later(At::kPoll, backoff());
  }
  Error error = error_of(event);
  // There is one of that name: an earlier try of ours made it.
  if (error.provider_code == "ConflictException" || status == 409)
    return make_unsure("its create was answered that it is there");
  if (error.kind == ErrorKind::kRateLimited && s_.creates < kCreatesMax) {
    note(fmt::format("create again ({})", error.message));
    return later(At::kCreate, backoff(error));
  }
  if (status == 408 || status >= 500 || status < 400)
    return make_unsure(fmt::format("its create was answered {}", status));
  return refuse(std::move(error));
}

Step Machine::make_unsure(std::string_view why) {
  if (!s_.unsure) s_.unsure = context_.now;
  note(fmt::format("whether the job was made is unknown ({}): looking for it by its name", why));
  return find();
}

Step Machine::on_found(const BatchEvent& event) {
  json::Parser parser;
  if (ok(event)) {
    const auto job = read_jobs(parse(parser, event), job_name(context_.id));
    if (job && !*job) return no_job();
    if (job) {
      note(fmt::format("adopted {}, found by its name", (*job)->id));
      s_.unsure.reset();
      s_.job = (*job)->id;
      return observe(**job);
    }
  }
  Error error = error_of(event);
  if (passing(error)) return later(At::kFind, backoff(error));
  error.message += fmt::format(" (looking for job {})", job_name(context_.id));
  error.hint = kSettle;
  return hold(std::move(error));
}

// Not in the list. The same create gives the job that an earlier one made, if it did.
Step Machine::no_job() {
  const Duration told = context_.limits.create_visibility_max;
  s_.unsure = std::min(s_.unsure.value_or(context_.now),
                       context_.now);  // the clock may have been ahead
  const Time sure = *s_.unsure + (told > Duration::zero() ? told : kVisibilityDefault);
  if (s_.cancel) {  // a create that is still on its way must not run unseen
    if (context_.now < sure) return later(At::kFind, std::min(backoff(), sure - context_.now));
    return refuse({.kind = ErrorKind::kCancelled,
                   .message = "cancelled before the provider had the batch",
                   .provider = "bedrock"});
  }
  if (s_.creates >= kCreatesMax)
    return refuse({.kind = ErrorKind::kUnavailable,
                   .message = fmt::format("bedrock: {} creates, and no job", s_.creates),
                   .provider = "bedrock"});
  note("there is no job of that name: the same create is sent again");
  return create();
}

// --- Poll and stop --------------------------------------------------------------------------------------------------

Step Machine::on_poll(const BatchEvent& event) {
  json::Parser parser;
  if (ok(event)) {
    const auto job = read_job(parse(parser, event));
    if (job && job->id == s_.job) return observe(*job);
  }
  Error error = error_of(event);
  if (passing(error)) return later(At::kPoll, backoff(error));
  error.message += fmt::format(" (job {})", s_.job);
  error.hint = error.kind == ErrorKind::kNotFound ? "the account or region is another: settle it"
                                                  : std::string(kSettle);
  return hold(std::move(error));
}

Step Machine::on_stopped(const BatchEvent& event) {
  if (ok(event)) {
    s_.stopping = true;
    return later(At::kPoll, backoff());
  }
  Error error = error_of(event);
  if (error.kind == ErrorKind::kUnauthenticated) {
    error.hint = kSettle;
    return hold(std::move(error));
  }
  // It may have ended meanwhile: the next look tells.
  note(fmt::format("cancel not confirmed ({})", error.message));
  return later(At::kPoll, backoff(error));
}

// Any state that is not an end, known or not, still runs; the engine has the deadline.
Step Machine::observe(const JobObject& job) {
  s_.status = job.status;
  if (job.done) s_.done = job.done;
  if (job.created) s_.created = job.created;
  s_.stopping |= job.stopping;
  if (job.terminal) return ended(job);
  if (s_.cancel && !s_.stopping) return stop();
  return later(At::kPoll, backoff());
}

// Validation fails a job whole, before anything runs. Its results are looked for all the same: what is there may be paid.
Step Machine::ended(const JobObject& job) {
  s_.ended = job.ended;
  s_.error.reset();
  if (job.failed)
    s_.error = Error{.kind = ErrorKind::kUnavailable,
                     .message = fmt::format("bedrock: job {} failed: {}", job.id,
                                            job.message.empty() ? "no reason given" : job.message),
                     .provider = "bedrock",
                     .provider_code = "Failed"};
  auto folder = output_folder(context_);
  if (s_.by_hand && !job.output_bucket.empty()) {
    if (job.output_bucket != bucket_of(context_.credentials.settings).value_or(Bucket{}).name)
      return hold(
          {.kind = ErrorKind::kInvalidArgument,
           .message = fmt::format("bedrock: the results of job {} lie in another bucket", job.id),
           .hint = "give its bucket by --set bucket=…, then settle it again",
           .provider = "bedrock"});
    folder = job.output_prefix;
  }
  s_.folder = fmt::format("{}{}/", folder, job.id);
  s_.object = 0;
  return list();
}

// --- List, collect and remove ---------------------------------------------------------------------------------------

Step Machine::on_listed(const BatchEvent& event) {
  if (ok(event)) {
    auto keys = read_objects(event.response.body, s_.folder);
    if (keys) {
      s_.objects = *std::move(keys);
      bool any = false;
      for (std::size_t i = 0; i < s_.objects.size(); ++i) any |= has_rows(i);
      if (!any) return no_results();
      s_.error.reset();  // there are results: it did not fail before anything ran
      s_.outcome = provider::Finished::Outcome::kEnded;
      return collect();
    }
  }
  Error error = error_of(event);
  if (passing(error) && s_.tries < kListTriesMax) return later(At::kList, backoff(error));
  error.message += fmt::format(" (results of job {})", s_.job);
  return hold(std::move(error));
}

// Of a failed job that is the rule; of one that was stopped or never began it may be; else they must come.
Step Machine::no_results() {
  if (s_.error) return refuse(*s_.error);
  if (s_.done == 0 || s_.status == "Stopped" || s_.status == "Expired") return remove();
  if (s_.tries < kMissingTriesMax) return later(At::kList, backoff());
  return hold({.kind = ErrorKind::kNotFound,
               .message = fmt::format("bedrock: the results of job {} are not there", s_.job),
               .hint = "look into the bucket, below " + s_.folder,
               .provider = "bedrock"});
}

Step Machine::on_collected(const BatchEvent& event) {
  if (event.kind == Kind::kCollected) {
    ++s_.object;
    s_.tries = 0;
    return collect();
  }
  // The engine says so of rows that carry other ids; only a human can have led us there.
  if (s_.by_hand && event.error.kind == ErrorKind::kNotFound && event.error.http_status == 0)
    return not_ours();
  if (s_.tries + 1 < kCollectTriesMax) return later(At::kCollect, backoff(event.error));
  Error error = event.error;
  error.provider = "bedrock";
  error.message = fmt::format("bedrock: {} of job {} cannot be read: {}", s_.objects[s_.object],
                              s_.job, error.message);
  return hold(std::move(error));
}

Step Machine::not_ours() {
  return hold({.kind = ErrorKind::kInvalidArgument,
               .message = fmt::format("bedrock: job {} holds other requests than this one", s_.job),
               .hint = "settle it again, with the id of the right job",
               .provider = "bedrock"});
}

// Best effort: a key that may not delete leaves the objects to the bucket's rules.
Step Machine::on_removed(const BatchEvent& event) {
  if (!ok(event) && status_of(event) != 404)
    note(fmt::format("an object could not be deleted ({})", error_of(event).message));
  ++s_.removed;
  return remove();
}

}  // namespace weir::providers::bedrock
