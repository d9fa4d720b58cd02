#pragma once
// What one seed means: a job, what goes wrong at the provider, and when the process dies. All of it drawn from the seed.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "death.h"
#include "engine/source.h"
#include "plan/plan.h"
#include "wire.h"

namespace weir::simulation {

struct Service;

/// How the ended job is tried again (`weir job retry`), once or more often. Deaths and disk failures are besides the job's own.
struct Retries {
  std::uint64_t count = 0;
  double share = 1;      // of the items without an answer
  double refused = 0;    // share of their sync requests that the provider refuses for good
  bool at_once = false;  // by the process that ended the job, without a look at what it left
  bool cancels = false;  // the user cancels the job then as well, where the first run was cancelled
  std::uint64_t crashes_max = 0, crash_span = 0;  // of each
  std::optional<std::uint64_t> crash_at;
  double power_losses = 0;  // share of the deaths
  std::uint64_t disk_failures_max = 0;
};

struct Scenario {
  std::uint64_t seed = 0;
  std::string provider, model;
  plan::RouteWish wish = plan::RouteWish::kAuto;
  std::uint64_t items = 0;
  bool long_prefix = false;  // long enough for the prompt cache
  std::uint64_t tenants =
      0;  // each with a long text of its own behind the prefix; the items take turns
  bool ready_made = false;  // items are whole request bodies
  // Of the provider's batch queue; 0: none.
  std::uint64_t requests_min = 0, creates_per_hour = 0, enqueued_tokens = 0;
  double rejected = 0;  // share of items that were no good at accept
  double unfit = 0;     // share of answers that fail their check
  double repeated = 0;  // share of items that ask what an earlier one asks, and are not sent
  double bad = 0;  // share of items that get a whole batch refused, without a word which they are
  bool fallback = true;  // to the standard API
  std::optional<Duration> batch_timeout, fallback_timeout;
  std::optional<std::uint64_t> cancel_at;  // turn of a process at which the user cancels the job
  std::uint64_t concurrency = 8, batches_running = 4, batch_requests = 50000;
  std::optional<Duration> deadline;
  std::optional<Money> spend_max;  // lifted once the job has stopped there
  double hit_rate = 0.9;

  std::string faults_json;  // of the simulator; empty: none
  double not_sent = 0;      // share of requests that cannot be sent at all
  std::uint64_t crashes_max = 0;
  std::optional<std::uint64_t> crash_at;  // the first process dies exactly there
  std::uint64_t crash_span = 0;           // a process dies within so many operations
  double power_losses = 0;                // share of the deaths
  std::optional<Death> death;             // every death is of this kind
  double long_away = 0;                   // chance that days pass between two processes
  double clock_wrong = 0;                 // chance that a process's clock is wrong…
  Duration clock_wrong_max{0};            // …either way, by so much
  Duration first_clock_ahead{0};          // the first process's clock is so wrong
  WireFaults wire;
  std::uint64_t disk_failures_max = 0;
  std::uint64_t drains_max = 0;
  Retries retries;

  // What the checks may expect.
  bool rows_vanish = false;      // billed rows that no result file shows, or shows in pieces
  bool answers_refused = false;  // items may end failed for the provider's sake

  /// On `service`; nullptr: on one of those that are looked at closely.
  static Scenario draw(std::uint64_t seed, const Service* service = nullptr);
  /// The same by the standard API with a prefix that is worth a cached content, and with what can go wrong with one.
  static Scenario contents(std::uint64_t seed, const Service& service);
  /// A small job without faults, to be swept over every operation.
  static Scenario small(std::string provider, std::string model, plan::RouteWish wish,
                        std::uint64_t crash_at, Death death);
  /// The same with items that fail at first and are tried again without faults; the retry is what is swept.
  static Scenario small_retry(std::string provider, std::string model, plan::RouteWish wish,
                              std::uint64_t crash_at, Death death);
  [[nodiscard]] std::string text() const;
};

/// The job's items, made from the seed.
class Documents final : public engine::ItemSource {
 public:
  explicit Documents(const Scenario& scenario);
  [[nodiscard]] std::uint64_t count() const override { return scenario_.items; }
  Result<engine::Item> item(std::uint64_t index) override;
  Result<engine::CheckedText> check(std::uint64_t index, const llm::Response& response) override;
  [[nodiscard]] bool rejected(std::uint64_t index) const;
  /// Whether the user wants the item in that retry.
  [[nodiscard]] bool wanted(std::uint64_t index, std::uint64_t retry) const;
  Result<std::optional<std::uint64_t>> same_as(std::uint64_t index) override;
  [[nodiscard]] bool has_same() const override { return scenario_.repeated > 0; }
  /// What the text of a bad item holds.
  static constexpr std::string_view kBad = "unspeakable";

 private:
  static std::string tenant_text(std::uint64_t tenant);
  [[nodiscard]] llm::RawBody body_of(const std::vector<std::string>& pieces) const;

  const Scenario& scenario_;
  std::string prefix_;
};

}  // namespace weir::simulation
