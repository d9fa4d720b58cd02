#include "provider/openai_batch_dialect_state.h"

#include <algorithm>

#include "json/value.h"
#include "json/write.h"

namespace weir::provider::openai_batch {
namespace {

constexpr std::int64_t kVersion = 1;
constexpr std::array<std::string_view, 8> kNames{"upload", "create",  "list",   "poll",
                                                 "cancel", "collect", "delete", "done"};
constexpr std::array<std::string_view, 3> kOutcomes{"ended", "refused", "held"};
constexpr std::array<std::string_view, 3> kFiles{"input", "output", "errors"};

void write_time(json::Writer& out, std::string_view name, std::optional<Time> time) {
  if (time && *time != Time{}) out.field(name, unix_micros(*time));
}

void write_count(json::Writer& out, std::string_view name, std::uint64_t count) {
  if (count != 0) out.field(name, static_cast<std::int64_t>(count));
}

void write_text(json::Writer& out, std::string_view name, const std::string& text) {
  if (!text.empty()) out.field(name, text);
}

void write_error(json::Writer& out, const Error& error) {
  out.key("error").begin_object();
  out.field("kind", to_string(error.kind)).field("message", error.message);
  write_text(out, "hint", error.hint);
  write_text(out, "provider", error.provider);
  write_text(out, "code", error.provider_code);
  write_text(out, "request_id", error.request_id);
  if (error.http_status != 0) out.field("status", std::int64_t{error.http_status});
  if (error.retry_after) out.field("retry_after_ms", std::int64_t{error.retry_after->count()});
  out.end_object();
}

Error read_error(json::Value value) {
  Error error;
  const auto kind = value["kind"].string().value_or(std::string_view());
  for (int i = 0; i <= static_cast<int>(ErrorKind::kInternal); ++i)
    if (to_string(static_cast<ErrorKind>(i)) == kind) error.kind = static_cast<ErrorKind>(i);
  error.message = value["message"].string_or("");
  error.hint = value["hint"].string_or("");
  error.provider = value["provider"].string_or("");
  error.provider_code = value["code"].string_or("");
  error.request_id = value["request_id"].string_or("");
  error.http_status = static_cast<int>(value["status"].integer_or(0));
  if (const auto wait = value["retry_after_ms"].integer())
    error.retry_after = std::chrono::milliseconds(*wait);
  return error;
}

std::optional<Time> read_time(json::Value value) {
  const auto micros = value.integer();
  if (!micros) return std::nullopt;
  return from_unix_micros(*micros);
}

std::uint64_t read_count(json::Value value) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(value.integer_or(0), 0));
}

template <std::size_t N>
std::optional<std::size_t> index_of(const std::array<std::string_view, N>& names,
                                    json::Value value) {
  const auto* found = std::find(names.begin(), names.end(), value.string().value_or("?"));
  if (found == names.end()) return std::nullopt;
  return static_cast<std::size_t>(found - names.begin());
}

}  // namespace

// {"v":1,"at":"poll","waiting":true,"until":1795…,"files":{"input":"file-1"},"batch":"batch_1","status":"in_progress",…}
std::string write_state(const State& state) {
  json::Writer out;
  out.begin_object().field("v", kVersion);
  out.field("at", kNames[static_cast<std::size_t>(state.at)]);
  if (state.waiting) out.field("waiting", true);
  if (state.waiting) write_time(out, "until", state.until);
  write_count(out, "tries", state.tries);
  write_count(out, "creates", state.creates);
  write_time(out, "intent", state.intent);
  write_time(out, "unknown_since", state.unknown_since);
  write_time(out, "round", state.round);
  write_count(out, "pages", state.pages);
  write_text(out, "after", state.after);
  if (!state.found.empty()) {
    out.key("found").begin_array();
    for (const auto& id : state.found) out.string(id);
    out.end_array();
  }
  if (state.cancel) out.field("cancel", true);
  if (state.cancelling) out.field("cancelling", true);
  if (state.by_hand) out.field("by_hand", true);
  out.key("files").begin_object();
  for (std::size_t i = 0; i < kFiles.size(); ++i) write_text(out, kFiles[i], state.files[i]);
  out.end_object();
  write_count(out, "file", state.file);
  write_text(out, "batch", state.batch);
  write_text(out, "status", state.status);
  if (state.done) out.field("done", static_cast<std::int64_t>(*state.done));
  write_text(out, "unstable", state.unstable);
  write_time(out, "unstable_at", state.unstable_at);
  write_text(out, "page", state.page);
  write_count(out, "rows", state.rows);
  write_time(out, "created", state.created);
  write_time(out, "ended", state.ended);
  if (state.outcome != Finished::Outcome::kEnded)
    out.field("outcome", kOutcomes[static_cast<std::size_t>(state.outcome)]);
  if (state.error) write_error(out, *state.error);
  if (state.line) write_count(out, "line", *state.line);
  out.end_object();
  return out.take();
}

Result<State> read_state(std::string_view text) {
  json::Parser parser;
  const auto parsed = parser.parse(text);
  if (!parsed) return fail(ErrorKind::kInternal, "a batch state is not JSON");
  const auto& in = *parsed;
  const auto at = index_of(kNames, in["at"]);
  if (in["v"].integer_or(0) != kVersion || !at)
    return fail(ErrorKind::kInternal, "a batch state is of no version that this program knows",
                "go on with the program version that wrote it");
  State state;
  state.at = static_cast<At>(*at);
  state.waiting = in["waiting"].boolean().value_or(false);
  state.until = read_time(in["until"]).value_or(Time{});
  state.tries = read_count(in["tries"]);
  state.creates = read_count(in["creates"]);
  state.intent = read_time(in["intent"]).value_or(Time{});
  state.unknown_since = read_time(in["unknown_since"]).value_or(Time{});
  state.round = read_time(in["round"]).value_or(Time{});
  state.pages = read_count(in["pages"]);
  state.after = in["after"].string_or("");
  for (const auto id : in["found"].items()) state.found.push_back(json::Value(id).string_or(""));
  state.cancel = in["cancel"].boolean().value_or(false);
  state.cancelling = in["cancelling"].boolean().value_or(false);
  state.by_hand = in["by_hand"].boolean().value_or(false);
  for (std::size_t i = 0; i < kFiles.size(); ++i)
    state.files[i] = in["files"][kFiles[i]].string_or("");
  state.file = std::min<std::size_t>(read_count(in["file"]), kFiles.size());
  state.batch = in["batch"].string_or("");
  state.status = in["status"].string_or("");
  if (const auto done = in["done"].integer(); done && *done >= 0)
    state.done = static_cast<std::uint64_t>(*done);
  state.unstable = in["unstable"].string_or("");
  state.unstable_at = read_time(in["unstable_at"]).value_or(Time{});
  state.page = in["page"].string_or("");
  state.rows = read_count(in["rows"]);
  state.created = read_time(in["created"]);
  state.ended = read_time(in["ended"]);
  state.outcome = static_cast<Finished::Outcome>(index_of(kOutcomes, in["outcome"]).value_or(0));
  if (in["error"].is_object()) state.error = read_error(in["error"]);
  if (const auto line = in["line"].integer()) state.line = static_cast<std::uint64_t>(*line);
  return state;
}

}  // namespace weir::provider::openai_batch
