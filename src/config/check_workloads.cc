// Workloads: presets, and whether what they say fits together and to the entries.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/nearest.h"
#include "config/check.h"

namespace weir::config {
namespace {

constexpr std::chrono::seconds kDomainExtractionTtl{3600};

void apply_presets(Config& config) {
  const auto fill = [](Workload& workload) {
    if (!workload.cache_ttl) workload.cache_ttl = kDomainExtractionTtl;
  };
  const std::string name = Value<Preset>::format(Preset::kDomainExtraction);
  for (auto& workload : config.workloads)
    if (workload.preset || workload.name == name) fill(workload);
  if (find_workload(config, name) != nullptr) return;
  auto& workload = config.workloads.emplace_back();
  workload.name = name;
  workload.preset = Preset::kDomainExtraction;
  fill(workload);
}

class WorkloadCheck {
 public:
  WorkloadCheck(Work& work, Workload& workload, std::string path)
      : work_(work), workload_(workload), path_(std::move(path)) {}

  void run() {
    check_parts();
    check_names();
    check_route();
    check_preference(work_, workload_.strategy, workload_.preference, "strategy", at("preference"));
    if (const auto* entry = entry_of(work_.config, workload_)) fit_to(*entry);
  }

 private:
  [[nodiscard]] std::string at(std::string_view key) const {
    return fmt::format("{}.{}", path_, key);
  }
  void refuse(std::string_view key, std::string what, std::string fix) {
    work_.error(work_.place_of(at(key)), std::move(what), std::move(fix));
  }

  // Parts that mean nothing without another.
  void check_parts() {
    if (workload_.match.value && !workload_.match.header)
      refuse("match.value", "'value' says nothing without 'header'", "give the header's name");
    if (work_.is_set(at("urgent.values")) && !workload_.urgent.header && !workload_.urgent.field)
      refuse("urgent.values", "'values' says nothing without 'header' or 'field'",
             "say where urgency stands");
    if (work_.is_set(at("budget.per")) && !workload_.budget.usd)
      refuse("budget.per", "'per' says nothing without 'usd'", "give the amount");
  }

  void check_names() {
    std::vector<std::string> models;
    bool provider_found = !workload_.provider;
    for (const auto& entry : work_.config.llm) {
      if (workload_.provider && entry.provider != *workload_.provider) continue;
      provider_found = true;
      models.insert(models.end(), entry.models.begin(), entry.models.end());
    }
    if (!provider_found)
      return refuse("provider", fmt::format("'llm' has no entry of {}", *workload_.provider),
                    "add one, or name another");
    if (!workload_.model || std::ranges::find(models, *workload_.model) != models.end()) return;
    const auto near = nearest_name(*workload_.model, models);
    refuse("model", fmt::format("'llm' has no model {}", in_quotes(*workload_.model)),
           near ? fmt::format("did you mean '{}'?", *near) : "add it to an entry");
  }

  void check_route() {
    if (!workload_.strategy) return;
    const auto strategy = *workload_.strategy;
    const bool batch = workload_.route == plan::RouteWish::kBatch;
    const bool against =
        (batch && (strategy == Strategy::kCacheOnly || strategy == Strategy::kDisabled)) ||
        (workload_.route == plan::RouteWish::kSync && strategy == Strategy::kBatchOnly);
    if (against)
      refuse("route",
             fmt::format("route {} contradicts strategy {}", batch ? "batch" : "sync",
                         Value<Strategy>::format(strategy)),
             "remove one of them");
  }

  void fit_to(const ModelEntry& entry) {
    if (workload_.route == plan::RouteWish::kBatch && !entry.batching_enabled) {
      work_.warn(work_.place_of(at("route")),
                 fmt::format("route batch, but batchingEnabled is false for {}, which wins",
                             entry.provider),
                 "set batchingEnabled: true");
      workload_.route = plan::RouteWish::kSync;
      mark_adjusted(work_, at("route"));
    }
    if (workload_.strategy) warn_switched_off(work_, entry, *workload_.strategy, at("strategy"));
    round_ttl(work_, entry, workload_.cache_ttl, at("cacheTTL"));
    auto& count = workload_.gather.count;
    if (!count || *count <= entry.batch_size_max) return;
    work_.warn(work_.place_of(at("gather.count")),
               fmt::format("'count' is above batchMaxSize of {}: {} it is", entry.provider,
                           entry.batch_size_max),
               fmt::format("set count: {}", entry.batch_size_max));
    count = entry.batch_size_max;
    mark_adjusted(work_, at("gather.count"));
  }

  Work& work_;
  Workload& workload_;
  std::string path_;
};

}  // namespace

void check_workloads(Work& work) {
  auto& workloads = work.config.workloads;
  std::map<std::string, std::string> first;  // name -> path
  for (std::size_t i = 0; i < workloads.size(); ++i) {
    const auto path = fmt::format("workloads[{}].name", i);
    if (workloads[i].name.empty()) continue;  // reported as missing
    const auto [known, is_new] = first.emplace(workloads[i].name, path);
    if (!is_new)
      work.error(work.place_of(path),
                 fmt::format("a second workload {}: the first is at {}",
                             in_quotes(workloads[i].name), work.place_of(known->second).text()),
                 "give it another name");
  }
  apply_presets(work.config);
  for (std::size_t i = 0; i < workloads.size(); ++i)
    WorkloadCheck(work, workloads[i], fmt::format("workloads[{}]", i)).run();
}

}  // namespace weir::config
