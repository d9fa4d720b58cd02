#include "sim/providers/gemini/batches.h"

#include <algorithm>

#include "http/url.h"
#include "sim/json_reply.h"

namespace weir::sim::gemini {

using gemini_shape::ApiError;
using gemini_shape::check_names;
using gemini_shape::Checked;
using gemini_shape::error_reply;
using gemini_shape::member;
using gemini_shape::refuse;
using gemini_shape::usual_error;

namespace {

constexpr std::size_t kRunningMax = 100;  // batches of an account at once
constexpr std::size_t kUsualBatches = 10, kMaxBatches = 100;

std::string_view state_of(BatchPhase phase, bool failed) {
  if (failed) return "BATCH_STATE_FAILED";
  switch (phase) {
    case BatchPhase::kValidating: return "BATCH_STATE_PENDING";
    case BatchPhase::kRunning:
    case BatchPhase::kFinalizing:
    case BatchPhase::kCancelling: return "BATCH_STATE_RUNNING";  // there is no word for cancelling
    case BatchPhase::kCompleted: return "BATCH_STATE_SUCCEEDED";
    case BatchPhase::kCancelled: return "BATCH_STATE_CANCELLED";
    case BatchPhase::kExpired: return "BATCH_STATE_EXPIRED";
  }
  return "BATCH_STATE_UNSPECIFIED";
}

// One line: {"key":"…","request":{…}}. A bad one refuses the whole create.
Checked<void> check_line(json::Parser& parser, std::string_view text, std::size_t number,
                         const ModelRow& row, std::string_view model) {
  const auto in_line = [&](const ApiError& error) {
    return refuse("Line " + std::to_string(number) + ": " + error.message);
  };
  const auto line = parser.parse(text);
  if (!line || !line->is_object())
    return refuse("Line " + std::to_string(number) + ": invalid JSON");
  if (auto done = check_names(*line, "line", {"key", "request", "metadata"}); !done)
    return in_line(done.error());
  const auto request = (*line)["request"];
  if (!request.is_object())
    return refuse("Line " + std::to_string(number) + ": request is not set");
  const auto named = request["model"].string();
  if (named && *named != model && *named != "models/" + std::string(model))
    return refuse("Line " + std::to_string(number) + ": all requests must name the batch's model");
  const auto read = gemini_shape::read_generate(row, model, request);
  if (!read) return in_line(read.error());
  return {};
}

Reply no_batch() { return error_reply(usual_error(404, "")); }

}  // namespace

struct Batches::NewBatch {
  std::string name, input;
  std::shared_ptr<const std::string> bytes;
  std::vector<gemini_shape::LineSpan> lines;
};

Checked<Batches::NewBatch> Batches::read_create(const Call& call, const ModelRow& row,
                                                std::string_view model, json::Value body) {
  const json::Value batch = body["batch"], config = member(batch, "inputConfig");
  for (auto check :
       {check_names(body, "request", {"batch"}),
        check_names(batch, "batch",
                    {"model", "name", "displayName", "inputConfig", "priority", "webhookConfig"}),
        check_names(config, "batch.input_config", {"fileName", "requests"})})
    if (!check) return std::unexpected(std::move(check).error());
  NewBatch out;
  out.name = member(batch, "displayName").string_or("");
  if (out.name.empty())
    return refuse("* BatchGenerateContentRequest.batch.display_name: must be set");
  if (config["requests"].is_object())
    return refuse("The simulator runs batches of files only, not of inlined requests.");
  out.input = member(config, "fileName").string_or("");
  if (!out.input.starts_with("files/"))
    return refuse("* BatchGenerateContentRequest.batch.input_config: file_name must be files/{id}");
  const StoredFile* file = files_.find(call.account, std::string_view(out.input).substr(6));
  if (file == nullptr)
    return refuse(
        "You do not have permission to access the File " + out.input + " or it may not exist.",
        403);
  out.bytes = file->bytes;
  out.lines = gemini_shape::index_lines(*out.bytes);
  if (out.lines.empty()) return refuse("The file holds no requests.");
  json::Parser parser;
  std::size_t number = 0;
  for (const auto& line : out.lines)
    if (auto done =
            check_line(parser, std::string_view(*out.bytes).substr(line.offset, line.length),
                       ++number, row, model);
        !done)
      return std::unexpected(std::move(done).error());
  return out;
}

Reply Batches::create(Call& call, std::string_view model) {
  const auto row = generator_.find_model(model, "batchGenerateContent",
                                         gemini_shape::version_of(call.request.target));
  if (!row) return error_reply(row.error());
  json::Parser parser;
  const auto body = parser.parse(call.request.body);
  if (!body) return error_reply({.message = "Invalid JSON payload received.", .word = {}});
  auto wanted = read_create(call, **row, model, *body);
  if (!wanted) return error_reply(wanted.error());
  const auto faults = batch_faults(call);
  const auto* refused = find_fault(faults, FaultKind::kBatchRefused);
  // "failed": it is made, and fails as a whole when it begins.
  const bool fails_later = refused != nullptr && refused->type == "failed";
  if (refused != nullptr && !fails_later)
    return error_reply(usual_error(refused->type == "RESOURCE_EXHAUSTED" ? 429 : 400, ""));
  if (running() >= kRunningMax) return error_reply(usual_error(429, ""));
  Batch& batch = add(call, gemini_shape::make_id("", world_.options.seed ^ 0xBA7C, ++created_, 36),
                     std::move(wanted->bytes), std::move(wanted->lines));
  batch.model = model;
  batch.row = *row;
  batch.name = std::move(wanted->name);
  batch.input = std::move(wanted->input);
  if (fails_later) batch.failure = usual_error(500, "");
  return json_reply(200, operation_json(batch, call.now));
}

Batches::Row Batches::read_row(json::Value line) const {
  return {.key = line["key"].string_or(""), .request = line["request"], .line = line};
}

std::string Batches::answered_row(const Row& row, const gemini_shape::Content& content) const {
  json::Writer out;
  out.begin_object();
  if (!row.key.empty()) out.field("key", row.key);
  out.key("response").raw(gemini_shape::response_body(content)).end_object();
  return out.take();
}

std::string Batches::failed_row(const Row& row, const ApiError& error) const {
  json::Writer out;
  out.begin_object();
  if (!row.key.empty()) out.field("key", row.key);
  out.key("error").raw(gemini_shape::status_json(error)).end_object();
  return out.take();
}

void Batches::keep(Batch& batch) {
  batch.output_id = "batch-" + batch.id;
  files_.keep({.id = batch.output_id,
               .account = batch.account,
               .display_name = {},
               .mime = "application/jsonl",
               .created_at = batch.clock.ends_at(),
               .expires_at = std::nullopt,
               .bytes = nullptr,
               .lines = std::make_shared<const ResultLines>(std::move(batch.output))});
}

void Batches::write_metadata(const Batch& batch, Time now, json::Writer& out) const {
  const bool ended = has_ended(batch, now), failed = batch.failure && ended;
  const auto count = [&](std::string_view name, std::int64_t value) {
    if (value != 0) out.field(name, std::to_string(value));  // int64 is a string in Google's JSON
  };
  out.key("metadata").begin_object();
  out.field("@type",
            "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch");
  out.field("model", "models/" + batch.model).field("displayName", batch.name);
  const Time end = failed ? batch.clock.begins_at() : batch.clock.ends_at();
  out.field("createTime", to_rfc3339(batch.clock.created_at()));
  if (ended) out.field("endTime", to_rfc3339(end));
  out.field("updateTime", to_rfc3339(ended ? end : now));
  out.key("inputConfig").begin_object().field("fileName", batch.input).end_object();
  if (!batch.output_id.empty())
    out.key("output")
        .begin_object()
        .field("responsesFile", "files/" + batch.output_id)
        .end_object();
  out.key("batchStats").begin_object();
  const auto total = static_cast<std::int64_t>(batch.rows_total);
  count("requestCount", total);
  count("successfulRequestCount", batch.succeeded);
  count("failedRequestCount", batch.failed);
  if (!ended) count("pendingRequestCount", total - batch.succeeded - batch.failed);
  out.end_object().field("state", state_of(batch.clock.phase(now), failed));
  out.field("name", "batches/" + batch.id).end_object();
}

std::string Batches::operation_json(const Batch& batch, Time now) const {
  json::Writer out;
  out.begin_object().field("name", "batches/" + batch.id);
  write_metadata(batch, now, out);
  if (has_ended(batch, now)) {
    out.field("done", true);
    if (!batch.output_id.empty()) {
      out.key("response").begin_object();
      out.field(
          "@type",
          "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatchOutput");
      out.field("responsesFile", "files/" + batch.output_id).end_object();
    } else {
      // Live, a cancelled batch says 13 too.
      out.key("error").raw(gemini_shape::status_json(usual_error(500, "")));
    }
  }
  return out.end_object().take();
}

Reply Batches::get(const Call& call, std::string_view id) {
  const Batch* batch = find(call.account, id);
  return batch == nullptr ? no_batch() : json_reply(200, operation_json(*batch, call.now));
}

Reply Batches::list(const Call& call) const {
  const auto start = page_start(call.request.target);
  if (!start) return error_reply({.message = "Invalid page token.", .word = {}});
  const auto found = visible(call);
  const std::size_t end =
      std::min(found.size(), *start + page_size(call.request.target, kUsualBatches, kMaxBatches));
  json::Writer out;
  out.begin_object();
  if (*start < end) {
    out.key("operations").begin_array();
    for (std::size_t i = *start; i < end; ++i) out.raw(operation_json(*found[i], call.now));
    out.end_array();
  }
  if (end < found.size()) out.field("nextPageToken", "page-" + std::to_string(end));
  return json_reply(200, out.end_object().take());
}

Reply Batches::cancel(const Call& call, std::string_view id) {
  Batch* batch = find(call.account, id);
  if (batch == nullptr) return no_batch();
  if (has_ended(*batch, call.now) || !batch->clock.cancel(call.now))
    return error_reply(
        {.status = 400, .message = "The batch is not running.", .word = "FAILED_PRECONDITION"});
  return json_reply(200, "{}");
}

// It removes the operation and its output; what runs is not cancelled by it, and so not let go here.
Reply Batches::remove(const Call& call, std::string_view id) {
  const Batch* batch = find(call.account, id);
  if (batch == nullptr) return no_batch();
  if (!has_ended(*batch, call.now))
    return error_reply(
        {.status = 400, .message = "The batch is still running.", .word = "FAILED_PRECONDITION"});
  files_.drop(batch->output_id);
  erase(call.account, id);
  return json_reply(200, "{}");
}

}  // namespace weir::sim::gemini
