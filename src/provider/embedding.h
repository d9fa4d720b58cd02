#pragma once
// Embeddings: what is asked, what is answered, and the part of an adapter that speaks of both. Pure, stateless and
// thread-safe, as adapter.h says: no clock, no socket. How much fits into a request is data (catalogue::EmbeddingLimits).
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "json/value.h"
#include "provider/adapter.h"

namespace weir::provider {

/// What the vectors are for. Providers that make no difference are not told.
enum class EmbeddingPurpose : std::uint8_t {
  kDocument,  // to be found
  kQuery      // to find
};

struct EmbeddingRequest {
  std::string model;                                       // the provider's name of it
  std::vector<std::string> inputs;                         // UTF-8; none of them empty
  std::optional<std::uint64_t> dimensions = std::nullopt;  // unset: the model's own
  EmbeddingPurpose purpose = EmbeddingPurpose::kDocument;
};

struct Embeddings {
  std::vector<std::vector<float>> vectors;  // in the order of the inputs; all as long, all finite
  std::string model;                        // as the provider names it; may be empty
  /// Input only. Unset where a provider that need not say it did not: then nobody knows what it cost.
  std::optional<llm::Usage> usage;
  std::string usage_raw;  // the provider's words
};

class EmbeddingCodec {
 public:
  virtual ~EmbeddingCodec() = default;
  /// One request for all inputs. @param request at most EmbeddingLimits::inputs_max inputs.
  /// @error kInvalidArgument no model or no input; kUnsupported the provider cannot be told the dimensions, or takes fewer inputs.
  [[nodiscard]] virtual Result<http::RequestPlan> encode_embed(const EmbeddingRequest& request,
                                                               const SyncCall& call) const = 0;
  /// The answer to that request, or the provider's error. @error kBadResponse a 2xx that is not one vector an input (missing,
  /// twice, out of range, not finite, of different lengths or not of the length asked for), or that lacks the usage that the provider always says.
  [[nodiscard]] virtual Result<Embeddings> decode_embed(const EmbeddingRequest& request,
                                                        const http::Response& response,
                                                        Time now) const = 0;
};

/// @error kInvalidArgument no model, no input, or an empty one.
[[nodiscard]] Result<void> check_embedding(const EmbeddingRequest& request);

/// Where the texts are cut into requests: behind the last one of each, so that the last number is the number of texts. No provider's
/// tokens can be counted here: a text has no more of them than bytes, which is what `tokens_max` is held against. A text that alone
/// has more goes alone.
[[nodiscard]] std::vector<std::size_t> request_ends(std::span<const std::string> texts,
                                                    const catalogue::EmbeddingLimits& limits);

/// No model has longer vectors; more is nonsense, or an attack.
inline constexpr std::size_t kDimensionsMax = 65'536;

/// The vectors of one answer as they are read: each input has one, whatever a provider says.
class VectorsReader {
 public:
  /// @param provider its name, for errors; outlives this
  VectorsReader(std::string_view provider, const EmbeddingRequest& request)
      : provider_(provider),
        wanted_(request.dimensions.value_or(0)),
        vectors_(request.inputs.size()) {}

  /// An array of numbers, or the base64 of little-endian float32. @error kBadResponse as decode_embed.
  Result<void> add(std::int64_t index, json::Value vector);
  /// The same for arrays that say no index: in order.
  Result<void> add(json::Value vector) { return add(next_++, vector); }
  /// @error kBadResponse an input has no vector.
  Result<std::vector<std::vector<float>>> finish();

  [[nodiscard]] std::unexpected<Error> bad(std::string_view what) const;

 private:
  std::string_view provider_;
  std::size_t wanted_;  // length of each; 0: of the first
  std::vector<std::vector<float>> vectors_;
  std::int64_t next_ = 0;
};

}  // namespace weir::provider
