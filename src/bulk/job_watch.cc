// `weir job watch`: the owner's progress as it tells it, else what the store shows, until nobody owns the job any more.
#include "bulk/job_watch.h"

#include <fmt/format.h>
#include <signal.h>

#include <chrono>
#include <thread>

#include "bulk/console.h"
#include "bulk/job.h"
#include "bulk/job_text.h"
#include "bulk/progress.h"
#include "json/value.h"
#include "runtime/control_socket.h"

namespace weir::bulk {
namespace {

using namespace std::chrono_literals;
constexpr auto kLook = 300ms;        // at the owner
constexpr auto kLookStore = 1000ms;  // reads the whole ledger

volatile std::sig_atomic_t interrupts = 0;

// Ctrl-C ends the watching, not the job. The handlers before come back.
class Interrupts {
 public:
  Interrupts() {
    interrupts = 0;
    struct sigaction action{};
    action.sa_handler = [](int) { interrupts = 1; };
    ::sigaction(SIGINT, &action, &int_before_);
    ::sigaction(SIGTERM, &action, &term_before_);
  }
  ~Interrupts() {
    ::sigaction(SIGINT, &int_before_, nullptr);
    ::sigaction(SIGTERM, &term_before_, nullptr);
  }
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

 private:
  struct sigaction int_before_{}, term_before_{};
};

void pause(std::chrono::milliseconds time) {
  for (auto left = time; left > 0ms && interrupts == 0; left -= 50ms)
    std::this_thread::sleep_for(std::min(left, std::chrono::milliseconds(50)));
}

engine::Progress progress_of(const JobView& view) {
  engine::Progress p{.items = view.job ? view.job->items : 0,
                     .succeeded = view.counts.succeeded,
                     .failed = view.counts.failed,
                     .cancelled = view.counts.cancelled};
  for (const auto& [state, count] : view.rows) p.retrying += count;
  for (const auto& batch : view.batches) {
    if (batch.phase == engine::BatchPhase::kHeld) ++p.batches_held;
    else if (batch.phase != engine::BatchPhase::kRunning) ++p.batches_ended;
    if (batch.phase != engine::BatchPhase::kRunning) continue;
    ++p.batches_running;
    p.in_batches += batch.items;
    p.doing += fmt::format("{}batch {} {}", p.doing.empty() ? "" : ", ", batch.number,
                           batch.view.status.empty() ? "submitting" : batch.view.status);
  }
  p.spent = view.totals.spent;
  p.exposure = view.totals.exposure;
  p.reserved = view.reserved;
  return p;
}

std::optional<engine::Progress> told_by_owner(const std::string& folder) {
  const auto reply = runtime::ask_owner(folder, {});
  if (!reply) return std::nullopt;
  json::Parser parser;
  const auto v = parser.parse(*reply);
  if (!v) return std::nullopt;
  auto progress = read_progress((*v)["progress"].text());
  if (!progress) return std::nullopt;
  return *std::move(progress);
}

void tell_end(const JobView& view, bool json) {
  if (json) {
    json::Writer w;
    w.begin_object().field("event", "end");
    write_summary(w, view);
    fmt::print("{}\n", w.end_object().take());
    return;
  }
  std::string text = fmt::format("{}: {} items done, {} failed, {} cancelled, {} spent",
                                 view.status_text(), done_of_total(view), view.counts.failed,
                                 view.counts.cancelled, human_usd(view.totals.spent));
  const auto status = view.status();
  if (status == JobStatus::kStopped || status == JobStatus::kNotBegun)
    text += fmt::format("; weir job resume {} goes on", view.output);
  if (status == JobStatus::kHeld)
    text += fmt::format("; weir job show {} says how to settle it", view.output);
  fmt::print("{}\n", text);
}

}  // namespace

Result<std::optional<JobView>> watch_to_end(const std::string& folder, bool json) {
  const Interrupts guard;
  const auto started = std::chrono::steady_clock::now();
  Console console(json, false);
  for (;;) {
    if (interrupts != 0) return std::nullopt;
    const auto elapsed = std::chrono::steady_clock::now() - started;
    if (const auto told = told_by_owner(folder)) {
      console.progress(*told, elapsed);
      pause(kLook);
      continue;
    }
    WEIR_TRY(auto view, view_job(folder));
    if (!view.owner) {
      console.clear_line();
      tell_end(view, json);
      return view;
    }
    console.progress(progress_of(view), elapsed);
    pause(kLookStore);
  }
}

ExitCode job_watch(const JobName& name, bool json) {
  const auto folder = find_job(name);
  if (!folder) return refuse(folder.error(), json);
  const auto view = watch_to_end(*folder, json);
  if (!view) return refuse(view.error(), json);
  return *view ? code_of(**view) : ExitCode::kInterrupted;
}

}  // namespace weir::bulk
