#include "sim/providers/together/batches.h"

#include "sim/json_reply.h"

namespace weir::sim::together {
namespace {

using openai_shape::ApiError;
using openai_shape::BatchError;

constexpr Duration kDeadline = std::chrono::hours(24);

std::string_view status_word(BatchPhase phase) {
  switch (phase) {
    case BatchPhase::kValidating: return "VALIDATING";
    case BatchPhase::kRunning:
    case BatchPhase::kFinalizing: return "IN_PROGRESS";
    case BatchPhase::kCompleted: return "COMPLETED";
    case BatchPhase::kCancelling: return "CANCELING";  // seen, not documented: one L
    case BatchPhase::kCancelled: return "CANCELLED";
    case BatchPhase::kExpired: return "EXPIRED";
  }
  return "FAILED";
}

}  // namespace

Reply refusal(const Call& call, int status, std::string_view words) {
  json::Writer out;
  out.begin_object().field("error", words).field("request_id", call.request_id);
  return json_reply(status, out.end_object().take());
}

// Neither the file nor the model is looked at: that is the job's business.
Reply Batches::create(Call& call) {
  const auto body = parser_.parse(call.request.body);
  if (!body || !(*body)["input_file_id"].is_string())
    return refusal(call, 400, "input_file_id is required");
  if ((*body)["endpoint"].string() != "/v1/chat/completions")
    return refusal(call, 400, "endpoint is not supported");
  if (const auto window = (*body)["completion_window"];
      !window.is_null() && window.string() != "24h")
    return refusal(call, 400, "completion_window must be 24h");
  const std::string id = (*body)["input_file_id"].string_or("");
  const auto* input = files_.find(call.account, id);
  Batch& batch = add(call,
                     input != nullptr ? input->upload
                                      : openai_shape::Upload{std::make_shared<std::string>(), 0, 0},
                     "", {.life = kDeadline});
  batch.input = id;
  json::Writer out;
  out.begin_object().key("job").raw(job_json(batch, call.now)).end_object();
  return json_reply(201, out.take());
}

std::optional<BatchError> Batches::validate(Batch& batch) {
  const auto failed = [](std::string message) { return BatchError{.message = std::move(message)}; };
  if (const auto* rule = find_fault(batch.faults, FaultKind::kBatchRefused))
    return failed(rule->type.empty() ? "Enqueued token limit exceeded for this model" : rule->type);
  if (files_.find(batch.account, batch.input) == nullptr)
    return failed("Failed to download input file: 404 " + batch.input);
  const auto wrong = [&](std::size_t line, std::string_view what) {
    return failed("Failed to calculate tokens: input format error: Line " +
                  std::to_string(line + 1) + " (within chunk): " + std::string(what));
  };
  if (batch.lines.empty()) return failed("Failed to calculate tokens: no requests");
  if (batch.lines.size() > traits().batch.lines_max) return failed("Too many requests");
  for (std::size_t i = 0; i < batch.lines.size(); ++i) {
    const auto line =
        parser_.parse(batch.upload.bytes().substr(batch.lines[i].offset, batch.lines[i].length));
    if (!line || !line->is_object()) return wrong(i, "Invalid JSON format");
    if ((*line)["custom_id"].string().value_or("").empty()) return wrong(i, "custom_id is missing");
    if (!(*line)["body"].is_object()) return wrong(i, "body is missing");
    // The job is one of its first line's model; a line that names none fails when it is run.
    const auto model = (*line)["body"]["model"].string();
    if (i > 0 || !model) continue;
    if (chat_.prices().find(*model) == nullptr)
      return failed("Invalid model ID: Unable to access non-serverless model " +
                    std::string(*model));
    batch.name = *model;
  }
  return std::nullopt;
}

std::string Batches::answered_row(const Batch& /*batch*/, std::uint64_t number,
                                  std::string_view custom_id,
                                  const openai_shape::ChatAnswer& answer) const {
  json::Writer out;
  out.begin_object().field("id", openai_shape::make_id("br_", world_.options.seed, number));
  out.field("custom_id", custom_id).key("response").begin_object();
  out.field("status_code", std::int64_t{200});
  out.key("body").raw(completion_body(traits(), answer)).end_object();
  return out.end_object().take();
}

std::string Batches::failed_row(const Batch& /*batch*/, std::uint64_t number,
                                std::string_view custom_id, const ApiError& error) const {
  json::Writer out;
  out.begin_object().field("id", openai_shape::make_id("br_", world_.options.seed, number));
  out.field("custom_id", custom_id).key("error").begin_object();
  out.field("code", error.status < 500 ? "batch_client_error" : "batch_server_error");
  out.field("message", error.message).end_object();
  return out.end_object().take();
}

// No file names them.
std::optional<std::string> Batches::unrun_row(const Batch& /*batch*/, std::uint64_t /*number*/,
                                              std::string_view /*custom_id*/,
                                              bool /*expired*/) const {
  return std::nullopt;
}

// {"id","input_file_id","file_size_bytes","status","job_deadline","created_at","endpoint","progress",…}
std::string Batches::job_json(const Batch& batch, Time now) const {
  json::Writer out;
  const auto optional = [&](std::string_view key, const std::string& text) {
    if (!text.empty()) out.field(key, text);
  };
  const auto phase = batch.clock.phase(now);
  const bool ended = batch.clock.ended(now) || batch.error;
  out.begin_object().field("id", batch.id).field("user_id", "user_sim");
  out.field("input_file_id", batch.input);
  out.field("status", batch.error ? std::string_view("FAILED") : status_word(phase));
  out.field("job_deadline", to_rfc3339(batch.clock.created_at() + kDeadline));
  out.field("created_at", to_rfc3339(batch.clock.created_at()));
  out.field("endpoint", "/v1/chat/completions");
  const auto done = static_cast<double>(batch.completed + batch.failed);
  const auto total = static_cast<double>(std::max<std::size_t>(batch.rows_total, 1));
  out.key("progress").number(100 * done / total);
  optional("model_id", batch.name);
  optional("output_file_id", batch.output_id);
  optional("error_file_id", batch.error_id);
  if (batch.error) out.field("error", batch.error->message);
  if (ended)
    out.field("completed_at",
              to_rfc3339(batch.error ? batch.clock.begins_at() : batch.clock.ends_at()));
  return out.end_object().take();
}

Reply Batches::get(const Call& call, std::string_view id) {
  const Batch* batch = find(call.account, id);
  if (batch == nullptr) return refusal(call, 404, "Job not found");
  return json_reply(200, job_json(*batch, call.now));
}

Reply Batches::list(const Call& call) const {
  json::Writer out;
  out.begin_array();
  for (const Batch* batch : visible(call)) out.raw(job_json(*batch, call.now));
  return json_reply(200, out.end_array().take());
}

Reply Batches::cancel(const Call& call, std::string_view id) {
  Batch* batch = find(call.account, id);
  if (batch == nullptr) return refusal(call, 404, "Job not found");
  if (batch->settled || !batch->clock.cancel(call.now))
    return refusal(
        call, 409,
        "Cannot cancel job - already in terminal state: " +
            std::string(batch->error ? "FAILED" : status_word(batch->clock.phase(call.now))));
  return json_reply(200, job_json(*batch, call.now));
}

}  // namespace weir::sim::together
