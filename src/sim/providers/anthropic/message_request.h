#pragma once
// A Messages body, checked as far as the provider checks it.
// Doc: https://platform.claude.com/docs/en/api/messages (checked 2026-11-23, reference snapshot).
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "json/value.h"
#include "sim/providers/anthropic/wire.h"

namespace weir::sim::anthropic {

struct MessageRequest {
  json::Value body;  // borrowed from the parser
  const ModelRow* row = nullptr;
  std::int64_t output_max = 0;  // 0: write the cache, answer nothing
  bool stream = false;
  bool geo_us = false;                // inference_geo "us": 1.1 times the price
  std::string tool;                   // that must be called; empty: none
  std::optional<json::Value> schema;  // of the answer, or of the tool's input
};

/// A body is for a sync answer, a row of a batch, or only to be counted.
enum class Purpose : std::uint8_t { kSync, kBatchRow, kCount };
struct Reading {
  Purpose purpose = Purpose::kSync;
  Version version = Version::k20230601;
};

Checked<MessageRequest> read_message(const PriceTable& prices, json::Value body, Reading how);
/// The model row, or 404 not_found_error.
Checked<const ModelRow*> find_model(const PriceTable& prices, std::string_view model);

}  // namespace weir::sim::anthropic
