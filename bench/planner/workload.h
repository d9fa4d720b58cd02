#pragma once
// Generated jobs with the size distributions of real ones: thousands of tokens of instructions, log-normal documents, Zipf tenants.
// Same seed, same job.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "plan/prefix_trie.h"

namespace weir::bench {

using plan::BlockKey;

/// Rows whose fields may change places: cells row by row. Instructions stand before them.
struct Table {
  std::size_t rows = 0, columns = 0;
  std::vector<std::uint64_t> hashes;
  std::vector<std::uint32_t> tokens;
  BlockKey instructions;
};

struct Workload {
  std::string name;
  std::vector<std::size_t> begin{0};  // by item, into blocks; one more than items
  std::vector<BlockKey> blocks;
  std::vector<std::uint32_t> system_blocks;  // by item: what a client calls the system prompt
  Table table;                               // empty where nothing may be reordered

  [[nodiscard]] std::size_t items() const { return begin.size() - 1; }
  [[nodiscard]] std::span<const BlockKey> item(std::size_t i) const {
    return std::span(blocks).subspan(begin[i], begin[i + 1] - begin[i]);
  }
  void add(std::span<const BlockKey> item, std::uint32_t system) {
    blocks.insert(blocks.end(), item.begin(), item.end());
    begin.push_back(blocks.size());
    system_blocks.push_back(system);
  }
};

Workload shared_static(std::size_t items, std::uint64_t seed);
Workload two_level(std::size_t items, std::uint64_t seed);
Workload table_rows(std::size_t items, std::uint64_t seed);
Workload retrieval(std::size_t items, std::uint64_t seed);
Workload agent_traces(std::size_t items, std::uint64_t seed);
/// A small or middling job of any shape, for properties over many of them.
Workload random_workload(std::uint64_t seed, std::size_t items_max);

/// The rows with their fields in another order: `fields` has a permutation of the columns for each row.
Workload reordered(const Workload& from, std::span<const std::uint8_t> fields);

}  // namespace weir::bench
