#pragma once
// Groq's batches: OpenAI's object, but errors are a bare array, and lists go on by a cursor or name the batches that are
// asked for. In which order lists are is not documented: the oldest first here, so that nobody relies on OpenAI's.
// Doc: https://console.groq.com/docs/batch (checked 2026-11-23)
#include "sim/openai_shape/batches.h"

namespace weir::sim::groq {

class Batches final : public openai_shape::Batches {
 public:
  using openai_shape::Batches::Batches;
  [[nodiscard]] Reply list(const Call& call) const override;

 protected:
  void write_errors(const openai_shape::BatchError& error, json::Writer& out) const override;
};

}  // namespace weir::sim::groq
