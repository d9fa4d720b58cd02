#pragma once
// Embeddings, simulated: rows of models, and vectors that follow from the text alone. Texts that are alike are no nearer to each other
// than others: nobody may judge a retrieval by them.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/embedded.h"
#include "base/result.h"
#include "base/time.h"
#include "sim/provider.h"

namespace weir::sim {

struct EmbeddingRow {
  std::string model;
  std::int64_t input_pico = 0;        // of a token
  std::int64_t dimensions = 0;        // of a vector, unasked
  bool selectable = false;            // fewer may be asked for
  std::int64_t input_tokens_max = 0;  // of one text
};

class EmbeddingTable {
 public:
  /// The folder's embeddings.json: [{"model":"…","input":"0.02","dimensions":1536,"selectable":true,"max_input_tokens":8192}],
  /// dollars a million tokens. No such file: an empty table. @error kInvalidArgument not such an array.
  static Result<EmbeddingTable> find_in(std::span<const EmbeddedFile> files);
  static Result<EmbeddingTable> parse(std::string_view text);
  [[nodiscard]] const EmbeddingRow* find(std::string_view model) const;
  [[nodiscard]] const std::vector<EmbeddingRow>& rows() const { return rows_; }

 private:
  std::vector<EmbeddingRow> rows_;
};

/// From a request to its vectors.
inline constexpr Duration kEmbeddingTime = std::chrono::milliseconds(80);

/// Of length 1; the same for the same text, purpose and size on every machine. @param size at least 1
std::vector<float> unit_vector(std::string_view text, std::string_view purpose, std::size_t size);
/// [0.1,-0.25]
std::string json_of(std::span<const float> vector);
/// Base64 of the numbers as float32, least significant byte first.
std::string base64_of(std::span<const float> vector);

/// Bills the answer, which comes after its time. @param provider as in the bill
void deliver_embedding(World& world, Call& call, std::string_view provider, const EmbeddingRow& row,
                       std::int64_t tokens, Reply& reply);

}  // namespace weir::sim
