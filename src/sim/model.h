#pragma once
// The simulator's "model": a keyword classifier that follows a JSON Schema. No language model, and
// no claim to be one. Deterministic; remembers what it parsed of a static prompt, so that a request
// costs microseconds. Not thread-safe.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "json/value.h"
#include "sim/definitions.h"

namespace weir::sim {

/// What the model is asked. Views are borrowed for the call.
struct Ask {
  std::vector<std::string_view> prompt;  // every text before the document, in order
  std::string_view document;             // the last text of the last user message
  std::optional<json::Value> schema;     // of the answer
};

class Model {
 public:
  Model();
  ~Model();
  /// Minified JSON that follows the schema, or a short plain sentence when there is none.
  std::string answer(const Ask& ask);

 private:
  struct Knowledge;
  Knowledge& knowledge_of(const std::vector<std::string_view>& texts);
  std::unordered_map<std::uint64_t, std::unique_ptr<Knowledge>> known_;
};

/// ISO 639-1 code by counting stop words; "en" when nothing speaks for another language.
std::string_view guess_language(std::string_view text);

}  // namespace weir::sim
