#pragma once
// Batches whose rows are chat completions, run on a BatchClock: what is due by `now` is run in the order of virtual time
// across all batches. What a row and the batch object look like, and what is checked when, is the provider's.
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/batch_clock.h"
#include "sim/openai_shape/chat.h"
#include "sim/openai_shape/files.h"
#include "sim/openai_shape/validate.h"

namespace weir::sim::openai_shape {

/// How long the phases around the running one take.
struct BatchPhases {
  Duration validation_min = std::chrono::seconds(5), validation_max = std::chrono::seconds(20);
  Duration finalizing_min = std::chrono::seconds(2), finalizing_max = std::chrono::seconds(10);
  Duration life = std::chrono::hours(24);  // until it expires
};

class RowBatches {
 public:
  RowBatches(World& world, Chat& chat) : world_(world), chat_(chat) {}
  virtual ~RowBatches() = default;
  RowBatches(const RowBatches&) = delete;
  RowBatches& operator=(const RowBatches&) = delete;

  /// Runs the rows that are due, in the order of their virtual start across all batches, and ends
  /// what has ended.
  void advance(Time now);
  [[nodiscard]] std::size_t size() const { return batches_.size(); }
  [[nodiscard]] std::size_t running() const { return live_.size(); }
  /// Of them, those with rows that are still to run: of a provider that has no word for what comes after.
  [[nodiscard]] std::size_t pending() const;

 protected:
  struct Batch {
    std::string id, account, endpoint, model;
    std::string window;             // as the caller asked for it
    std::string input;              // how the provider names the input: a file, a dataset
    std::string name;               // where the caller gives one
    std::string metadata = "null";  // JSON
    std::uint64_t number = 0;
    Upload upload;
    std::vector<LineSpan> lines;  // until it is settled
    std::size_t rows_total = 0;
    std::vector<FaultRule> faults;
    BatchClock clock;
    Time visible_at;
    std::optional<Duration> output_life;
    bool validated = false;
    std::optional<BatchError> error;  // failed validation
    bool settled = false;             // reached its end; what it leaves is made
    std::size_t next_row = 0;         // rows before it are run
    ResultLines output, errors;
    std::int64_t completed = 0, failed = 0;
    TokenBuckets usage;
    std::string output_id, error_id;  // of what it left
  };
  /// What one line asks for.
  struct Row {
    std::string custom_id;
    json::Value body;
  };

  /// A new batch of these lines, with the faults that its creation set off.
  Batch& add(Call& call, Upload upload, std::string id_prefix, const BatchPhases& phases = {});
  Batch* find(std::string_view account, std::string_view id);
  /// Newest first, as far as lists show them.
  [[nodiscard]] std::vector<const Batch*> visible(const Call& call) const;
  [[nodiscard]] std::deque<Batch>& all() { return batches_; }

  // What the provider says of lines and rows.
  /// Once, when the batch begins to run: why it fails as a whole, or nothing.
  virtual std::optional<BatchError> validate(Batch& batch) = 0;
  virtual Row read_row(const Batch& batch, json::Value line) const;
  /// The request of a row's body. A chat completion's, unless the provider's are of another format.
  virtual Checked<ChatRequest> read_request(const Batch& batch, json::Value body) const;
  virtual std::string answered_row(const Batch& batch, std::uint64_t number,
                                   std::string_view custom_id, const ChatAnswer& answer) const = 0;
  virtual std::string failed_row(const Batch& batch, std::uint64_t number,
                                 std::string_view custom_id, const ApiError& error) const = 0;
  /// Of a row that was never run; nothing when no file names it.
  virtual std::optional<std::string> unrun_row(const Batch& batch, std::uint64_t number,
                                               std::string_view custom_id, bool expired) const;
  /// The rows have ended: puts output and errors where they can be read.
  virtual void keep(Batch& batch) = 0;

  [[nodiscard]] const Traits& traits() const { return chat_.traits(); }
  /// What chance of a row is drawn for.
  static std::uint64_t row_number(std::uint64_t batch, std::size_t row) {
    return (std::uint64_t{1} << 63) | (batch << 24) | static_cast<std::uint64_t>(row);
  }

  World& world_;
  Chat& chat_;

 private:
  void run_row(Batch& batch);
  void end_unrun_rows(Batch& batch);
  void settle(Batch& batch);

  json::Parser parser_;
  std::deque<Batch> batches_;  // in order of creation; addresses stay
  std::vector<Batch*> live_;   // not settled
};

}  // namespace weir::sim::openai_shape
