// What each answer means. The rule behind all of it: a create is repeated only when it surely was not made.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "provider/follow.h"
#include "providers/cohere/batch_machine.h"
#include "providers/cohere/errors.h"

namespace weir::providers::cohere {

using provider::BatchEvent;
using provider::Step;

namespace {

using Kind = BatchEvent::Kind;

constexpr std::uint64_t kUploadsMax = 8, kCreatesMax = 20, kListPagesMax = 1000;
constexpr std::uint64_t kCollectTriesMax = 20, kLocateTriesMax = 20;
// What is not there yet may come.
constexpr std::uint64_t kMissingMax = 5;
constexpr Duration kVisibilityDefault = std::chrono::minutes(10);
constexpr Duration kCancelLook = std::chrono::seconds(5);
constexpr std::string_view kSettle = "use a key of the account that made the batch, then settle it";

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
// The month's calls of a trial key are used up.
bool used_up(const Error& error) {
  return error.http_status == 429 && error.kind != ErrorKind::kRateLimited;
}
json::Value parse(json::Parser& parser, const BatchEvent& event) {
  return parser.parse(event.response.body).value_or(json::Value());
}
Error error_with(ErrorKind kind, std::string message, std::string_view hint = {}) {
  return {.kind = kind,
          .message = "cohere: " + std::move(message),
          .hint = std::string(hint),
          .provider = "cohere"};
}

}  // namespace

Error Machine::error_of(const BatchEvent& event) const {
  if (event.kind == Kind::kAnswer && !ok(event)) return decode_error(event.response, context_.now);
  if (event.kind == Kind::kAnswer) {
    auto error = error_with(ErrorKind::kBadResponse, "an answer that cannot be read");
    error.http_status = event.response.status;
    return error;
  }
  const bool lost = event.kind == Kind::kLost;
  auto error =
      error_with(lost ? ErrorKind::kDeadlineExceeded : ErrorKind::kUnavailable,
                 fmt::format("{}{}{}", lost ? "no answer came" : "the request could not be sent",
                             event.error.message.empty() ? "" : ": ", event.error.message),
                 event.error.hint);
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

// --- The input dataset: safe to repeat. A lost upload leaves one that costs nothing and goes after 30 days ---------------

Step Machine::on_upload(const BatchEvent& event) {
  json::Parser parser;
  if (ok(event)) {
    if (auto id = usable_id(parse(parser, event)["id"])) {
      s_.dataset = *std::move(id);
      return ready();
    }
  }
  return upload_again(error_of(event));
}

Step Machine::upload_again(Error error) {
  if (!passing(error) || used_up(error) || s_.uploads >= kUploadsMax)
    return refuse(std::move(error));
  note(fmt::format("upload again ({})", error.message));
  return later(At::kUpload, backoff(error));
}

Step Machine::on_ready(const BatchEvent& event) {
  json::Parser parser;
  if (ok(event)) {
    const auto dataset = read_dataset(parse(parser, event));
    if (dataset && dataset->ready()) return create();
    if (dataset && dataset->state == "failed")
      return refuse(error_with(ErrorKind::kInvalidArgument,
                               fmt::format("the input was not accepted: {}", dataset->error),
                               "one bad row fails a whole dataset"));
    return later(At::kReady, backoff());  // the engine bounds how long submitting may take
  }
  Error error = error_of(event);
  const bool missing = error.kind == ErrorKind::kNotFound && s_.tries < kMissingMax;
  if (passing(error) || missing) return later(At::kReady, backoff(error));
  return refuse(std::move(error));
}

// --- Create -----------------------------------------------------------------------------------------------------------

Step Machine::on_create(const BatchEvent& event) {
  if (event.kind == Kind::kLost) return create_unknown("no answer to its create came");
  if (event.kind == Kind::kNotSent) return create_again(error_of(event));
  const int status = status_of(event);
  if (ok(event)) {
    json::Parser parser;
    const auto batch = read_batch(parse(parser, event)["batch"]);
    if (!batch) return create_unknown("the answer to its create cannot be read");
    s_.batch = batch->id;
    return observe(*batch);
  }
  // 408, 409, 499, 5xx and what is no answer of the provider's at all: something in between may have passed the create on.
  if (status == 408 || status == 409 || status == 499 || status >= 500 || status < 400)
    return create_unknown(fmt::format("its create was answered {}", status));
  Error error = error_of(event);
  if (error.kind == ErrorKind::kRateLimited) return create_again(std::move(error));
  return refuse(std::move(error));
}

// Surely not made: the same create again, after a wait.
Step Machine::create_again(Error error) {
  if (s_.creates >= kCreatesMax) return refuse(std::move(error));
  note(fmt::format("create again ({})", error.message));
  return later(At::kCreate, backoff(error));
}

Step Machine::create_unknown(std::string_view why) {
  s_.unknown = context_.now;
  note(fmt::format("whether the batch was made is unknown ({}): listing the batches", why));
  return relist();
}

// --- List: settles an unknown create. Which end of the order comes first is not documented, so it is read to its end --------

Step Machine::on_list(const BatchEvent& event) {
  json::Parser parser;
  std::optional<BatchList> page;
  if (ok(event)) page = read_list(parse(parser, event));
  if (!page) {
    Error error = error_of(event);
    if (passing(error)) return later(At::kList, backoff(error));
    error.hint = "an unsettled create can only be found with the account that made it";
    return hold(std::move(error));
  }
  for (const auto& batch : page->batches) {
    const bool seen = std::ranges::find(s_.found, batch.id) != s_.found.end();
    if (batch.name == batch_name(context_.id) && !seen && s_.found.size() < 3)
      s_.found.push_back(batch.id);
  }
  if (page->next.empty() || page->next == s_.page) return listed();
  if (++s_.pages >= kListPagesMax)
    return hold(error_with(
        ErrorKind::kBadResponse, "the list of batches does not end",
        fmt::format("look for the batch of the name {}, then settle it", batch_name(context_.id))));
  s_.page = page->next;
  return list();
}

Step Machine::listed() {
  if (s_.found.empty()) return none_listed();
  if (s_.found.size() > 1)
    return hold(
        error_with(ErrorKind::kBadResponse,
                   fmt::format("two batches answer to one create: {}", fmt::join(s_.found, ", ")),
                   "cancel one of them, then settle the other by its id"));
  s_.batch = s_.found.front();
  s_.unknown.reset();
  note(fmt::format("adopted {}, found in the list of batches", s_.batch));
  return poll();
}

// Not there may mean not yet: only after create_visibility_max is a batch that is not listed one that was not made.
Step Machine::none_listed() {
  const Duration most = context_.limits.create_visibility_max > Duration::zero()
                            ? context_.limits.create_visibility_max
                            : kVisibilityDefault;
  if (context_.now < s_.unknown.value_or(context_.now) + most) {
    s_.page.clear();
    s_.pages = 0;
    return later(At::kList, backoff());
  }
  s_.unknown.reset();
  if (s_.cancel)
    return refuse(error_with(ErrorKind::kCancelled, "cancelled, and no batch was made"));
  if (s_.creates >= kCreatesMax)
    return refuse(error_with(ErrorKind::kUnavailable,
                             fmt::format("{} creates, none of them was carried out", s_.creates)));
  note("no batch of that name is listed: the same create is sent again");
  return create();
}

// --- Poll and cancel --------------------------------------------------------------------------------------------------

Step Machine::on_poll(const BatchEvent& event) {
  json::Parser parser;
  if (ok(event)) {
    const auto batch = read_batch(parse(parser, event)["batch"]);
    if (batch && batch->id == s_.batch) return observe(*batch);
  }
  Error error = error_of(event);
  const bool missing = error.kind == ErrorKind::kNotFound && !s_.by_hand &&
                       s_.tries < kMissingMax;  // one just made may not be everywhere yet
  if (passing(error) || missing) return later(At::kPoll, backoff(error));
  error.message += fmt::format(" (batch {})", s_.batch);
  error.hint = error.kind == ErrorKind::kNotFound ? "the account is another: settle it" : kSettle;
  return hold(std::move(error));
}

// 400: it is past the point where it could be; the next look tells.
Step Machine::on_cancelled(const BatchEvent& event) {
  if (ok(event)) {
    note(fmt::format("{} is being cancelled; what is under way may still end", s_.batch));
    return later(At::kPoll, kCancelLook);
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
Step Machine::observe(const BatchObject& batch) {
  s_.status = batch.status;
  if (batch.done) s_.done = batch.done;
  if (batch.created) s_.created = batch.created;
  if (!batch.output.empty()) s_.output = batch.output;
  if (s_.dataset.empty() && !s_.by_hand) s_.dataset = batch.input;
  if (batch.terminal) return ended(batch);
  if (s_.cancel && batch.status != "CANCELING" && batch.status != "CANCELLING") return cancel();
  return later(At::kPoll, backoff());
}

// Whichever end it was: what is there may be paid, and is read.
Step Machine::ended(const BatchObject& batch) {
  s_.ended = batch.updated;
  s_.error.reset();
  if (batch.failed) {
    s_.error = error_of_words(batch.why);
    s_.error->message = fmt::format("cohere: batch {} failed: {}", batch.id,
                                    batch.why.empty() ? "no reason given" : batch.why);
  }
  if (s_.output.empty()) return no_results();
  s_.part = s_.parts = 0;
  return locate();
}

// No dataset, or nothing in it. Of one that failed or was stopped that may be the end; else it must come.
Step Machine::no_results() {
  if (s_.error) return refuse(*s_.error);
  if (s_.status != "COMPLETED") return remove();
  if (++s_.missing <= kMissingMax) return later(At::kPoll, backoff());
  if (s_.done == 0) return remove();
  return hold(error_with(ErrorKind::kNotFound,
                         fmt::format("batch {} has ended, and its results are not there", s_.batch),
                         "settle it: with its id to look again, or as lost"));
}

// --- Locate and collect -----------------------------------------------------------------------------------------------

Step Machine::on_located(const BatchEvent& event) {
  json::Parser parser;
  std::optional<DatasetObject> dataset;
  if (ok(event)) dataset = read_dataset(parse(parser, event));
  if (dataset && dataset->ready()) return dataset->parts.empty() ? no_results() : part(*dataset);
  if (ok(event) && s_.tries < kLocateTriesMax) return later(At::kLocate, backoff());
  Error error = error_of(event);
  if (dataset)
    error.message =
        fmt::format("cohere: dataset {} is {}: {}", s_.output, dataset->state, dataset->error);
  const bool missing = error.kind == ErrorKind::kNotFound && s_.tries < kMissingMax;
  if (missing || (passing(error) && s_.tries < kLocateTriesMax))
    return later(At::kLocate, backoff(error));
  if (error.kind == ErrorKind::kNotFound) return no_results();
  return hold(std::move(error));
}

Step Machine::part(const DatasetObject& dataset) {
  s_.parts = dataset.parts.size();
  if (s_.part >= s_.parts) return remove();
  auto plan = provider::follow_plan(dataset.parts[s_.part], context_);
  if (!plan) {
    auto error = std::move(plan).error();
    error.provider = "cohere";
    return hold(std::move(error));
  }
  s_.error.reset();  // there are results: it did not fail before anything ran
  s_.outcome = provider::Finished::Outcome::kEnded;
  const auto tries = s_.tries;
  go(At::kCollect);
  s_.tries = tries;
  return act(
      provider::Collect{.artefact = artefact_of(s_.part), .plan = *std::move(plan), .avro = true});
}

Step Machine::on_collected(const BatchEvent& event) {
  if (event.kind == Kind::kCollected) {
    ++s_.part;
    s_.tries = 0;
    return s_.part < s_.parts ? locate() : remove();
  }
  // The engine says so of rows that carry other ids; only a human can have led us there.
  if (s_.by_hand && event.error.kind == ErrorKind::kNotFound && event.error.http_status == 0)
    return hold(error_with(ErrorKind::kInvalidArgument,
                           fmt::format("batch {} holds other requests than this one", s_.batch),
                           "settle it again, with the id of the right batch"));
  const auto tries = s_.tries + 1;
  if (tries < kCollectTriesMax) {
    const Duration wait = backoff(event.error);
    auto step = later(At::kLocate, wait);  // a link lives an hour: a new one is asked for
    s_.tries = tries;
    step.state = write_state(s_);
    return step;
  }
  Error error = event.error;
  error.provider = "cohere";
  error.message = fmt::format("cohere: {} of batch {} cannot be read: {}", artefact_of(s_.part),
                              s_.batch, error.message);
  return hold(std::move(error));
}

// Best effort: what cannot be deleted goes after 30 days.
Step Machine::on_removed(const BatchEvent& event) {
  if (!ok(event) && status_of(event) != 404)
    note(fmt::format("a dataset could not be deleted ({})", error_of(event).message));
  ++s_.removed;
  return remove();
}

}  // namespace weir::providers::cohere
