#include "sim/providers/vertexAI/jobs.h"

#include <algorithm>
#include <charconv>

#include "http/url.h"
#include "sim/draw.h"
#include "sim/json_reply.h"
#include "sim/providers/vertexAI/importer.h"

namespace weir::sim::vertexAI {

using gemini_shape::ApiError;
using gemini_shape::check_names;
using gemini_shape::Checked;
using gemini_shape::error_reply;
using gemini_shape::member;
using gemini_shape::refuse;
using gemini_shape::usual_error;

namespace {

constexpr std::string_view kModels = "publishers/google/models/";
constexpr std::string_view kProjectNumber = "123456789012";  // names carry it, whatever was asked
constexpr std::size_t kRowsMax = 200'000, kInputBytesMax = 1'000'000'000;
constexpr std::size_t kShardRows = 150;  // of one object of predictions
constexpr std::size_t kPageUsual = 100;

std::string_view state_of(const BatchClock& clock, Time now, bool failed, bool some_failed) {
  if (failed) return "JOB_STATE_FAILED";
  switch (clock.phase(now)) {
    case BatchPhase::kValidating:
      return now < clock.created_at() + (clock.begins_at() - clock.created_at()) / 2
                 ? "JOB_STATE_QUEUED"
                 : "JOB_STATE_PENDING";
    case BatchPhase::kRunning:
    case BatchPhase::kFinalizing: return "JOB_STATE_RUNNING";
    case BatchPhase::kCancelling: return "JOB_STATE_CANCELLING";
    case BatchPhase::kCompleted:
      return some_failed ? "JOB_STATE_PARTIALLY_SUCCEEDED" : "JOB_STATE_SUCCEEDED";
    case BatchPhase::kCancelled: return "JOB_STATE_CANCELLED";
    case BatchPhase::kExpired: return "JOB_STATE_EXPIRED";
  }
  return "JOB_STATE_UNSPECIFIED";
}

Reply no_job(std::string_view id) {
  return error_reply(usual_error(404, "The BatchPredictionJob does not exist: " + std::string(id)));
}

std::size_t number_of(std::string_view target, std::string_view name, std::size_t otherwise) {
  const auto text = http::query_value(target, name).value_or("");
  std::size_t out = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), out);
  return text.empty() || code != std::errc() || end != text.data() + text.size() ? otherwise : out;
}

// Everything that stood beside the request, and the request itself, in other bytes than it was sent.
void write_asked(json::Writer& out, json::Value line) {
  for (const auto column : line.members()) {
    if (column.key == "request") continue;
    out.key(column.key);
    write_column(out, column.value);
  }
  out.key("request");
  write_back(out, line["request"]);
}

}  // namespace

struct Jobs::NewJob {
  std::string name, model, input, output, labels;
  const ModelRow* row = nullptr;
  std::shared_ptr<const std::string> bytes;
  std::vector<gemini_shape::LineSpan> lines;
};

