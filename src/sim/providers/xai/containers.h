#pragma once
// xAI's batches: containers made from a file, with counters in place of a status and results in pages. Docs:
// https://docs.x.ai/docs/guides/batch-api, https://docs.x.ai/developers/rest-api-reference/inference/batches (checked 2026-11-23);
// what only live captures of August 2026 tell is in README.md.
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sim/openai_shape/row_batches.h"

namespace weir::sim::xai {

class Containers final : public openai_shape::RowBatches {
 public:
  Containers(World& world, openai_shape::Files& files, openai_shape::Chat& chat)
      : RowBatches(world, chat), files_(files) {}

  Reply create(Call& call);
  Reply get(const Call& call, std::string_view id);
  Reply list(const Call& call) const;
  Reply cancel(const Call& call, std::string_view id);
  Reply results(Call& call, std::string_view id);
  /// Requests one by one: not into a container that a file has filled.
  Reply add_requests(const Call& call, std::string_view id);

 protected:
  std::optional<openai_shape::BatchError> validate(Batch& batch) override;
  std::string answered_row(const Batch& batch, std::uint64_t number, std::string_view custom_id,
                           const openai_shape::ChatAnswer& answer) const override;
  std::string failed_row(const Batch& batch, std::uint64_t number, std::string_view custom_id,
                         const openai_shape::ApiError& error) const override;
  std::optional<std::string> unrun_row(const Batch& batch, std::uint64_t number,
                                       std::string_view custom_id, bool expired) const override;
  void keep(Batch& batch) override;

 private:
  struct Counters {
    std::int64_t requests = 0, pending = 0, success = 0, error = 0, cancelled = 0;
  };
  /// One row of the results.
  struct Line {
    std::string id;
    std::string text;
    std::optional<std::size_t> bill_row;
  };

  [[nodiscard]] static Counters counters(const Batch& batch, Time now);
  [[nodiscard]] std::string batch_json(const Batch& batch, Time now) const;
  [[nodiscard]] Reply not_found(std::string_view id) const;
  [[nodiscard]] static std::vector<Line> read_results(const Batch& batch, Time now);
  const std::vector<Line>& results_of(const Batch& batch, Time now);

  openai_shape::Files& files_;
  json::Parser parser_;
  std::vector<Line> running_;  // of the batch that was asked for last
  std::unordered_map<std::uint64_t, std::vector<Line>> settled_;  // by number of the batch
};

}  // namespace weir::sim::xai
