// `weir job list`: one line a job. A job that cannot be read is told, and does not hide the others.
#include <fmt/format.h>

#include "bulk/console.h"
#include "bulk/job.h"
#include "bulk/job_text.h"

namespace weir::bulk {
namespace {

std::vector<std::string> row_of(const JobView& view) {
  if (!view.job)
    return {"-", view.output, "-", "-", view.status_text(), "-", "-", "-", "-", "-", "-"};
  const auto& job = *view.job;
  return {job.id.text(),
          view.output,
          job.identity.provider + "/" + job.identity.model,
          std::string(llm::to_string(job.plan.route)),
          view.status_text(),
          done_of_total(view),
          std::to_string(view.counts.failed),
          human_usd(view.totals.spent),
          human_usd(view.saved()),
          to_rfc3339(std::chrono::floor<std::chrono::seconds>(job.started_at)),
          job.deadline ? to_rfc3339(std::chrono::floor<std::chrono::seconds>(*job.deadline)) : "-"};
}

}  // namespace

ExitCode job_list(const std::vector<std::string>& dirs, bool json) {
  Console console(false, false);
  auto code = ExitCode::kDone;
  std::vector<std::vector<std::string>> rows{{"ID", "OUTPUT", "MODEL", "ROUTE", "STATE", "DONE",
                                              "FAILED", "SPENT", "SAVED", "STARTED", "DEADLINE"}};
  json::Writer w;
  w.begin_array();
  for (const auto& dir : dirs.empty() ? std::vector<std::string>{"."} : dirs) {
    const auto stores = stores_in(dir);
    if (!stores) return refuse(stores.error(), json);
    for (const auto& folder : *stores) {
      const auto view = view_job(folder);
      if (!view) {
        console.error(view.error());
        code = ExitCode::kFailure;
        continue;
      }
      rows.push_back(row_of(*view));
      w.begin_object();
      write_summary(w, *view);
      w.end_object();
    }
  }
  if (json) fmt::print("{}\n", w.end_array().take());
  else if (rows.size() > 1) fmt::print("{}", table(rows));
  else console.note("no job here: weir run keeps a job beside its output, in OUTPUT.weir/");
  return code;
}

}  // namespace weir::bulk
