#pragma once
// Together's batches: jobs that a create never checks, with words in capitals, times as text, no counts, and lists that are
// bare arrays. What is wrong shows late: as FAILED with one text, or as a row of the error file.
// Docs: https://docs.together.ai/docs/inference/batch/manage, togethercomputer/openapi 090263a (checked 2026-11-23)
#include "sim/openai_shape/batches.h"

namespace weir::sim::together {

class Batches final : public openai_shape::Batches {
 public:
  using openai_shape::Batches::Batches;
  Reply create(Call& call) override;
  Reply get(const Call& call, std::string_view id) override;
  [[nodiscard]] Reply list(const Call& call) const override;
  Reply cancel(const Call& call, std::string_view id) override;

 protected:
  std::optional<openai_shape::BatchError> validate(Batch& batch) override;
  std::string answered_row(const Batch& batch, std::uint64_t number, std::string_view custom_id,
                           const openai_shape::ChatAnswer& answer) const override;
  std::string failed_row(const Batch& batch, std::uint64_t number, std::string_view custom_id,
                         const openai_shape::ApiError& error) const override;
  std::optional<std::string> unrun_row(const Batch& batch, std::uint64_t number,
                                       std::string_view custom_id, bool expired) const override;

 private:
  [[nodiscard]] std::string job_json(const Batch& batch, Time now) const;
  json::Parser parser_;
};

/// {"error":"…","request_id":"…"}: how this API says no.
Reply refusal(const Call& call, int status, std::string_view words);

}  // namespace weir::sim::together
