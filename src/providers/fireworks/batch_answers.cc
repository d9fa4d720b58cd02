// What each answer means. A create whose outcome is unknown is settled by its id: the job is there, or the same create is sent again.
#include <fmt/format.h>

#include <algorithm>

#include "provider/follow.h"
#include "provider/http_error.h"
#include "providers/fireworks/batch_machine.h"

namespace weir::providers::fireworks {

using provider::BatchEvent;
using provider::Step;

namespace {

using Kind = BatchEvent::Kind;
namespace chat = provider::openai_chat;

constexpr std::uint64_t kDatasetTriesMax = 8, kUploadsMax = 8, kCreatesMax = 20;
constexpr std::uint64_t kCollectTriesMax = 20, kLocateTriesMax = 20;
// A dataset or a result that is not there yet may come; one of a job that did nothing never does.
constexpr std::uint64_t kMissingTriesMax = 5;
constexpr Duration kVisibilityDefault = std::chrono::minutes(10);
constexpr Duration kDeletedLook = std::chrono::seconds(2);

bool ok(const BatchEvent& event) {
  return event.kind == Kind::kAnswer && event.response.status >= 200 &&
         event.response.status <= 299;
}
int status_of(const BatchEvent& event) {
  return event.kind == Kind::kAnswer ? event.response.status : 0;
}
// A failure that may pass: worth the same again. GETs cost nothing, so any 429 is waited out.
bool passing(const Error& error) {
  return error.kind == ErrorKind::kRateLimited || error.kind == ErrorKind::kUnavailable ||
         error.kind == ErrorKind::kDeadlineExceeded || error.kind == ErrorKind::kBadResponse ||
         error.http_status == 429;
}
json::Value parse(json::Parser& parser, const BatchEvent& event) {
  return parser.parse(event.response.body).value_or(json::Value());
}
constexpr std::string_view kSettle = "use a key of the account that made the batch, then settle it";

}  // namespace

Error Machine::error_of(const BatchEvent& event) const {
  if (event.kind == Kind::kAnswer && !ok(event)) {
    static const chat::Options kOptions = chat_options();
    return chat::decode_error(kOptions, event.response, context_.now);
  }
  Error error;
  error.provider = "fireworks";
  if (event.kind == Kind::kAnswer) {
    error.kind = ErrorKind::kBadResponse;
    error.http_status = event.response.status;
    error.message = "fireworks: an answer that cannot be read";
    return error;
  }
  const bool lost = event.kind == Kind::kLost;
  error.kind = lost ? ErrorKind::kDeadlineExceeded : ErrorKind::kUnavailable;
  error.message =
      fmt::format("fireworks: {}{}{}", lost ? "no answer came" : "the request could not be sent",
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

// Nothing is deleted: whoever settles it may need the datasets.
Step Machine::hold(Error error) {
  s_.outcome = provider::Finished::Outcome::kHeld;
  s_.error = std::move(error);
  note(fmt::format("held: {}", s_.error->message));
  return finish();
}

Step Machine::again_or_refuse(Error error, At at, std::uint64_t tries_max) {
  const bool no_money = error.http_status == 429 && error.kind != ErrorKind::kRateLimited;
  if (!passing(error) || no_money || s_.tries + 1 >= tries_max) return refuse(std::move(error));
  note(fmt::format("again ({})", error.message));
  return later(at, backoff(error));
}

// --- The input dataset: safe to repeat, its id is ours --------------------------------------------------------------

Step Machine::on_dataset(const BatchEvent& event) {
  if (ok(event)) return upload();
  if (status_of(event) == 409) return ready();  // an earlier try made it
  return again_or_refuse(error_of(event), At::kDataset, kDatasetTriesMax);
}

Step Machine::on_upload(const BatchEvent& event) {
  if (ok(event)) {
    s_.uploaded = true;
    return ready();
  }
  Error error = error_of(event);
  const bool no_money = error.http_status == 429 && error.kind != ErrorKind::kRateLimited;
  if (!passing(error) || no_money || s_.uploads >= kUploadsMax) return refuse(std::move(error));
  // Whether it came in spite of that, the dataset tells.
  note(fmt::format("the upload has an unknown outcome ({})", error.message));
  return later(At::kReady, backoff(error));
}

Step Machine::on_ready(const BatchEvent& event) {
  json::Parser parser;
  if (ok(event)) {
    const auto dataset = read_dataset(parse(parser, event));
    if (dataset && dataset->ready) return create();
    if (dataset && dataset->error) return refuse(*dataset->error);
    if (dataset && dataset->uploading && !s_.uploaded) {
      if (s_.uploads < kUploadsMax) return upload();
      return refuse(
          {.kind = ErrorKind::kUnavailable,
           .message = fmt::format("fireworks: {} uploads, none of them taken", s_.uploads),
           .provider = "fireworks"});
    }
    return later(At::kReady, backoff());  // the engine bounds how long submitting may take
  }
  Error error = error_of(event);
  const bool missing = error.kind == ErrorKind::kNotFound && s_.tries < kMissingTriesMax;
  if (passing(error) || missing) return later(At::kReady, backoff(error));
  return refuse(std::move(error));
}

// --- Create ---------------------------------------------------------------------------------------------------------

Step Machine::on_create(const BatchEvent& event) {
  const int status = status_of(event);
  if (event.kind == Kind::kNotSent)
    return again_or_refuse(error_of(event), At::kCreate, kCreatesMax);
  if (event.kind == Kind::kLost) return make_unsure("no answer to its create came");
  json::Parser parser;
  if (ok(event)) {
    const auto job = read_job(parse(parser, event));
    if (!job) return make_unsure("the answer to its create cannot be read");
    s_.unsure.reset();
    s_.job = job->id;
    return observe(*job);
  }
  // There is one of that id: an earlier try of ours made it.
  if (status == 409) return make_unsure("its create was answered that it is there");
  if (status == 408 || status >= 500 || status < 400)
    return make_unsure(fmt::format("its create was answered {}", status));
  Error error = error_of(event);
  if (error.kind == ErrorKind::kRateLimited && s_.creates < kCreatesMax) {
    note(fmt::format("create again ({})", error.message));
    return later(At::kCreate, backoff(error));
  }
  return refuse(std::move(error));
}

Step Machine::make_unsure(std::string_view why) {
  if (!s_.unsure) s_.unsure = context_.now;
  note(fmt::format("whether the job was made is unknown ({}): asking for it by its id", why));
  return poll();
}

// Asked for by its id, and not there.
Step Machine::no_job(const Error& error) {
  const Duration told = context_.limits.create_visibility_max;
  s_.unsure = std::min(*s_.unsure, context_.now);  // the clock may have been ahead
  const Time sure = *s_.unsure + (told > Duration::zero() ? told : kVisibilityDefault);
  if (s_.cancel) {  // a create that is still on its way must not run unseen
    if (context_.now < sure) return later(At::kPoll, std::min(backoff(), sure - context_.now));
    return refuse({.kind = ErrorKind::kCancelled,
                   .message = "cancelled before the provider had the batch",
                   .provider = "fireworks"});
  }
  if (s_.creates >= kCreatesMax)
    return refuse({.kind = ErrorKind::kUnavailable,
                   .message = fmt::format("fireworks: {} creates, and no job ({})", s_.creates,
                                          error.message),
                   .provider = "fireworks"});
  note("there is no job of that id: the same create is sent again");
  return create();
}

// --- Poll and cancel ------------------------------------------------------------------------------------------------

Step Machine::on_poll(const BatchEvent& event) {
  json::Parser parser;
  if (ok(event)) {
    const auto job = read_job(parse(parser, event));
    const auto wanted = s_.job.empty() ? job_id(context_.id) : s_.job;
    if (job && job->id == wanted) {
      if (s_.unsure) note(fmt::format("adopted {}, found by its id", job->id));
      s_.unsure.reset();
      s_.job = job->id;
      return observe(*job);
    }
  }
  Error error = error_of(event);
  if (error.kind == ErrorKind::kNotFound && s_.deleting) {
    s_.status = "DELETED";
    return remove();
  }
  if (error.kind == ErrorKind::kNotFound && s_.unsure) return no_job(error);
  if (passing(error)) return later(At::kPoll, backoff(error));
  error.message += fmt::format(" (job {})", s_.job);
  error.hint = error.kind == ErrorKind::kNotFound
                   ? "somebody deleted it, or the account is another: settle it"
                   : kSettle;
  return hold(std::move(error));
}

Step Machine::on_deleted(const BatchEvent& event) {
  if (ok(event) || status_of(event) == 404) {
    s_.deleting = true;
    s_.status = "DELETING";
    note(fmt::format("{} was deleted, the only way to stop it: what it had done is lost", s_.job));
    return later(At::kPoll, kDeletedLook);  // soon: it tells how much that was
  }
  Error error = error_of(event);
  if (error.kind == ErrorKind::kUnauthenticated) {
    error.hint = kSettle;
    return hold(std::move(error));
  }
  note(fmt::format("cancel not confirmed ({})", error.message));
  return later(At::kPoll, backoff(error));
}

// Any state that is not an end, known or not, still runs; the engine has the deadline.
Step Machine::observe(const JobObject& job) {
  s_.status = job.status;
  if (job.done) s_.done = job.done;
  if (job.created) s_.created = job.created;
  if (!job.output.empty()) s_.output = job.output;
  if (job.terminal) return ended(job);
  s_.deleting |= job.deleting;
  if (s_.cancel && !s_.deleting) return cancel();
  return later(At::kPoll, backoff());
}

// Validation fails a job whole, before anything runs. Its results are looked for all the same: what is there may be paid.
Step Machine::ended(const JobObject& job) {
  s_.ended = job.ended;
  s_.error = job.error;
  if (job.failed && !s_.error)
    s_.error = Error{.kind = ErrorKind::kUnavailable,
                     .message = fmt::format("fireworks: job {} failed without a reason", job.id),
                     .provider = "fireworks"};
  if (s_.output.empty())
    return no_results({.kind = ErrorKind::kNotFound,
                       .message = "fireworks: the job names no output dataset",
                       .provider = "fireworks"});
  s_.file = 0;
  return locate();
}

// --- Locate and collect ---------------------------------------------------------------------------------------------

Step Machine::on_located(const BatchEvent& event) {
  json::Parser parser;
  if (!ok(event)) {
    Error error = error_of(event);
    if (error.kind == ErrorKind::kNotFound) return no_results(std::move(error));
    if (passing(error) && s_.tries < kLocateTriesMax) return later(At::kLocate, backoff(error));
    return hold(std::move(error));
  }
  const auto links = read_links(parse(parser, event));
  if (!links && s_.tries < kLocateTriesMax) return later(At::kLocate, backoff());
  if (!links) return hold(error_of(event));
  if (links->empty()) return no_results(error_of(event));
  if (s_.files.empty())
    for (const auto& [name, url] : *links) s_.files.push_back(name);
  if (s_.file >= s_.files.size()) return remove();
  const auto link = links->find(s_.files[s_.file]);
  if (link == links->end()) return later(At::kLocate, backoff());
  auto plan = provider::follow_plan(link->second, context_);
  if (!plan) {
    auto error = std::move(plan).error();
    error.provider = "fireworks";
    return hold(std::move(error));
  }
  s_.error.reset();  // there are results: it did not fail before anything ran
  s_.outcome = provider::Finished::Outcome::kEnded;
  const auto tries = s_.tries;
  go(At::kCollect);
  s_.tries = tries;
  return act(provider::Collect{.artefact = artefact_of(link->first), .plan = *std::move(plan)});
}

// No dataset, or nothing in it. Of a failed job that is the rule; of one that was stopped it may be; else it must come.
Step Machine::no_results(Error error) {
  if (s_.error) return refuse(*s_.error);
  if (!s_.output.empty() && s_.tries < kMissingTriesMax) return later(At::kLocate, backoff(error));
  if (s_.status != "COMPLETED" || s_.done == 0) return remove();
  error.message =
      fmt::format("fireworks: the results of job {} are not there: {}", s_.job, error.message);
  return hold(std::move(error));
}

Step Machine::on_collected(const BatchEvent& event) {
  if (event.kind == Kind::kCollected) {
    ++s_.file;
    s_.tries = 0;
    return s_.file < s_.files.size() ? locate() : remove();
  }
  // The engine says so of rows that carry other ids; only a human can have led us there.
  if (s_.by_hand && event.error.kind == ErrorKind::kNotFound && event.error.http_status == 0)
    return not_ours();
  const auto tries = s_.tries + 1;
  if (tries < kCollectTriesMax) {
    const Duration wait = backoff(event.error);
    auto step = later(At::kLocate, wait);  // a link lives ten minutes: a new one is asked for
    s_.tries = tries;
    step.state = write_state(s_);
    return step;
  }
  Error error = event.error;
  error.provider = "fireworks";
  error.message = fmt::format("fireworks: {} of job {} cannot be read: {}",
                              artefact_of(s_.files[s_.file]), s_.job, error.message);
  return hold(std::move(error));
}

Step Machine::not_ours() {
  return hold(
      {.kind = ErrorKind::kInvalidArgument,
       .message = fmt::format("fireworks: job {} holds other requests than this one", s_.job),
       .hint = "settle it again, with the id of the right job",
       .provider = "fireworks"});
}

// Best effort: what cannot be deleted is left at the provider.
Step Machine::on_removed(const BatchEvent& event) {
  if (!ok(event) && status_of(event) != 404)
    note(fmt::format("a dataset could not be deleted ({})", error_of(event).message));
  ++s_.removed;
  return remove();
}

}  // namespace weir::providers::fireworks
