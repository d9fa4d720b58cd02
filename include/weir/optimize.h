#pragma once
// optimize(): takes any ChatModel and gives the same model with batch and cache optimisation. Calling code does not change.
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/engine.h"

namespace weir {

enum class Strategy : std::uint8_t {
  kAuto,       // the cheapest admissible route
  kBatchOnly,  // no cache action of ours
  kCacheOnly,  // never a batch
  kBoth,       // both where they stack, else the preference
  kDisabled    // nothing of ours
};
enum class Preference : std::uint8_t { kNone, kCache, kBatch };
enum class CacheStrategy : std::uint8_t { kExplicit, kAutomatic, kNone };
/// "explicit", "automatic", "none"
WEIR_API std::string_view to_string(CacheStrategy strategy);

struct BatchConfig {
  bool enabled = false;
  std::uint64_t max_batch_size =
      10'000;  // requests of one provider batch; 1 to the provider's limit
  std::chrono::seconds timeout = std::chrono::hours(24);  // of a running batch
  std::chrono::seconds poll_interval_max{60};
};

struct CacheConfig {
  bool enabled = false;
  std::optional<CacheStrategy> strategy = std::nullopt;    // unset: the provider's
  std::optional<std::chrono::seconds> ttl = std::nullopt;  // unset: the planner's
  Tokens min_tokens{0};                                    // the larger of the model's and this
  std::uint32_t max_breakpoints = 4;
};

struct Optimization {
  std::string provider = {};  // whose rules hold; empty: as the base says
  BatchConfig batch = {};
  CacheConfig cache = {};
  Strategy strategy = Strategy::kAuto;
  Preference preference = Preference::kNone;
  bool fallback_to_standard =
      true;  // false: where an optimisation step fails, the call fails with its reason
  std::chrono::seconds fallback_timeout{
      1800};  // of a batch's submission, until the provider has it
  std::string workload = {};
};

/// Gives the next request, or nothing at the end. Called on the thread that calls submit().
using RequestGenerator = std::function<std::optional<Request>()>;

class WEIR_API OptimizedModel final : public ChatModel {
 public:
  class Impl;
  explicit OptimizedModel(std::unique_ptr<Impl> impl);
  ~OptimizedModel() override;

  Result<Response> invoke(const Request& request, const CallOptions& options = {},
                          std::stop_token stop = {}) override;
  Result<Response> stream(const Request& request, const OnChunk& on_chunk,
                          const CallOptions& options = {}, std::stop_token stop = {}) override;
  /// With batching on, a base of Weir's: submit() and wait(). An optimisation that fails reaches the caller only where
  /// fallback_to_standard is false.
  std::vector<Result<Response>> batch(std::span<const Request> requests,
                                      const CallOptions& options = {},
                                      std::stop_token stop = {}) override;
  /// The base's.
  [[nodiscard]] ModelInfo info() const override;

  /// Accepts the requests for good (durable when it returns) and answers them at the lowest price that meets the deadline.
  /// @error kInvalidArgument no request, or one that the model cannot take (its number); kUnsupported the base is none of Weir's;
  /// kUnavailable the engine has stopped, or the disk does not take it.
  Result<Job> submit(const RequestGenerator& next, const CallOptions& options = {});
  /// The same for requests that are at hand: one item each, in their order. @error as above.
  Result<Job> submit(std::vector<Request> requests, const CallOptions& options = {});

  /// Whether the base has a batch API: of a model of Weir its catalogue says so, of a user's own its being a BatchPort. Says nothing of
  /// whether batching is switched on.
  [[nodiscard]] bool can_batch() const;
  /// Whether the provider caches prefixes of this model. Says nothing of whether caching is switched on.
  [[nodiscard]] bool can_cache() const;
  /// CacheConfig::strategy where it is set, else the provider's way with this model.
  [[nodiscard]] CacheStrategy cache_strategy() const;
  [[nodiscard]] Impl& impl() const { return *impl_; }  // for Weir itself

 private:
  std::unique_ptr<Impl> impl_;
};

/// @param base a model of Weir (Engine::model) or one of the user's own; where that implements BatchPort as well, its batches are used.
/// @error kInvalidArgument no base, one that is optimised already, one of another engine, or a limit out of range.
WEIR_API Result<std::unique_ptr<OptimizedModel>> optimize(Engine& engine,
                                                          std::unique_ptr<ChatModel> base,
                                                          Optimization optimization);

/// What a provider and model can do. An unknown provider can nothing; an unknown model of a known provider has no cache minimum.
struct Capabilities {
  bool batch = false;
  std::uint64_t batch_requests_max = 0;
  CacheStrategy cache = CacheStrategy::kNone;
  std::uint32_t cache_breakpoints_max = 0;
  Tokens cache_prefix_min{0};
  std::vector<std::chrono::seconds> cache_ttls;  // that a hint may name, ascending; empty: none
};
/// By the built-in catalogue, without an engine. The provider goes without regard to case; sizes are in requests and tokens, TTLs in seconds.
/// No error: what is not known can nothing. Pure, thread-safe.
WEIR_API Capabilities capabilities(std::string_view provider, std::string_view model);

}  // namespace weir
