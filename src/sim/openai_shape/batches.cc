#include "sim/openai_shape/batches.h"

#include <algorithm>

#include "http/url.h"
#include "sim/json_reply.h"
#include "sim/openai_shape/responses.h"

namespace weir::sim::openai_shape {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr std::size_t kMetadataPairsMax = 16, kMetadataKeyMax = 64, kMetadataValueMax = 512;
constexpr std::int64_t kOutputSecondsMin = 3600, kOutputSecondsMax = 2'592'000;
constexpr std::size_t kListUsual = 20, kListMax = 100;
constexpr std::string_view kEndpoints[] = {
    "/v1/responses",   "/v1/chat/completions",   "/v1/embeddings",   "/v1/completions",
    "/v1/moderations", "/v1/images/generations", "/v1/images/edits", "/v1/videos"};

Checked<void> check_metadata(json::Value metadata) {
  if (metadata.is_null()) return {};
  if (!metadata.is_object())
    return refuse("Invalid type for 'metadata': expected an object.", "metadata", "invalid_type");
  if (metadata.size() > kMetadataPairsMax)
    return refuse("Invalid 'metadata': too many properties, at most 16.", "metadata",
                  "object_above_max_properties");
  for (const auto member : metadata.members()) {
    const auto value = json::Value(member.value).string();
    if (!value)
      return refuse("Invalid type for 'metadata': values are strings.", "metadata", "invalid_type");
    if (member.key.size() > kMetadataKeyMax || value->size() > kMetadataValueMax)
      return refuse("Invalid 'metadata': keys of at most 64 and values of at most 512 characters.",
                    "metadata", "string_above_max_length");
  }
  return {};
}

}  // namespace

std::string file_row(std::string_view id, std::string_view custom_id, int status_code,
                     std::string_view request_id, std::string_view body,
                     std::string_view error_code, std::string_view error_message) {
  json::Writer out;
  out.begin_object().field("id", id).field("custom_id", custom_id).key("response");
  if (status_code == 0) {
    out.null();
  } else {
    out.begin_object()
        .field("status_code", std::int64_t{status_code})
        .field("request_id", request_id);
    out.key("body").raw(body).end_object();
  }
  out.key("error");
  if (error_code.empty()) out.null();
  else out.begin_object().field("code", error_code).field("message", error_message).end_object();
  return out.end_object().take();
}

struct Batches::NewBatch {
  const StoredFile* input = nullptr;
  std::string endpoint;
  std::string metadata = "null";
  std::optional<Duration> output_life;
  std::string window;
  Duration life{0};
};

Checked<Batches::NewBatch> Batches::read_create(const Call& call, json::Value body) const {
  NewBatch out;
  for (const std::string_view key : {"input_file_id", "endpoint", "completion_window"})
    if (!body[key].is_string())
      return refuse("Missing required parameter: '" + std::string(key) + "'.", std::string(key),
                    "missing_required_parameter");
  out.endpoint = body["endpoint"].string_or("");
  const std::string_view usual = "/v1/chat/completions", other = traits().batch.endpoint_too;
  const bool chat = out.endpoint == usual || (!other.empty() && out.endpoint == other);
  if (!chat &&
      std::find(std::begin(kEndpoints), std::end(kEndpoints), out.endpoint) == std::end(kEndpoints))
    return refuse("Invalid value: '" + out.endpoint + "'.", "endpoint", "invalid_value");
  out.window = body["completion_window"].string_or("");
  const auto life = traits().batch.window != nullptr ? traits().batch.window(out.window)
                    : out.window == "24h"            ? std::optional<Duration>(hours(24))
                                                     : std::nullopt;
  if (!life)
    return refuse("Invalid value for 'completion_window'. Supported values are: '24h'.",
                  "completion_window", "invalid_value");
  out.life = *life;
  if (!chat && (out.endpoint != kResponsesEndpoint || traits().responses_path.empty()))
    return refuse("The simulator runs no batches of " + out.endpoint + ".", "endpoint",
                  "unsupported_value");
  if (auto done = check_metadata(body["metadata"]); !done)
    return std::unexpected(std::move(done).error());
  if (body["metadata"].is_object()) out.metadata = body["metadata"].text();
  if (const json::Value expiry = body["output_expires_after"]; !expiry.is_null()) {
    const auto after = expiry["seconds"].integer_or(0);
    if (expiry["anchor"].string() != "created_at" || after < kOutputSecondsMin ||
        after > kOutputSecondsMax)
      return refuse(
          "'output_expires_after' needs the anchor 'created_at' and 3600 to 2592000 seconds.",
          "output_expires_after", "invalid_value");
    out.output_life = seconds(after);
  }
  const std::string id = body["input_file_id"].string_or("");
  out.input = files_.find(call.account, id);
  if (out.input == nullptr) return refuse("No such File object: " + id, "input_file_id");
  if (out.input->purpose != traits().batch.purpose && !traits().batch.any_purpose)
    return refuse("The file's purpose is '" + out.input->purpose + "', not 'batch'.",
                  "input_file_id", "invalid_purpose");
  return out;
}

