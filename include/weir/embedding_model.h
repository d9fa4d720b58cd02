#pragma once
// EmbeddingModel: texts to vectors. Models come from Engine::embedding_model(); users may derive their own.
// Thread-safety: every call of every EmbeddingModel may come from any thread, several at once.
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "weir/chat_model.h"
#include "weir/result.h"
#include "weir/usage.h"

namespace weir {

/// What the vectors are for. Some providers make the two differently; to others it makes no difference.
enum class EmbeddingPurpose : std::uint8_t {
  kDocument,  // to be found
  kQuery      // to find
};

/// Of one call.
struct EmbedOptions {
  std::optional<std::uint32_t> dimensions =
      std::nullopt;  // unset: the configuration's, else the model's own
  EmbeddingPurpose purpose = EmbeddingPurpose::kDocument;
  /// From now, by the engine's clock, of all texts.
  std::optional<std::chrono::microseconds> deadline = std::nullopt;
  bool urgent = false;                // goes first within the account's limits
  std::string workload = {};          // a name for metrics and budgets, at most 64 characters
  std::uint32_t concurrency_max = 8;  // requests in flight; 1 to 512
};

struct Embeddings {
  std::vector<std::vector<float>> vectors;  // one a text, in the order of the texts; all as long
  Usage usage;                              // input only; of all requests
  Money cost;  // by the catalogue's prices; 0 where the model has none (a server of the user's own)
  /// False: the provider did not say every usage. What it did not say is in neither `usage` nor `cost`; metrics show the most that it
  /// can cost as unknown.
  bool metered = true;
  std::uint32_t requests = 0;  // that the texts went out in
  std::uint32_t attempts = 0;  // tries that reached the provider
  std::string model;           // as the provider names it
};

class WEIR_API EmbeddingModel {
 public:
  EmbeddingModel() = default;
  EmbeddingModel(const EmbeddingModel&) = delete;
  EmbeddingModel& operator=(const EmbeddingModel&) = delete;
  virtual ~EmbeddingModel();

  /// A vector for each text; blocks. Texts go out in as few requests as the provider's limits allow, each retried as single requests
  /// are. Not idempotent: each call may be billed. All or nothing: what came before an error is billed, and lost.
  /// @param texts UTF-8, none of them empty; no text gives no vector. A text that is too long for the model is the provider's to
  /// refuse, or to cut.
  /// @error kInvalidArgument an empty text, an option out of range, or the provider refuses a text; kUnsupported the provider cannot
  /// be told the dimensions; kUnauthenticated; kRateLimited, kUnavailable after the retries; kDeadlineExceeded the outcome is unknown;
  /// kBadResponse not one vector a text; kCancelled by the stop token.
  virtual Result<Embeddings> embed(std::span<const std::string> texts,
                                   const EmbedOptions& options = {}, std::stop_token stop = {}) = 0;
  /// Which model this is. The same at each call; costs nothing; no error.
  [[nodiscard]] virtual ModelInfo info() const = 0;
};

}  // namespace weir