Checked<Jobs::NewJob> Jobs::read_create(const Call& call, const Parent& parent, json::Value body) {
  const json::Value input = member(body, "inputConfig"), output = member(body, "outputConfig");
  const json::Value source = member(input, "gcsSource"), target = member(output, "gcsDestination");
  for (auto check :
       {check_names(body, "batch_prediction_job",
                    {"displayName", "model", "inputConfig", "outputConfig", "labels"}),
        check_names(input, "batch_prediction_job.input_config", {"instancesFormat", "gcsSource"}),
        check_names(output, "batch_prediction_job.output_config",
                    {"predictionsFormat", "gcsDestination"})})
    if (!check) return std::unexpected(std::move(check).error());
  NewJob out;
  out.name = member(body, "displayName").string_or("");
  if (out.name.empty())
    return refuse(
        "List of found errors:\t1.Field: display_name; Message: Required field is not set.\t");
  if (member(input, "instancesFormat").string() != "jsonl" ||
      member(output, "predictionsFormat").string() != "jsonl")
    return refuse("The simulator takes jsonl in Cloud Storage only.");
  const auto model = body["model"].string().value_or(std::string_view());
  if (!model.starts_with(kModels))
    return refuse("List of found errors:\t1.Field: model; Message: Invalid model name.\t");
  const auto row = generator_.find_model(model.substr(kModels.size()), "batchPredictionJobs");
  if (!row) return std::unexpected(row.error());
  out.row = *row;
  out.model = model.substr(kModels.size());
  if (source["uris"].size() != 1)
    return refuse("Only one Cloud Storage URI is supported for this model.");
  out.input = source["uris"].items().at(0).string_or("");
  out.output = member(target, "outputUriPrefix").string_or("");
  if (!parse_address(out.input) || !parse_address(out.output))
    return refuse("Invalid Cloud Storage URI.");
  while (out.output.ends_with('/')) out.output.pop_back();
  if (body["labels"].is_object()) out.labels = body["labels"].text();
  if (parent.location.empty() || call.account.empty()) return refuse("Invalid parent.");
  return out;
}

// What the create does not look at is found when the job begins, and fails all of it.
std::optional<ApiError> Jobs::read_input(const Call& call, NewJob& job) const {
  const auto from = parse_address(job.input), to = parse_address(job.output);
  const auto import_error = [](std::string message) {
    return ApiError{.status = 400, .message = std::move(message), .word = {}};
  };
  if (!Objects::has_bucket(from->bucket) || !Objects::has_bucket(to->bucket))
    return ApiError{.status = 400,
                    .message = "The bucket does not exist or the service agent may not use it.",
                    .word = "FAILED_PRECONDITION"};
  const StoredObject* object = objects_.find(call.account, from->bucket, from->name);
  if (object == nullptr || !object->bytes)
    return import_error("Failed to import data. Not found: URI " + job.input);
  if (object->size() > kInputBytesMax) return import_error("The input is larger than 1 GB.");
  job.bytes = object->bytes;
  job.lines = gemini_shape::index_lines(*job.bytes);
  if (job.lines.empty() || job.lines.size() > kRowsMax)
    return import_error("The input must have between 1 and 200000 requests.");
  Importer importer;
  std::size_t number = 0;
  for (const auto& line : job.lines) {
    ++number;
    const auto fault = importer.take(std::string_view(*job.bytes).substr(line.offset, line.length));
    if (!fault.empty())
      return import_error("Failed to import data. Row " + std::to_string(number) + ": " + fault);
  }
  return std::nullopt;
}

Reply Jobs::create(Call& call, const Parent& parent) {
  json::Parser parser;
  const auto body = parser.parse(call.request.body);
  if (!body) return error_reply({.message = "Invalid JSON payload received.", .word = {}});
  auto wanted = read_create(call, parent, *body);
  if (!wanted) return error_reply(wanted.error());
  const auto faults = batch_faults(call);
  const auto* refused = find_fault(faults, FaultKind::kBatchRefused);
  // "failed": it is made, and fails as a whole when it begins.
  const bool fails_later = refused != nullptr && refused->type == "failed";
  if (refused != nullptr && !fails_later)
    return error_reply(usual_error(refused->type == "RESOURCE_EXHAUSTED" ? 429 : 400, ""));
  auto failure = read_input(call, *wanted);
  if (failure) wanted->lines.clear();
  if (fails_later && !failure) failure = usual_error(500, "");
  auto random = draw(world_.options.seed, "job", ++created_);
  const auto id =
      std::to_string(1'000'000'000'000'000'000 + random.below(8'000'000'000'000'000'000));
  Batch& batch = add(call, id, std::move(wanted->bytes), std::move(wanted->lines),
                     {.life = std::chrono::hours(96)});
  batch.model = wanted->model;
  batch.row = wanted->row;
  batch.name = std::move(wanted->name);
  batch.input = std::move(wanted->input);
  batch.failure = std::move(failure);
  terms_[id] = {.location = std::string(parent.location),
                .output = std::move(wanted->output),
                .labels = std::move(wanted->labels)};
  return json_reply(200, job_json(batch, call.now));
}

