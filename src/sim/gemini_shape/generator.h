#pragma once
// One generated content: implicit cache, answer, usage, price. The same for a sync request and for a
// row of a batch.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/gemini_shape/prompt.h"
#include "sim/gemini_shape/traits.h"
#include "sim/generate.h"

namespace weir::sim::gemini_shape {

/// Where and when an answer is asked for.
struct Context {
  std::string account;
  Time start;
  Time priced_at;            // of a row: when its batch was made
  std::uint64_t number = 0;  // what chance is drawn for: the request, or the batch and the row
  bool batch = false;
  bool may_read_cache = true;
};

struct Content {
  std::string id;
  std::string model;
  std::string tool;
  std::string call_id;
  bool signs = false;           // its call carries a thought signature
  std::optional<Time> created;  // where the provider tells it
  Generated generated;
  std::int64_t thoughts = 0;  // tokens of them; billed as output
  std::int64_t image_tokens = 0;
  TokenBuckets tokens;
  Latency latency;
  std::int64_t pico_usd = 0;
  const ModelRow* row = nullptr;
};

class Generator {
 public:
  Generator(World& world, const PriceTable& prices, const Traits& traits)
      : world_(world), prices_(prices), traits_(traits), walker_(traits.cache_step) {}

  /// @error 400 the input is too long.
  Checked<Content> generate(const GenerateRequest& request, const Context& context);
  /// Tokens of the prompt alone.
  std::int64_t count(const GenerateRequest& request);
  /// The row of a model, or 404. @param method, version for the text
  [[nodiscard]] Checked<const ModelRow*> find_model(std::string_view model, std::string_view method,
                                                    std::string_view version = "v1beta") const;
  [[nodiscard]] const PriceTable& prices() const { return prices_; }
  [[nodiscard]] const Traits& traits() const { return traits_; }

 private:
  void use_cache(const ModelRow& row, const Context& context, const Prompt& prompt, Time first_byte,
                 TokenBuckets& tokens);
  World& world_;
  const PriceTable& prices_;
  const Traits& traits_;
  PrefixWalker walker_;
};

/// The GenerateContentResponse object.
std::string response_body(const Content& content);
/// The same as a stream of them, whole objects without their framing.
std::vector<Piece> response_chunks(const Content& content);

}  // namespace weir::sim::gemini_shape
