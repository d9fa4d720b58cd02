#include "providers/anthropic/batch_state.h"

#include <array>

#include "json/value.h"
#include "json/write.h"

namespace weir::providers::anthropic {
namespace {

constexpr std::int64_t kVersion = 1;

constexpr std::array<std::string_view, 12> kPhases{
    "new",       "create", "create_wait", "list",         "list_wait", "poll",
    "poll_wait", "cancel", "collect",     "collect_wait", "delete",    "done"};
static_assert(kPhases.size() == static_cast<std::size_t>(Phase::kDone) + 1);

constexpr std::array<std::string_view, 3> kOutcomes{"ended", "refused", "held"};

template <std::size_t kCount>
std::optional<std::size_t> index_of(const std::array<std::string_view, kCount>& names,
                                    std::optional<std::string_view> name) {
  for (std::size_t i = 0; i < kCount; ++i)
    if (name == names[i]) return i;
  return std::nullopt;
}

// A member is written when it says something: the state stays short and readable.
void write_time(json::Writer& writer, std::string_view name, std::optional<Time> time) {
  if (time && *time != Time{}) writer.field(name, unix_micros(*time));
}
void write_count(json::Writer& writer, std::string_view name, std::int64_t count) {
  if (count != 0) writer.field(name, count);
}
void write_text(json::Writer& writer, std::string_view name, std::string_view text) {
  if (!text.empty()) writer.field(name, text);
}

void write_remote(json::Writer& writer, const Remote& remote) {
  writer.begin_object().field("id", remote.id);
  write_text(writer, "status", remote.status);
  write_time(writer, "created_at", remote.created_at);
  write_time(writer, "ended_at", remote.ended_at);
  writer.end_object();
}

std::optional<Time> read_time(json::Value value) {
  const auto micros = value.integer();
  if (!micros) return std::nullopt;
  return from_unix_micros(*micros);
}

Remote read_remote(json::Value value) {
  return {.id = value["id"].string_or(""),
          .status = value["status"].string_or(""),
          .created_at = read_time(value["created_at"]),
          .ended_at = read_time(value["ended_at"])};
}

void write_finished(json::Writer& writer, const provider::Finished& finished) {
  writer.key("finished").begin_object();
  writer.field("outcome", kOutcomes[static_cast<std::size_t>(finished.outcome)]);
  if (finished.outcome != provider::Finished::Outcome::kEnded) {
    const Error& error = finished.error;
    writer.field("kind", static_cast<std::int64_t>(error.kind));
    write_text(writer, "message", error.message);
    write_text(writer, "hint", error.hint);
    write_count(writer, "http_status", error.http_status);
    write_text(writer, "code", error.provider_code);
    write_text(writer, "request_id", error.request_id);
  }
  writer.end_object();
}

provider::Finished read_finished(json::Value value) {
  provider::Finished finished;
  const auto outcome = index_of(kOutcomes, value["outcome"].string());
  finished.outcome = static_cast<provider::Finished::Outcome>(outcome.value_or(2));
  if (finished.outcome == provider::Finished::Outcome::kEnded) return finished;
  const auto kind = value["kind"].integer_or(-1);
  const auto last = static_cast<std::int64_t>(ErrorKind::kInternal);
  finished.error.kind =
      kind >= 0 && kind <= last ? static_cast<ErrorKind>(kind) : ErrorKind::kInternal;
  finished.error.message = value["message"].string_or("");
  finished.error.hint = value["hint"].string_or("");
  finished.error.provider = "anthropic";
  finished.error.http_status = static_cast<int>(value["http_status"].integer_or(0));
  finished.error.provider_code = value["code"].string_or("");
  finished.error.request_id = value["request_id"].string_or("");
  return finished;
}

}  // namespace

std::string write_state(const BatchState& state) {
  json::Writer writer;
  writer.begin_object().field("v", kVersion);
  writer.field("phase", kPhases[static_cast<std::size_t>(state.phase)]);
  write_time(writer, "due", state.due);
  if (state.cancel_wanted) writer.field("cancel_wanted", true);
  write_time(writer, "intent", state.intent);
  write_time(writer, "doubt_at", state.doubt_at);
  write_count(writer, "creates", state.creates);
  write_count(writer, "doubts", state.doubts);
  write_time(writer, "list_at", state.list_at);
  write_text(writer, "cursor", state.cursor);
  write_count(writer, "pages", state.pages);
  if (!state.found.empty()) {
    writer.key("found").begin_array();
    for (const auto& remote : state.found) write_remote(writer, remote);
    writer.end_array();
  }
  if (state.found_claimed) writer.field("found_claimed", true);
  if (!state.rejected.empty()) {
    writer.key("rejected").begin_array();
    for (const auto& id : state.rejected) writer.string(id);
    writer.end_array();
  }
  if (state.matched) write_remote(writer.key("matched"), *state.matched);
  if (!state.batch.id.empty()) write_remote(writer.key("batch"), state.batch);
  if (state.adopted) writer.field("adopted", true);
  if (state.by_hand) writer.field("by_hand", true);
  write_count(writer, "polls", state.polls);
  write_count(writer, "failures", state.failures);
  write_count(writer, "checks", state.checks);
  if (state.phase == Phase::kDone) write_finished(writer, state.finished);
  return writer.end_object().take();
}

Result<BatchState> read_state(std::string_view text) {
  BatchState state;
  if (text.empty()) return state;
  json::Parser parser;
  const auto parsed = parser.parse(text);
  if (!parsed) return fail(ErrorKind::kInternal, "a batch state is " + parsed.error().message);
  const json::Value root = *parsed;
  if (root["v"].integer() != kVersion)
    return fail(ErrorKind::kInternal, "a batch state is of an unknown version",
                "it was written by a later version of this program; use that one");
  const auto phase = index_of(kPhases, root["phase"].string());
  if (!phase) return fail(ErrorKind::kInternal, "a batch state has an unknown phase");
  state.phase = static_cast<Phase>(*phase);
  state.due = read_time(root["due"]);
  state.cancel_wanted = root["cancel_wanted"].boolean().value_or(false);
  state.intent = read_time(root["intent"]).value_or(Time{});
  state.doubt_at = read_time(root["doubt_at"]).value_or(Time{});
  state.creates = root["creates"].integer_or(0);
  state.doubts = root["doubts"].integer_or(0);
  state.list_at = read_time(root["list_at"]).value_or(Time{});
  state.cursor = root["cursor"].string_or("");
  state.pages = root["pages"].integer_or(0);
  for (const auto item : root["found"].items())
    state.found.push_back(read_remote(json::Value(item)));
  state.found_claimed = root["found_claimed"].boolean().value_or(false);
  for (const auto item : root["rejected"].items())
    state.rejected.push_back(json::Value(item).string_or(""));
  if (const auto matched = root.find("matched")) state.matched = read_remote(*matched);
  if (const auto batch = root.find("batch")) state.batch = read_remote(*batch);
  state.adopted = root["adopted"].boolean().value_or(false);
  state.by_hand = root["by_hand"].boolean().value_or(false);
  state.polls = root["polls"].integer_or(0);
  state.failures = root["failures"].integer_or(0);
  state.checks = root["checks"].integer_or(0);
  if (const auto finished = root.find("finished")) state.finished = read_finished(*finished);
  return state;
}

}  // namespace weir::providers::anthropic
