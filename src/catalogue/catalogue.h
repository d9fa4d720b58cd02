#pragma once
// The catalogue: capabilities and prices of providers and models, dated data from data/catalogue/*.json.
// Immutable after load, safe to share between threads. Prices move weekly: every row says since when, from where.
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/embedded.h"
#include "base/result.h"
#include "base/time.h"
#include "base/units.h"
#include "llm/types.h"

namespace weir::catalogue {

/// How a batch discount and a cache discount combine (providers.md 15.2 names the providers).
enum class Stacking : std::uint8_t {
  kMultiply,        // both count
  kCacheFullPrice,  // cached tokens at the sync cache price, the rest halved
  kBatchRateOnly,   // cached tokens at the batch input price
  kNoCacheInBatch,  // a batch neither reads nor writes
  kUnknown          // undocumented: estimated without a cache discount
};

/// Prices of one token by bucket. Missing = the provider publishes none.
struct Rates {
  Price input, output;
  std::optional<Price> cache_read, cache_write_5m, cache_write_1h, cache_write;
};

/// Prices in force from `from` (inclusive) to `until` (exclusive).
struct PriceRow {
  std::optional<Time> from, until;
  Rates sync, batch;  // batch: published where there is one, else derived
  bool batch_published = false;
  std::optional<Tokens> long_threshold;  // above it the whole request costs long_*
  Rates long_sync, long_batch;
  // Of one token kept for an hour in a cached content that is made by name; none: the model has no such contents.
  std::optional<Price> cache_storage_hour;
  std::string source, as_of, confidence, notes;
};

enum class CacheMode : std::uint8_t { kNone, kAutomatic, kBreakpoints };

/// What one request of an embedding model may hold.
struct EmbeddingLimits {
  std::uint64_t inputs_max = 1;        // texts
  std::optional<Tokens> tokens_max;    // of all its texts; Model::input_max is that of one
  std::uint64_t dimensions = 0;        // of a vector, unasked; 0: not known
  bool dimensions_selectable = false;  // a request may ask for fewer
};

struct Model {
  std::string name;
  bool listed =
      true;  // false: the catalogue knows the provider only, and prices it as `other_models` says
  Stacking stacking = Stacking::kUnknown;
  CacheMode cache = CacheMode::kNone;
  bool automatic_writes_charged =
      false;  // the provider writes by itself and charges for it (OpenAI 5.6 and later)
  std::optional<Tokens> cache_prefix_min;
  std::optional<Tokens> input_max, output_max;
  bool batch = false;
  bool temperature_allowed = true;
  std::optional<EmbeddingLimits> embedding;  // set: it makes embeddings, and does not chat
  std::vector<PriceRow> prices;              // newest first

  /// The row whose validity covers `at`; the nearest one when none does (the receipt then says so).
  [[nodiscard]] const PriceRow& price_at(Time at) const;
};

struct BatchLimits {
  std::uint64_t requests_min = 0;  // fewer are refused
  std::uint64_t requests_max = 0;
  std::uint64_t bytes_max = 0;
  std::uint64_t line_bytes_max = 0;
  std::uint64_t creates_per_hour_max = 0;  // 0: none is published
  std::uint64_t enqueued_tokens_max = 0;   // input of a model's unfinished batches; 0: not known
  Duration window{};                       // the provider gives up after it
  Duration create_visibility_max{};        // after it, a create that is not listed was not made
  Duration poll_min{}, poll_max{};
  bool mixed_models = false;
  bool answer_format = true;         // false: a batch cannot be told an answer's schema
  bool webhooks = false;             // signed ones tell that a batch has ended: provider/webhook.h
  bool cancel_keeps_results = true;  // false: what a cancelled batch had done is lost, paid or not
  // Without which no batch can be made, such as an account id; several with a space between. Empty: none.
  std::string setting;
  std::vector<std::string> result_hosts;  // beside the endpoint's, where links to results may lead
};

struct CacheLimits {
  std::uint64_t breakpoints_max = 0;
  std::vector<llm::CacheTtl> ttls;     // that a mark may name
  double batch_hit_rate_expected = 0;  // best effort, seen 0.30 to 0.98; corrected by observation
  // What has been written before is all but certainly read, where prefixes are marked or keyed; else as careful as the provider is.
  double sync_hit_rate_expected = 0.95;
  llm::CacheTtl sync_mark = llm::CacheTtl::kDefault;  // that we would set on each route…
  llm::CacheTtl batch_mark = llm::CacheTtl::kDefault;
  Duration sync_ttl{}, batch_ttl{};  // …and how long it lives
  // Of cached contents that are made by name, beside a cache that works by itself.
  struct Contents {
    Duration create_visibility_max{};  // after it, one that is not listed was not made
  };
  std::optional<Contents> contents;
};

struct Provider {
  std::string name;
  std::string
      endpoint;  // default base URL, may hold a setting as "{region}"; empty: must be configured
  std::vector<std::pair<std::string, std::string>>
      endpoints;  // of values of that setting for which the pattern does not hold
  std::vector<std::string> settings;  // without which nothing can be sent
  std::string key_variable;           // environment variable of its key
  std::string key_setting;            // a setting that, where it is given, is the key; empty: none
  bool key_optional = false;          // works without one
  std::optional<BatchLimits> batch;
  CacheLimits cache;
  std::vector<Model> models;
  std::optional<Model> other_models;  // of a server whose models nobody can list; without a name
  std::vector<Model> embedding_models;
  std::optional<Model> other_embedding_models;  // as other_models
  std::string checked;                          // date of the last look at the provider's documents

  /// Among `models`.
  [[nodiscard]] const Model* find(std::string_view model) const;
  /// Among `embedding_models`.
  [[nodiscard]] const Model* find_embedding(std::string_view model) const;
};

/// The base URL to use: the configured one, else the provider's own. @error kInvalidArgument neither is there.
Result<std::string> endpoint_of(const Provider& provider, std::string_view configured);

class Catalogue {
 public:
  /// @error kInvalidArgument a file is not a catalogue file; the message names file and place.
  static Result<Catalogue> load(const std::vector<EmbeddedFile>& files);
  /// The catalogue built into the program.
  static Result<Catalogue> built_in();

  /// Prices of the user's own, over those that are here: {"prices":[{"provider","model","sync":{"input":"3.00",…},"batch":{…},
  /// "input_max","output_max","source","as_of"}]}, in dollars a million tokens. A model that is not here is added, without batch
  /// and cache: nothing says that it has them. @error kInvalidArgument not that shape, or an unknown provider; `name` and place.
  Result<void> overlay(std::string_view name, std::string_view text);

  /// By name, without regard to case; null when there is none.
  [[nodiscard]] const Provider* find(std::string_view provider) const;
  [[nodiscard]] const std::vector<Provider>& providers() const { return providers_; }

 private:
  std::vector<Provider> providers_;
};

enum class ModelKind : std::uint8_t { kChat, kEmbedding };

/// "anthropic/claude-sonnet-5" to provider and model. The first segment is a provider only if the catalogue has it.
/// A provider with other_models takes any name. @error kInvalidArgument no provider segment, or a model of the other kind;
/// kUnsupported the provider has no embeddings; kNotFound unknown model (the hint names the nearest).
struct ModelRef {
  const Provider* provider = nullptr;
  std::shared_ptr<const Model> model;  // of the catalogue, or made for this name
};
Result<ModelRef> resolve(const Catalogue& catalogue, std::string_view name,
                         ModelKind kind = ModelKind::kChat);

}  // namespace weir::catalogue