Jobs::Row Jobs::read_row(json::Value line) const {
  return {.key = line["custom_id"].string_or(""), .request = line["request"], .line = line};
}

std::string Jobs::answered_row(const Row& row, const gemini_shape::Content& content) const {
  json::Writer out;
  out.begin_object().field("status", "");
  out.field("processed_time", to_rfc3339(content.created.value_or(Time{})));
  write_asked(out, row.line);
  return out.key("response").raw(gemini_shape::response_body(content)).end_object().take();
}

// There is no object of errors: the row says it, in words with the error's JSON behind them.
std::string Jobs::failed_row(const Row& row, const ApiError& error) const {
  json::Writer out;
  const std::string words(http::reason_phrase(error.status));
  out.begin_object().field("status", words + ": " + error_reply(error).text());
  out.field("processed_time", "");
  write_asked(out, row.line);
  return out.end_object().take();
}

void Jobs::keep(Batch& batch) {
  auto& terms = terms_.find(batch.id)->second;
  const auto to =
      parse_address(terms.output + "/prediction-model-" + to_rfc3339(batch.clock.created_at()));
  batch.output_id = "gs://" + to->bucket + "/" + to->name;
  batch.output.settle(true, world_.options.seed, batch.number);  // in no order at all
  const auto rows = batch.output.lines();
  // A job that succeeded leaves an object, with or without rows.
  const std::size_t least = batch.clock.last_phase() == BatchPhase::kCompleted ? 1 : 0;
  const auto shards = std::max((rows + kShardRows - 1) / kShardRows, least);
  for (std::size_t shard = 0; shard < shards; ++shard) {
    ResultLines lines;
    for (std::size_t i = shard * kShardRows; i < std::min(rows, (shard + 1) * kShardRows); ++i) {
      const auto row = batch.output.row(i);
      lines.add(std::string(row.text), batch.clock.created_at(), {}, row.bill_row);
    }
    const auto name = shards == 1 ? std::string("predictions.jsonl")
                                  : "predictions_" + std::to_string(shard) + ".jsonl";
    objects_.keep(batch.account, {.bucket = to->bucket,
                                  .name = to->name + "/" + name,
                                  .type = "application/jsonl",
                                  .created_at = batch.clock.ends_at(),
                                  .bytes = nullptr,
                                  .lines = std::make_shared<const ResultLines>(std::move(lines))});
  }
}

void Jobs::write_end(const Batch& batch, bool failed, json::Writer& out) const {
  out.field("endTime", to_rfc3339(failed ? batch.clock.begins_at() : batch.clock.ends_at()));
  if (failed) {
    out.key("error").raw(gemini_shape::status_json(*batch.failure));
    return;
  }
  const auto total = static_cast<std::int64_t>(batch.rows_total);
  out.key("completionStats").begin_object();
  out.field("successfulCount", std::to_string(batch.succeeded));
  if (batch.failed > 0) out.field("failedCount", std::to_string(batch.failed));
  const auto open = total - batch.succeeded - batch.failed;
  out.field("incompleteCount", open > 0 ? std::to_string(open) : "-1").end_object();
  if (batch.clock.last_phase() == BatchPhase::kCancelled)
    out.key("error").raw(gemini_shape::status_json(usual_error(499, "")));
  if (!batch.output_id.empty())
    out.key("outputInfo").begin_object().field("gcsOutputDirectory", batch.output_id).end_object();
}

