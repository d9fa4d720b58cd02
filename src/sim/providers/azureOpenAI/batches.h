#pragma once
// Azure's batches: OpenAI's, but for codes of their own, an error file that may be empty, and no end after 24 h. Asked for
// by the older URL form, a batch is told with words in capitals, times as text and counts of null.
// Doc: https://learn.microsoft.com/azure/ai-foundry/openai/how-to/batch (checked 2026-11-23)
#include "sim/openai_shape/batches.h"

namespace weir::sim::azureOpenAI {

class Batches final : public openai_shape::Batches {
 public:
  using openai_shape::Batches::Batches;
  /// How the batches of this call are told.
  void tell_as_older_form(bool older) { older_ = older; }

 protected:
  std::optional<openai_shape::BatchError> validate(Batch& batch) override;
  void keep(Batch& batch) override;
  [[nodiscard]] std::string batch_json(const Batch& batch, Time now) const override;
  [[nodiscard]] Time told_expiry(const Batch& batch) const override;

 private:
  bool older_ = false;
};

}  // namespace weir::sim::azureOpenAI