bool Batches::too_many(const Call& call) {
  const std::size_t most = traits().batch.creates_per_hour_max;
  if (most == 0) return false;
  auto& times = creations_[call.account];
  std::erase_if(times, [&](Time at) { return at + hours(1) <= call.now; });
  if (times.size() >= most) return true;
  times.push_back(call.now);
  return false;
}

Reply Batches::create(Call& call) {
  const auto body = parser_.parse(call.request.body);
  if (!body)
    return error_reply(traits(), {.message = "We could not parse the JSON body of your request."});
  auto wanted = read_create(call, *body);
  if (!wanted) return error_reply(traits(), wanted.error());
  if (too_many(call))
    return error_reply(traits(),
                       usual_error(traits(), 429, "Too many batches were created within an hour."));
  Batch& batch = add(call, wanted->input->upload, "batch_", {.life = wanted->life});
  batch.input = wanted->input->id;
  batch.endpoint = wanted->endpoint;
  batch.window = wanted->window;
  batch.metadata = wanted->metadata;
  batch.output_life = wanted->output_life;
  return json_reply(200, batch_json(batch, call.now));
}

std::optional<BatchError> Batches::validate(Batch& batch) {
  if (const auto* rule = find_fault(batch.faults, FaultKind::kBatchRefused))
    return BatchError{.code = rule->type.empty() ? "token_limit_exceeded" : rule->type,
                      .message = "Enqueued token limit reached for this organization."};
  return validate_batch(traits(), batch.upload.bytes(), batch.lines, batch.endpoint, chat_.prices(),
                        batch.model);
}

Checked<ChatRequest> Batches::read_request(const Batch& batch, json::Value body) const {
  if (batch.endpoint == kResponsesEndpoint) return read_responses(traits(), chat_.prices(), body);
  return RowBatches::read_request(batch, body);
}

std::string Batches::answered_row(const Batch& /*batch*/, std::uint64_t number,
                                  std::string_view custom_id, const ChatAnswer& answer) const {
  const std::uint64_t seed = world_.options.seed;
  return file_row(
      make_id("batch_req_", seed, number), custom_id, 200, make_id("req_", seed, number),
      answer.echo.empty() ? completion_body(traits(), answer) : response_body(traits(), answer));
}

std::string Batches::failed_row(const Batch& /*batch*/, std::uint64_t number,
                                std::string_view custom_id, const ApiError& error) const {
  const std::uint64_t seed = world_.options.seed;
  return file_row(make_id("batch_req_", seed, number), custom_id, error.status,
                  make_id("req_", seed, number), error_body(traits(), error));
}

// They stand in the error file.
std::optional<std::string> Batches::unrun_row(const Batch& /*batch*/, std::uint64_t number,
                                              std::string_view custom_id, bool expired) const {
  return file_row(make_id("batch_req_", world_.options.seed, number), custom_id, 0, "", "",
                  expired ? "batch_expired" : "batch_cancelled",
                  expired
                      ? "This request could not be executed before the completion window expired."
                      : "This request was cancelled.");
}

void Batches::keep(Batch& batch) {
  const auto store = [&](ResultLines& lines, std::string_view kind) -> std::string {
    if (lines.empty()) return {};
    StoredFile file{.account = batch.account,
                    .filename = batch.id + "_" + std::string(kind) + ".jsonl"};
    file.purpose = "batch_output";
    file.created_at = batch.clock.ends_at();
    const Duration life = batch.output_life.value_or(traits().batch_file_life);
    if (life > Duration{}) file.expires_at = file.created_at + life;
    file.lines = std::make_shared<const ResultLines>(std::move(lines));
    return files_.keep(std::move(file));
  };
  batch.output_id = store(batch.output, "output");
  batch.error_id = store(batch.errors, "error");
}

void Batches::write_errors(const BatchError& error, json::Writer& out) const {
  out.begin_object().field("object", "list").key("data").begin_array().begin_object();
  out.field("code", error.code).field("message", error.message).key("param");
  if (error.param.empty()) out.null();
  else out.string(error.param);
  out.key("line");
  if (error.line > 0) out.integer(error.line);
  else out.null();
  out.end_object().end_array().end_object();
}

std::string Batches::status(const Batch& batch, Time now) const {
  if (batch.error) return "failed";
  switch (batch.clock.phase(now)) {
    case BatchPhase::kValidating: return "validating";
    case BatchPhase::kRunning: return "in_progress";
    case BatchPhase::kFinalizing: return "finalizing";
    case BatchPhase::kCompleted: return "completed";
    case BatchPhase::kCancelling: return "cancelling";
    case BatchPhase::kCancelled: return "cancelled";
    case BatchPhase::kExpired: return "expired";
  }
  return "failed";
}

