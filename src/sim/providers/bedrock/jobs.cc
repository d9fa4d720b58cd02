#include "sim/providers/bedrock/jobs.h"

#include <algorithm>

#include "sim/json_reply.h"

namespace weir::sim::bedrock {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

// Quotas by model, of which these are the usual values.
constexpr std::size_t kRecordsMin = 100, kRecordsMax = 50'000, kRunningMax = 20;
constexpr std::size_t kFileBytesMax = 1'000'000'000;
constexpr std::string_view kArn = "arn:aws:bedrock:us-east-1:123456789012:model-invocation-job/";

std::uint64_t row_number(std::uint64_t job, std::size_t row) {
  return (std::uint64_t{5} << 60) | (job << 24) | static_cast<std::uint64_t>(row);
}

ApiError row_error(std::string_view type) {
  if (type.find("rate") != std::string_view::npos) return usual_error(429, "", false);
  if (type.find("invalid") != std::string_view::npos) return usual_error(400, "", false);
  return usual_error(500, "", false);
}

// A record without an id gets one.
std::string record_id(json::Value line, std::size_t row) {
  const auto id = line["recordId"].string();
  if (id && !id->empty()) return std::string(*id);
  const auto number = std::to_string(row + 1);
  return "CALL" + std::string(number.size() < 7 ? 7 - number.size() : 0, '0') + number;
}

std::string_view file_of(std::string_view key) { return key.substr(key.rfind('/') + 1); }

}  // namespace

Checked<Jobs::Place> Jobs::read_place(json::Value uri) {
  constexpr std::string_view kScheme = "s3://";
  const auto text = uri.string().value_or("");
  const auto slash = text.find('/', kScheme.size());
  if (!text.starts_with(kScheme) || slash == std::string_view::npos || slash == kScheme.size())
    return refuse(
        "Value at 's3Uri' failed to satisfy constraint: Member must satisfy regular "
        "expression pattern: s3://[a-z0-9][-.a-z0-9]{1,61}(?:/[-!_*'().a-z0-9A-Z]+(?:/"
        "[-!_*'().a-z0-9A-Z]+)*)?/?");
  return Place{std::string(text.substr(kScheme.size(), slash - kScheme.size())),
               std::string(text.substr(slash + 1))};
}

Checked<Jobs::Wanted> Jobs::read_create(json::Value body) const {
  if (!body.is_object()) return refuse("Malformed input request, please reformat your input.");
  Wanted out{.name = body["jobName"].string_or(""),
             .token = body["clientRequestToken"].string_or(""),
             .model = body["modelId"].string_or(""),
             .role = body["roleArn"].string_or(""),
             .row = {},
             .input = {},
             .output = {}};
  const bool plain = std::ranges::all_of(out.name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '+' || c == '.';
  });
  if (out.name.empty() || out.name.size() > 63 || !plain)
    return refuse(
        "Value at 'jobName' failed to satisfy constraint: Member must satisfy regular "
        "expression pattern: [a-zA-Z0-9]{1,63}(-*[a-zA-Z0-9\\+\\-\\.]){0,63}");
  if (out.token.size() > 256) return refuse("Value at 'clientRequestToken' is too long");
  if (!out.role.starts_with("arn:aws:iam::") || out.role.find(":role/") == std::string::npos)
    return refuse("Value at 'roleArn' failed to satisfy constraint: it is no ARN of a role");
  const auto row = find_model(prices_, out.model);
  if (!row) return std::unexpected(row.error());
  out.row = *row;
  if (body["modelInvocationType"].string().value_or("InvokeModel") != "Converse")
    return refuse("The simulator runs jobs of Converse bodies only.");
  const auto input = body["inputDataConfig"]["s3InputDataConfig"];
  if (input["s3InputFormat"].string().value_or("JSONL") != "JSONL")
    return refuse("Value at 's3InputFormat' must be one of: [JSONL]");
  auto from = read_place(input["s3Uri"]);
  if (!from) return std::unexpected(from.error());
  auto to = read_place(body["outputDataConfig"]["s3OutputDataConfig"]["s3Uri"]);
  if (!to) return std::unexpected(to.error());
  out.input = *std::move(from);
  out.output = *std::move(to);
  if (!out.output.key.empty() && !out.output.key.ends_with('/')) out.output.key += '/';
  out.hours = body["timeoutDurationInHours"].integer_or(24);
  if (out.hours < 24 || out.hours > 168)
    return refuse("Value at 'timeoutDurationInHours' must be between 24 and 168");
  return out;
}

