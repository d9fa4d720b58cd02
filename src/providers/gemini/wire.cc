#include "providers/gemini/wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "http/url.h"
#include "json/write.h"
#include "provider/openai_chat_dialect.h"

namespace weir::providers::gemini {
namespace {

constexpr std::string_view kUploadPath = "/upload/v1beta/files";
constexpr std::string_view kJsonl = "application/jsonl";
constexpr std::size_t kListPage = 100;  // the most that the provider gives
constexpr std::size_t kNameBytesMax = 200, kSessionBytesMax = 2048, kTokenBytesMax = 4096;

// "batches/abc" -> "/v1beta/batches/abc". The name has been checked by usable_name().
std::string path_of(std::string_view name, std::string_view rest = {}) {
  return fmt::format("/v1beta/{}{}", name, rest);
}

// Letters, digits, and these.
bool only(std::string_view text, std::string_view more) {
  return std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           more.find(c) != std::string_view::npos;
  });
}

// int64 comes as a string in Google's JSON.
std::optional<std::uint64_t> count(json::Value value) {
  if (const auto number = value.integer())
    return static_cast<std::uint64_t>(std::max<std::int64_t>(*number, 0));
  const auto text = value.string().value_or(std::string_view());
  std::uint64_t out = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (text.empty() || code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return out;
}

std::optional<Time> time_at(json::Value value) {
  const auto text = value.string();
  return text ? parse_rfc3339(*text) : std::nullopt;
}

// BATCH_STATE_RUNNING on the wire, JOB_STATE_RUNNING in the words of the SDKs.
BatchObject::End end_of(std::string_view state) {
  using End = BatchObject::End;
  for (const std::string_view prefix : {"BATCH_STATE_", "JOB_STATE_"})
    if (state.starts_with(prefix)) state.remove_prefix(prefix.size());
  constexpr std::array<std::pair<std::string_view, End>, 5> kEnds{
      {{"SUCCEEDED", End::kSucceeded},
       {"PARTIALLY_SUCCEEDED", End::kSucceeded},
       {"FAILED", End::kFailed},
       {"CANCELLED", End::kCancelled},
       {"EXPIRED", End::kExpired}}};
  for (const auto& [word, end] : kEnds)
    if (state == word) return end;
  return End::kNone;
}

http::RequestPlan session_plan(const provider::BatchContext& context, std::string_view session,
                               std::string_view command) {
  auto plan =
      plan_of(http::Method::kPost, context.credentials, fmt::format("{}?{}", kUploadPath, session));
  plan.headers.add("x-goog-upload-command", std::string(command));
  return plan;
}

void add_body(http::RequestPlan& plan, json::Writer& body) { plan.body.emplace_back(body.take()); }

}  // namespace

http::RequestPlan plan_of(http::Method method, const provider::Credentials& credentials,
                          std::string_view path, bool with_body) {
  http::Headers headers{{"x-goog-api-key", credentials.key}};
  if (with_body) headers.add("content-type", "application/json");
  return {.method = method,
          .target = http::join_path(credentials.base_path, path),
          .headers = std::move(headers),
          .body = {}};
}

std::string model_path(std::string_view model, std::string_view rest) {
  return fmt::format("/v1beta/models/{}{}", http::percent_encode(model), rest);
}

std::string recovery_tag(const BatchId& id) {
  std::string tag = custom_id_prefix(id);
  if (tag.ends_with('-')) tag.pop_back();
  return tag;
}

// Doc: https://ai.google.dev/gemini-api/docs/files (checked 2026-11-23)
http::RequestPlan upload_start_plan(const provider::BatchContext& context) {
  auto plan = plan_of(http::Method::kPost, context.credentials, kUploadPath, true);
  plan.headers.add("x-goog-upload-protocol", "resumable");
  plan.headers.add("x-goog-upload-command", "start");
  plan.headers.add("x-goog-upload-header-content-length", fmt::format("{}", context.image_bytes));
  plan.headers.add("x-goog-upload-header-content-type", std::string(kJsonl));
  json::Writer body;
  body.begin_object().key("file").begin_object();
  body.field("displayName", recovery_tag(context.id)).end_object().end_object();
  add_body(plan, body);
  return plan;
}

http::RequestPlan upload_plan(const provider::BatchContext& context, std::string_view session,
                              std::uint64_t offset) {
  auto plan = session_plan(context, session, "upload, finalize");
  plan.headers.add("x-goog-upload-offset", fmt::format("{}", offset));
  plan.headers.add("content-type", std::string(kJsonl));
  plan.body.emplace_back(http::ImageSlice{offset, context.image_bytes - offset});
  return plan;
}

http::RequestPlan upload_query_plan(const provider::BatchContext& context,
                                    std::string_view session) {
  return session_plan(context, session, "query");
}

// {"batch":{"displayName":"w…","inputConfig":{"fileName":"files/abc"}}}
http::RequestPlan create_plan(const provider::BatchContext& context, std::string_view file) {
  auto plan = plan_of(http::Method::kPost, context.credentials,
                      model_path(context.model, ":batchGenerateContent"), true);
  json::Writer body;
  body.begin_object().key("batch").begin_object();
  body.field("displayName", recovery_tag(context.id));
  body.key("inputConfig").begin_object().field("fileName", file).end_object();
  body.end_object().end_object();
  add_body(plan, body);
  return plan;
}

