#pragma once
// Batch jobs: QUEUED, RUNNING, and SUCCESS, FAILED, TIMEOUT_EXCEEDED or CANCELLED. The lines are checked when the file is uploaded,
// the rows of both files have one shape, and the body of a failed one is a string.
// Doc: https://docs.mistral.ai/capabilities/batch/ (reference of 2026-11-23, with live captures of third parties, 2026-09-02)
#include <string>
#include <string_view>

#include "sim/openai_shape/batches.h"

namespace weir::sim::mistral {

/// 8-4-4-4-12 hexadecimal digits, drawn for this kind and number.
std::string uuid(std::string_view kind, std::uint64_t seed, std::uint64_t number);

class Jobs final : public openai_shape::Batches {
 public:
  using Batches::Batches;
  Reply create(Call& call) override;
  Reply list(const Call& call) const override;

 private:
  std::optional<openai_shape::BatchError> validate(Batch& batch) override;
  std::string answered_row(const Batch& batch, std::uint64_t number, std::string_view custom_id,
                           const openai_shape::ChatAnswer& answer) const override;
  std::string failed_row(const Batch& batch, std::uint64_t number, std::string_view custom_id,
                         const openai_shape::ApiError& error) const override;
  /// Rows that were not run are in no file.
  std::optional<std::string> unrun_row(const Batch&, std::uint64_t, std::string_view,
                                       bool) const override {
    return std::nullopt;
  }
  [[nodiscard]] std::string batch_json(const Batch& batch, Time now) const override;

  json::Parser body_parser_;
};

/// The first bad line of an upload, as 422; nothing when the file is good.
std::optional<Reply> check_file(std::string_view file);

}  // namespace weir::sim::mistral
