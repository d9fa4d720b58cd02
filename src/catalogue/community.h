#pragma once
// The public community price file (LiteLLM's model_prices_and_context_window.json): an object of model to prices in dollars a
// token, for thousands of models. Read for our providers, compared with the catalogue, or turned into an overlay of it.
// Doc: https://github.com/BerriAI/litellm, the file itself (checked 2026-11-23, by a stored copy).
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "catalogue/catalogue.h"

namespace weir::catalogue {

struct CommunityRow {
  std::string provider, model;  // by our names
  Price input, output;
  std::optional<Price> cache_read, cache_write, cache_write_1h, batch_input, batch_output;
  std::optional<Tokens> input_max, output_max;
};

struct CommunityPrices {
  std::vector<CommunityRow> rows;  // in the order of the file
  std::size_t others = 0;          // entries of other providers, other modes, or without prices
};

/// @error kInvalidArgument not such a file; the message says where.
Result<CommunityPrices> read_community_prices(std::string_view text);

/// Decimal dollars a token as JSON writes a number ("3e-06", "0.0000015") to a price; no double takes part.
/// @error kInvalidArgument not a non-negative number, or too large.
Result<Price> price_of_token(std::string_view number);

/// Where the file and the catalogue's price at `at` disagree about a model that both know.
struct PriceDifference {
  std::string model;   // PROVIDER/MODEL
  std::string column;  // "input", "cache_read", "batch_input", …
  std::optional<Price> ours, theirs;
};
std::vector<PriceDifference> price_differences(const Catalogue& catalogue,
                                               const CommunityPrices& prices, Time at);

/// The rows as an overlay for Catalogue::overlay().
std::string overlay_json(const CommunityPrices& prices, std::string_view source,
                         std::string_view as_of);

}  // namespace weir::catalogue