http::RequestPlan list_plan(const provider::BatchContext& context, std::string_view page) {
  std::string path = fmt::format("/v1beta/batches?pageSize={}", kListPage);
  if (!page.empty()) path += fmt::format("&pageToken={}", http::percent_encode(page));
  return plan_of(http::Method::kGet, context.credentials, path);
}

http::RequestPlan poll_plan(const provider::BatchContext& context, std::string_view batch) {
  return plan_of(http::Method::kGet, context.credentials, path_of(batch));
}

http::RequestPlan cancel_plan(const provider::BatchContext& context, std::string_view batch) {
  auto plan = plan_of(http::Method::kPost, context.credentials, path_of(batch, ":cancel"), true);
  plan.body.emplace_back("{}");
  return plan;
}

http::RequestPlan download_plan(const provider::BatchContext& context, std::string_view file) {
  return plan_of(http::Method::kGet, context.credentials,
                 fmt::format("/download/v1beta/{}:download?alt=media", file));
}

http::RequestPlan delete_plan(const provider::BatchContext& context, std::string_view name) {
  return plan_of(http::Method::kDelete, context.credentials, path_of(name));
}

bool is_name(std::string_view text, std::string_view collection) {
  if (!text.starts_with(collection) || text.size() > kNameBytesMax) return false;
  const auto id = text.substr(collection.size());
  return !id.empty() && only(id, "-_");
}

std::optional<std::string> usable_name(json::Value value, std::string_view collection) {
  const auto text = value.string();
  if (!text || !is_name(*text, collection)) return std::nullopt;
  return std::string(*text);
}

// x-goog-upload-url: https://generativelanguage.googleapis.com/upload/v1beta/files?upload_id=…&
// upload_protocol=resumable
std::optional<std::string> upload_session(const http::Headers& headers) {
  const auto url = headers.find("x-goog-upload-url").value_or(std::string_view());
  const auto mark = url.find('?');
  if (mark == std::string_view::npos || !url.substr(0, mark).ends_with(kUploadPath))
    return std::nullopt;
  const auto query = url.substr(mark + 1);
  if (query.empty() || query.size() > kSessionBytesMax || !only(query, "-_.~&=%+"))
    return std::nullopt;
  return std::string(query);
}

std::optional<UploadStatus> upload_status(const http::Headers& headers) {
  const auto status = headers.find("x-goog-upload-status").value_or(std::string_view());
  if (status == "final") return UploadStatus{.final = true};
  const auto text = headers.find("x-goog-upload-size-received").value_or(std::string_view());
  UploadStatus out;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), out.received);
  if (status != "active" || text.empty() || code != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  return out;
}

// {"name":"batches/…","metadata":{"state":"BATCH_STATE_SUCCEEDED","displayName":"w…","createTime":"…",
//  "endTime":"…","output":{"responsesFile":"files/batch-…"},"batchStats":{"requestCount":"3",
//  "successfulRequestCount":"3"}},"done":true,"response":{"responsesFile":"files/batch-…"}}
std::optional<BatchObject> read_batch(const provider::gemini::Options& options, json::Value value) {
  auto name = usable_name(value["name"], kBatchesName);
  const auto metadata = value["metadata"];
  const auto state = metadata["state"].string();
  if (!name || !state) return std::nullopt;
  BatchObject out;
  out.name = *std::move(name);
  out.state = provider::openai_chat::presentable(*state);
  out.tag = metadata["displayName"].string_or("");
  out.output =
      usable_name(metadata["output"]["responsesFile"], kFilesName)
          .value_or(usable_name(value["response"]["responsesFile"], kFilesName).value_or(""));
  out.created = time_at(metadata["createTime"]);
  const auto stats = metadata["batchStats"];
  if (stats.is_object())
    out.done = count(stats["successfulRequestCount"]).value_or(0) +
               count(stats["failedRequestCount"]).value_or(0);
  out.end = end_of(*state);
  const bool done = value["done"].boolean().value_or(false);
  const auto error = value["error"];
  // A state that we do not know, of an operation that is over.
  if (out.end == BatchObject::End::kNone && done)
    out.end = error.is_object() ? BatchObject::End::kFailed : BatchObject::End::kSucceeded;
  if (out.end != BatchObject::End::kNone) out.ended = time_at(metadata["endTime"]);
  if (error.is_object()) out.error = provider::gemini::decode_error_object(options, 0, error);
  return out;
}

// {"operations":[…],"nextPageToken":"…"}; {} when there is none.
std::optional<BatchList> read_list(const provider::gemini::Options& options, json::Value value) {
  const auto operations = value["operations"];
  if (!value.is_object() || !(operations.is_null() || operations.is_array())) return std::nullopt;
  // Nothing but a list may say that there is no batch.
  constexpr std::array<std::string_view, 3> kMembers{"operations", "nextPageToken", "unreachable"};
  for (const auto member : value.members())
    if (std::ranges::find(kMembers, member.key) == kMembers.end()) return std::nullopt;
  BatchList out;
  for (const auto item : operations.items())
    if (auto batch = read_batch(options, item)) out.batches.push_back(*std::move(batch));
  const auto next = value["nextPageToken"].string().value_or(std::string_view());
  if (next.size() > kTokenBytesMax) return std::nullopt;
  out.next = next;
  return out;
}

}  // namespace weir::providers::gemini
