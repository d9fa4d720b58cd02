#pragma once
// Batches over uploaded files, as operations. Docs (checked 2026-11-23, reference snapshot):
// https://ai.google.dev/gemini-api/docs/batch-api, https://ai.google.dev/api/batch-api
#include <string>
#include <string_view>

#include "sim/gemini_shape/row_batches.h"
#include "sim/providers/gemini/files.h"

namespace weir::sim::gemini {

class Batches final : public gemini_shape::RowBatches {
 public:
  Batches(World& world, gemini_shape::Generator& generator, Files& files)
      : RowBatches(world, generator), files_(files) {}

  Reply create(Call& call, std::string_view model);
  Reply get(const Call& call, std::string_view id);
  Reply list(const Call& call) const;
  Reply cancel(const Call& call, std::string_view id);
  Reply remove(const Call& call, std::string_view id);

 private:
  struct NewBatch;
  gemini_shape::Checked<NewBatch> read_create(const Call& call, const ModelRow& row,
                                              std::string_view model, json::Value body);
  [[nodiscard]] Row read_row(json::Value line) const override;
  [[nodiscard]] std::string answered_row(const Row& row,
                                         const gemini_shape::Content& content) const override;
  [[nodiscard]] std::string failed_row(const Row& row,
                                       const gemini_shape::ApiError& error) const override;
  void keep(Batch& batch) override;
  [[nodiscard]] std::string operation_json(const Batch& batch, Time now) const;
  void write_metadata(const Batch& batch, Time now, json::Writer& out) const;

  Files& files_;
  std::uint64_t created_ = 0;
};

}  // namespace weir::sim::gemini
