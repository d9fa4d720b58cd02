// A create with an unknown outcome. The wire has no name or metadata for a batch, so it is looked
// for by item count and time; what is found so is adopted provisionally, until the first row of its
// results shows our custom_id prefix.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "http/url.h"
#include "providers/anthropic/batch_machine.h"
#include "providers/anthropic/wire.h"

namespace weir::providers::anthropic {
namespace {

using provider::Step;

// Between our clock and the provider's.
constexpr Duration kClockSkew = std::chrono::minutes(1);
// 100 batches a page; more than 100,000 batches since the intent are not of this world.
constexpr std::int64_t kListPagesMax = 1000;
// Batches of the same size in the same minutes; beyond, a human must look. Keeps the state small.
constexpr std::size_t kCandidatesMax = 64;

}  // namespace

Step Machine::in_doubt(std::string_view why) {
  ++s_.doubts;
  s_.doubt_at = context_.now;
  s_.polls = s_.failures = 0;
  return begin_listing(
      fmt::format("whether the create made a batch is not known ({}): looking for it",
                  why.empty() ? "no answer" : why));
}

Step Machine::begin_listing(std::string reason) {
  s_.list_at = context_.now;
  // The clock was ahead when these were noted: all that is known is that both were before now.
  if (s_.intent > context_.now) s_.intent = Time{};
  s_.doubt_at = std::min(s_.doubt_at, context_.now);
  s_.cursor.clear();
  s_.pages = 0;
  s_.found.clear();
  s_.found_claimed = false;
  return send_list(std::move(reason));
}

// GET /v1/messages/batches?limit=100&after_id=msgbatch_…: newest first.
// Doc: https://platform.claude.com/docs/en/api/listing-message-batches (checked 2026-11-23)
Step Machine::send_list(std::string reason) {
  std::string path = fmt::format("{}?limit=100", kBatchesPath);
  if (!s_.cursor.empty()) path += "&after_id=" + http::percent_encode(s_.cursor);
  return send(Phase::kList, "list", plan_of(http::Method::kGet, context_.credentials, path, false),
              std::move(reason));
}

Result<Step> Machine::on_list() {
  if (event_.kind == Kind::kCancel) s_.cancel_wanted = true;
  if (event_.kind == Kind::kCancel || event_.kind == Kind::kRestarted) return begin_listing("");
  if (event_.kind != Kind::kAnswer && event_.kind != Kind::kLost && event_.kind != Kind::kNotSent)
    return unexpected_event();
  if (auto later = unless_answered(Phase::kListWait, "listing")) return *std::move(later);
  const auto parsed = parser_.parse(event_.response.body);
  if (!parsed || !(*parsed)["data"].is_array())
    return repeat_later(Phase::kListWait, {.message = "the list of batches is not readable"});
  s_.failures = 0;
  return on_page(*parsed);
}

Step Machine::on_page(json::Value page) {
  std::optional<Time> oldest;
  std::string last_id;
  for (const auto element : page["data"].items()) {
    const json::Value item(element);
    const auto remote = remote_of(item);
    if (!remote) continue;
    last_id = remote->id;
    if (remote->created_at) oldest = remote->created_at;
    if (!is_candidate(item, *remote)) continue;
    const bool claimed = std::ranges::find(context_.claimed, remote->id) != context_.claimed.end();
    if (claimed) s_.found_claimed = true;
    else s_.found.push_back(*remote);
  }
  if (s_.found.size() > kCandidatesMax)
    return held({.kind = ErrorKind::kDeadlineExceeded,
                 .message = "too many batches could be the one whose create is in doubt"},
                "too many candidates");
  const bool before_intent = oldest && *oldest < s_.intent - kClockSkew;
  if (!page["has_more"].boolean().value_or(false) || last_id.empty() || before_intent)
    return decide();
  if (++s_.pages >= kListPagesMax)
    return held({.kind = ErrorKind::kBadResponse, .message = "the list of batches does not end"},
                "too many pages");
  s_.cursor = page["last_id"].string_or(last_id);
  return send_list("");
}

// Doc: "The sum of all values always matches the total number of requests in the batch."
// https://platform.claude.com/docs/en/api/listing-message-batches (checked 2026-11-23)
bool Machine::is_candidate(json::Value item, const Remote& remote) const {
  if (!remote.created_at || *remote.created_at < s_.intent - kClockSkew) return false;
  // What appears later than that is, by the rule that lets us send again, not what this create
  // made.
  if (*remote.created_at > s_.doubt_at + context_.limits.create_visibility_max + kClockSkew)
    return false;
  std::uint64_t total = 0;
  for (const auto count : item["request_counts"].members()) {
    const auto value = json::Value(count.value).integer_or(0);
    if (value < 0 || value > 1'000'000'000) return false;
    total += static_cast<std::uint64_t>(value);
  }
  const auto is_it = [&](const Remote& other) { return other.id == remote.id; };
  return total == context_.items &&
         std::ranges::find(context_.taken, remote.id) == context_.taken.end() &&
         std::ranges::find(s_.rejected, remote.id) == s_.rejected.end() &&
         !(s_.matched && is_it(*s_.matched)) && std::ranges::none_of(s_.found, is_it);
}

Step Machine::decide() {
  if (s_.found.empty() && s_.found_claimed)
    return wait(Phase::kListWait, poll_delay(),
                "the batch that could be ours is another's until its rows tell");
  if (s_.found.empty()) return nothing_found();
  if (s_.found.size() == 1) return adopt(s_.found.front());
  // Only rows tell which one is ours. The list is newest first: of the ended ones take the oldest.
  const auto ended = std::find_if(s_.found.rbegin(), s_.found.rend(), has_ended);
  if (ended != s_.found.rend()) return adopt(*ended);
  const auto count = s_.found.size();
  return wait(
      Phase::kListWait, poll_delay(),
      fmt::format("{} batches could be ours; waiting until the rows of one can be read", count));
}

Step Machine::nothing_found() {
  if (s_.matched) {
    s_.batch = *std::exchange(s_.matched, std::nullopt);
    return finish(Outcome::kEnded, {}, "no other batch carries our items");
  }
  s_.batch = {};
  s_.adopted = false;
  const Duration visibility = context_.limits.create_visibility_max;
  const Time deadline = s_.doubt_at + visibility;
  if (s_.list_at < deadline) {
    const Duration left = std::max(deadline - context_.now, Duration{});
    return wait(Phase::kListWait, std::min(poll_delay(), left), "no such batch is listed yet");
  }
  if (s_.cancel_wanted)
    return finish(Outcome::kRefused,
                  {.kind = ErrorKind::kCancelled, .message = "cancelled; its create made no batch"},
                  "");
  // The create counts as not made, so this is what a refused one gets: the same again, within the
  // same bound.
  const auto not_made =
      fmt::format("no such batch is listed {} after the create", human_duration(visibility));
  if (s_.creates >= kCreatesMax)
    return finish(Outcome::kRefused,
                  {.kind = ErrorKind::kUnavailable, .message = not_made + ", again and again"},
                  fmt::format("gave up after {} tries to create the batch", s_.creates));
  return send_create(not_made + ": sending the same create again");
}

Step Machine::adopt(Remote remote) {
  s_.batch = std::move(remote);
  s_.adopted = true;
  s_.found.clear();
  s_.polls = s_.failures = 0;
  const std::string created = s_.batch.created_at ? to_rfc3339(*s_.batch.created_at) : "?";
  std::string reason =
      fmt::format("adopted {} ({} items, created {}) until its rows tell whether it is ours",
                  s_.batch.id, context_.items, created);
  return has_ended(s_.batch) ? begin_collect(std::move(reason)) : send_poll(std::move(reason));
}

Step Machine::reject() {
  std::string reason = fmt::format("{} is not ours: its rows carry other ids", s_.batch.id);
  s_.rejected.push_back(std::exchange(s_.batch, {}).id);
  s_.adopted = false;
  s_.polls = s_.failures = 0;
  if (s_.rejected.size() > kCandidatesMax)
    return held(
        {.kind = ErrorKind::kDeadlineExceeded,
         .message = "many batches looked like the one whose create is in doubt, none was it"},
        std::move(reason));
  return begin_listing(std::move(reason));
}

// A human looked into the console: what they say replaces whatever was under way.
Step Machine::on_settle() {
  using How = provider::Settlement::How;
  const auto& said = event_.settlement;
  s_.found.clear();
  s_.matched.reset();
  s_.adopted = false;
  s_.cancel_wanted = false;  // the engine says so again where it still wants that
  s_.polls = s_.failures = 0;
  if (said.how == How::kLost) return finish(Outcome::kEnded, {}, "");
  if (said.how == How::kNotMade)
    return finish(Outcome::kRefused,
                  {.kind = ErrorKind::kCancelled, .message = "settled by hand: no batch was made"},
                  "");
  if (s_.batch.id != said.provider_batch_id) s_.batch = {.id = said.provider_batch_id};
  s_.by_hand = true;
  return send_poll("");
}

Step Machine::wrong_batch() {
  return held({.kind = ErrorKind::kInvalidArgument,
               .message = fmt::format("batch {} holds other requests than this one", s_.batch.id),
               .hint = "settle it again, with the id of the right batch"},
              "its rows carry other ids");
}

// The rows of an adopted batch are ours. It is not deleted: that stays for batches that our own
// create named.
Step Machine::collected_adopted() {
  if (s_.matched)
    return held({.kind = ErrorKind::kDeadlineExceeded,
                 .message = fmt::format("two batches carry the same items: {} and {}",
                                        s_.matched->id, s_.batch.id),
                 .hint = "both are billed; the rows of both were read"},
                "two batches of one create");
  // One create makes at most one batch; after several in doubt there may be a second one.
  if (s_.doubts > 1) {
    s_.matched = s_.batch;
    return begin_listing(
        fmt::format("{} is ours; looking whether an earlier create made another", s_.batch.id));
  }
  return finish(Outcome::kEnded, {}, fmt::format("{} is ours; left at the provider", s_.batch.id));
}

}  // namespace weir::providers::anthropic
