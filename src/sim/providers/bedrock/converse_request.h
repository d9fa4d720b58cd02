#pragma once
// A Converse body, checked as far as the provider checks it, and stricter with names that it does not know.
// Docs (checked 2026-11-23, reference snapshot): https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html;
// structured outputs (checked 2026-11-27): https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "json/value.h"
#include "sim/prices.h"
#include "sim/providers/bedrock/wire.h"

namespace weir::sim::bedrock {

/// A model as a request names it: its row, and what a geographic profile adds.
struct NamedModel {
  const ModelRow* row = nullptr;
  std::int64_t percent = 100;  // of Claude, but for "global.": 110
  bool claude = false;
};
/// @error 400 the provided model identifier is invalid.
Checked<NamedModel> find_model(const PriceTable& prices, std::string_view model);

struct ConverseRequest {
  json::Value body;  // borrowed from the parser
  NamedModel model;
  std::int64_t output_max = 0;
  std::string tool;                             // that must be called; empty: none
  std::optional<json::Value> schema;            // of the answer, or of the tool's input
  std::shared_ptr<json::Parser> schema_parser;  // what an answer's schema lives in
};

/// @param batch a row of one: cache points are refused, there is no cache
Checked<ConverseRequest> read_converse(const NamedModel& model, json::Value body, bool batch);

}  // namespace weir::sim::bedrock
