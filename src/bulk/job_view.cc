#include "bulk/job_view.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "bulk/job_find.h"
#include "engine/content_state.h"
#include "engine/result_reader.h"
#include "json/value.h"
#include "runtime/control_socket.h"
#include "runtime/posix_files.h"
#include "runtime/sqlite_store.h"

namespace weir::bulk {
namespace {

constexpr std::array<std::string_view, 6> kStatuses{"not begun", "running", "stopped",
                                                    "held",      "done",    "cancelled"};

// A container's processes are not to be seen from outside; its sockets are.
std::optional<runtime::StoreOwner> living_owner(const std::string& folder) {
  if (auto owner = runtime::store_owner(folder)) return owner;
  if (::access((folder + "/socket").c_str(), F_OK) != 0) return std::nullopt;
  const auto reply = runtime::ask_owner(folder, {}, std::chrono::milliseconds(500));
  if (!reply) return std::nullopt;
  json::Parser parser;
  const auto v = parser.parse(*reply);
  return runtime::StoreOwner{.pid = v ? (*v)["pid"].integer_or(0) : 0};
}

Result<JobView> read_job(const std::string& folder) {
  JobView view{.folder = folder, .output = output_of(folder)};
  view.owner = living_owner(folder);
  WEIR_TRY(const auto store, runtime::SqliteStore::open_read_only(folder + "/store.sqlite"));
  WEIR_TRY(const auto aggregates, store->load());
  for (const auto& aggregate : aggregates) {
    if (aggregate.kind == engine::AggregateKind::kJob) {
      WEIR_TRY(view.job, engine::JobState::decode(aggregate.state));
      continue;
    }
    if (aggregate.kind == engine::AggregateKind::kContent) {
      WEIR_TRY(const auto content, engine::ContentState::decode(aggregate.state));
      if (content.phase != engine::ContentPhase::kGone) view.reserved += content.ceiling;
      continue;
    }
    WEIR_TRY(auto batch, engine::BatchState::decode(aggregate.state));
    if (batch.phase == engine::BatchPhase::kRunning || batch.phase == engine::BatchPhase::kHeld)
      view.reserved += batch.ceiling;
    view.batches.push_back(std::move(batch));
  }
  if (!view.job) return view;
  WEIR_CHECK(store->visit_ledger([&](const cost::LedgerEntry& entry) {
    view.totals.add(entry);
    return true;
  }));
  WEIR_TRY(const auto rows, store->load_items());
  for (const auto& row : rows) ++view.rows[row.state];
  runtime::ReadOnlyFiles files;
  WEIR_TRY(const auto results,
           engine::ResultReader::open(files, folder, view.job->items, view.job->segment_bytes));
  WEIR_TRY(view.counts, results->count());
  return view;
}

}  // namespace

std::string_view to_string(JobStatus status) { return kStatuses[static_cast<std::size_t>(status)]; }

std::uint64_t JobView::batches_in(engine::BatchPhase phase) const {
  return static_cast<std::uint64_t>(
      std::ranges::count_if(batches, [&](const auto& batch) { return batch.phase == phase; }));
}

JobStatus JobView::status() const {
  if (owner) return JobStatus::kRunning;
  if (!job) return JobStatus::kNotBegun;
  if (job->phase == engine::JobPhase::kDone)
    return job->cancel_wanted ? JobStatus::kCancelled : JobStatus::kDone;
  return batches_in(engine::BatchPhase::kHeld) > 0 ? JobStatus::kHeld : JobStatus::kStopped;
}

std::string JobView::status_text() const {
  std::string text(to_string(status()));
  if (owner) text += fmt::format(" (pid {})", owner->pid);
  return text;
}

Result<JobView> view_job(const std::string& folder) {
  const auto at_rest = [&] { return ::access((folder + "/store.sqlite-wal").c_str(), F_OK) != 0; };
  const bool before = at_rest();
  auto view = read_job(folder);
  if (before && !at_rest()) view = read_job(folder);  // an owner came in between
  return view;
}

}  // namespace weir::bulk
