#pragma once
// For tests only: a simulator with the anthropic provider, and bodies of requests.
#include <memory>
#include <string>

#include "sim/testing.h"

namespace weir::sim::anthropic {

std::unique_ptr<Provider> make_provider();

inline testing::Bench make_bench(Options options = {}) {
  return {make_provider(),
          {{"x-api-key", "key-1"}, {"anthropic-version", "2023-06-01"}},
          std::move(options)};
}

inline constexpr std::string_view kMessagesPath = "/anthropic/v1/messages";
inline constexpr std::string_view kBatchesPath = "/anthropic/v1/messages/batches";

inline std::string control(std::string_view ttl) {
  if (ttl.empty()) return "";
  return R"(,"cache_control":{"type":"ephemeral","ttl":")" + std::string(ttl) + "\"}";
}
inline std::string text_block(std::string_view text, std::string_view ttl = "") {
  return R"({"type":"text","text":")" + std::string(text) + "\"" + control(ttl) + "}";
}
/// A body with a static system part that is marked with `ttl` (empty: not at all), and a document.
inline std::string body_of(std::string_view system, std::string_view ttl, std::string_view document,
                           std::string_view more = "") {
  return R"({"model":"claude-sonnet-5","max_tokens":64,"system":[)" + text_block(system, ttl) +
         R"(],"messages":[{"role":"user","content":")" + std::string(document) + "\"}]" +
         std::string(more) + "}";
}

struct Usage {
  std::int64_t input = 0, read = 0, write_5m = 0, write_1h = 0, output = 0;
  friend bool operator==(const Usage&, const Usage&) = default;
};
inline void PrintTo(const Usage& u, std::ostream* out) {
  *out << "input " << u.input << " read " << u.read << " 5m " << u.write_5m << " 1h " << u.write_1h
       << " output " << u.output;
}
inline Usage usage_of(json::Value message) {
  const json::Value usage = message["usage"];
  EXPECT_EQ(usage["cache_creation_input_tokens"].integer_or(-1),
            usage["cache_creation"]["ephemeral_5m_input_tokens"].integer_or(0) +
                usage["cache_creation"]["ephemeral_1h_input_tokens"].integer_or(0));
  return {.input = usage["input_tokens"].integer_or(-1),
          .read = usage["cache_read_input_tokens"].integer_or(-1),
          .write_5m = usage["cache_creation"]["ephemeral_5m_input_tokens"].integer_or(-1),
          .write_1h = usage["cache_creation"]["ephemeral_1h_input_tokens"].integer_or(-1),
          .output = usage["output_tokens"].integer_or(-1)};
}

}  // namespace weir::sim::anthropic
