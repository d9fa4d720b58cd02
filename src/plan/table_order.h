#pragma once
// Another order of fields, row by row, so that rows of a table share longer prefixes. Opt-in: it changes prompts, so only for template
// fields that the user marked as re-orderable. Pure and deterministic.
//
// Greedy over groups of rows with a common value, as GGR does (arXiv 2403.05821), without its limits of depth and with two additions:
// what turns out constant in a group goes along with it (so functional dependencies need not be declared or mined), and before a group
// is taken the more general values that it implies are taken first (the brand before the product: it costs the product's rows nothing and lets
// other products share the brand). A few variants are tried, each is priced on the tree of prefixes that it makes, and the cheapest is
// kept; the order as it came is one of them, so the result is never dearer than that.
//
// Memory while it runs: about 28 bytes a cell; so feed a large table in parts of kTableRowsMax rows. Time: half a second per
// 100,000 rows of a dozen columns.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "plan/prefix_settings.h"
#include "plan/prefix_trie.h"

namespace weir::plan {

inline constexpr std::size_t kTableColumnsMax = 64;
/// Rows to hand over at once: what fits beside a job in 64 MB at a dozen columns, and still shares what there is to share. Not enforced.
inline constexpr std::size_t kTableRowsMax = 1U << 16;

/// Cells row by row: rows x columns of each. Two cells are equal when column and hash are.
struct TableView {
  std::size_t columns = 0;
  std::span<const std::uint64_t> hashes;
  std::span<const std::uint32_t> tokens;
  BlockKey before;  // what stands before the fields in every row; tokens 0: nothing
};

struct TableOrder {
  std::vector<std::uint8_t> fields;  // by row: a permutation of the columns, first to last
  std::vector<std::uint32_t> rows;   // rows with common prefixes follow each other
  MoneySum cost, cost_as_it_came;    // lower bounds of the prompts, to compare
  std::string reason;
};

/// @error kInvalidArgument no columns, more than kTableColumnsMax, or cells that do not make whole rows.
Result<TableOrder> order_table(const TableView& table, const PrefixSettings& settings);

}  // namespace weir::plan
