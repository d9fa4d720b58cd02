#include "figures.h"

#include <fmt/format.h>

#include <cmath>
#include <ctime>
#include <functional>
#include <optional>

#include "ggr.h"
#include "json/write.h"
#include "plan/table_order.h"
#include "policies.h"

namespace weir::bench {
namespace {

// Of this process's own CPU: what else the machine does is no figure of ours.
double cpu_s() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

class Run {
 public:
  explicit Run(std::size_t items) : items_(items) {}

  Figures all() {
    json_.begin_object().field("name", "planner").field("items", static_cast<std::int64_t>(items_));
    add_memory(json_, figures_.faults);
    json_.key("workloads").begin_object();
    on(shared_static(items_, 11), true);
    on(two_level(items_, 12), true);
    on(table_rows(items_, 13), false);
    on(retrieval(items_, 14), false);
    on(agent_traces(items_, 15), true);
    json_.end_object();
    add_checks(items_, json_, figures_.faults);
    json_.key("ok").boolean(figures_.faults.empty());
    figures_.json = json_.end_object().take();
    return std::move(figures_);
  }

 private:
  void expect(bool holds, std::string what) {
    if (!holds) figures_.faults.push_back(std::move(what));
  }

  void on(const Workload& workload, bool bound_reached) {
    const Market market;
    const auto settings = settings_of(market, llm::Route::kSync, 1);
    json_.key(workload.name).begin_object();

    // Ours, timed from the first item to the last mark.
    const double begin = cpu_s();
    std::optional<Workload> fields;
    if (workload.table.rows > 0) fields = reorder(workload, settings);
    const double reordered_at = cpu_s();
    const Workload& sent = fields ? *fields : workload;
    auto tree = tree_of(sent);
    const auto nodes = tree.nodes.size();
    const auto plan = plan::PrefixPlan::make(std::move(tree), settings);
    const auto ours_sends = sends_of(plan);
    const double took = cpu_s() - reordered_at;
    const double reorder_took = reordered_at - begin;
    const auto bound = static_cast<double>(plan.estimate.lower_bound.pico);

    json_.key("cost_over_bound").begin_object();
    double cheapest_other = 1e300;
    const auto tell = [&](std::string_view policy, const Workload& judged,
                          const std::vector<Send>& sends) {
      const auto verdict = judge(judged, sends, market);
      const auto cost = static_cast<double>(verdict.pico);
      json_.key(policy).number(rounded(cost / bound));
      expect(verdict.valid, fmt::format("{}, {}: not a valid plan", workload.name, policy));
      return cost;
    };
    const auto other = [&](std::string_view policy, const Workload& judged,
                           const std::vector<Send>& sends) {
      cheapest_other = std::min(cheapest_other, tell(policy, judged, sends));
    };
    other("no_cache", workload, no_cache(workload));
    other("automatic", workload, automatic(workload));
    other("first_block", workload, first_block(workload));
    other("last_block", workload, last_block(workload));
    other("request_roi", workload, request_roi(workload));
    other("system_hash", workload, system_hash(workload));
    if (workload.table.rows > 0) {
      for (const int depth : {4, 1000}) {
        const auto order = ggr(workload.table, depth, depth / 2);
        const auto rows = reordered(workload, order.fields);
        // The strongest form of it: its order of fields, with our marks.
        other(depth == 4 ? "ggr" : "ggr_deep", rows,
              sends_of(plan::PrefixPlan::make(tree_of(rows), settings)));
      }
      tell("ours_without_reordering", workload,
           sends_of(plan::PrefixPlan::make(tree_of(workload), settings)));
    }
    const double ours = tell("ours", sent, ours_sends);
    json_.end_object();
    json_.key("plan_s_per_100k").number(rounded(took * 1e5 / static_cast<double>(items_)));
    if (fields)
      json_.key("reorder_s_per_100k")
          .number(rounded(reorder_took * 1e5 / static_cast<double>(items_)));
    json_.key("expected_over_judged")
        .number(rounded(static_cast<double>(plan.estimate.expected.pico) / ours));
    json_.field("prefixes", static_cast<std::int64_t>(nodes));
    json_.end_object();
    expect(!bound_reached || ours <= 1.02 * bound,
           fmt::format("{}: {:.4f} of the lower bound", workload.name, ours / bound));
    expect(ours < cheapest_other * 1.0000001, fmt::format("{}: not the cheapest", workload.name));
    expect(took * 1e5 / static_cast<double>(items_) <= 1,
           fmt::format("{}: planning took {:.2f} s", workload.name, took));
    expect(reorder_took * 1e5 / static_cast<double>(items_) <= 1,
           fmt::format("{}: reordering took {:.2f} s", workload.name, reorder_took));
  }

  Workload reorder(const Workload& workload, const plan::PrefixSettings& settings) {
    const auto order = plan::order_table({.columns = workload.table.columns,
                                          .hashes = workload.table.hashes,
                                          .tokens = workload.table.tokens,
                                          .before = workload.table.instructions},
                                         settings);
    if (!order) {
      expect(false, order.error().message);
      return workload;
    }
    fmt::print(stderr, "planner: {}\n", order->reason);
    return reordered(workload, order->fields);
  }

  static double rounded(double value) { return std::round(value * 1e4) / 1e4; }

  std::size_t items_;
  json::Writer json_;
  Figures figures_;
};

}  // namespace

Figures run(std::size_t items) { return Run(items).all(); }

}  // namespace weir::bench
