#include "sim/providers/openAI/batches.h"

#include <algorithm>

#include "http/url.h"
#include "json/write.h"
#include "sim/draw.h"
#include "sim/json_reply.h"

namespace weir::sim::openAI {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr std::size_t kCreationsPerHourMax = 2000;
constexpr std::size_t kMetadataPairsMax = 16, kMetadataKeyMax = 64, kMetadataValueMax = 512;
constexpr std::int64_t kOutputSecondsMin = 3600, kOutputSecondsMax = 2'592'000;
constexpr Duration kOutputLife = hours(24 * 30);
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

std::uint64_t row_number(std::uint64_t batch, std::size_t row) {
  return (std::uint64_t{1} << 63) | (batch << 24) | static_cast<std::uint64_t>(row);
}

// {"id":"batch_req_..","custom_id","response":{..}|null,"error":{..}|null}
std::string row_json(std::string_view id, std::string_view custom_id, int status_code,
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

ApiError row_error(std::string_view type) {
  if (type == "rate_limit_exceeded") return usual_error(429, "");
  if (type == "invalid_request" || type == "invalid_request_error") return usual_error(400, "");
  return usual_error(500, "");
}

}  // namespace

struct Batches::NewBatch {
  const StoredFile* input = nullptr;
  std::string endpoint;
  std::string metadata = "null";
  std::optional<Duration> output_life;
};

Checked<Batches::NewBatch> Batches::read_create(const Files& files, const Call& call,
                                                json::Value body) {
  NewBatch out;
  for (const std::string_view key : {"input_file_id", "endpoint", "completion_window"})
    if (!body[key].is_string())
      return refuse("Missing required parameter: '" + std::string(key) + "'.", std::string(key),
                    "missing_required_parameter");
  out.endpoint = body["endpoint"].string_or("");
  if (std::find(std::begin(kEndpoints), std::end(kEndpoints), out.endpoint) == std::end(kEndpoints))
    return refuse("Invalid value: '" + out.endpoint + "'.", "endpoint", "invalid_value");
  if (body["completion_window"].string() != "24h")
    return refuse("Invalid value for 'completion_window'. Supported values are: '24h'.",
                  "completion_window", "invalid_value");
  if (out.endpoint != "/v1/chat/completions")
    return refuse("The simulator runs batches of /v1/chat/completions only.", "endpoint",
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
  out.input = files.find(call.account, id);
  if (out.input == nullptr) return refuse("No such File object: " + id, "input_file_id");
  if (out.input->purpose != "batch")
    return refuse("The file's purpose is '" + out.input->purpose + "', not 'batch'.",
                  "input_file_id", "invalid_purpose");
  return out;
}

bool Batches::too_many(const Call& call) {
  auto& times = creations_[call.account];
  std::erase_if(times, [&](Time at) { return at + hours(1) <= call.now; });
  if (times.size() >= kCreationsPerHourMax) return true;
  times.push_back(call.now);
  return false;
}

Reply Batches::create(Call& call) {
  const auto body = parser_.parse(call.request.body);
  if (!body) return error_reply({.message = "We could not parse the JSON body of your request."});
  auto wanted = read_create(files_, call, *body);
  if (!wanted) return error_reply(wanted.error());
  if (too_many(call))
    return error_reply(usual_error(429, "Too many batches were created within an hour."));
  Batch& batch = batches_.emplace_back();
  batch.number = batches_.size();
  batch.id = make_id("batch_", world_.options.seed, batch.number);
  batch.account = call.account;
  batch.input_file_id = wanted->input->id;
  batch.endpoint = wanted->endpoint;
  batch.window = "24h";
  batch.metadata = wanted->metadata;
  batch.output_life = wanted->output_life;
  batch.input = wanted->input->upload;
  batch.lines = index_lines(batch.input.bytes());
  batch.rows_total = batch.lines.size();
  batch.faults = batch_faults(call);
  batch.clock = BatchClock({.seed = world_.options.seed,
                            .batch = batch.number,
                            .created_at = call.now,
                            .rows = batch.lines.size(),
                            .validation_min = seconds(5),
                            .validation_max = seconds(20),
                            .finalizing_min = seconds(2),
                            .finalizing_max = seconds(10)},
                           batch.faults);
  batch.visible_at = call.now;
  if (const auto* rule = find_fault(batch.faults, FaultKind::kInvisibleBatch))
    batch.visible_at += rule->duration;
  live_.push_back(&batch);
  return json_reply(200, batch_json(batch, call.now));
}

void Batches::validate(Batch& batch) {
  batch.validated = true;
  if (const auto* rule = find_fault(batch.faults, FaultKind::kBatchRefused)) {
    batch.error = BatchError{.code = rule->type.empty() ? "token_limit_exceeded" : rule->type,
                             .message = "Enqueued token limit reached for this organization."};
    return;
  }
  batch.error =
      validate_batch(batch.input.bytes(), batch.lines, batch.endpoint, chat_.prices(), batch.model);
}

void Batches::advance(Time now) {
  for (Batch* batch : live_) {
    const auto cancelled = batch->clock.cancel_at();
    const bool reached =
        batch->clock.begins_at() <= now && (!cancelled || batch->clock.begins_at() < *cancelled);
    if (!batch->validated && reached) validate(*batch);
  }
  while (true) {
    Batch* first = nullptr;
    for (Batch* batch : live_) {
      if (!batch->validated || batch->error || !batch->clock.runs(batch->next_row)) continue;
      const Time start = batch->clock.row_start(batch->next_row);
      if (start > now) continue;
      if (first == nullptr || start < first->clock.row_start(first->next_row)) first = batch;
    }
    if (first == nullptr) break;
    run_row(*first);
  }
  for (Batch* batch : live_)
    if (batch->error || batch->clock.ended(now)) settle(*batch);
  std::erase_if(live_, [](const Batch* batch) { return batch->settled; });
}

void Batches::add_failed_row(Batch& batch, std::size_t row, std::string_view custom_id,
                             const ApiError& error, Time finished_at, const RowFate& fate) {
  const std::uint64_t seed = world_.options.seed, number = row_number(batch.number, row);
  ++batch.failed;
  batch.errors.add(row_json(make_id("batch_req_", seed, number), custom_id, error.status,
                            make_id("req_", seed, number), error_body(error), "", ""),
                   finished_at, fate, std::nullopt);
}

void Batches::run_row(Batch& batch) {
  const std::size_t row = batch.next_row++;
  const Time start = batch.clock.row_start(row);
  const std::uint64_t seed = world_.options.seed, number = row_number(batch.number, row);
  const auto line =
      parser_.parse(batch.input.bytes().substr(batch.lines[row].offset, batch.lines[row].length));
  WEIR_ASSERT(line.has_value());  // the file was validated
  const std::string custom_id = (*line)["custom_id"].string_or("");
  const RowFate fate = row_fate(batch.faults, seed, batch.number, row, custom_id);
  const Time last = std::min(batch.clock.done_at(), batch.clock.expires_at());
  if (fate.missing) return;
  if (fate.error) return add_failed_row(batch, row, custom_id, row_error(*fate.error), start, fate);
  auto request = read_chat(chat_.prices(), (*line)["body"]);
  if (!request) return add_failed_row(batch, row, custom_id, request.error(), start, fate);
  const bool hits = draw(seed, "batch hit", number).unit() < world_.options.batch_hit_rate;
  auto answer = chat_.complete(*request, {.account = batch.account,
                                          .start = start,
                                          .number = number,
                                          .batch = true,
                                          .may_read_cache = hits});
  if (!answer) return add_failed_row(batch, row, custom_id, answer.error(), start, fate);
  const Time finished_at =
      std::min(last, start + answer->latency.first_byte + answer->latency.rest);
  const std::size_t bill_row = world_.bill.add({.attempt_id = custom_id,
                                                .account = batch.account,
                                                .provider = "openAI",
                                                .model = answer->row->model,
                                                .route = Route::kBatch,
                                                .batch_id = batch.id,
                                                .custom_id = custom_id,
                                                .at = finished_at,
                                                .tokens = answer->tokens,
                                                .pico_usd = answer->pico_usd});
  ++batch.completed;
  batch.usage.input += answer->tokens.input;
  batch.usage.cache_read += answer->tokens.cache_read;
  batch.usage.cache_write += answer->tokens.cache_write;
  batch.usage.output += answer->tokens.output;
  batch.output.add(row_json(make_id("batch_req_", seed, number), custom_id, 200,
                            make_id("req_", seed, number), completion_body(*answer), "", ""),
                   finished_at, fate, bill_row);
}

// Rows that were never run stand in the error file.
void Batches::end_unrun_rows(Batch& batch) {
  const bool expired = batch.clock.last_phase() == BatchPhase::kExpired;
  for (std::size_t row = batch.next_row; row < batch.lines.size(); ++row) {
    const auto line =
        parser_.parse(batch.input.bytes().substr(batch.lines[row].offset, batch.lines[row].length));
    const std::string custom_id = line ? (*line)["custom_id"].string_or("") : "";
    const RowFate fate = row_fate(batch.faults, world_.options.seed, batch.number, row, custom_id);
    batch.errors.add(
        row_json(make_id("batch_req_", world_.options.seed, row_number(batch.number, row)),
                 custom_id, 0, "", "", expired ? "batch_expired" : "batch_cancelled",
                 expired
                     ? "This request could not be executed before the completion window expired."
                     : "This request was cancelled."),
        batch.clock.ends_at(), fate, std::nullopt);
  }
}

void Batches::settle(Batch& batch) {
  batch.settled = true;
  if (batch.validated && !batch.error) {
    if (batch.clock.last_phase() != BatchPhase::kCompleted) end_unrun_rows(batch);
    const bool shuffled = find_fault(batch.faults, FaultKind::kShuffleRows) != nullptr;
    const auto keep = [&](ResultLines& lines, std::string_view kind) -> std::string {
      if (lines.empty()) return {};
      lines.settle(shuffled, world_.options.seed, batch.number);
      StoredFile file{.account = batch.account,
                      .filename = batch.id + "_" + std::string(kind) + ".jsonl"};
      file.purpose = "batch_output";
      file.created_at = batch.clock.ends_at();
      file.expires_at = file.created_at + batch.output_life.value_or(kOutputLife);
      file.lines = std::make_shared<const ResultLines>(std::move(lines));
      return files_.keep(std::move(file));
    };
    batch.output_file_id = keep(batch.output, "output");
    batch.error_file_id = keep(batch.errors, "error");
  }
  // The input is not needed any more; the client may keep its file, the batch does not.
  batch.input = {};
  std::vector<LineSpan>().swap(batch.lines);
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
    out.begin_object().field("object", "list").key("data").begin_array().begin_object();
    out.field("code", batch.error->code).field("message", batch.error->message);
    text("param", batch.error->param);
    out.key("line");
    if (batch.error->line > 0) out.integer(batch.error->line);
    else out.null();
    out.end_object().end_array().end_object();
  } else {
    out.null();
  }
  out.field("input_file_id", batch.input_file_id)
      .field("completion_window", batch.window)
      .field("status", status(batch, now));
  text("output_file_id", batch.output_file_id);
  text("error_file_id", batch.error_file_id);
  const bool failed = batch.error.has_value(), runs = batch.validated && !failed;
  const auto cancel_at = batch.clock.cancel_at();
  const bool cancels = !failed && last == BatchPhase::kCancelled;
  out.field("created_at", unix_seconds(batch.clock.created_at()));
  time("in_progress_at", runs, batch.clock.begins_at());
  out.field("expires_at", unix_seconds(batch.clock.expires_at()));
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

Batches::Batch* Batches::find(std::string_view account, std::string_view id) {
  const auto found = std::find_if(batches_.begin(), batches_.end(), [&](const Batch& batch) {
    return batch.id == id && batch.account == account;
  });
  return found == batches_.end() ? nullptr : &*found;
}

Reply Batches::get(const Call& call, std::string_view id) {
  const Batch* batch = find(call.account, id);
  if (batch == nullptr)
    return error_reply(
        {.status = 404, .message = "No batch found with id '" + std::string(id) + "'."});
  return json_reply(200, batch_json(*batch, call.now));
}

Reply Batches::list(const Call& call) const {
  const auto limit = list_limit(call.request.target, kListUsual, kListMax);
  if (!limit)
    return error_reply({.message = "Invalid 'limit': expected 1 to 100.",
                        .param = "limit",
                        .code = "invalid_value"});
  const auto after = http::query_value(call.request.target, "after");
  std::vector<const Batch*> found;
  for (auto batch = batches_.rbegin(); batch != batches_.rend(); ++batch)
    if (batch->account == call.account && batch->visible_at <= call.now) found.push_back(&*batch);
  if (after) {
    const auto at = std::find_if(found.begin(), found.end(),
                                 [&](const Batch* batch) { return batch->id == *after; });
    if (at == found.end())
      return error_reply(
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
  if (batch == nullptr)
    return error_reply(
        {.status = 404, .message = "No batch found with id '" + std::string(id) + "'."});
  if (batch->settled || !batch->clock.cancel(call.now))
    return error_reply(
        {.status = 409,
         .message = "Cannot cancel a batch with status '" + status(*batch, call.now) + "'."});
  return json_reply(200, batch_json(*batch, call.now));
}

}  // namespace weir::sim::openAI
