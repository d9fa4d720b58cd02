// What each answer means. The rule behind all of it: a create is repeated only when it surely was
// not made.
#include "provider/openai_batch_dialect_machine.h"

#include <fmt/format.h>

#include <algorithm>

#include "provider/http_error.h"

namespace weir::provider::openai_batch {
namespace {

using Kind = BatchEvent::Kind;

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

json::Value parse(json::Parser& parser, const BatchEvent& event) {
  return parser.parse(event.response.body).value_or(json::Value());
}

}  // namespace

Error Machine::error_of(const BatchEvent& event) const {
  if (event.kind == Kind::kAnswer && !ok(event))
    return openai_chat::decode_error(options_.chat, event.response, context_.now);
  Error error;
  error.provider = options_.chat.provider;
  if (event.kind == Kind::kAnswer) {
    error.kind = ErrorKind::kBadResponse;
    error.http_status = event.response.status;
    error.message = fmt::format("{}: an answer that cannot be read", options_.chat.provider);
    return error;
  }
  error.kind = event.kind == Kind::kLost ? ErrorKind::kDeadlineExceeded : ErrorKind::kUnavailable;
  error.message =
      fmt::format("{}: {}{}{}", options_.chat.provider,
                  event.kind == Kind::kLost ? "no answer came" : "the request could not be sent",
                  event.error.message.empty() ? "" : ": ", event.error.message);
  error.hint = event.error.hint;
  error.retry_after = event.error.retry_after;
  return error;
}

Error Machine::cancelled_error() const {
  return Error{.kind = ErrorKind::kCancelled,
               .message = "cancelled before the provider had the batch",
               .provider = std::string(options_.chat.provider)};
}

bool Machine::is_ours(const BatchObject& batch) const {
  return options_.metadata ? batch.tag == recovery_tag(context_.id)
                           : !batch.input_file.empty() && batch.input_file == state_.files[0];
}

Step Machine::refuse(Error error) {
  state_.outcome = Finished::Outcome::kRefused;
  state_.error = std::move(error);
  state_.file = 0;
  return remove();
}

// Nothing is deleted: whoever settles it may need the files.
Step Machine::hold(Error error) {
  state_.outcome = Finished::Outcome::kHeld;
  state_.error = std::move(error);
  note(fmt::format("held: {}", state_.error->message));
  return finish();
}

// --- Upload: safe to repeat, a lost one leaves a file that expires
// --------------------------------------------------

Step Machine::on_upload(const BatchEvent& event) {
  json::Parser parser;
  if (ok(event)) {
    if (auto id = usable_id(parse(parser, event)["id"])) {
      state_.files[0] = *std::move(id);
      return create();
    }
  }
  Error error = error_of(event);
  const bool no_money = error.http_status == 429 && error.kind != ErrorKind::kRateLimited;
  const bool again = passing(error) && !no_money;
  if (!again || state_.tries + 1 >= kUploadTriesMax) return refuse(std::move(error));
  note(fmt::format("upload again ({})", error.message));
  return later(At::kUpload, backoff(error));
}

// --- Create
// -----------------------------------------------------------------------------------------------------------

Step Machine::on_create(const BatchEvent& event) {
  if (event.kind == Kind::kLost)
    return create_unknown(context_.now, "no answer to its create came");
  if (event.kind == Kind::kNotSent) return create_again(error_of(event));
  const int status = event.response.status;
  if (ok(event)) {
    json::Parser parser;
    const auto batch = read_batch(options_, parse(parser, event));
    if (!batch) return create_unknown(context_.now, "the answer to its create cannot be read");
    state_.batch = batch->id;
    return observe(*batch, event.response);
  }
  // 408, 409, 5xx and what is no answer of the provider's at all: something in between may have
  // passed the create on.
  if (status == 408 || status == 409 || status >= 500 || status < 400)
    return create_unknown(context_.now, fmt::format("its create was answered {}", status));
  Error error = error_of(event);
  if (error.kind == ErrorKind::kRateLimited) return create_again(std::move(error));
  return refuse(std::move(error));
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

// --- List: settles an unknown create
// ---------------------------------------------------------------------------------

Step Machine::on_list(const BatchEvent& event) {
  json::Parser parser;
  std::optional<BatchList> page;
  if (ok(event)) page = read_list(options_, parse(parser, event), state_.after);
  if (!page) {
    Error error = error_of(event);
    if (passing(error)) return later(At::kList, backoff(error));
    error.hint = "an unsettled create can only be found with the account that made it";
    return hold(std::move(error));
  }
  bool older = false;  // the page reaches further back than the create can be
  for (const auto& batch : page->batches) {
    const bool seen =
        std::find(state_.found.begin(), state_.found.end(), batch.id) != state_.found.end();
    if (is_ours(batch) && !seen && state_.found.size() < 3) state_.found.push_back(batch.id);
    older =
        options_.newest_first && batch.created && *batch.created < state_.intent - kClockSkewMax;
  }
  if (page->more && !older && !page->last.empty() && page->last != state_.after) {
    if (++state_.pages >= kListPagesMax)
      return hold(
          {.kind = ErrorKind::kBadResponse,
           .message = fmt::format("{}: the list of batches does not end", options_.chat.provider),
           .hint = fmt::format("look for metadata weir_batch={} in the provider's console",
                               recovery_tag(context_.id)),
           .provider = std::string(options_.chat.provider)});
    state_.after = page->last;
    return list();
  }
  if (state_.found.empty()) return none_listed();
  if (state_.found.size() > 1)
    return hold(
        {.kind = ErrorKind::kBadResponse,
         .message = fmt::format("{}: two batches answer to one create: {}", options_.chat.provider,
                                fmt::join(state_.found, ", ")),
         .hint = "cancel one of them in the provider's console, then settle the other by its id",
         .provider = std::string(options_.chat.provider)});
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
    state_.after.clear();
    return later(At::kList, std::min(backoff(), std::max(sure - context_.now, Duration::zero())));
  }
  if (state_.cancel) return refuse(cancelled_error());
  if (state_.creates >= kCreateTriesMax)
    return refuse({.kind = ErrorKind::kUnavailable,
                   .message = fmt::format("{}: {} creates without an outcome, none of them listed",
                                          options_.chat.provider, state_.creates),
                   .provider = std::string(options_.chat.provider)});
  note("no batch of ours is listed: the create is sent again");
  return create();
}

// --- Poll and cancel
// --------------------------------------------------------------------------------------------------

Step Machine::on_poll(const BatchEvent& event) {
  json::Parser parser;
  if (ok(event)) {
    const auto batch = read_batch(options_, parse(parser, event));
    if (batch && batch->id == state_.batch) return observe(*batch, event.response);
  }
  Error error = error_of(event);
  if (passing(error)) return later(At::kPoll, backoff(error));
  error.message += fmt::format(" (batch {})", state_.batch);
  error.hint = error.kind == ErrorKind::kNotFound
                   ? "the key may belong to another project: use the one that made the batch"
                   : "use a key of the account that made the batch, then settle it";
  return hold(std::move(error));
}

Step Machine::on_cancel_answer(const BatchEvent& event) {
  json::Parser parser;
  if (ok(event)) {
    state_.cancelling = true;
    const auto batch = read_batch(options_, parse(parser, event));
    if (batch && batch->id == state_.batch) return observe(*batch, event.response);
    return later(At::kPoll, backoff());
  }
  Error error = error_of(event);
  if (error.kind == ErrorKind::kUnauthenticated) {
    error.hint = "use a key of the account that made the batch, then settle it";
    return hold(std::move(error));
  }
  // Refused where the batch has just ended, or it failed: its status tells, and observe() asks
  // again where it still runs.
  note(fmt::format("cancel not confirmed ({})", error.message));
  return later(At::kPoll, backoff(error));
}

// Any status that is not an end, known or not, still runs; the engine has the deadline.
Step Machine::observe(const BatchObject& batch, const http::Response& response) {
  if (state_.by_hand && !batch.tag.empty() && !is_ours(batch)) return not_ours();
  state_.status = batch.status;
  if (batch.done) state_.done = batch.done;
  if (batch.created) state_.created = batch.created;
  if (batch.terminal && !lasts(batch)) return later(At::kPoll, backoff());
  if (batch.terminal) return settle(batch);
  if (state_.cancel && !state_.cancelling && !batch.cancelling) return cancel();
  const auto told = retry_after(response.headers, context_.now);
  return later(At::kPoll, told ? Duration(*told) : backoff());
}

// Some ends are taken back: rows that read as cancelled turn out to be answered a little later.
bool Machine::lasts(const BatchObject& batch) {
  if (batch.unstable.empty()) return true;
  if (state_.unstable != batch.unstable) {
    state_.unstable = batch.unstable;
    state_.unstable_at = context_.now;
    note("its end may not last: asking until it reads the same for a while");
  }
  return context_.now - state_.unstable_at >= options_.stable_after;
}

Step Machine::not_ours() {
  return hold({.kind = ErrorKind::kInvalidArgument,
               .message = fmt::format("{}: batch {} holds other requests than this one",
                                      options_.chat.provider, state_.batch),
               .hint = "settle it again, with the id of the right batch",
               .provider = std::string(options_.chat.provider)});
}

Step Machine::settle(const BatchObject& batch) {
  state_.ended = batch.ended;
  state_.files[1] = batch.output_file;
  state_.files[2] = batch.error_file;
  state_.error = batch.error;
  state_.line = batch.line;
  const bool rows = batch.rows || !batch.output_file.empty() || !batch.error_file.empty();
  // Validation refuses a batch whole, before anything runs. Where there are files all the same,
  // they are read: they may be paid.
  if (batch.failed && !rows)
    return refuse(
        batch.error.value_or(Error{.kind = ErrorKind::kUnavailable,
                                   .message = fmt::format("{}: batch {} failed without a reason",
                                                          options_.chat.provider, batch.id),
                                   .provider = std::string(options_.chat.provider)}));
  state_.outcome = Finished::Outcome::kEnded;
  state_.file = 1;
  return collect();
}

// --- Collect and delete
// -----------------------------------------------------------------------------------------------

Step Machine::on_collected(const BatchEvent& event) {
  if (event.kind == Kind::kCollected && !options_.pages.path.empty()) return on_page(event);
  if (event.kind == Kind::kCollected) {
    ++state_.file;
    state_.tries = 0;
    return collect();
  }
  // The engine says so of rows that carry other ids; only a human can have led us there.
  if (state_.by_hand && event.error.kind == ErrorKind::kNotFound && event.error.http_status == 0)
    return not_ours();
  if (state_.tries + 1 < kCollectTriesMax) return later(At::kCollect, backoff(event.error));
  Error error = event.error;
  error.provider = options_.chat.provider;
  const std::string file =
      options_.pages.path.empty() ? "file " + state_.files[state_.file] : "the results";
  error.message = fmt::format("{}: {} of batch {} cannot be read: {}", options_.chat.provider, file,
                              state_.batch, error.message);
  return hold(std::move(error));
}

// A page without rows is the last one, whatever it says: pages must end.
Step Machine::on_page(const BatchEvent& event) {
  json::Parser parser;
  const auto page = parser.parse(event.response.body);
  if (!page)
    return on_collected(
        {.kind = Kind::kCollectFailed,
         .error = {.kind = ErrorKind::kBadResponse, .message = "a page of results is not JSON"}});
  const auto cursor = (*page)[options_.pages.cursor].string().value_or(std::string_view());
  const bool more = !cursor.empty() && cursor != state_.page && event.rows > state_.rows;
  state_.tries = 0;
  if (!more) {
    state_.file = 0;
    return remove();
  }
  state_.page = cursor;
  state_.rows = event.rows;
  return collect();
}

// Best effort: what cannot be deleted expires at the provider after 30 days.
Step Machine::on_removed(const BatchEvent& event) {
  const bool gone = ok(event) || (event.kind == Kind::kAnswer && event.response.status == 404);
  if (!gone)
    note(fmt::format("file {} could not be deleted ({})", state_.files[state_.file],
                     error_of(event).message));
  ++state_.file;
  return remove();
}

}  // namespace weir::provider::openai_batch
