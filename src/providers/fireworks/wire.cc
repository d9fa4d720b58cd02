#include "providers/fireworks/wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "http/url.h"
#include "json/write.h"
#include "providers/fireworks/errors.h"

namespace weir::providers::fireworks {
namespace {

namespace chat = provider::openai_chat;

constexpr std::string_view kStatePrefix = "JOB_STATE_";
constexpr std::size_t kIdBytesMax = 200;
constexpr std::size_t kFilesMax = 64;  // two are known; this only bounds the state

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

std::string account_of(const provider::BatchContext& context) {
  return std::string(context.credentials.settings.find(kAccountSetting).value_or(""));
}

http::RequestPlan plan(const provider::BatchContext& context, http::Method method,
                       std::string_view path, bool with_body = false) {
  const auto under =
      fmt::format("/v1/accounts/{}{}", http::percent_encode(account_of(context)), path);
  return {.method = method,
          .target = http::join_path(context.credentials.base_path, under),
          .headers = chat::bearer_headers(context.credentials, with_body),
          .body = {}};
}

std::string dataset_path(std::string_view id, std::string_view verb = {}) {
  return fmt::format("/datasets/{}{}", http::percent_encode(id), verb);
}

// "accounts/A/datasets/D" -> "D"; an answer must not choose where our key goes.
std::string last_segment(json::Value name) {
  const auto text = name.string().value_or(std::string_view());
  const auto id = text.substr(text.rfind('/') + 1);  // npos + 1 is 0
  const bool plain = std::ranges::all_of(id, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
  if (id.empty() || id.size() > kIdBytesMax || id.starts_with('.') || !plain) return {};
  return std::string(id);
}

// Numbers of 64 bits may come as text.
std::optional<std::uint64_t> count_of(json::Value value) {
  if (const auto number = value.integer())
    return *number >= 0 ? std::optional(static_cast<std::uint64_t>(*number)) : std::nullopt;
  const auto text = value.string();
  std::uint64_t out = 0;
  if (!text || text->empty()) return std::nullopt;
  const auto [end, code] = std::from_chars(text->data(), text->data() + text->size(), out);
  if (code != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return out;
}

// {"code":"INVALID_ARGUMENT","message":"Dataset has a syntax error: …"}
std::optional<Error> error_of(json::Value status, std::string_view what) {
  const auto code = status["code"].string().value_or("OK");
  if (code == "OK" || code == "CODE_UNSPECIFIED") return std::nullopt;
  static const chat::Options kOptions = chat_options();
  auto error = chat::decode_error_object(kOptions, 0, status);
  error.message =
      fmt::format("fireworks: {} failed, {}: {}", what, error.provider_code,
                  chat::presentable(status["message"].string().value_or(std::string_view())));
  return error;
}

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::ranges::find(words, word) != words.end();
}

}  // namespace

chat::Options chat_options() {
  return {.provider = "fireworks",
          .output_max_key = "max_tokens",
          .cache_key = true,
          .errors = error_rules(),
          .batch_model = false,
          .stream_options = false};
}

std::string job_id(const BatchId& id) {
  auto tag = custom_id_prefix(id);
  if (tag.ends_with('-')) tag.pop_back();
  return "weir-" + lower(std::move(tag));
}

std::string input_dataset(const BatchId& id) { return job_id(id) + "-in"; }

http::RequestPlan dataset_plan(const provider::BatchContext& context) {
  json::Writer body;
  body.begin_object().field("datasetId", input_dataset(context.id)).key("dataset").begin_object();
  body.key("userUploaded").begin_object().end_object();
  body.field("exampleCount", fmt::format("{}", context.items)).end_object().end_object();
  auto out = plan(context, http::Method::kPost, "/datasets", true);
  out.body.emplace_back(body.take());
  return out;
}

http::RequestPlan upload_plan(const provider::BatchContext& context) {
  // From the id, so that a repeated upload has the same bytes; 80 random bits of it appear in no document.
  const std::string boundary = "weir-" + context.id.text();
  auto out = plan(context, http::Method::kPost, dataset_path(input_dataset(context.id), ":upload"));
  out.headers.add("content-type", fmt::format("multipart/form-data; boundary={}", boundary));
  out.body.emplace_back(
      fmt::format("--{}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{}.jsonl\"\r\n"
                  "Content-Type: application/jsonl\r\n\r\n",
                  boundary, job_id(context.id)));
  out.body.emplace_back(http::ImageSlice{0, context.image_bytes});
  out.body.emplace_back(fmt::format("\r\n--{}--\r\n", boundary));
  return out;
}

http::RequestPlan dataset_get_plan(const provider::BatchContext& context) {
  return plan(context, http::Method::kGet, dataset_path(input_dataset(context.id)));
}

http::RequestPlan dataset_delete_plan(const provider::BatchContext& context, std::string_view id) {
  return plan(context, http::Method::kDelete, dataset_path(id));
}

http::RequestPlan locate_plan(const provider::BatchContext& context, std::string_view dataset) {
  return plan(context, http::Method::kGet, dataset_path(dataset, ":getDownloadEndpoint"));
}

http::RequestPlan create_plan(const provider::BatchContext& context) {
  json::Writer body;
  body.begin_object().field("model", context.model);
  body.field("inputDatasetId", fmt::format("accounts/{}/datasets/{}", account_of(context),
                                           input_dataset(context.id)));
  body.end_object();
  auto out =
      plan(context, http::Method::kPost,
           fmt::format("/batchInferenceJobs?batchInferenceJobId={}", job_id(context.id)), true);
  out.body.emplace_back(body.take());
  return out;
}

http::RequestPlan job_plan(const provider::BatchContext& context, http::Method method,
                           std::string_view job) {
  return plan(context, method, fmt::format("/batchInferenceJobs/{}", http::percent_encode(job)));
}

std::optional<JobObject> read_job(json::Value value) {
  JobObject out;
  out.id = last_segment(value["name"]);
  auto state = value["state"].string();
  if (out.id.empty() || !state) return std::nullopt;
  if (state->starts_with(kStatePrefix)) state->remove_prefix(kStatePrefix.size());
  out.status = chat::presentable(*state);
  out.output = last_segment(value["outputDatasetId"]);
  out.created = parse_rfc3339(value["createTime"].string().value_or(""));
  out.done = count_of(value["jobProgress"]["totalProcessedRequests"]);
  out.failed = *state == "FAILED";
  // ARCHIVED is a state of jobs that ended long ago. A state that we do not know still runs: the engine has the deadline.
  out.terminal = out.failed || is_one_of(*state, {"COMPLETED", "EXPIRED", "EARLY_STOPPED",
                                                  "CANCELLED", "DELETED", "ARCHIVED"});
  out.deleting = is_one_of(*state, {"DELETING", "DELETING_CLEANING_UP"});
  if (out.terminal) {
    out.ended = parse_rfc3339(value["lifecycle"]["endTime"].string().value_or(""));
    if (!out.ended) out.ended = parse_rfc3339(value["updateTime"].string().value_or(""));
  }
  if (out.failed) out.error = error_of(value["status"], "the job");
  return out;
}

std::optional<DatasetObject> read_dataset(json::Value value) {
  const auto state = value["state"].string();
  if (!state) return std::nullopt;
  DatasetObject out{.ready = *state == "READY", .uploading = *state == "UPLOADING", .error = {}};
  if (!out.ready) out.error = error_of(value["status"], "the input dataset");
  return out;
}

std::optional<std::map<std::string, std::string>> read_links(json::Value value) {
  const auto links = value["filenameToSignedUrls"];
  if (!links.is_object() || links.size() > kFilesMax) return std::nullopt;
  std::map<std::string, std::string> out;
  for (const auto link : links.members())
    out.emplace(link.key, json::Value(link.value).string_or(""));
  return out;
}

std::string artefact_of(std::string_view filename) {
  return chat::presentable(filename.substr(filename.rfind('/') + 1));
}

}  // namespace weir::providers::fireworks
