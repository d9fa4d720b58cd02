#include "bulk/job_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "bulk/console.h"

namespace weir::bulk {

std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i)
      line += i + 1 == row.size() ? row[i] : fmt::format("{:<{}}  ", row[i], widths[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  }
  return out;
}

std::string done_of_total(const JobView& view) {
  return view.job ? fmt::format("{}/{}", view.counts.ended(), view.job->items) : "-";
}

void write_summary(json::Writer& w, const JobView& view) {
  const auto count = [&](std::string_view key, std::uint64_t value) {
    w.field(key, static_cast<std::int64_t>(value));
  };
  w.field("output", view.output).field("folder", view.folder);
  w.field("state", to_string(view.status()));
  if (view.owner) {
    w.field("pid", view.owner->pid).field("running_since", view.owner->since);
  }
  if (!view.job) return;
  const auto& job = *view.job;
  w.field("id", job.id.text()).field("model", job.identity.provider + "/" + job.identity.model);
  w.field("route", llm::to_string(job.plan.route));
  w.key("items").begin_object();
  count("total", job.items), count("ended", view.counts.ended());
  count("succeeded", view.counts.succeeded), count("failed", view.counts.failed);
  count("cancelled", view.counts.cancelled);
  w.end_object();
  count("batches_held", view.batches_in(engine::BatchPhase::kHeld));
  w.field("spent_usd", to_usd(view.totals.spent)).field("saved_usd", to_usd(view.saved()));
  w.field("exposure_usd", to_usd(view.totals.exposure));
  w.field("started_at", to_rfc3339(job.started_at));
  if (job.ended_at != Time{}) w.field("ended_at", to_rfc3339(job.ended_at));
  if (job.deadline) w.field("deadline", to_rfc3339(*job.deadline));
  w.field("cancel_wanted", job.cancel_wanted).field("simulated", job.simulated);
}

std::string how_to_settle(const JobView& view, const engine::BatchState& batch) {
  const auto command = fmt::format("weir job settle {} {}", view.output, batch.number);
  const bool named = !batch.view.provider_batch_id.empty();
  return fmt::format(
      "look into the provider's console, then one of: {} --provider-batch ID (it is that one), {}",
      command,
      named ? fmt::format("{} --lost (its results are gone)", command)
            : fmt::format("{} --not-made (there is none), {} --lost (its results are gone)",
                          command, command));
}

ExitCode refuse(const Error& error, bool json) {
  Console(json, false).error(error);
  const bool usage =
      error.kind == ErrorKind::kNotFound || error.kind == ErrorKind::kInvalidArgument;
  return usage ? ExitCode::kUsage : ExitCode::kFailure;
}

ExitCode code_of(const JobView& view) {
  const auto status = view.status();
  if (status != JobStatus::kDone && status != JobStatus::kCancelled) return ExitCode::kStopped;
  return view.counts.failed + view.counts.cancelled > 0 ? ExitCode::kItemsFailed : ExitCode::kDone;
}

}  // namespace weir::bulk
