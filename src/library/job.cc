#include "weir/job.h"

#include <fmt/format.h>

#include "base/units.h"
#include "cost/pricing.h"
#include "engine/job_engine.h"
#include "engine/result_reader.h"
#include "library/job_desk.h"
#include "library/translate.h"
#include "runtime/posix_files.h"

namespace weir {

std::string_view to_string(JobStatus::Phase phase) {
  switch (phase) {
    case JobStatus::Phase::kRunning: return "running";
    case JobStatus::Phase::kDone: return "done";
    case JobStatus::Phase::kWaiting: return "waiting";
    case JobStatus::Phase::kStopped: return "stopped";
  }
  return "stopped";
}

Job::Job(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

const std::string& Job::id() const { return impl_->meta.id; }

JobStatus Job::status() const {
  const std::scoped_lock lock(impl_->mutex);
  return impl_->status;
}

Result<void> Job::wait(std::optional<std::chrono::milliseconds> timeout,
                       std::stop_token stop) const {
  using Phase = JobStatus::Phase;
  std::unique_lock lock(impl_->mutex);
  const auto over = [&] { return impl_->status.phase != Phase::kRunning; };
  bool ended = true;
  if (timeout) ended = impl_->changed.wait_for(lock, stop, *timeout, over);
  else ended = impl_->changed.wait(lock, stop, over);
  if (!ended && stop.stop_requested())
    return fail(ErrorKind::kCancelled,
                fmt::format("waiting for job {} was cancelled; it goes on", id()));
  if (!ended)
    return fail(ErrorKind::kDeadlineExceeded,
                fmt::format("job {} has not ended yet; it goes on", id()),
                "wait again, or ask Engine::job() for it later");
  if (impl_->status.phase == Phase::kDone) return {};
  if (impl_->status.phase == Phase::kStopped)
    return fail(ErrorKind::kUnavailable, fmt::format("job {}: the engine has stopped", id()),
                "an engine on the same store goes on with it");
  return fail(ErrorKind::kUnavailable,
              fmt::format("job {} is waiting: {}", id(), impl_->status.why));
}

Result<void> Job::for_each_result(const Visit& visit, std::uint64_t from) const {
  std::uint64_t items = 0, bytes = 0;
  {
    const std::scoped_lock lock(impl_->mutex);
    items = impl_->status.items;
    bytes = impl_->segment_bytes;
  }
  runtime::PosixFiles files;
  WEIR_TRY(const auto reader, engine::ResultReader::open(files, impl_->folder, items, bytes));
  json::Parser parser;
  for (std::uint64_t index = from; index < items; ++index) {
    WEIR_TRY(const auto record, reader->record(index));
    if (record && !visit(index, library::response_of_line(record->line, *impl_, parser))) return {};
  }
  return {};
}

Result<void> Job::cancel() const {
  library::JobDesk* desk = nullptr;
  {
    const std::scoped_lock lock(impl_->mutex);
    desk = impl_->desk;
  }
  if (desk == nullptr) return fail(ErrorKind::kUnavailable, "the engine has stopped");
  desk->cancel(impl_);
  return {};
}

namespace library {
namespace {

std::optional<ErrorKind> kind_of(std::string_view word) {
  for (int kind = 0; kind <= static_cast<int>(ErrorKind::kInternal); ++kind)
    if (to_string(static_cast<ErrorKind>(kind)) == word) return static_cast<ErrorKind>(kind);
  return std::nullopt;
}

Error error_of(json::Value error) {
  return {.kind = kind_of(error["kind"].string_or("")).value_or(ErrorKind::kInternal),
          .message = error["message"].string_or(""),
          .hint = error["hint"].string_or(""),
          .provider = {},
          .http_status = static_cast<int>(error["http_status"].integer_or(0)),
          .provider_code = error["code"].string_or(""),
          .request_id = error["request_id"].string_or(""),
          .retry_after = {}};
}

CacheOutcome outcome_of(std::string_view word) {
  for (const auto outcome : {CacheOutcome::kWrite, CacheOutcome::kHit, CacheOutcome::kMiss})
    if (to_string(outcome) == word) return outcome;
  return CacheOutcome::kNone;
}

FinishReason finish_of(std::string_view word) {
  for (const auto reason :
       {FinishReason::kStop, FinishReason::kLength, FinishReason::kToolUse, FinishReason::kRefusal})
    if (to_string(reason) == word) return reason;
  return FinishReason::kOther;
}

}  // namespace

Result<Response> response_of_line(std::string_view line, const Job::Impl& job,
                                  json::Parser& parser) {
  WEIR_TRY(const auto value, parser.parse(line));
  if (const auto error = value.find("error")) return std::unexpected(error_of(*error));
  Response out;
  const auto answer = value["answer"];
  if (const auto text = answer.string()) {
    out.text = *text;
  } else {
    out.json = answer.text();
    out.text = out.json;
  }
  if (const auto calls = value.find("tool_calls")) {
    WEIR_TRY(auto told, job.target->adapter->tool_calls({.tool_calls_json = calls->text()}));
    out.tool_calls = from_llm(std::move(told));
  }
  out.finish_reason = finish_of(value["finish_reason"].string_or(""));
  out.usage = engine::usage_of_line(value);
  if (const auto cost = parse_usd(value["cost_usd"].string_or("0"))) out.cost = *cost;
  out.baseline = cost::baseline_of(out.usage, job.target->model->price_at(job.meta.created_at));
  out.route = value["route"].string_or("") == "batch" ? Route::kBatch : Route::kSync;
  out.cache_outcome = outcome_of(value["cache"].string_or(""));
  out.attempts = static_cast<std::uint32_t>(value["attempts"].integer_or(1));
  out.model = job.meta.model;
  std::string last;
  for (const auto reason : value["reasons"].items()) last = json::Value(reason).string_or("");
  if (job.batch_route && out.route == Route::kSync)
    out.fallback_reason = last.empty() ? "the job's rest went by the standard API" : last;
  return out;
}

}  // namespace library
}  // namespace weir
