#pragma once
// Batches over uploaded files: validating, in_progress, finalizing, completed and the ways to end
// otherwise. Doc: https://developers.openai.com/api/docs/api-reference/batch (checked 2026-11-23,
// reference snapshot).
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sim/batch_clock.h"
#include "sim/providers/openAI/chat.h"
#include "sim/providers/openAI/files.h"
#include "sim/providers/openAI/validate.h"

namespace weir::sim::openAI {

class Batches {
 public:
  Batches(World& world, Files& files, Chat& chat) : world_(world), files_(files), chat_(chat) {}

  Reply create(Call& call);
  Reply get(const Call& call, std::string_view id);
  Reply list(const Call& call) const;
  Reply cancel(const Call& call, std::string_view id);

  /// Runs the rows that are due, in the order of their virtual start across all batches, and ends
  /// what has ended.
  void advance(Time now);
  [[nodiscard]] std::size_t size() const { return batches_.size(); }
  [[nodiscard]] std::size_t running() const { return live_.size(); }

 private:
  struct Batch {
    std::string id, account, input_file_id, endpoint, window, model;
    std::string metadata = "null";  // JSON
    std::uint64_t number = 0;
    Upload input;
    std::vector<LineSpan> lines;  // until it is settled
    std::size_t rows_total = 0;
    std::vector<FaultRule> faults;
    BatchClock clock;
    Time visible_at;
    std::optional<Duration> output_life;
    bool validated = false;
    std::optional<BatchError> error;  // failed validation
    bool settled = false;             // reached its end; the files are made
    std::size_t next_row = 0;         // rows before it are run
    ResultLines output, errors;
    std::int64_t completed = 0, failed = 0;
    TokenBuckets usage;
    std::string output_file_id, error_file_id;
  };
  struct NewBatch;

  static Checked<NewBatch> read_create(const Files& files, const Call& call, json::Value body);
  void validate(Batch& batch);
  void run_row(Batch& batch);
  void add_failed_row(Batch& batch, std::size_t row, std::string_view custom_id,
                      const ApiError& error, Time finished_at, const RowFate& fate);
  void settle(Batch& batch);
  void end_unrun_rows(Batch& batch);
  [[nodiscard]] std::string status(const Batch& batch, Time now) const;
  [[nodiscard]] std::string batch_json(const Batch& batch, Time now) const;
  Batch* find(std::string_view account, std::string_view id);
  bool too_many(const Call& call);

  World& world_;
  Files& files_;
  Chat& chat_;
  json::Parser parser_;
  std::deque<Batch> batches_;  // in order of creation; addresses stay
  std::vector<Batch*> live_;   // not settled
  std::unordered_map<std::string, std::vector<Time>> creations_;  // by account, of the last hour
};

}  // namespace weir::sim::openAI
