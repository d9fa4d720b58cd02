#include "provider/openai_batch_dialect_wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "http/url.h"
#include "json/write.h"

namespace weir::provider::openai_batch {
namespace {

constexpr std::int64_t kFileLifeSeconds = 2'592'000;  // 30 days, the most that the provider takes
constexpr std::size_t kListPage = 100;                // the most that the provider gives
constexpr std::size_t kIdBytesMax = 200;

constexpr std::size_t kCursorBytesMax = 2048;

http::RequestPlan plan(const Options& options, http::Method method, const BatchContext& context,
                       std::string_view path, bool with_body = false) {
  std::string target = http::join_path(context.credentials.base_path, path);
  if (!options.query.empty())
    target += fmt::format("{}{}", target.contains('?') ? '&' : '?', options.query);
  return {.method = method,
          .target = std::move(target),
          .headers = openai_chat::request_headers(options.chat, context.credentials, with_body),
          .body = {}};
}

std::string under(std::string_view folder, std::string_view id, std::string_view rest = {}) {
  return fmt::format("{}/{}{}", folder, http::percent_encode(id), rest);
}

std::optional<Time> time_at(json::Value value) {
  if (const auto text = value.string()) return parse_rfc3339(*text);
  const auto seconds = value.integer();
  if (!seconds || *seconds <= 0) return std::nullopt;
  return from_unix_seconds(std::min(*seconds, openai_chat::kUnixSecondsMax));
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

// {"object":"list","data":[{"code":"…","message":"…","param":null,"line":3}]}, the bare array, or
// `error`: one text.
json::Value first_error(json::Value batch) {
  const auto errors = batch["errors"];
  const auto list = errors.is_array() ? errors.items() : errors["data"].items();
  if (list.size() != 0) return json::Value(list.at(0));
  return batch["error"];
}

void read_errors(const Options& options, json::Value batch, BatchObject& out) {
  const auto first = first_error(batch);
  if (!first.is_object() && first.string().value_or("").empty()) return;
  // Kind and hint as of a refused request; the words are our own, for nothing answered 400.
  out.error = openai_chat::decode_error_object(options.chat, 400, first);
  out.error->http_status = 0;
  const auto line = first["line"].integer();
  const auto words = first.string().value_or(first["message"].string().value_or(""));
  const auto& code = out.error->provider_code;
  out.error->message = fmt::format(
      "{}: the batch failed{}{}{}: {}", options.chat.provider, code.empty() ? "" : ", ", code,
      line ? fmt::format(" in line {}", *line) : std::string(), openai_chat::presentable(words));
  if (line && *line > 0) out.line = static_cast<std::uint64_t>(*line);
}

}  // namespace

std::string recovery_tag(const BatchId& id) {
  std::string tag = custom_id_prefix(id);
  if (tag.ends_with('-')) tag.pop_back();
  return tag;
}

// POST /files, multipart: purpose=batch, expires_after[anchor]=created_at,
// expires_after[seconds]=2592000, file=@x.jsonl. Doc:
// https://developers.openai.com/api/reference/resources/files (checked 2026-11-23)
http::RequestPlan upload_plan(const Options& options, const BatchContext& context) {
  // From the id, so that a repeated upload has the same bytes; 80 random bits of it appear in no
  // document.
  const std::string boundary = "weir-" + context.id.text();
  std::string head;
  const auto field = [&](std::string_view name, std::string_view value) {
    head += fmt::format("--{}\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n{}\r\n",
                        boundary, name, value);
  };
  if (!options.purpose.empty()) field("purpose", options.purpose);
  if (options.upload_name) field("file_name", fmt::format("{}.jsonl", recovery_tag(context.id)));
  if (!options.upload_expiry_seconds_in.empty())
    field(options.upload_expiry_seconds_in, fmt::format("{}", kFileLifeSeconds));
  if (options.file_expiry) {
    // An upload whose answer is lost leaves an orphan; it goes away by itself.
    const bool dots = options.dotted_expiry;
    field(dots ? "expires_after.anchor" : "expires_after[anchor]", "created_at");
    field(dots ? "expires_after.seconds" : "expires_after[seconds]",
          fmt::format("{}", kFileLifeSeconds));
  }
  head += fmt::format(
      "--{}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{}.jsonl\"\r\n"
      "Content-Type: application/jsonl\r\n\r\n",
      boundary, recovery_tag(context.id));
  const auto path = options.upload_path.empty() ? options.files_path : options.upload_path;
  auto out = plan(options, http::Method::kPost, context, path);
  out.headers.add("content-type", fmt::format("multipart/form-data; boundary={}", boundary));
  out.body.emplace_back(std::move(head));
  out.body.emplace_back(http::ImageSlice{0, context.image_bytes});
  out.body.emplace_back(fmt::format("\r\n--{}--\r\n", boundary));
  return out;
}

// {"input_file_id":"file-1","endpoint":"/v1/chat/completions","completion_window":"24h","metadata":{"weir_batch":"w…","weir_items":"9"}}
// Doc: https://developers.openai.com/api/reference/resources/batches (checked 2026-11-23)
http::RequestPlan create_plan(const Options& options, const BatchContext& context,
                              std::string_view input_file) {
  auto out = plan(options, http::Method::kPost, context, options.batches_path, true);
  if (options.create_body != nullptr) {
    out.body.emplace_back(options.create_body(context, input_file));
    return out;
  }
  json::Writer body;
  body.begin_object().field("input_file_id", input_file).field("endpoint", options.endpoint);
  body.field("completion_window", options.completion_window);
  if (options.metadata) {
    body.key("metadata").begin_object().field(kTagKey, recovery_tag(context.id));
    body.field("weir_items", fmt::format("{}", context.items)).end_object();
  }
  body.end_object();
  out.body.emplace_back(body.take());
  return out;
}

http::RequestPlan list_plan(const Options& options, const BatchContext& context,
                            std::string_view after) {
  std::string path(options.batches_path);
  if (options.paging == Paging::kNumber)
    return plan(options, http::Method::kGet, context,
                fmt::format("{}?page={}&page_size={}&order_by=-created", path,
                            after.empty() ? "0" : after, kListPage));
  if (options.paging == Paging::kAfter) path += fmt::format("?limit={}", kListPage);
  if (!after.empty())
    path += options.paging == Paging::kCursor
                ? fmt::format("?cursor={}", http::percent_encode(after))
                : fmt::format("&{}={}", options.list_cursor, http::percent_encode(after));
  return plan(options, http::Method::kGet, context, path);
}

http::RequestPlan poll_plan(const Options& options, const BatchContext& context,
                            std::string_view batch) {
  return plan(options, http::Method::kGet, context, under(options.batches_path, batch));
}

http::RequestPlan cancel_plan(const Options& options, const BatchContext& context,
                              std::string_view batch) {
  return plan(options, http::Method::kPost, context,
              under(options.batches_path, batch, options.cancel_suffix));
}

http::RequestPlan content_plan(const Options& options, const BatchContext& context,
                               std::string_view file) {
  return plan(options, http::Method::kGet, context, under(options.files_path, file, "/content"));
}

http::RequestPlan page_plan(const Options& options, const BatchContext& context,
                            std::string_view batch, std::string_view cursor) {
  std::string path = under(options.batches_path, batch, options.pages.path);
  if (!cursor.empty())
    path += fmt::format("&{}={}", options.pages.cursor, http::percent_encode(cursor));
  return plan(options, http::Method::kGet, context, path);
}

http::RequestPlan delete_plan(const Options& options, const BatchContext& context,
                              std::string_view file) {
  return plan(options, http::Method::kDelete, context, under(options.files_path, file));
}

std::optional<std::string> usable_id(json::Value value) {
  const auto text = value.string();
  if (!text || text->empty() || text->size() > kIdBytesMax || text->starts_with('.'))
    return std::nullopt;
  const bool plain = std::all_of(text->begin(), text->end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == ':';
  });
  if (!plain) return std::nullopt;
  return std::string(*text);
}

std::optional<BatchObject> read_batch(const Options& options, json::Value value) {
  if (options.read_batch != nullptr) return options.read_batch(value);
  if (const auto job = value["job"]; job.is_object()) value = job;
  const auto id = usable_id(value["id"]);
  const auto status = value["status"].string();
  if (!id || !status) return std::nullopt;
  BatchObject out;
  out.id = *id;
  out.status = openai_chat::presentable(*status);
  out.input_file = usable_id(value["input_file_id"]).value_or("");
  out.output_file = usable_id(value["output_file_id"]).value_or("");
  out.error_file = usable_id(value["error_file_id"]).value_or("");
  out.tag = value["metadata"][kTagKey].string_or("");
  out.created = time_at(value["created_at"]);
  // {"request_counts":{"total":3,"completed":1,"failed":1}}: zeroes while it validates.
  const auto counts = value["request_counts"];
  if (counts["total"].integer_or(0) > 0)
    out.done = static_cast<std::uint64_t>(std::max<std::int64_t>(
        counts["completed"].integer_or(0) + counts["failed"].integer_or(0), 0));
  const std::string word = lower(*status);
  out.failed = word == "failed";
  out.cancelling = word == "cancelling" || word == "canceling";
  // Most ends have a time of their own: completed_at, failed_at, expired_at, cancelled_at. Any other
  // status, known or not, still runs.
  for (const std::string_view end : {"completed", "failed", "expired", "cancelled"}) {
    if (word != end) continue;
    out.terminal = true;
    out.ended = time_at(value[fmt::format("{}_at", end)]);
    if (!out.ended) out.ended = time_at(value["completed_at"]);
  }
  read_errors(options, value, out);
  return out;
}

std::optional<BatchList> read_list(const Options& options, json::Value value,
                                   std::string_view after) {
  if (options.read_list != nullptr) return options.read_list(value);
  const auto page = value.is_array()           ? value
                    : value["data"].is_array() ? value["data"]
                                               : value["value"];
  if (!page.is_array()) return std::nullopt;
  BatchList out;
  for (const auto item : page.items()) {
    auto batch = read_batch(options, json::Value(item));
    if (batch) out.batches.push_back(*std::move(batch));
  }
  if (options.paging == Paging::kNone) return out;
  if (options.paging == Paging::kNumber) {
    std::uint64_t number = 0;
    std::from_chars(after.data(), after.data() + after.size(), number);
    out.last = fmt::format("{}", number + 1);
    out.more = page.size() >= kListPage;
    return out;
  }
  if (options.paging == Paging::kCursor) {
    out.last = value["paging"]["next_cursor"].string().value_or("").substr(0, kCursorBytesMax);
    out.more = !out.last.empty();
    return out;
  }
  out.last = usable_id(value["last_id"]).value_or(out.batches.empty() ? "" : out.batches.back().id);
  // A server that does not say has more when the page is full.
  out.more = value["has_more"].boolean().value_or(page.size() >= kListPage);
  return out;
}

}  // namespace weir::provider::openai_batch
