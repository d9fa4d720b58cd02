#include "providers/cohere/batch_state.h"

#include <algorithm>
#include <array>

#include "json/value.h"
#include "json/write.h"

namespace weir::providers::cohere {
namespace {

constexpr std::int64_t kVersion = 1;
constexpr std::array<std::string_view, 10> kNames{"upload", "ready",  "create",  "list",   "poll",
                                                  "cancel", "locate", "collect", "remove", "done"};
constexpr std::array<std::string_view, 3> kOutcomes{"ended", "refused", "held"};

void write_time(json::Writer& out, std::string_view name, const std::optional<Time>& time) {
  if (time) out.field(name, unix_micros(*time));
}
void write_count(json::Writer& out, std::string_view name, std::uint64_t count) {
  if (count != 0) out.field(name, static_cast<std::int64_t>(count));
}
void write_text(json::Writer& out, std::string_view name, const std::string& text) {
  if (!text.empty()) out.field(name, text);
}
void write_flag(json::Writer& out, std::string_view name, bool flag) {
  if (flag) out.field(name, true);
}

void write_error(json::Writer& out, const Error& error) {
  out.key("error").begin_object().field("kind", to_string(error.kind));
  out.field("message", error.message);
  write_text(out, "hint", error.hint);
  write_text(out, "provider", error.provider);
  write_text(out, "code", error.provider_code);
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
  error.http_status = static_cast<int>(value["status"].integer_or(0));
  if (const auto wait = value["retry_after_ms"].integer())
    error.retry_after = std::chrono::milliseconds(*wait);
  return error;
}

std::optional<Time> read_time(json::Value value) {
  const auto micros = value.integer();
  return micros ? std::optional(from_unix_micros(*micros)) : std::nullopt;
}

std::uint64_t read_count(json::Value value) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(value.integer_or(0), 0));
}

template <std::size_t N>
std::optional<std::size_t> index_of(const std::array<std::string_view, N>& names,
                                    json::Value value) {
  const auto* found = std::ranges::find(names, value.string().value_or("?"));
  if (found == names.end()) return std::nullopt;
  return static_cast<std::size_t>(found - names.begin());
}

void read_steps(json::Value in, State& state) {
  state.waiting = in["waiting"].boolean().value_or(false);
  state.until = read_time(in["until"]).value_or(Time{});
  state.tries = read_count(in["tries"]);
  state.uploads = read_count(in["uploads"]);
  state.creates = read_count(in["creates"]);
  state.missing = read_count(in["missing"]);
  state.unknown = read_time(in["unknown"]);
  state.cancel = in["cancel"].boolean().value_or(false);
  state.by_hand = in["by_hand"].boolean().value_or(false);
  state.page = in["page"].string_or("");
  state.pages = read_count(in["pages"]);
  for (const auto id : in["found"].items()) state.found.push_back(json::Value(id).string_or(""));
}

}  // namespace

// {"v":1,"at":"poll","waiting":true,"until":1795…,"dataset":"weir-w…-x1y2z3","batch":"…","status":"IN_PROGRESS","done":3}
std::string write_state(const State& state) {
  json::Writer out;
  out.begin_object().field("v", kVersion);
  out.field("at", kNames[static_cast<std::size_t>(state.at)]);
  write_flag(out, "waiting", state.waiting);
  if (state.waiting) write_time(out, "until", state.until);
  write_count(out, "tries", state.tries);
  write_count(out, "uploads", state.uploads);
  write_count(out, "creates", state.creates);
  write_count(out, "missing", state.missing);
  write_time(out, "unknown", state.unknown);
  write_flag(out, "cancel", state.cancel);
  write_flag(out, "by_hand", state.by_hand);
  write_text(out, "dataset", state.dataset);
  write_text(out, "batch", state.batch);
  write_text(out, "output", state.output);
  write_text(out, "status", state.status);
  write_time(out, "created", state.created);
  write_time(out, "ended", state.ended);
  if (state.done) out.field("done", static_cast<std::int64_t>(*state.done));
  write_count(out, "parts", state.parts);
  write_count(out, "part", state.part);
  write_count(out, "removed", state.removed);
  write_text(out, "page", state.page);
  write_count(out, "pages", state.pages);
  if (!state.found.empty()) {
    out.key("found").begin_array();
    for (const auto& id : state.found) out.string(id);
    out.end_array();
  }
  if (state.outcome != provider::Finished::Outcome::kEnded)
    out.field("outcome", kOutcomes[static_cast<std::size_t>(state.outcome)]);
  if (state.error) write_error(out, *state.error);
  return out.end_object().take();
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
  read_steps(in, state);
  state.dataset = in["dataset"].string_or("");
  state.batch = in["batch"].string_or("");
  state.output = in["output"].string_or("");
  state.status = in["status"].string_or("");
  state.created = read_time(in["created"]);
  state.ended = read_time(in["ended"]);
  if (const auto done = in["done"].integer(); done && *done >= 0)
    state.done = static_cast<std::uint64_t>(*done);
  state.parts = read_count(in["parts"]);
  state.part = read_count(in["part"]);
  state.removed = read_count(in["removed"]);
  state.outcome =
      static_cast<provider::Finished::Outcome>(index_of(kOutcomes, in["outcome"]).value_or(0));
  if (in["error"].is_object()) state.error = read_error(in["error"]);
  return state;
}

}  // namespace weir::providers::cohere
