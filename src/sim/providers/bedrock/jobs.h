#pragma once
// Model invocation jobs: a file of S3 in, a file of S3 out.
// Docs (checked 2026-11-23, reference snapshot): https://docs.aws.amazon.com/bedrock/latest/userguide/batch-inference.html,
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateModelInvocationJob.html
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sim/batch_clock.h"
#include "sim/providers/bedrock/converse.h"
#include "sim/providers/bedrock/objects.h"
#include "sim/result_lines.h"

namespace weir::sim::bedrock {

class Jobs {
 public:
  Jobs(World& world, const PriceTable& prices, Objects& objects)
      : world_(world), prices_(prices), objects_(objects) {}

  /// One clientRequestToken makes one job; one name as well.
  Reply create(Call& call);
  Reply list(const Call& call) const;
  Reply get(const Call& call, std::string_view id);
  Reply stop(const Call& call, std::string_view id);

  /// Runs the rows that are due, in the order of their virtual start across all jobs, and ends what has ended.
  void advance(Time now);
  [[nodiscard]] std::size_t size() const { return jobs_.size(); }
  [[nodiscard]] std::size_t running() const { return live_.size(); }

 private:
  struct Span {
    std::size_t offset = 0, length = 0;
  };
  struct Place {
    std::string bucket, key;  // of a folder the key ends with a slash
  };
  struct Wanted {
    std::string name, token, model, role;
    NamedModel row;
    Place input, output;
    std::int64_t hours = 24;
  };
  struct Job {
    Wanted wanted;
    std::string id, account;
    std::uint64_t number = 0;
    std::shared_ptr<const std::string> bytes;  // of the input, until all rows are run
    std::vector<Span> lines;
    std::size_t rows_total = 0, next_row = 0;
    std::string failure;  // found by validation; empty: none
    std::vector<FaultRule> faults;
    BatchClock clock;
    Time visible_at;
    bool settled = false;
    std::int64_t succeeded = 0, errored = 0, input_tokens = 0, output_tokens = 0;
    ResultLines rows;
  };

  Checked<Wanted> read_create(json::Value body) const;
  static Checked<Place> read_place(json::Value uri);
  [[nodiscard]] Job* find(std::string_view account, std::string_view id);
  [[nodiscard]] Job* find_alike(std::string_view account, const Wanted& wanted);
  void read_input(Job& job);
  [[nodiscard]] std::string first_fault(const Job& job);
  void run_row(Job& job);
  void end_row(Job& job, std::string_view id, std::string_view input, const ApiError& error,
               bool expired, Time at, const RowFate& fate);
  void settle(Job& job);
  [[nodiscard]] static std::string_view status_of(const Job& job, Time now);
  [[nodiscard]] static bool has_failed(const Job& job, Time now);
  void write_job(json::Writer& out, const Job& job, Time now) const;

  World& world_;
  const PriceTable& prices_;
  Objects& objects_;
  json::Parser parser_;
  std::deque<Job> jobs_;    // in order of creation; addresses stay
  std::vector<Job*> live_;  // not settled
};

}  // namespace weir::sim::bedrock
