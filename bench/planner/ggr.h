#pragma once
// Greedy group recursion, as published: Liu et al., Optimizing LLM Queries in Relational Data Analytics Workloads, arXiv 2403.05821,
// algorithm 1, with its limits of recursion and its fall-back on table statistics. Written from the paper; shares nothing with src/plan.
#include <cstdint>
#include <vector>

#include "workload.h"

namespace weir::bench {

struct GgrOrder {
  std::vector<std::uint8_t> fields;
  std::vector<std::uint32_t> rows;
};
/// The paper's limits are 4 rows deep and 2 columns deep; larger ones are slower and share more.
GgrOrder ggr(const Table& table, int row_depth_max, int column_depth_max);

}  // namespace weir::bench
