#include "sim/providers/fireworks/jobs.h"

#include <algorithm>
#include <charconv>
#include <unordered_set>

#include "base/hash.h"
#include "http/url.h"
#include "json/write.h"
#include "sim/json_reply.h"

namespace weir::sim::fireworks {
namespace {

using openai_shape::ApiError;
using openai_shape::BatchError;
using std::chrono::seconds;

constexpr openai_shape::BatchPhases kPhases{.validation_min = seconds(30),
                                            .validation_max = seconds(120)};
constexpr std::size_t kPageUsual = 50, kPageMax = 200;

// "accounts/A/datasets/D" -> "D", of this account.
std::string dataset_named(std::string_view name, std::string_view owner) {
  const std::string prefix = "accounts/" + std::string(owner) + "/datasets/";
  return name.starts_with(prefix) ? std::string(name.substr(prefix.size())) : std::string();
}

std::size_t number_or(std::string_view target, std::string_view name, std::size_t usual) {
  const auto text = http::query_value(target, name);
  std::size_t value = usual;
  if (text) std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

}  // namespace

Reply Jobs::create(Call& call, std::string_view owner) {
  const auto body = body_parser_.parse(call.request.body);
  if (!body || !body->is_object()) return plain_error(400, "invalid JSON");
  const std::string model = (*body)["model"].string_or("");
  if (chat_.prices().find(model) == nullptr) return plain_error(404, "model not found: " + model);
  const auto named = dataset_named((*body)["inputDatasetId"].string().value_or(""), owner);
  const Dataset* input = datasets_.find(call.account, owner, named);
  if (input == nullptr) return plain_error(404, "input dataset not found");
  if (!input->uploaded || call.now < input->ready_at)
    return plain_error(400, "input dataset is not in state READY");
  const auto wanted = http::query_value(call.request.target, "batchInferenceJobId");
  if (wanted && find_job(call, owner, *wanted) != nullptr)
    return plain_error(409, "batch inference job " + *wanted + " already exists");
  Batch& batch = add(call, input->upload, "bij-", kPhases);
  if (wanted) batch.id = *wanted;
  batch.model = model;
  batch.name = owner;
  batch.input = "accounts/" + std::string(owner) + "/datasets/" + named;
  std::string output = openai_shape::make_id("bij-", world_.options.seed, batch.number, 1);
  batch.output_id = output.substr(0, 12);
  return json_reply(200, job_json(batch, call.now));
}

Jobs::Batch* Jobs::find_job(const Call& call, std::string_view owner, std::string_view id) {
  for (auto& batch : all())
    if (batch.id == id && batch.account == call.account && batch.name == owner &&
        !is_gone(batch, call.now))
      return &batch;
  return nullptr;
}

bool Jobs::is_gone(const Batch& batch, Time now) const {
  return deleted_.contains(batch.number) && (batch.error || batch.clock.ended(now));
}

Reply Jobs::get(const Call& call, std::string_view owner, std::string_view id) {
  const Batch* batch = find_job(call, owner, id);
  return batch == nullptr ? plain_error(404, "resource not found")
                          : json_reply(200, job_json(*batch, call.now));
}

// {"batchInferenceJobs":[…],"nextPageToken":"2","totalSize":9}
Reply Jobs::list(const Call& call, std::string_view owner) const {
  const auto& target = call.request.target;
  const std::size_t size =
      std::clamp<std::size_t>(number_or(target, "pageSize", kPageUsual), 1, kPageMax);
  const std::size_t first = number_or(target, "pageToken", 0);
  auto found = visible(call);
  std::erase_if(
      found, [&](const Batch* batch) { return batch->name != owner || is_gone(*batch, call.now); });
  json::Writer out;
  out.begin_object().key("batchInferenceJobs").begin_array();
  const std::size_t end = std::min(found.size(), first + size);
  for (std::size_t i = first; i < end; ++i) out.raw(job_json(*found[i], call.now));
  out.end_array().field("nextPageToken", end < found.size() ? std::to_string(end) : "");
  out.field("totalSize", static_cast<std::int64_t>(found.size())).end_object();
  return json_reply(200, out.take());
}

// A running job takes a while to go, and takes its results along; one that has ended leaves its output dataset.
Reply Jobs::remove(const Call& call, std::string_view owner, std::string_view id) {
  Batch* batch = find_job(call, owner, id);
  if (batch == nullptr) return plain_error(404, "resource not found");
  if (!batch->settled) std::ignore = batch->clock.cancel(call.now);
  deleted_.insert(batch->number);
  return json_reply(200, "{}");
}

// The whole dataset, before any row is run. The line that is told is that of the file or the one before it.
std::optional<BatchError> Jobs::validate(Batch& batch) {
  if (const auto* rule = find_fault(batch.faults, FaultKind::kBatchRefused))
    return BatchError{.code = "INTERNAL",
                      .message = rule->type.empty() ? "Internal error" : rule->type};
  const auto bad = [](std::size_t line, std::string_view what) {
    return BatchError{.code = "INVALID_ARGUMENT",
                      .message =
                          "Dataset has a syntax error: chat dataset validation failed on "
                          "input.jsonl:" +
                          std::to_string(line) + ": " + std::string(what)};
  };
  if (batch.lines.empty()) return bad(0, "the dataset is empty");
  json::Parser parser;
  std::unordered_set<std::uint64_t> seen;
  for (std::size_t i = 0; i < batch.lines.size(); ++i) {
    const auto line =
        parser.parse(batch.upload.bytes().substr(batch.lines[i].offset, batch.lines[i].length));
    if (!line || !line->is_object()) return bad(i, "invalid JSON");
    const auto id = (*line)["custom_id"].string().value_or("");
    if (id.empty()) return bad(i, "custom_id is required");
    if (!seen.insert(hash64(id)).second) return bad(i, "custom_id is not unique");
    const json::Value body = (*line)["body"];
    if (!body["model"].is_null()) return bad(i, "the model is set on the job");
    const auto request = openai_shape::read_chat(traits(), chat_.prices(), body, batch.model);
    if (!request) return bad(i, request.error().message);
  }
  return std::nullopt;
}

std::string Jobs::answered_row(const Batch& /*batch*/, std::uint64_t /*number*/,
                               std::string_view custom_id,
                               const openai_shape::ChatAnswer& answer) const {
  json::Writer out;
  out.begin_object().field("custom_id", custom_id);
  out.key("response").raw(completion_body(traits(), answer)).end_object();
  return out.take();
}

// The shape of these lines was never seen; it is the most plausible one.
std::string Jobs::failed_row(const Batch& /*batch*/, std::uint64_t /*number*/,
                             std::string_view custom_id, const ApiError& error) const {
  json::Writer out;
  out.begin_object().field("custom_id", custom_id).key("error").begin_object();
  out.field("message", error.message).field("code", error.type).end_object().end_object();
  return out.take();
}

void Jobs::keep(Batch& batch) {
  if (deleted_.contains(batch.number)) return;
  const auto file = [](std::string name, ResultLines& lines) {
    return ResultFile{std::move(name), std::make_shared<const ResultLines>(std::move(lines))};
  };
  Dataset dataset{.id = batch.output_id, .account = batch.account, .owner = batch.name};
  dataset.created_at = dataset.ready_at = batch.clock.ends_at();
  dataset.uploaded = true;
  dataset.examples = batch.completed;
  dataset.files.push_back(file("BIJOutputSet.jsonl", batch.output));
  dataset.files.push_back(file("error-data", batch.errors));
  datasets_.keep(std::move(dataset));
}

std::string Jobs::state(const Batch& batch, Time now) const {
  if (batch.error) return "FAILED";
  if (deleted_.contains(batch.number)) return "DELETING_CLEANING_UP";
  const Time created = batch.clock.created_at();
  switch (batch.clock.phase(now)) {
    case BatchPhase::kValidating:
      return now - created < (batch.clock.begins_at() - created) / 2 ? "VALIDATING" : "PENDING";
    case BatchPhase::kRunning: return "RUNNING";
    case BatchPhase::kFinalizing: return "WRITING_RESULTS";
    case BatchPhase::kCompleted: return "COMPLETED";
    case BatchPhase::kCancelling: return "CANCELLING";
    case BatchPhase::kCancelled: return "CANCELLED";
    case BatchPhase::kExpired: return "EXPIRED";
  }
  return "UNSPECIFIED";
}

std::string Jobs::job_json(const Batch& batch, Time now) const {
  const bool ended = batch.settled;
  json::Writer out;
  out.begin_object();
  out.field("name", "accounts/" + batch.name + "/batchInferenceJobs/" + batch.id);
  out.field("displayName", "").field("createTime", to_rfc3339(batch.clock.created_at()));
  out.field("expireTime", to_rfc3339(batch.clock.expires_at()));
  out.field("state", "JOB_STATE_" + state(batch, now)).key("status").begin_object();
  out.field("code", batch.error ? batch.error->code : "OK");
  out.field("message", batch.error ? batch.error->message : "").end_object();
  out.field("model", batch.model).field("inputDatasetId", batch.input);
  out.field("outputDatasetId", "accounts/" + batch.name + "/datasets/" + batch.output_id);
  out.key("inferenceParameters").begin_object().field("extraBody", "{}").end_object();
  out.key("jobProgress").begin_object().field("percent", std::int64_t{ended ? 100 : 0});
  const bool runs = batch.validated && !batch.error;
  out.field("totalInputRequests", runs ? static_cast<std::int64_t>(batch.rows_total) : 0);
  out.field("totalProcessedRequests", batch.completed + batch.failed);
  out.field("successfullyProcessedRequests", batch.completed);
  out.field("failedRequests", batch.failed).field("outputRows", batch.completed);
  out.field("inputTokens", batch.usage.prompt()).field("outputTokens", batch.usage.output);
  out.field("cachedInputTokenCount", batch.usage.cache_read).end_object();
  out.key("lifecycle").begin_object().key("endTime");
  if (ended) out.string(to_rfc3339(batch.error ? batch.clock.begins_at() : batch.clock.ends_at()));
  else out.null();
  out.end_object().field("continuedFromJobName", "").field("updateTime", to_rfc3339(now));
  return out.end_object().take();
}

}  // namespace weir::sim::fireworks