Jobs::Job* Jobs::find(std::string_view account, std::string_view id) {
  const auto found = std::ranges::find_if(
      jobs_, [&](const Job& job) { return job.id == id && job.account == account; });
  return found == jobs_.end() ? nullptr : &*found;
}

// Of the same token, or else of the same name.
Jobs::Job* Jobs::find_alike(std::string_view account, const Wanted& wanted) {
  Job* named = nullptr;
  for (Job& job : jobs_) {
    if (job.account != account) continue;
    if (!wanted.token.empty() && job.wanted.token == wanted.token) return &job;
    if (job.wanted.name == wanted.name) named = &job;
  }
  return named;
}

Reply Jobs::create(Call& call) {
  json::Parser parser;
  const auto body = parser.parse(call.request.body);
  if (!body) return error_reply(usual_error(400, "", false));
  auto wanted = read_create(*body);
  if (!wanted) return error_reply(wanted.error());
  const auto answer = [](const Job& job) {
    json::Writer out;
    out.begin_object().field("jobArn", std::string(kArn) + job.id).end_object();
    return json_reply(200, out.take());
  };
  if (const Job* same = find_alike(call.account, *wanted)) {
    if (!wanted->token.empty() && same->wanted.token == wanted->token) return answer(*same);
    return error_reply({.status = 400,
                        .name = "ConflictException",
                        .message = "The provided job name is currently in use."});
  }
  if (running() >= kRunningMax)
    return error_reply({.status = 400,
                        .name = "ServiceQuotaExceededException",
                        .message = "Your account has reached the maximum number of batch "
                                   "inference jobs in progress."});
  Job& job = jobs_.emplace_back();
  job.wanted = *std::move(wanted);
  job.number = jobs_.size();
  job.id = make_id("", world_.options.seed ^ 0xBED, job.number, 12);
  job.account = call.account;
  job.faults = batch_faults(call);
  read_input(job);
  job.clock = BatchClock({.seed = world_.options.seed,
                          .batch = job.number + 2'000'000,
                          .created_at = call.now,
                          .rows = job.rows_total,
                          .validation_min = seconds(20),
                          .validation_max = seconds(120),
                          .finalizing_min = seconds(1),
                          .finalizing_max = seconds(10),
                          .life = hours(job.wanted.hours)},
                         job.faults);
  job.visible_at = call.now;
  if (const auto* rule = find_fault(job.faults, FaultKind::kInvisibleBatch))
    job.visible_at += rule->duration;
  live_.push_back(&job);
  return answer(job);
}

void Jobs::read_input(Job& job) {
  job.bytes = objects_.find(job.account, job.wanted.input.bucket, job.wanted.input.key);
  if (!job.bytes) {
    job.failure =
        "The S3 object that you specified as input does not exist or the role may not "
        "read it.";
    return;
  }
  const std::string_view file = *job.bytes;
  for (std::size_t at = 0; at < file.size();) {
    auto end = file.find('\n', at);
    if (end == std::string_view::npos) end = file.size();
    if (end > at) job.lines.push_back({at, end - at});
    at = end + 1;
  }
  job.rows_total = job.lines.size();
  job.failure = first_fault(job);
}

// What validation looks at; the bodies themselves it does not read.
std::string Jobs::first_fault(const Job& job) {
  if (const auto* rule = find_fault(job.faults, FaultKind::kBatchRefused))
    return rule->type.empty() ? "The job failed validation." : rule->type;
  if (job.bytes->size() > kFileBytesMax) return "The input file is larger than 1 GB.";
  if (job.rows_total < kRecordsMin)
    return "Batch job " + std::string(kArn) + job.id + " contains less records (" +
           std::to_string(job.rows_total) +
           ") than the required minimum of: " + std::to_string(kRecordsMin);
  if (job.rows_total > kRecordsMax)
    return "Batch job contains more records than the maximum of: " + std::to_string(kRecordsMax);
  std::size_t number = 0;
  for (const auto& span : job.lines) {
    ++number;
    const auto line = parser_.parse(std::string_view(*job.bytes).substr(span.offset, span.length));
    if (!line || !(*line)["modelInput"].is_object())
      return "Line " + std::to_string(number) + " of the input is malformed.";
  }
  return {};
}

