#pragma once
// POST /v2/embed. Doc: https://docs.cohere.com/reference/embed (reference of 2026-11-23)
#include <expected>
#include <string>

#include "json/value.h"
#include "sim/embedding.h"

namespace weir::sim::cohere {

struct EmbeddingAnswer {
  std::string body;
  const EmbeddingRow* row = nullptr;
  std::int64_t tokens = 0;
};
struct EmbeddingRefusal {
  int status = 400;
  std::string message;
};

std::expected<EmbeddingAnswer, EmbeddingRefusal> embed(const EmbeddingTable& table,
                                                       json::Value body, std::string_view id);

}  // namespace weir::sim::cohere