std::string Batches::batch_json(const Batch& batch, Time now) const {
  const BatchPhase last = batch.clock.last_phase();
  json::Writer out;
  const auto text = [&](std::string_view key, const std::string& value) {
    out.key(key);
    if (value.empty()) out.null();
    else out.string(value);
  };
  // A time is told once it has come.
  const auto time = [&](std::string_view key, bool happens, Time at) {
    out.key(key);
    if (happens && at <= now) out.integer(unix_seconds(at));
    else out.null();
  };
  out.begin_object()
      .field("id", batch.id)
      .field("object", "batch")
      .field("endpoint", batch.endpoint);
  text("model", batch.model);
  out.key("errors");
  if (batch.error) {
    write_errors(*batch.error, out);
  } else {
    out.null();
  }
  out.field("input_file_id", batch.input)
      .field("completion_window", batch.window)
      .field("status", status(batch, now));
  text("output_file_id", batch.output_id);
  text("error_file_id", batch.error_id);
  const bool failed = batch.error.has_value(), runs = batch.validated && !failed;
  const auto cancel_at = batch.clock.cancel_at();
  const bool cancels = !failed && last == BatchPhase::kCancelled;
  out.field("created_at", unix_seconds(batch.clock.created_at()));
  time("in_progress_at", runs, batch.clock.begins_at());
  out.field("expires_at", unix_seconds(told_expiry(batch)));
  time("finalizing_at", runs && last == BatchPhase::kCompleted, batch.clock.done_at());
  time("completed_at", runs && last == BatchPhase::kCompleted, batch.clock.ends_at());
  time("failed_at", failed, batch.clock.begins_at());
  time("expired_at", !failed && last == BatchPhase::kExpired, batch.clock.ends_at());
  time("cancelling_at", cancels, cancel_at.value_or(Time::max()));
  time("cancelled_at", cancels, batch.clock.ends_at());
  out.key("request_counts").begin_object();
  out.field("total", runs ? static_cast<std::int64_t>(batch.rows_total) : 0)
      .field("completed", batch.completed)
      .field("failed", batch.failed)
      .end_object();
  out.key("usage").begin_object().field("input_tokens", batch.usage.prompt());
  out.key("input_tokens_details").begin_object().field("cached_tokens", batch.usage.cache_read);
  out.field("cache_write_tokens", batch.usage.cache_write).end_object();
  out.field("output_tokens", batch.usage.output).key("output_tokens_details").begin_object();
  out.field("reasoning_tokens", std::int64_t{0}).end_object();
  out.field("total_tokens", batch.usage.prompt() + batch.usage.output).end_object();
  out.key("metadata").raw(batch.metadata).end_object();
  return out.take();
}

Reply Batches::not_found(std::string_view id) const {
  return error_reply(
      traits(), {.status = 404, .message = "No batch found with id '" + std::string(id) + "'."});
}

Reply Batches::get(const Call& call, std::string_view id) {
  const Batch* batch = find(call.account, id);
  return batch == nullptr ? not_found(id) : json_reply(200, batch_json(*batch, call.now));
}

Reply Batches::list(const Call& call) const {
  const auto limit = list_limit(call.request.target, kListUsual, kListMax);
  if (!limit)
    return error_reply(traits(), {.message = "Invalid 'limit': expected 1 to 100.",
                                  .param = "limit",
                                  .code = "invalid_value"});
  const auto after = http::query_value(call.request.target, "after");
  std::vector<const Batch*> found = visible(call);
  if (after) {
    const auto at = std::find_if(found.begin(), found.end(),
                                 [&](const Batch* batch) { return batch->id == *after; });
    if (at == found.end())
      return error_reply(
          traits(),
          {.status = 404, .message = "No batch found with id '" + *after + "'.", .param = "after"});
    found.erase(found.begin(), at + 1);
  }
  const bool more = found.size() > *limit;
  if (more) found.resize(*limit);
  json::Writer out;
  out.begin_object().field("object", "list").key("data").begin_array();
  for (const Batch* batch : found) out.raw(batch_json(*batch, call.now));
  out.end_array();
  out.key("first_id");
  if (found.empty()) out.null().key("last_id").null();
  else out.string(found.front()->id).field("last_id", found.back()->id);
  out.field("has_more", more).end_object();
  return json_reply(200, out.take());
}

Reply Batches::cancel(const Call& call, std::string_view id) {
  Batch* batch = find(call.account, id);
  if (batch == nullptr) return not_found(id);
  if (batch->settled || !batch->clock.cancel(call.now))
    return error_reply(traits(), {.status = 409,
                                  .message = "Cannot cancel a batch with status '" +
                                             status(*batch, call.now) + "'."});
  return json_reply(200, batch_json(*batch, call.now));
}

}  // namespace weir::sim::openai_shape
