#pragma once
// Message Batches: in_progress, canceling, ended; one row a request, in any order.
// Doc: https://platform.claude.com/docs/en/build-with-claude/batch-processing (checked 2026-11-23,
// reference snapshot).
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sim/batch_clock.h"
#include "sim/providers/anthropic/messages.h"
#include "sim/providers/anthropic/split_requests.h"
#include "sim/result_lines.h"

namespace weir::sim::anthropic {

class Batches {
 public:
  Batches(World& world, Messages& messages) : world_(world), messages_(messages) {}

  Reply create(Call& call, Version version);
  Reply get(const Call& call, std::string_view id);
  Reply list(const Call& call) const;
  Reply cancel(const Call& call, std::string_view id);
  Reply results(Call& call, std::string_view id);
  Reply remove(const Call& call, std::string_view id);

  /// Runs the rows that are due, in the order of their virtual start across all batches, and ends
  /// what has ended.
  void advance(Time now);
  [[nodiscard]] std::size_t size() const { return batches_.size() - deleted_; }
  [[nodiscard]] std::size_t running() const { return live_.size(); }

 private:
  struct Counts {
    std::int64_t succeeded = 0, errored = 0, canceled = 0, expired = 0;
  };
  struct Batch {
    std::string id, account;
    std::uint64_t number = 0;
    Version version = Version::k20230601;  // its rows are read by it
    std::string body;                      // of the create, until all rows are run
    std::vector<RequestSpan> rows;
    std::vector<FaultRule> faults;
    BatchClock clock;
    Time visible_at;
    std::string results_url;
    std::size_t rows_total = 0;
    std::size_t next_row = 0;
    bool settled = false, deleted = false;
    Counts counts;
    ResultLines lines;
  };

  void run_row(Batch& batch);
  void end_unrun_rows(Batch& batch);
  void settle(Batch& batch);
  void drop_old_results(Time now);
  [[nodiscard]] std::string batch_json(const Batch& batch, Time now) const;
  Batch* find(std::string_view account, std::string_view id);
  [[nodiscard]] static Reply no_batch(const Call& call, std::string_view id);

  World& world_;
  Messages& messages_;
  json::Parser parser_;
  std::deque<Batch> batches_;  // in order of creation; addresses stay
  std::vector<Batch*> live_;   // not settled
  std::size_t deleted_ = 0;
};

}  // namespace weir::sim::anthropic
