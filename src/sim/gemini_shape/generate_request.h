#pragma once
// A generateContent body, checked as far as the provider checks it. Docs (checked 2026-11-23,
// reference snapshot): https://ai.google.dev/api/generate-content,
// https://ai.google.dev/gemini-api/docs/thought-signatures (checked 2026-11-28)
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "json/value.h"
#include "sim/gemini_shape/wire.h"
#include "sim/prices.h"

namespace weir::sim::gemini_shape {

struct GenerateRequest {
  json::Value body;    // borrowed from the parser
  json::Value cached;  // what the cached content that it names was made of; null: it names none
  const ModelRow* row = nullptr;
  std::string model;
  std::int64_t output_max = 0;
  std::string tool;                   // function that must be called; empty: none
  std::optional<json::Value> schema;  // of the answer, or of the tool's arguments
  bool json = false;                  // responseMimeType
  bool thinks = false;
};

/// @param model as the path names it, without "models/"
/// @param cached of the cached content that the body names; null: a body that names one is refused, as rows of batches are
Checked<GenerateRequest> read_generate(const ModelRow& row, std::string_view model,
                                       json::Value body, json::Value cached = {});

/// The body of a cached content that is to be made, as if it were a request.
Checked<GenerateRequest> read_content(const ModelRow& row, std::string_view model,
                                      json::Value body);

/// What is signed by our own models, or by the documented placeholders.
inline constexpr std::string_view kSignaturePrefix = "c2ltdWxhdGVk";
[[nodiscard]] bool is_signature(std::string_view text);
/// Gemini 3 and later: signatures, answer formats beside tools.
[[nodiscard]] bool is_gemini_3(std::string_view model);

}  // namespace weir::sim::gemini_shape