bool Jobs::has_failed(const Job& job, Time now) {
  const auto cancelled = job.clock.cancel_at();
  return !job.failure.empty() && job.clock.begins_at() <= now &&
         (!cancelled || job.clock.begins_at() < *cancelled);
}

void Jobs::advance(Time now) {
  while (true) {
    Job* first = nullptr;
    for (Job* job : live_) {
      if (!job->failure.empty() || !job->clock.runs(job->next_row)) continue;
      const Time start = job->clock.row_start(job->next_row);
      if (start > now) continue;
      if (first == nullptr || start < first->clock.row_start(first->next_row)) first = job;
    }
    if (first == nullptr) break;
    run_row(*first);
  }
  for (Job* job : live_)
    if (has_failed(*job, now) || job->clock.ended(now)) settle(*job);
  std::erase_if(live_, [](const Job* job) { return job->settled; });
}

void Jobs::end_row(Job& job, std::string_view id, std::string_view input, const ApiError& error,
                   bool expired, Time at, const RowFate& fate) {
  ++job.errored;
  json::Writer out;
  out.begin_object().field("recordId", id).key("modelInput").raw(input);
  out.key("error").begin_object().field("errorCode", std::int64_t{error.status});
  out.field("errorMessage", error.message).field("expired", expired);
  out.field("retryable", expired || error.status == 429 || error.status >= 500);
  out.end_object().end_object();
  job.rows.add(out.take(), at, fate, std::nullopt);
}

void Jobs::run_row(Job& job) {
  const std::size_t row = job.next_row++;
  const Time start = job.clock.row_start(row);
  const std::uint64_t number = row_number(job.number, row);
  const auto line = parser_.parse(
      std::string_view(*job.bytes).substr(job.lines[row].offset, job.lines[row].length));
  WEIR_ASSERT(line.has_value());  // all lines were read when it was made
  const auto id = record_id(*line, row), input = (*line)["modelInput"].text();
  const RowFate fate = row_fate(job.faults, world_.options.seed, job.number, row, id);
  if (fate.missing) return;
  if (fate.error) return end_row(job, id, input, row_error(*fate.error), false, start, fate);
  const auto request = read_converse(job.wanted.row, (*line)["modelInput"], true);
  if (!request) return end_row(job, id, input, request.error(), false, start, fate);
  const auto answer = converse(
      world_, *request, {.account = job.account, .start = start, .number = number, .batch = true});
  if (!answer) return end_row(job, id, input, answer.error(), false, start, fate);
  const Time last = std::min(job.clock.done_at(), job.clock.expires_at());
  const Time at = std::min(last, start + answer->latency.first_byte + answer->latency.rest);
  const std::size_t bill_row = world_.bill.add({.attempt_id = id,
                                                .account = job.account,
                                                .provider = "bedrock",
                                                .model = answer->row->model,
                                                .route = sim::Route::kBatch,
                                                .batch_id = job.id,
                                                .custom_id = id,
                                                .at = at,
                                                .tokens = answer->tokens,
                                                .pico_usd = answer->pico_usd});
  ++job.succeeded;
  job.input_tokens += answer->tokens.prompt();
  job.output_tokens += answer->tokens.output;
  json::Writer out;
  out.begin_object().field("recordId", id).key("modelInput").raw(input);
  out.key("modelOutput").raw(answer_body(*answer)).end_object();
  job.rows.add(out.take(), at, fate, bill_row);
}

