#pragma once
// Batch inference jobs over datasets. One bad row fails the whole job; nothing but DELETE stops one, and it destroys what was done.
// Doc: https://docs.fireworks.ai/guides/batch-inference (reference of 2026-11-23, with live captures of third parties, 2026-08-30)
#include <set>
#include <string>
#include <string_view>

#include "sim/openai_shape/row_batches.h"
#include "sim/providers/fireworks/datasets.h"

namespace weir::sim::fireworks {

class Jobs final : public openai_shape::RowBatches {
 public:
  Jobs(World& world, Datasets& datasets, openai_shape::Chat& chat)
      : RowBatches(world, chat), datasets_(datasets) {}

  Reply create(Call& call, std::string_view owner);
  Reply get(const Call& call, std::string_view owner, std::string_view id);
  Reply list(const Call& call, std::string_view owner) const;
  Reply remove(const Call& call, std::string_view owner, std::string_view id);

 private:
  std::optional<openai_shape::BatchError> validate(Batch& batch) override;
  std::string answered_row(const Batch& batch, std::uint64_t number, std::string_view custom_id,
                           const openai_shape::ChatAnswer& answer) const override;
  std::string failed_row(const Batch& batch, std::uint64_t number, std::string_view custom_id,
                         const openai_shape::ApiError& error) const override;
  void keep(Batch& batch) override;

  /// The job, unless it is another account's, or gone.
  Batch* find_job(const Call& call, std::string_view owner, std::string_view id);
  [[nodiscard]] bool is_gone(const Batch& batch, Time now) const;
  [[nodiscard]] std::string state(const Batch& batch, Time now) const;
  [[nodiscard]] std::string job_json(const Batch& batch, Time now) const;

  Datasets& datasets_;
  std::set<std::uint64_t> deleted_;  // numbers of batches
  json::Parser body_parser_;
};

}  // namespace weir::sim::fireworks
