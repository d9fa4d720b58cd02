#include "providers/cohere/batch_wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "http/url.h"
#include "json/write.h"
#include "provider/openai_chat_dialect.h"

namespace weir::providers::cohere {
namespace {

namespace chat = provider::openai_chat;

constexpr std::string_view kStatusPrefix = "BATCH_STATUS_";
constexpr std::size_t kIdBytesMax = 200, kTokenBytesMax = 2000;
constexpr std::size_t kPartsMax = 10'000;  // a dataset has 1.5 GB at most

std::string dataset_path(std::string_view id) {
  return fmt::format("/v1/datasets/{}", http::percent_encode(id));
}
std::string batch_path(std::string_view id, std::string_view verb = {}) {
  return fmt::format("/v2/batches/{}{}", http::percent_encode(id), verb);
}

// Counts are numbers, whole ones or such as 10.0.
std::uint64_t count_of(json::Value value) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(value.integer_or(0), 0));
}

std::string status_word(std::string_view word) {
  if (word.starts_with(kStatusPrefix)) word.remove_prefix(kStatusPrefix.size());
  return chat::presentable(word);
}

}  // namespace

http::RequestPlan plan_of(const provider::Credentials& credentials, http::Method method,
                          std::string_view path, bool with_body) {
  return {.method = method,
          .target = http::join_path(credentials.base_path, path),
          .headers = chat::bearer_headers(credentials, with_body),
          .body = {}};
}

std::string batch_name(const BatchId& id) {
  auto tag = custom_id_prefix(id);
  if (tag.ends_with('-')) tag.pop_back();
  return "weir-" + tag;
}

http::RequestPlan upload_plan(const provider::BatchContext& context) {
  // From the id, so that a repeated upload has the same bytes; 80 random bits of it appear in no document.
  const std::string boundary = "weir-" + context.id.text();
  const auto name = batch_name(context.id);
  auto out = plan_of(context.credentials, http::Method::kPost,
                     fmt::format("/v1/datasets?name={}&type=batch-chat-v2-input&keep_fields="
                                 "custom_id",
                                 http::percent_encode(name)));
  out.headers.add("content-type", fmt::format("multipart/form-data; boundary={}", boundary));
  out.body.emplace_back(
      fmt::format("--{}\r\nContent-Disposition: form-data; name=\"data\"; filename=\"{}.jsonl\"\r\n"
                  "Content-Type: application/jsonl\r\n\r\n",
                  boundary, name));
  out.body.emplace_back(http::ImageSlice{0, context.image_bytes});
  out.body.emplace_back(fmt::format("\r\n--{}--\r\n", boundary));
  return out;
}

http::RequestPlan dataset_plan(const provider::BatchContext& context, http::Method method,
                               std::string_view dataset) {
  return plan_of(context.credentials, method, dataset_path(dataset));
}

http::RequestPlan create_plan(const provider::BatchContext& context, std::string_view dataset) {
  json::Writer body;
  body.begin_object().field("name", batch_name(context.id)).field("input_dataset_id", dataset);
  body.field("model", context.model).end_object();
  auto out = plan_of(context.credentials, http::Method::kPost, "/v2/batches", true);
  out.body.emplace_back(body.take());
  return out;
}

http::RequestPlan list_plan(const provider::BatchContext& context, std::string_view page) {
  std::string path = "/v2/batches?page_size=1000&order_by=created_at";
  if (!page.empty()) path += fmt::format("&page_token={}", http::percent_encode(page));
  return plan_of(context.credentials, http::Method::kGet, path);
}

http::RequestPlan poll_plan(const provider::BatchContext& context, std::string_view batch) {
  return plan_of(context.credentials, http::Method::kGet, batch_path(batch));
}

http::RequestPlan cancel_plan(const provider::BatchContext& context, std::string_view batch) {
  return plan_of(context.credentials, http::Method::kPost, batch_path(batch, ":cancel"));
}

std::optional<std::string> usable_id(json::Value id) {
  const auto text = id.string().value_or(std::string_view());
  const bool plain = std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
  if (text.empty() || text.size() > kIdBytesMax || text.starts_with('.') || !plain)
    return std::nullopt;
  return std::string(text);
}

// {"id":"…","name":"…","status":"BATCH_STATUS_IN_PROGRESS","created_at":"…","input_dataset_id":"…","output_dataset_id":"",
//  "num_records":10,"num_successful_records":3,"num_failed_records":0,"status_reason":"…"}
std::optional<BatchObject> read_batch(json::Value value) {
  const auto id = usable_id(value["id"]);
  const auto status = value["status"].string();
  if (!id || !status) return std::nullopt;
  BatchObject out{.id = *id};
  out.name = value["name"].string_or("");
  out.input = usable_id(value["input_dataset_id"]).value_or("");
  out.output = usable_id(value["output_dataset_id"]).value_or("");
  out.status = status_word(*status);
  out.why = chat::presentable(value["status_reason"].string().value_or(std::string_view()));
  out.created = parse_rfc3339(value["created_at"].string().value_or(""));
  out.updated = parse_rfc3339(value["updated_at"].string().value_or(""));
  if (!value["num_records"].is_null())
    out.done = count_of(value["num_successful_records"]) + count_of(value["num_failed_records"]);
  out.failed = out.status == "FAILED";
  // The documents spell the last one with one L, the examples of the provider's own with two. Any other still runs: the engine
  // has the deadline.
  out.terminal = out.failed || out.status == "COMPLETED" || out.status == "CANCELED" ||
                 out.status == "CANCELLED";
  return out;
}

std::optional<BatchList> read_list(json::Value value) {
  if (!value.is_object()) return std::nullopt;
  BatchList out;
  // Without batches there is an empty object.
  for (const auto item : value["batches"].items())
    if (auto batch = read_batch(item)) out.batches.push_back(*std::move(batch));
  const auto next = value["next_page_token"].string().value_or(std::string_view());
  if (next.size() <= kTokenBytesMax) out.next = next;
  return out;
}

std::optional<DatasetObject> read_dataset(json::Value value) {
  const auto dataset = value["dataset"];
  const auto state = dataset["validation_status"].string();
  if (!state || dataset["dataset_parts"].size() > kPartsMax) return std::nullopt;
  DatasetObject out{.state = chat::presentable(*state)};
  out.error = chat::presentable(dataset["validation_error"].string().value_or(std::string_view()));
  std::multimap<std::int64_t, std::string> parts;  // by index, else as they come
  for (const auto item : dataset["dataset_parts"].items()) {
    const json::Value part(item);
    parts.emplace(part["index"].integer_or(static_cast<std::int64_t>(parts.size())),
                  part["url"].string_or(""));
  }
  for (auto& [index, url] : parts) out.parts.push_back(std::move(url));
  return out;
}

std::string artefact_of(std::size_t part) { return fmt::format("part-{}", part); }

}  // namespace weir::providers::cohere
