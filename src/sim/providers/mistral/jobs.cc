#include "sim/providers/mistral/jobs.h"

#include <charconv>

#include "http/url.h"
#include "sim/draw.h"
#include "sim/json_reply.h"
#include "sim/providers/mistral/chat_rules.h"

namespace weir::sim::mistral {
namespace {

using openai_shape::ApiError;
using openai_shape::BatchError;

constexpr std::int64_t kTimeoutHoursDefault = 24, kTimeoutHoursMax = 168;
constexpr std::size_t kPageUsual = 100, kPageMax = 1000;
constexpr std::string_view kEndpoint = "/v1/chat/completions";

std::size_t query_number(std::string_view target, std::string_view name, std::size_t usual) {
  const auto text = http::query_value(target, name);
  std::size_t value = usual;
  if (text) std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

ApiError unprocessable(std::string param, std::string message) {
  return {.status = 422, .message = std::move(message), .param = std::move(param)};
}

// Mistral's word for how the job stands.
std::string_view word_of(BatchPhase phase) {
  switch (phase) {
    case BatchPhase::kValidating: return "QUEUED";
    case BatchPhase::kRunning:
    case BatchPhase::kFinalizing: return "RUNNING";
    case BatchPhase::kCompleted: return "SUCCESS";
    case BatchPhase::kCancelling: return "CANCELLATION_REQUESTED";
    case BatchPhase::kCancelled: return "CANCELLED";
    case BatchPhase::kExpired: return "TIMEOUT_EXCEEDED";
  }
  return "FAILED";
}

// {"id":"batch-1a2b-3c4d-7","custom_id":…,"response":{"status_code":200,"body":{…}},"error":null}
std::string row_of(std::string_view custom_id, std::uint64_t seed, std::uint64_t number, int status,
                   const std::string& body) {
  json::Writer out;
  out.begin_object().field("id", "batch-" + uuid("row", seed, number).substr(0, 18));
  out.key("custom_id");
  if (custom_id.empty()) out.null();
  else out.string(custom_id);
  out.key("response").begin_object().field("status_code", std::int64_t{status}).key("body");
  if (status == 200) out.raw(body);
  else out.string(body);  // JSON within a string
  out.end_object().key("error").null().end_object();
  return out.take();
}

}  // namespace

std::string uuid(std::string_view kind, std::uint64_t seed, std::uint64_t number) {
  auto random = draw(seed, kind, number);
  std::string out;
  for (const std::size_t size : {8U, 4U, 4U, 4U, 12U}) {
    if (!out.empty()) out += '-';
    for (std::size_t i = 0; i < size; ++i) out += "0123456789abcdef"[random.next() % 16];
  }
  return out;
}

// {"detail":"Invalid file format.","errors":[{"type","loc","msg"}]}
std::optional<Reply> check_file(std::string_view file) {
  json::Parser parser;
  std::int64_t number = 0;
  for (const auto& span : openai_shape::index_lines(file)) {
    const auto line = parser.parse(file.substr(span.offset, span.length));
    std::string wrong;
    if (!line || !(*line)["body"].is_object())
      wrong = "Invalid JSON: expected a request with a body";
    else if (!(*line)["body"]["messages"].is_array()) wrong = "Field required";
    else if (const auto error = check_body((*line)["body"]); error && error->status == 422)
      wrong = error->message;
    if (!wrong.empty()) {
      json::Writer out;
      out.begin_object().field("detail", "Invalid file format.").key("errors").begin_array();
      out.begin_object().field("type", "value_error").key("loc").begin_array().integer(number);
      out.end_array().field("msg", wrong).end_object().end_array().end_object();
      return json_reply(422, out.take());
    }
    ++number;
  }
  if (number > 0) return std::nullopt;
  return json_reply(422, R"({"detail":"Invalid file format.","errors":[]})");
}

Reply Jobs::create(Call& call) {
  const auto body = body_parser_.parse(call.request.body);
  const auto refuse = [&](const ApiError& error) {
    return openai_shape::error_reply(traits(), error);
  };
  if (!body || !body->is_object()) return refuse(unprocessable("", "JSON decode error"));
  if ((*body)["endpoint"].string() != kEndpoint)
    return refuse(unprocessable("endpoint", "The simulator runs /v1/chat/completions only"));
  const std::string model = (*body)["model"].string_or("");
  if (chat_.prices().find(model) == nullptr)
    return refuse(unprocessable("model", "Model " + model + " is not available for batches"));
  const auto hours = (*body)["timeout_hours"].integer_or(kTimeoutHoursDefault);
  if (hours < 1 || hours > kTimeoutHoursMax)
    return refuse(unprocessable("timeout_hours", "Input should be from 1 to 168"));
  const auto inputs = (*body)["input_files"].items();
  if (inputs.size() != 1)
    return refuse(unprocessable("input_files", "The simulator takes one input file"));
  const std::string id = json::Value(inputs.at(0)).string_or("");
  const auto* input = files_.find(call.account, id);
  if (input == nullptr)
    return refuse({.status = 404, .message = "File " + id + " not found.", .type = "not_found"});
  Batch& batch = add(call, input->upload, "", {.life = std::chrono::hours(hours)});
  batch.id = uuid("job", world_.options.seed, batch.number);
  batch.input = id;
  batch.endpoint = kEndpoint;
  batch.model = model;
  if ((*body)["metadata"].is_object()) batch.metadata = (*body)["metadata"].text();
  return json_reply(200, batch_json(batch, call.now));
}

// Pages are numbered from 0; `order_by=-created` is newest first, and so is the default.
Reply Jobs::list(const Call& call) const {
  const auto& target = call.request.target;
  const std::size_t size = std::min(query_number(target, "page_size", kPageUsual), kPageMax);
  const std::size_t page = query_number(target, "page", 0);
  const auto found = visible(call);
  json::Writer out;
  out.begin_object().key("data").begin_array();
  for (std::size_t i = page * size; i < std::min(found.size(), (page + 1) * size); ++i)
    out.raw(batch_json(*found[i], call.now));
  out.end_array().field("object", "list");
  out.field("total", static_cast<std::int64_t>(found.size())).end_object();
  return json_reply(200, out.take());
}

std::optional<BatchError> Jobs::validate(Batch& batch) {
  const auto* rule = find_fault(batch.faults, FaultKind::kBatchRefused);
  if (rule == nullptr) return std::nullopt;
  return BatchError{.message = rule->type.empty() ? "Internal error" : rule->type};
}

std::string Jobs::answered_row(const Batch& /*batch*/, std::uint64_t number,
                               std::string_view custom_id,
                               const openai_shape::ChatAnswer& answer) const {
  return row_of(custom_id, world_.options.seed, number, 200, completion_body(traits(), answer));
}

std::string Jobs::failed_row(const Batch& /*batch*/, std::uint64_t number,
                             std::string_view custom_id, const ApiError& error) const {
  return row_of(custom_id, world_.options.seed, number, error.status, error_body(error));
}

std::string Jobs::batch_json(const Batch& batch, Time now) const {
  const bool failed = batch.error.has_value();
  const bool ended = batch.settled;
  json::Writer out;
  const auto text = [&](std::string_view key, const std::string& value) {
    out.key(key);
    if (value.empty()) out.null();
    else out.string(value);
  };
  const auto time = [&](std::string_view key, bool happened, Time at) {
    out.key(key);
    if (happened && at <= now) out.integer(unix_seconds(at));
    else out.null();
  };
  out.begin_object().field("id", batch.id).field("object", "batch");
  out.key("input_files").begin_array().string(batch.input).end_array();
  out.key("metadata").raw(batch.metadata).field("endpoint", batch.endpoint);
  text("model", batch.model);
  out.key("agent_id").null();
  text("output_file", batch.output_id);
  text("error_file", batch.error_id);
  out.key("errors").begin_array();
  if (failed)
    out.begin_object()
        .field("message", batch.error->message)
        .field("count", std::int64_t{1})
        .end_object();
  else if (ended && batch.failed > 0)
    out.begin_object().field("message", "HTTP Error").field("count", batch.failed).end_object();
  out.end_array().key("outputs").null();
  out.field("status", failed ? "FAILED" : word_of(batch.clock.phase(now)));
  out.field("created_at", unix_seconds(batch.clock.created_at()));
  time("started_at", batch.validated, batch.clock.begins_at());
  time("completed_at", ended, failed ? batch.clock.begins_at() : batch.clock.ends_at());
  out.field("total_requests",
            batch.validated ? static_cast<std::int64_t>(batch.rows_total) : std::int64_t{0});
  out.field("completed_requests", batch.completed + batch.failed);
  out.field("succeeded_requests", batch.completed).field("failed_requests", batch.failed);
  return out.end_object().take();
}

}  // namespace weir::sim::mistral
