#include "config/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/hash.h"

namespace weir::config {

std::string prices_file(const Config& config, const std::string& config_file) {
  if (!config.prices) return "";
  return (std::filesystem::path(config_file).parent_path() / *config.prices).string();
}

Error at_key(const Config& config, const std::string& path, Error error) {
  const auto found = config.origins.find(path);
  if (found == config.origins.end()) return error;
  error.message = fmt::format("{}: {}: {}", found->second.text(), path, error.message);
  return error;
}

const ModelEntry* default_entry(const std::vector<ModelEntry>& entries) {
  const auto found = std::ranges::find(entries, true, &ModelEntry::is_default);
  return found == entries.end() ? nullptr : &*found;
}

const ModelEntry* entry_of(const Config& config, const Workload& workload) {
  const auto fits = [&](const ModelEntry& entry) {
    return (!workload.provider || entry.provider == *workload.provider) &&
           (!workload.model ||
            std::ranges::find(entry.models, *workload.model) != entry.models.end());
  };
  const auto* preferred = default_entry(config.llm);
  if (preferred != nullptr && fits(*preferred)) return preferred;
  const auto found = std::ranges::find_if(config.llm, fits);
  return found == config.llm.end() ? nullptr : &*found;
}

const Workload* find_workload(const Config& config, std::string_view name) {
  const auto found = std::ranges::find(config.workloads, name, &Workload::name);
  return found == config.workloads.end() ? nullptr : &*found;
}

engine::GatherOptions gather_options(const Config& config, const Workload& workload) {
  engine::GatherOptions out;
  out.count_max = workload.gather.count.value_or(config.optimization.batch_size);
  out.age_max = workload.gather.age.value_or(config.optimization.batch_timeout);
  out.bytes_max = workload.gather.bytes.value_or(out.bytes_max);
  return out;
}

bool in_rollout(const Workload& workload, std::string_view item_id) {
  constexpr std::uint64_t kBuckets = 1'000'000;
  const auto bucket = hash64(item_id, hash64(workload.name)) % kBuckets;
  return static_cast<double>(bucket) < workload.rollout / 100 * static_cast<double>(kBuckets);
}

}  // namespace weir::config