// Rows that a timeout left out are told as errors; of a stopped job they are in no file.
void Jobs::settle(Job& job) {
  job.settled = true;
  const Time at = job.clock.ends_at();
  if (job.failure.empty() && job.next_row > 0) {
    for (std::size_t row = job.next_row;
         job.clock.last_phase() == BatchPhase::kExpired && row < job.rows_total; ++row) {
      const auto line = parser_.parse(
          std::string_view(*job.bytes).substr(job.lines[row].offset, job.lines[row].length));
      if (!line) continue;
      const auto id = record_id(*line, row);
      end_row(
          job, id, (*line)["modelInput"].text(),
          {.status = 408, .name = {}, .message = "The job timed out before the record was run."},
          true, at, row_fate(job.faults, world_.options.seed, job.number, row, id));
    }
    job.rows.settle(find_fault(job.faults, FaultKind::kShuffleRows) != nullptr, world_.options.seed,
                    job.number);
    json::Writer out;
    out.begin_object().field("totalRecordCount", static_cast<std::int64_t>(job.rows_total));
    out.field("processedRecordCount", job.succeeded + job.errored);
    out.field("successRecordCount", job.succeeded).field("errorRecordCount", job.errored);
    out.field("inputTokenCount", job.input_tokens).field("outputTokenCount", job.output_tokens);
    const std::string folder = job.wanted.output.key + job.id + "/";
    const auto& bucket = job.wanted.output.bucket;
    objects_.keep(job.account, bucket, folder + "manifest.json.out", at, out.end_object().take());
    objects_.keep(job.account, bucket, folder + std::string(file_of(job.wanted.input.key)) + ".out",
                  at, std::move(job.rows));
  }
  job.bytes.reset();
  std::vector<Span>().swap(job.lines);
}

std::string_view Jobs::status_of(const Job& job, Time now) {
  if (has_failed(job, now)) return "Failed";
  switch (job.clock.phase(now)) {
    case BatchPhase::kValidating: {
      const auto whole = job.clock.begins_at() - job.clock.created_at();
      const auto gone = now - job.clock.created_at();
      return gone * 3 < whole ? "Submitted" : gone * 3 < whole * 2 ? "Validating" : "Scheduled";
    }
    case BatchPhase::kRunning:
    case BatchPhase::kFinalizing: return "InProgress";
    case BatchPhase::kCancelling: return "Stopping";
    case BatchPhase::kCancelled: return "Stopped";
    case BatchPhase::kExpired: return job.next_row > 0 ? "PartiallyCompleted" : "Expired";
    case BatchPhase::kCompleted: return "Completed";
  }
  return "InProgress";
}

void Jobs::write_job(json::Writer& out, const Job& job, Time now) const {
  const auto& wanted = job.wanted;
  const bool failed = has_failed(job, now), ended = failed || job.clock.ended(now);
  const Time end = failed ? job.clock.begins_at() : job.clock.ends_at();
  out.begin_object().field("jobArn", std::string(kArn) + job.id).field("jobName", wanted.name);
  out.field("clientRequestToken", wanted.token).field("modelId", wanted.model);
  out.field("modelInvocationType", "Converse").field("roleArn", wanted.role);
  out.field("status", status_of(job, now));
  if (failed) out.field("message", job.failure);
  out.field("submitTime", to_rfc3339(job.clock.created_at()));
  out.field("lastModifiedTime", to_rfc3339(ended ? end : now));
  if (ended) out.field("endTime", to_rfc3339(end));
  out.field("jobExpirationTime", to_rfc3339(job.clock.expires_at()));
  out.field("timeoutDurationInHours", wanted.hours);
  const auto uri = [](const Place& place) { return "s3://" + place.bucket + "/" + place.key; };
  out.key("inputDataConfig").begin_object().key("s3InputDataConfig").begin_object();
  out.field("s3InputFormat", "JSONL").field("s3Uri", uri(wanted.input)).end_object().end_object();
  out.key("outputDataConfig").begin_object().key("s3OutputDataConfig").begin_object();
  out.field("s3Uri", uri(wanted.output)).end_object().end_object();
  out.field("totalRecordCount", static_cast<std::int64_t>(job.rows_total));
  out.field("processedRecordCount", job.succeeded + job.errored);
  out.field("successRecordCount", job.succeeded).field("errorRecordCount", job.errored);
  out.end_object();
}

Reply Jobs::get(const Call& call, std::string_view id) {
  const Job* job = find(call.account, id);
  if (job == nullptr)
    return error_reply(usual_error(404, "Could not find the job with the provided ARN.", false));
  json::Writer out;
  write_job(out, *job, call.now);
  return json_reply(200, out.take());
}

Reply Jobs::stop(const Call& call, std::string_view id) {
  Job* job = find(call.account, id);
  if (job == nullptr)
    return error_reply(usual_error(404, "Could not find the job with the provided ARN.", false));
  if (job->settled || !job->clock.cancel(call.now))
    return error_reply({.status = 400,
                        .name = "ConflictException",
                        .message = "The job has ended, and cannot be stopped."});
  return json_reply(200, "{}");
}

}  // namespace weir::sim::bedrock
