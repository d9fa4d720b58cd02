#pragma once
// From usage to money: integers only, rounded nowhere (tokens × pico-dollars). Pure functions over a price row.
#include <chrono>
#include <cstdint>

#include "catalogue/catalogue.h"
#include "llm/types.h"

namespace weir::cost {

/// The prices that apply to a whole request with this prompt: the long-context ones above the threshold.
const catalogue::Rates& rates_for(const catalogue::PriceRow& row, llm::Route route, Tokens prompt);

/// What the provider bills for the usage. A cache bucket without a published price costs as much as uncached input.
Money cost_of(const llm::Usage& usage, const catalogue::PriceRow& row, llm::Route route);
/// The same tokens on the same route, none of them cached: what the cache decision is measured against.
Money uncached_cost_of(const llm::Usage& usage, const catalogue::PriceRow& row, llm::Route route);
/// The same tokens sync and uncached.
inline Money baseline_of(const llm::Usage& usage, const catalogue::PriceRow& row) {
  return uncached_cost_of(usage, row, llm::Route::kSync);
}

/// The most that a request can cost: no token is shorter than a byte, so `prompt_bytes` bounds the prompt's tokens; every one of them at
/// the dearest input price, and `output_max` tokens of output.
Money ceiling_of(std::uint64_t prompt_bytes, Tokens output_max, const catalogue::PriceRow& row,
                 llm::Route route);

/// What it costs to keep so many tokens in a cached content for so long, rounded half up once; saturates.
/// @param hour of one token for an hour
Money storage_cost(Tokens tokens, std::chrono::seconds kept, Price hour);

/// Price of a write at this TTL; the input price where none is published.
Price write_price(const catalogue::Rates& rates, llm::CacheTtl ttl);
Price read_price(const catalogue::Rates& rates);

/// Tokens of a text before the provider has counted it: about four bytes a token in English prose and JSON.
constexpr Tokens estimate_tokens(std::uint64_t bytes) {
  return {static_cast<std::int64_t>((bytes + 3) / 4)};
}

}  // namespace weir::cost
