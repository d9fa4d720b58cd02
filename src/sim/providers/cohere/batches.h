#pragma once
// Batches over datasets: create, get, list, cancel. A row fails by itself; results are Avro files of an output dataset.
// Doc: https://docs.cohere.com/reference/create-batch (reference of 2026-11-23)
#include <string>
#include <string_view>

#include "sim/openai_shape/row_batches.h"
#include "sim/providers/cohere/datasets.h"

namespace weir::sim::cohere {

class Batches final : public openai_shape::RowBatches {
 public:
  Batches(World& world, Datasets& datasets, openai_shape::Chat& chat)
      : RowBatches(world, chat), datasets_(datasets) {}

  Reply create(Call& call);
  Reply get(const Call& call, std::string_view id);
  Reply list(const Call& call) const;
  Reply cancel(const Call& call, std::string_view id);

 private:
  std::optional<openai_shape::BatchError> validate(Batch& batch) override;
  openai_shape::Checked<openai_shape::ChatRequest> read_request(const Batch& batch,
                                                                json::Value body) const override;
  std::string answered_row(const Batch& batch, std::uint64_t number, std::string_view custom_id,
                           const openai_shape::ChatAnswer& answer) const override;
  std::string failed_row(const Batch& batch, std::uint64_t number, std::string_view custom_id,
                         const openai_shape::ApiError& error) const override;
  void keep(Batch& batch) override;

  [[nodiscard]] std::string status(const Batch& batch, Time now) const;
  void write_batch(json::Writer& out, const Batch& batch, Time now) const;

  Datasets& datasets_;
  json::Parser body_parser_;
};

}  // namespace weir::sim::cohere
