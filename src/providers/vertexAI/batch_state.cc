#include "providers/vertexAI/batch_state.h"

#include <algorithm>
#include <array>

#include "json/value.h"
#include "json/write.h"

namespace weir::providers::vertexAI {
namespace {

using provider::Finished;

constexpr std::int64_t kVersion = 1;
constexpr std::array<std::string_view, 10> kNames{"upload", "create",  "list",  "poll",   "cancel",
                                                  "files",  "collect", "sweep", "remove", "done"};
constexpr std::array<std::string_view, 3> kOutcomes{"ended", "refused", "held"};

class Fields {
 public:
  void text(std::string_view name, const std::string& value) {
    if (!value.empty()) out.field(name, value);
  }
  void count(std::string_view name, std::uint64_t value) {
    if (value != 0) out.field(name, static_cast<std::int64_t>(value));
  }
  void time(std::string_view name, std::optional<Time> value) {
    if (value && *value != Time{}) out.field(name, unix_micros(*value));
  }
  void flag(std::string_view name, bool value) {
    if (value) out.field(name, true);
  }
  void error(std::string_view name, const Error& error) {
    out.key(name).begin_object();
    out.field("kind", to_string(error.kind)).field("message", error.message);
    text("hint", error.hint);
    text("provider", error.provider);
    text("code", error.provider_code);
    text("request_id", error.request_id);
    if (error.http_status != 0) out.field("status", std::int64_t{error.http_status});
    if (error.retry_after) out.field("retry_after_ms", std::int64_t{error.retry_after->count()});
    out.end_object();
  }
  json::Writer out;
};

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
  const auto found = std::ranges::find(names, value.string().value_or("?"));
  if (found == names.end()) return std::nullopt;
  return static_cast<std::size_t>(found - names.begin());
}

}  // namespace

std::string write_state(const State& state) {
  Fields f;
  f.out.begin_object().field("v", kVersion).field("at", kNames[static_cast<std::size_t>(state.at)]);
  f.flag("waiting", state.waiting);
  f.time("until", state.until);
  f.count("tries", state.tries);
  f.count("uploads", state.uploads);
  f.count("creates", state.creates);
  f.time("intent", state.intent);
  f.time("unknown_since", state.unknown_since);
  f.time("round", state.round);
  f.count("pages", state.pages);
  f.text("page", state.page);
  if (!state.found.empty()) {
    f.out.key("found").begin_array();
    for (const auto& name : state.found) f.out.string(name);
    f.out.end_array();
  }
  f.count("unnamed", state.unnamed);
  f.flag("cancel", state.cancel);
  f.flag("cancelling", state.cancelling);
  f.flag("by_hand", state.by_hand);
  f.text("job", state.job);
  f.text("status", state.status);
  f.text("output", state.output);
  f.text("file", state.file);
  f.count("collected", state.collected);
  f.count("swept", state.swept);
  f.time("created", state.created);
  f.time("ended", state.ended);
  if (state.done) f.out.field("done", static_cast<std::int64_t>(*state.done));
  if (state.outcome != Finished::Outcome::kEnded)
    f.out.field("outcome", kOutcomes[static_cast<std::size_t>(state.outcome)]);
  if (state.error) f.error("error", *state.error);
  if (state.failed) f.error("failed", *state.failed);
  f.out.end_object();
  return f.out.take();
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
  const auto flag = [&](std::string_view name) { return in[name].boolean().value_or(false); };
  State state;
  state.at = static_cast<At>(*at);
  state.waiting = flag("waiting");
  state.until = read_time(in["until"]).value_or(Time{});
  state.tries = read_count(in["tries"]);
  state.uploads = read_count(in["uploads"]);
  state.creates = read_count(in["creates"]);
  state.intent = read_time(in["intent"]).value_or(Time{});
  state.unknown_since = read_time(in["unknown_since"]).value_or(Time{});
  state.round = read_time(in["round"]).value_or(Time{});
  state.pages = read_count(in["pages"]);
  state.page = in["page"].string_or("");
  for (const auto name : in["found"].items()) state.found.push_back(name.string_or(""));
  state.unnamed = read_count(in["unnamed"]);
  state.cancel = flag("cancel");
  state.cancelling = flag("cancelling");
  state.by_hand = flag("by_hand");
  state.job = in["job"].string_or("");
  state.status = in["status"].string_or("");
  state.output = in["output"].string_or("");
  state.file = in["file"].string_or("");
  state.collected = read_count(in["collected"]);
  state.swept = read_count(in["swept"]);
  state.created = read_time(in["created"]);
  state.ended = read_time(in["ended"]);
  if (const auto done = in["done"].integer(); done && *done >= 0)
    state.done = static_cast<std::uint64_t>(*done);
  state.outcome = static_cast<Finished::Outcome>(index_of(kOutcomes, in["outcome"]).value_or(0));
  if (in["error"].is_object()) state.error = read_error(in["error"]);
  if (in["failed"].is_object()) state.failed = read_error(in["failed"]);
  return state;
}

}  // namespace weir::providers::vertexAI
