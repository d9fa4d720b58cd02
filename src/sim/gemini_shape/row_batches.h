#pragma once
// Batches whose rows are generateContent requests, run on a BatchClock: what is due by `now` is run
// in the order of virtual time across all batches. What a row and the batch look like on the wire is
// the provider's. A row is billed when its batch ends, and only where its answer is given out.
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/batch_clock.h"
#include "sim/gemini_shape/generator.h"
#include "sim/result_lines.h"

namespace weir::sim::gemini_shape {

struct LineSpan {
  std::uint64_t offset = 0;
  std::uint32_t length = 0;
};
/// Where the lines stand; a line end at the end adds none, an empty line is none.
std::vector<LineSpan> index_lines(std::string_view file);

/// How long the phases around the running one take.
struct BatchPhases {
  Duration begin_min = std::chrono::seconds(5), begin_max = std::chrono::seconds(20);
  Duration finish_min = std::chrono::seconds(2), finish_max = std::chrono::seconds(10);
  Duration life = std::chrono::hours(48);  // until it expires
};

class RowBatches {
 public:
  RowBatches(World& world, Generator& generator) : world_(world), generator_(generator) {}
  virtual ~RowBatches() = default;
  RowBatches(const RowBatches&) = delete;
  RowBatches& operator=(const RowBatches&) = delete;

  /// Runs the rows that are due, and ends what has ended.
  void advance(Time now);
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] std::size_t running() const { return live_.size(); }

 protected:
  /// A row that ran: waits for the end of its batch.
  struct RanRow {
    std::string line;
    Time finished_at;
    RowFate fate;
    std::optional<BillRow> bill;
  };
  struct Batch {
    std::string id, account, model, name;
    std::string input;  // how the provider names it
    const ModelRow* row = nullptr;
    std::uint64_t number = 0;
    std::shared_ptr<const std::string> bytes;  // the input, until it is settled
    std::vector<LineSpan> lines;
    std::size_t rows_total = 0;
    std::vector<FaultRule> faults;
    BatchClock clock;
    Time visible_at;
    std::optional<ApiError> failure;  // of the whole batch, when it begins
    bool settled = false;
    std::size_t next_row = 0;  // rows before it are run
    std::vector<RanRow> ran;
    ResultLines output;
    std::int64_t succeeded = 0, failed = 0;
    std::string output_id;  // of what it left
  };
  /// What one line asks for.
  struct Row {
    std::string key;
    json::Value request;
    json::Value line;
  };

  /// A new batch of these lines, with the faults that its creation set off. All of the lines can be
  /// read by read_row() and read_generate().
  Batch& add(Call& call, std::string id, std::shared_ptr<const std::string> bytes,
             std::vector<LineSpan> lines, const BatchPhases& phases = {});
  Batch* find(std::string_view account, std::string_view id);
  void erase(std::string_view account, std::string_view id);
  /// Newest first, as far as lists show them.
  [[nodiscard]] std::vector<const Batch*> visible(const Call& call) const;
  [[nodiscard]] bool has_ended(const Batch& batch, Time now) const;

  virtual Row read_row(json::Value line) const = 0;
  virtual std::string answered_row(const Row& row, const Content& content) const = 0;
  virtual std::string failed_row(const Row& row, const ApiError& error) const = 0;
  /// The batch has ended with results: puts the output where it can be read.
  virtual void keep(Batch& batch) = 0;

  [[nodiscard]] const Traits& traits() const { return generator_.traits(); }
  World& world_;
  Generator& generator_;
  json::Parser parser_;

 private:
  [[nodiscard]] bool begun(const Batch& batch, Time now) const;
  void run_row(Batch& batch);
  void settle(Batch& batch);

  std::deque<Batch> batches_;
  std::vector<Batch*> live_;
  std::uint64_t made_ = 0;
};

}  // namespace weir::sim::gemini_shape
