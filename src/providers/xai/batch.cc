#include "providers/xai/batch.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "json/write.h"
#include "providers/xai/errors.h"

namespace weir::providers::xai {
namespace {

namespace chat = provider::openai_chat;
namespace batch = provider::openai_batch;

constexpr std::size_t kCursorBytesMax = 2000;
// A cancelled batch was seen to turn into an answered one 20 s later; no bound is documented.
constexpr Duration kStableAfter = std::chrono::seconds(60);

// {"name":"w…","input_file_id":"file_…"}: the name finds it again.
std::string create_body(const provider::BatchContext& context, std::string_view input_file) {
  json::Writer body;
  body.begin_object().field("name", batch::recovery_tag(context.id));
  return body.field("input_file_id", input_file).end_object().take();
}

struct Counters {
  std::int64_t requests = 0, pending = 0, success = 0, error = 0, cancelled = 0;
};

Counters read_counters(json::Value state) {
  const auto count = [&](std::string_view name) {
    return std::clamp<std::int64_t>(state[name].integer_or(0), 0, 1'000'000'000);
  };
  return {.requests = count("num_requests"),
          .pending = count("num_pending"),
          .success = count("num_success"),
          .error = count("num_error"),
          .cancelled = count("num_cancelled")};
}

// "JSONL file validation failed: line 2: invalid JSON: …"
std::optional<std::uint64_t> line_of(std::string_view words) {
  const auto at = words.find("line ");
  if (at == std::string_view::npos) return std::nullopt;
  std::uint64_t line = 0;
  const auto* begin = words.data() + at + 5;
  const auto [end, code] = std::from_chars(begin, words.data() + words.size(), line);
  if (code != std::errc() || end == begin || line == 0) return std::nullopt;
  return line;
}

// What xAI says when it cancels a batch itself.
void read_failure(std::string_view words, batch::BatchObject& out) {
  const auto* rule = rule_by_words(0, words);
  out.error = Error{
      .kind = rule != nullptr ? rule->kind : ErrorKind::kInvalidArgument,
      .message = fmt::format("xai: the batch failed: {}", chat::presentable(words)),
      .hint = std::string(rule != nullptr ? rule->hint
                                          : "this is how the input was built: report it as a bug"),
      .provider = "xai"};
  out.line = line_of(words);
}

// There is no status. What can be read outranks what was cancelled, and the end of a cancelled batch may be taken back.
void read_status(json::Value value, const Counters& n, batch::BatchObject& out) {
  const bool cancelled = !value["cancel_time"].is_null();
  if (const auto words = value["cancel_by_xai_message"].string(); words && !words->empty()) {
    out.status = "failed";
    out.terminal = out.failed = true;
    read_failure(*words, out);
    return;
  }
  if (n.requests == 0) {
    // Nothing can be added to a cancelled one; else its file is still being read.
    out.status = cancelled ? "cancelled" : "validating";
    out.terminal = cancelled;
    return;
  }
  if (n.pending > 0) {
    out.cancelling = cancelled;
    out.status = cancelled ? "cancelling" : "in_progress";
    return;
  }
  out.terminal = true;
  out.status = n.cancelled > 0 ? "cancelled" : "completed";
  if (n.cancelled > 0) out.unstable = fmt::format("{}/{}/{}", n.success, n.error, n.cancelled);
}

// {"batches":[…],"pagination_token":"…"}
std::optional<batch::BatchList> read_list(json::Value value) {
  if (!value["batches"].is_array()) return std::nullopt;
  batch::BatchList out;
  for (const auto item : value["batches"].items()) {
    auto one = read_batch(json::Value(item));
    if (one) out.batches.push_back(*std::move(one));
  }
  const auto cursor = value["pagination_token"].string().value_or(std::string_view());
  if (cursor.size() <= kCursorBytesMax) out.last = cursor;
  out.more = !cursor.empty();
  return out;
}

std::unexpected<Error> unreadable(std::string_view what) {
  return std::unexpected(Error{
      .kind = ErrorKind::kBadResponse, .message = fmt::format("xai: {}", what), .provider = "xai"});
}

void read_completion(json::Value body, provider::Row& row) {
  auto decoded = chat::decode_completion(chat_options(), body);
  if (decoded) {
    row.outcome = provider::Row::Outcome::kSucceeded;
    row.response = *std::move(decoded);
    return;
  }
  row.error = std::move(decoded).error();
  // It ran and is billed, readable or not: keep what it cost.
  if (const auto usage = body["usage"]; usage.is_object()) {
    row.response.usage = decode_usage(usage);
    row.response.usage_raw = usage.text();
  }
}

// A bare text, without status or code. What is not known to be the request's fault is tried again.
void read_error(std::string_view words, provider::Row& row) {
  row.error = {.kind = ErrorKind::kUnavailable,
               .message = fmt::format("xai: {}", chat::presentable(words)),
               .provider = "xai"};
  const auto any_of = [&](std::initializer_list<std::string_view> parts) {
    return std::ranges::any_of(parts, [&](auto part) { return words.contains(part); });
  };
  if (any_of({"Batch cancelled", "batch cancelled"})) {
    row.outcome = provider::Row::Outcome::kCancelled;
    row.error.kind = ErrorKind::kCancelled;
  } else if (const auto* rule = rule_by_words(0, words)) {
    row.error.kind = rule->kind;
    row.error.hint = rule->hint;
  } else if (any_of(
                 {"must be", "nvalid", "does not exist", "not supported", "Failed to download"})) {
    row.error.kind = ErrorKind::kInvalidArgument;
  } else if (any_of({"ate limit"})) {
    row.error.kind = ErrorKind::kRateLimited;
  }
}

}  // namespace

chat::Options chat_options() {
  return {.provider = "xai",
          .errors = error_rules(),
          .rule_by_words = rule_by_words,
          .usage = decode_usage};
}

batch::Options batch_options() {
  return {
      .chat = chat_options(),
      .file_expiry = false,
      .purpose = "",
      .newest_first = false,
      .upload_expiry_seconds_in = "expires_after",
      .list_cursor = "pagination_token",
      .cancel_suffix = ":cancel",
      .pages = {.path = "/results?limit=1000", .member = "results", .cursor = "pagination_token"},
      .stable_after = kStableAfter,
      .create_body = create_body,
      .read_batch = read_batch,
      .read_list = read_list};
}

llm::Usage decode_usage(json::Value usage) {
  llm::Usage out = chat::decode_usage(usage);
  const Tokens reasoning =
      chat::token_count(usage["completion_tokens_details"]["reasoning_tokens"]);
  const Tokens prompt = chat::token_count(usage["prompt_tokens"]);
  const bool included = chat::token_count(usage["total_tokens"]) == prompt + out.output;
  if (!included) out.output = out.output + reasoning;
  return out;
}

std::optional<batch::BatchObject> read_batch(json::Value value) {
  const auto id = batch::usable_id(value["batch_id"]);
  const auto state = value["state"];
  if (!id || !state.is_object()) return std::nullopt;
  const Counters n = read_counters(state);
  batch::BatchObject out;
  out.id = *id;
  out.input_file = batch::usable_id(value["input_file_id"]).value_or("");
  out.tag = value["name"].string_or("").substr(0, 200);
  // A date alone is no time: then the price in force is that of our own clock.
  out.created = parse_rfc3339(value["create_time"].string().value_or(std::string_view()));
  out.rows = n.success + n.error > 0;
  if (n.requests > 0) out.done = static_cast<std::uint64_t>(n.success + n.error);
  read_status(value, n, out);
  return out;
}

Result<provider::Row> decode_row(std::string_view text) {
  json::Parser parser;
  const auto parsed = parser.parse(text);
  if (!parsed || !parsed->is_object()) return unreadable("a result is not a JSON object");
  const auto id = (*parsed)["batch_request_id"].string();
  if (!id || id->empty()) return unreadable("a result has no batch_request_id");
  if (!json::check_unique_keys(*parsed)) return unreadable("a result repeats a key");
  const auto result = (*parsed)["batch_result"];
  provider::Row row;
  row.custom_id = *id;
  if (const auto error = result["error"].string()) {
    read_error(*error, row);
    return row;
  }
  if (!result["response"].is_object())
    return unreadable("a result has neither a response nor an error");
  read_completion(result["response"]["chat_get_completion"], row);
  return row;
}

}  // namespace weir::providers::xai
