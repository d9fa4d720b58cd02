#pragma once
// What others do, and what we do, as sequences of requests for the judge.
#include <string>
#include <vector>

#include "judge.h"
#include "plan/prefix_plan.h"

namespace weir::bench {

/// Input order, no marks.
std::vector<Send> no_cache(const Workload& workload);
/// The provider's automatic caching: one mark on the last block.
std::vector<Send> automatic(const Workload& workload);
/// One mark on the first block (Bifrost).
std::vector<Send> first_block(const Workload& workload);
/// The last block and the end of the system prompt (LangChain's middleware, LiteLLM's role rules).
std::vector<Send> last_block(const Workload& workload);
/// The largest blocks of the request, by what they would save were the request repeated (autocache).
std::vector<Send> request_roi(const Workload& workload);
/// Sorted by a hash of the system prompt, marked at its end (llm-d batch gateway).
std::vector<Send> system_hash(const Workload& workload);

/// The planner's settings for the judge's market, at the hit rate that the caller expects.
plan::PrefixSettings settings_of(const Market& market, llm::Route route, double hit_rate);
plan::PrefixTree tree_of(const Workload& workload);
std::vector<Send> sends_of(const plan::PrefixPlan& plan);

}  // namespace weir::bench
