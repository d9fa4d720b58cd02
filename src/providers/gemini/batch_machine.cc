// What each answer means. The rule behind all of it: a create is repeated only when it surely was
// not made.
#include "providers/gemini/batch_machine.h"

#include <fmt/format.h>

#include <algorithm>

#include "provider/http_error.h"

namespace weir::providers::gemini {

using provider::BatchEvent;
using provider::Finished;
using provider::Step;
using Kind = BatchEvent::Kind;

namespace {

constexpr Duration kVisibilityDefault =
    std::chrono::minutes(10);  // where the catalogue says nothing

bool ok(const BatchEvent& event) {
  return event.kind == Kind::kAnswer && event.response.status >= 200 &&
         event.response.status <= 299;
}

// A failure that may pass: worth the same GET or upload again. GETs cost nothing, so any 429 is
// waited out.
bool passing(const Error& error) {
  return error.kind == ErrorKind::kRateLimited || error.kind == ErrorKind::kUnavailable ||
         error.kind == ErrorKind::kDeadlineExceeded || error.kind == ErrorKind::kBadResponse ||
         error.http_status == 429;
}

bool no_money(const Error& error) {
  return error.http_status == 429 && error.kind != ErrorKind::kRateLimited;
}

json::Value parse(json::Parser& parser, const BatchEvent& event) {
  return parser.parse(event.response.body).value_or(json::Value());
}

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
  return remove_file();
}

// Nothing is deleted: whoever settles it may need the files.
Step Machine::hold(Error error) {
  state_.outcome = Finished::Outcome::kHeld;
  state_.error = std::move(error);
  note(fmt::format("held: {}", state_.error->message));
  return finish();
}

// --- Upload: safe to repeat, a lost one leaves a file that expires

Step Machine::on_opened(const BatchEvent& event) {
  if (ok(event)) {
    if (auto session = upload_session(event.response.headers)) {
      state_.session = *std::move(session);
      return upload(0);
    }
  }
  return upload_again(At::kStart, error_of(event));
}

Step Machine::on_uploaded(const BatchEvent& event) {
  json::Parser parser;
  if (ok(event)) return uploaded(parse(parser, event));
  Error told = error_of(event);
  const bool gone = told.http_status == 404 || told.http_status == 410;
  return upload_again(gone ? At::kStart : At::kQuery, std::move(told));
}

// The provider has all of it, or it tells how much.
Step Machine::on_queried(const BatchEvent& event) {
  json::Parser parser;
  if (ok(event)) {
    const auto status = upload_status(event.response.headers);
    if (status && status->final) return uploaded(parse(parser, event));
    if (status && status->received <= context_.image_bytes) {
      note(fmt::format("upload goes on at byte {}", status->received));
      return upload(status->received);
    }
    return upload_again(At::kStart, error_of(event));
  }
  Error told = error_of(event);
  return upload_again(passing(told) ? At::kQuery : At::kStart, std::move(told));
}

// {"file":{"name":"files/abc","state":"ACTIVE","sizeBytes":"777"}}
Step Machine::uploaded(json::Value answer) {
  if (auto name = usable_name(answer["file"]["name"], kFilesName)) {
    state_.file = *std::move(name);
    return create();
  }
  return upload_again(At::kStart, error(ErrorKind::kBadResponse, "an upload without a file"));
}

Step Machine::upload_again(At at, Error error) {
  const bool keyless = error.kind == ErrorKind::kUnauthenticated;
  const bool refused = at == At::kStart && state_.at == At::kStart && !passing(error);
  if (keyless || refused || no_money(error) || ++state_.uploads >= kUploadTriesMax)
    return refuse(std::move(error));
  note(fmt::format("upload again ({})", error.message));
  return later(at, backoff(error));
}

// --- Create

Step Machine::on_create(const BatchEvent& event) {
  if (event.kind == Kind::kLost)
    return create_unknown(context_.now, "no answer to its create came");
  if (event.kind == Kind::kNotSent) return create_again(error_of(event));
  const int status = event.response.status;
  if (ok(event)) {
    json::Parser parser;
    const auto batch = read_batch(options_, parse(parser, event));
    if (!batch) return create_unknown(context_.now, "the answer to its create cannot be read");
    state_.batch = batch->name;
    return observe(*batch, event.response);
  }
  // 408, 409, 499, 5xx and what is no answer of the provider's at all: something in between may
  // have passed the create on.
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
  note(fmt::format("whether the batch was made is unknown ({}): listing the batches", why));
  return relist();
}

// --- List: settles an unknown create. The order of the list is not documented, so it is read to its
// end.

Step Machine::on_list(const BatchEvent& event) {
  json::Parser parser;
  std::optional<BatchList> page;
  if (ok(event)) page = read_list(options_, parse(parser, event));
  if (!page) {
    Error told = error_of(event);
    if (passing(told)) return later(At::kList, backoff(told));
    told.hint = "an unsettled create can only be found with the account that made it";
    return hold(std::move(told));
  }
  for (const auto& batch : page->batches) {
    const bool seen = std::ranges::find(state_.found, batch.name) != state_.found.end();
    if (batch.tag == recovery_tag(context_.id) && !seen && state_.found.size() < 3)
      state_.found.push_back(batch.name);
  }
  if (!page->next.empty() && page->next != state_.page) {
    if (++state_.pages >= kListPagesMax)
      return hold(error(ErrorKind::kBadResponse, "the list of batches does not end",
                        fmt::format("look for the batch of the name {} in Google AI Studio",
                                    recovery_tag(context_.id))));
    state_.page = page->next;
    return list();
  }
  if (state_.found.empty()) return none_listed();
  if (state_.found.size() > 1)
    return hold(
        error(ErrorKind::kBadResponse,
              fmt::format("two batches answer to one create: {}", fmt::join(state_.found, ", ")),
              "cancel one of them, then settle the other by its id"));
  state_.batch = state_.found.front();
  note(fmt::format("adopted {}, found in the list of batches", state_.batch));
  return poll();
}

// Not there may mean not yet: only after create_visibility_max is a batch that is not listed one
// that was not made.
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
    const auto batch = read_batch(options_, parse(parser, event));
    if (batch && batch->name == state_.batch) return observe(*batch, event.response);
  }
  Error told = error_of(event);
  if (passing(told)) return later(At::kPoll, backoff(told));
  told.message += fmt::format(" ({})", state_.batch);
  told.hint = told.kind == ErrorKind::kNotFound
                  ? "the key may belong to another project: use the one that made the batch"
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
  // Refused where the batch has just ended, or it failed: its state tells, and observe() asks
  // again where it still runs.
  note(fmt::format("cancel not confirmed ({})", told.message));
  return later(At::kPoll, backoff(told));
}