std::string Jobs::job_json(const Batch& batch, Time now) const {
  const bool ended = has_ended(batch, now), failed = batch.failure && ended;
  const auto& terms = terms_.find(batch.id)->second;
  json::Writer out;
  out.begin_object().field("name", "projects/" + std::string(kProjectNumber) + "/locations/" +
                                       terms.location + "/batchPredictionJobs/" + batch.id);
  out.field("displayName", batch.name).field("model", std::string(kModels) + batch.model);
  out.key("inputConfig").begin_object().field("instancesFormat", "jsonl");
  out.key("gcsSource").begin_object().key("uris").begin_array().string(batch.input);
  out.end_array().end_object().end_object();
  out.key("outputConfig").begin_object().field("predictionsFormat", "jsonl");
  out.key("gcsDestination").begin_object().field("outputUriPrefix", terms.output);
  out.end_object().end_object();
  out.field("state", state_of(batch.clock, now, failed, batch.failed > 0));
  out.field("createTime", to_rfc3339(batch.clock.created_at()));
  if (batch.clock.begins_at() <= now) out.field("startTime", to_rfc3339(batch.clock.begins_at()));
  if (ended) write_end(batch, failed, out);
  out.field("updateTime", to_rfc3339(now));
  if (!terms.labels.empty()) out.key("labels").raw(terms.labels);
  return out.field("modelVersionId", "1").end_object().take();
}

Jobs::Batch* Jobs::job_at(const Call& call, const Parent& parent, std::string_view id) {
  Batch* batch = id.empty() ? nullptr : find(call.account, id);
  if (batch == nullptr) return nullptr;
  return terms_.find(id)->second.location == parent.location ? batch : nullptr;
}

Reply Jobs::get(const Call& call, const Parent& parent, std::string_view id) {
  const Batch* batch = job_at(call, parent, id);
  return batch == nullptr ? no_job(id) : json_reply(200, job_json(*batch, call.now));
}

Reply Jobs::list(const Call& call, const Parent& parent) const {
  const auto& target = call.request.target;
  if (http::query_value(target, "filter"))
    return error_reply({.message = "The simulator knows no filters.", .word = {}});
  auto found = visible(call);
  std::erase_if(found, [&](const Batch* batch) {
    return terms_.find(batch->id)->second.location != parent.location;
  });
  const auto start = number_of(target, "pageToken", 0);
  const auto size = std::min(number_of(target, "pageSize", kPageUsual), kPageUsual);
  const auto end = std::min(found.size(), start + std::max<std::size_t>(size, 1));
  json::Writer out;
  out.begin_object();
  if (start < end) {
    out.key("batchPredictionJobs").begin_array();
    for (std::size_t i = start; i < end; ++i) out.raw(job_json(*found[i], call.now));
    out.end_array();
  }
  if (end < found.size()) out.field("nextPageToken", std::to_string(end));
  return json_reply(200, out.end_object().take());
}

Reply Jobs::cancel(const Call& call, const Parent& parent, std::string_view id) {
  Batch* batch = job_at(call, parent, id);
  if (batch == nullptr) return no_job(id);
  if (has_ended(*batch, call.now) || !batch->clock.cancel(call.now))
    return error_reply({.status = 400,
                        .message = "The job is in a final state, and cannot be cancelled.",
                        .word = "FAILED_PRECONDITION"});
  return json_reply(200, "{}");
}

// A long-running operation, which here is done at once. What the job wrote stays in the bucket.
Reply Jobs::remove(const Call& call, const Parent& parent, std::string_view id) {
  const Batch* batch = job_at(call, parent, id);
  if (batch == nullptr) return no_job(id);
  if (!has_ended(*batch, call.now))
    return error_reply({.status = 400,
                        .message = "The job is running; cancel it first.",
                        .word = "FAILED_PRECONDITION"});
  json::Writer out;
  out.begin_object().field("name", "projects/" + std::string(kProjectNumber) + "/locations/" +
                                       std::string(parent.location) + "/operations/" +
                                       std::string(id));
  out.field("done", true).key("response").begin_object();
  out.field("@type", "type.googleapis.com/google.protobuf.Empty").end_object().end_object();
  terms_.erase(terms_.find(id));
  erase(call.account, id);
  return json_reply(200, out.take());
}

}  // namespace weir::sim::vertexAI
