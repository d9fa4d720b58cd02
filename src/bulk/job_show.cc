// `weir job show`: everything that is known of one job.
#include <fmt/format.h>

#include "bulk/job.h"
#include "bulk/job_text.h"

namespace weir::bulk {
namespace {

using engine::ItemRow;

std::uint64_t rows_in(const JobView& view, ItemRow::State state) {
  const auto found = view.rows.find(state);
  return found == view.rows.end() ? 0 : found->second;
}

// Why a batch stands as it does.
std::string why(const engine::BatchState& batch) {
  std::string out = batch.reason;
  if (batch.stop != engine::StopCause::kNone)
    out += fmt::format("{}stopped: {}", out.empty() ? "" : "; ", to_string(batch.stop));
  if (batch.ahead != engine::Ahead::kNone)
    out += fmt::format("{}{}", out.empty() ? "" : "; ", to_string(batch.ahead));
  return out;
}

void write_batch(json::Writer& w, const JobView& view, const engine::BatchState& batch) {
  const auto count = [&](std::string_view key, std::uint64_t value) {
    w.field(key, static_cast<std::int64_t>(value));
  };
  w.begin_object();
  count("number", batch.number);
  w.field("id", batch.id.text()).field("phase", to_string(batch.phase));
  w.field("provider_batch_id", batch.view.provider_batch_id).field("status", batch.view.status);
  count("items", batch.items), count("rows", batch.rows), count("duplicates", batch.duplicates);
  count("strangers", batch.strangers), count("broken", batch.broken);
  if (batch.view.done) count("done", *batch.view.done);
  w.field("ceiling_usd", to_usd(batch.ceiling))
      .field("priming", batch.ahead == engine::Ahead::kPriming);
  w.field("planned_at", to_rfc3339(batch.planned_at));
  if (batch.view.created_at) w.field("created_at", to_rfc3339(*batch.view.created_at));
  if (batch.view.ended_at) w.field("ended_at", to_rfc3339(*batch.view.ended_at));
  w.field("stop", to_string(batch.stop)).field("settled", to_string(batch.settled));
  w.field("reason", batch.reason);
  if (batch.phase == engine::BatchPhase::kHeld) w.field("settle", how_to_settle(view, batch));
  w.end_object();
}

std::string json_of(const JobView& view) {
  json::Writer w;
  w.begin_object();
  write_summary(w, view);
  if (view.job) {
    const auto& job = *view.job;
    const auto& id = job.identity;
    w.key("identity").begin_object().field("account", id.account).field("endpoint", id.endpoint);
    w.field("input", id.input).field("template_digest", id.template_digest);
    w.field("schema_digest", id.schema_digest).field("options", id.options).end_object();
    w.key("plan").begin_object().field("route", llm::to_string(job.plan.route));
    w.field("reason", job.plan.reason).field("cache", job.plan.cache.reason);
    w.field("expected_usd", to_usd(job.plan.expected)).end_object();
    w.key("open").begin_object();
    w.field("retry", static_cast<std::int64_t>(rows_in(view, ItemRow::State::kRetrySync)));
    w.field("replan", static_cast<std::int64_t>(rows_in(view, ItemRow::State::kReplan)));
    w.field("again_in_batch", static_cast<std::int64_t>(rows_in(view, ItemRow::State::kInBatch)));
    w.field("repeats", static_cast<std::int64_t>(rows_in(view, ItemRow::State::kRepeats)));
    w.end_object();
    w.field("reserved_usd", to_usd(view.reserved));
    w.field("unknown_attempts", static_cast<std::int64_t>(view.totals.unknown));
    w.field("output_items", static_cast<std::int64_t>(job.output.items));
    w.key("batches").begin_array();
    for (const auto& batch : view.batches) write_batch(w, view, batch);
    w.end_array();
    w.key("reasons").begin_array();
    for (const auto& reason : job.reasons) w.string(reason);
    w.end_array();
  }
  return w.end_object().take();
}

std::string batches_text(const JobView& view) {
  std::vector<std::vector<std::string>> rows{
      {"BATCH", "PHASE", "PROVIDER'S ID", "STATUS", "ITEMS", "ROWS", "WHY"}};
  for (const auto& batch : view.batches) {
    const auto& id = batch.view.provider_batch_id;
    const auto& status = batch.view.status;
    rows.push_back({std::to_string(batch.number), std::string(to_string(batch.phase)),
                    id.empty() ? "-" : id, status.empty() ? "-" : status,
                    std::to_string(batch.items), std::to_string(batch.rows), why(batch)});
  }
  std::string out = rows.size() > 1 ? "\n" + table(rows) : "";
  for (const auto& batch : view.batches)
    if (batch.phase == engine::BatchPhase::kHeld)
      out += fmt::format("\nBatch {} is held: {}\n  {}\n", batch.number, batch.reason,
                         how_to_settle(view, batch));
  return out;
}

std::string identity_text(const JobView& view) {
  const auto& job = *view.job;
  std::vector<std::vector<std::string>> rows;
  const auto row = [&](std::string name, std::string value) {
    if (!value.empty()) rows.push_back({"  " + std::move(name), std::move(value)});
  };
  row("state", view.status_text() + (job.simulated ? ", simulated" : ""));
  row("output", view.output);
  row("input", job.identity.input);
  row("model", job.identity.provider + "/" + job.identity.model);
  row("endpoint", job.identity.endpoint);
  row("started", to_rfc3339(job.started_at));
  if (job.ended_at != Time{}) row("ended", to_rfc3339(job.ended_at));
  if (job.deadline) row("deadline", to_rfc3339(*job.deadline));
  row("route", fmt::format("{}: {}", llm::to_string(job.plan.route), job.plan.reason));
  row("cache", job.plan.cache.reason);
  row("items", fmt::format("{} done: {} succeeded, {} failed, {} cancelled", done_of_total(view),
                           view.counts.succeeded, view.counts.failed, view.counts.cancelled));
  const auto retry = rows_in(view, ItemRow::State::kRetrySync);
  const auto again =
      rows_in(view, ItemRow::State::kReplan) + rows_in(view, ItemRow::State::kInBatch);
  if (retry + again > 0)
    row("to do again", fmt::format("{} one by one, {} in another batch", retry, again));
  row("spent", human_usd(view.totals.spent));
  row("saved", human_usd(view.saved()) + " against the baseline");
  if (view.totals.unknown > 0)
    row("exposure", fmt::format("{}: {} attempts whose outcome is unknown",
                                human_usd(view.totals.exposure), view.totals.unknown));
  if (view.reserved > MoneySum{})
    row("reserved", human_usd(view.reserved) + " for batches that run or are held");
  return fmt::format("Job {}\n{}", job.id.text(), table(rows));
}

}  // namespace

ExitCode job_show(const JobName& name, bool json) {
  const auto folder = find_job(name);
  if (!folder) return refuse(folder.error(), json);
  const auto view = view_job(*folder);
  if (!view) return refuse(view.error(), json);
  if (json) {
    fmt::print("{}\n", json_of(*view));
    return ExitCode::kDone;
  }
  if (!view->job) {
    fmt::print("The job of {} has not begun: its input was not accepted. Run it again.\n",
               view->output);
    return ExitCode::kDone;
  }
  fmt::print("{}{}", identity_text(*view), batches_text(*view));
  if (!view->job->reasons.empty()) fmt::print("\nDecisions\n");
  for (const auto& reason : view->job->reasons) fmt::print("  {}\n", reason);
  return ExitCode::kDone;
}

}  // namespace weir::bulk