// Any state that is not an end, known or not, still runs; the engine has the deadline.
Step Machine::observe(const BatchObject& batch, const http::Response& response) {
  if (state_.by_hand && !batch.tag.empty() && batch.tag != recovery_tag(context_.id))
    return not_ours();
  state_.status = batch.state;
  if (batch.done) state_.done = batch.done;
  if (batch.created) state_.created = batch.created;
  if (batch.end != BatchObject::End::kNone) return settle(batch);
  if (state_.cancel && !state_.cancelling) return cancel();
  const auto told = provider::retry_after(response.headers, context_.now);
  return later(At::kPoll, told ? Duration(*told) : backoff());
}

Step Machine::not_ours() {
  return hold(error(ErrorKind::kInvalidArgument,
                    fmt::format("{} holds other requests than this one", state_.batch),
                    "settle it again, with the id of the right batch"));
}

// Where there are responses they are read, whatever the state: they may be paid.
Step Machine::settle(const BatchObject& batch) {
  state_.ended = batch.ended;
  state_.output = batch.output;
  state_.outcome = Finished::Outcome::kEnded;
  return state_.output.empty() ? no_output(batch) : collect();
}

Step Machine::no_output(const BatchObject& batch) {
  using End = BatchObject::End;
  if (batch.end == End::kFailed)
    return refuse(batch.error.value_or(
        error(ErrorKind::kUnavailable, fmt::format("{} failed without a reason", batch.name))));
  if (batch.end != End::kSucceeded) return remove_file();  // cancelled or expired: no row ran
  // It has responses, and does not say where: the operation may lag behind.
  if (++state_.unnamed < kCollectTriesMax) return later(At::kPoll, backoff());
  return hold(error(ErrorKind::kBadResponse,
                    fmt::format("{} succeeded, but names no file of responses", batch.name),
                    "settle it once Google AI Studio shows the results"));
}

// --- Collect and delete

Step Machine::on_collected(const BatchEvent& event) {
  if (event.kind == Kind::kCollected) return remove_file();
  // The engine says so of rows that carry other ids; only a human can have led us there.
  if (state_.by_hand && event.error.kind == ErrorKind::kNotFound && event.error.http_status == 0)
    return not_ours();
  if (state_.tries + 1 < kCollectTriesMax) return later(At::kCollect, backoff(event.error));
  Error told = event.error;
  told.provider = options_.provider;
  told.message = fmt::format("{}: {} of {} cannot be read: {}", options_.provider, state_.output,
                             state_.batch, told.message);
  return hold(std::move(told));
}

// Best effort. A file that is not there any more is answered 403, as one that is not ours.
Step Machine::on_removed(const BatchEvent& event) {
  const bool file = state_.at == At::kDeleteFile;
  const int status = event.kind == Kind::kAnswer ? event.response.status : 0;
  if (!ok(event) && status != 404 && !(file && status == 403))
    note(fmt::format("{} could not be deleted ({})", file ? state_.file : state_.batch,
                     error_of(event).message));
  return file ? remove_batch() : finish();
}

}  // namespace weir::providers::gemini
