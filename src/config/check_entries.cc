// Entries against the catalogue and against themselves.
#include <fmt/format.h>

#include <algorithm>

#include "base/nearest.h"
#include "config/check.h"
#include "config/providers.h"
#include "http/url.h"

namespace weir::config {
namespace {

using std::chrono::seconds;

void check_required(Work& work) {
  walk(work.config, [&](const Leaf& leaf) {
    if (!is_required(leaf.key, leaf.provider) || leaf.get() || work.is_faulty(leaf.path)) return;
    const auto whose = leaf.key.required == "*" ? "" : fmt::format(" for {}", leaf.provider);
    work.error(work.place_of(leaf.path), fmt::format("'{}' is missing{}", leaf.key.name, whose),
               fmt::format("give {}", wanted(leaf.key)));
  });
}

void check_defaults(Work& work, std::vector<ModelEntry>& entries, std::string_view list) {
  std::vector<std::string> paths;
  for (std::size_t i = 0; i < entries.size(); ++i)
    if (entries[i].is_default) paths.push_back(fmt::format("{}[{}].isDefault", list, i));
  if (paths.empty() && !entries.empty()) entries.front().is_default = true;
  if (paths.size() < 2) return;
  work.error(work.place_of(paths[1]),
             fmt::format("two entries of '{}' are the default: {} and {}", list,
                         work.place_of(paths[0]).text(), work.place_of(paths[1]).text()),
             "leave isDefault at one of them");
}

class EntryCheck {
 public:
  EntryCheck(Work& work, ModelEntry& entry, std::string path)
      : work_(work),
        entry_(entry),
        path_(std::move(path)),
        provider_(work.catalogue.find(entry.provider)),
        support_(support_of(entry, work.catalogue)) {}

  void run() {
    if (entry_.provider.empty()) return;  // reported as missing
    check_endpoint();
    check_credentials();
    check_contradictions();
    switch_off("batchingEnabled", entry_.batching_enabled, support_.batching_missing);
    switch_off("cachingEnabled", entry_.caching_enabled, support_.caching_missing);
    if (work_.is_set(at("optimizationStrategy")))
      warn_switched_off(work_, entry_, entry_.strategy, at("optimizationStrategy"));
    check_cache_strategy();
    if (provider_ == nullptr) return;
    limit_batches();
    limit_cache();
  }

  void check_models(catalogue::ModelKind kind) {
    if (provider_ == nullptr) return;
    const bool chat = kind == catalogue::ModelKind::kChat;
    const auto& others = chat ? provider_->other_models : provider_->other_embedding_models;
    std::vector<std::string> known;
    for (const auto& model : chat ? provider_->models : provider_->embedding_models)
      known.push_back(model.name);
    for (const auto& name : entry_.models) {
      if (std::ranges::find(known, name) != known.end() || others) continue;
      const auto near = nearest_name(name, known);
      work_.warn(
          work_.place_of(at("model")),
          fmt::format("the catalogue has no price of {}", in_quotes(provider_->name + "/" + name)),
          near ? fmt::format("did you mean '{}'?", *near) : "weir models lists them");
    }
  }

 private:
  [[nodiscard]] std::string at(std::string_view key) const {
    return fmt::format("{}.configuration.{}", path_, key);
  }

  void check_endpoint() {
    if (!entry_.endpoint) return;
    const auto url = http::parse_url(*entry_.endpoint);
    // The text is not shown: a password may stand in it.
    if (!url)
      work_.error(work_.place_of(at("endpoint")), "'endpoint' wants an http or https URL",
                  "such as https://host/v1, with no user, password or fragment");
  }

  void check_credentials() {
    const bool id = entry_.extra.contains("awsAccessKeyId");
    const bool secret = entry_.extra.contains("awsAccessSecretKey");
    if (id == secret) return;
    work_.error(work_.place_of(at(id ? "awsAccessKeyId" : "awsAccessSecretKey")),
                "awsAccessKeyId and awsAccessSecretKey go together",
                fmt::format("give {} as well", id ? "awsAccessSecretKey" : "awsAccessKeyId"));
  }

  void check_contradictions() {
    const bool both_in_file = work_.is_from(at("cachingEnabled"), Origin::Kind::kFile) &&
                              work_.is_from(at("cacheStrategy"), Origin::Kind::kFile);
    if (both_in_file && entry_.caching_enabled && entry_.cache_strategy == CacheStrategy::kNone)
      work_.error(work_.place_of(at("cacheStrategy")),
                  "cacheStrategy none contradicts cachingEnabled true", "remove one of them");
    check_preference(work_, entry_.strategy, entry_.preference, "optimizationStrategy",
                     at("optimizationPreference"));
  }

  void switch_off(std::string_view key, bool& flag, const std::string& why) {
    if (!flag || why.empty()) return;
    flag = false;
    work_.warn(work_.place_of(at(key)), fmt::format("'{}' is switched off: {}", key, why),
               fmt::format("set {}: false", key));
    mark_adjusted(work_, at(key));
  }

  void check_cache_strategy() {
    if (entry_.cache_strategy != CacheStrategy::kExplicit || support_.explicit_cache ||
        !support_.caching_missing.empty())
      return;
    entry_.cache_strategy = CacheStrategy::kAutomatic;
    work_.warn(work_.place_of(at("cacheStrategy")),
               fmt::format("{} takes no cache marks: cacheStrategy is automatic", entry_.provider),
               "set cacheStrategy: automatic");
    mark_adjusted(work_, at("cacheStrategy"));
  }

  // Puts a value into the provider's limits, and tells whoever gave it.
  template <class T>
  void limit(std::string_view key, T& value, T min, T max) {
    const T limited = std::max(std::min(value, max), min);
    if (limited == value) return;
    const bool above = value > max;
    value = limited;
    if (work_.is_set(at(key)))
      work_.warn(work_.place_of(at(key)),
                 fmt::format("'{}' is {} the limit of {}: {} it is", key, above ? "above" : "below",
                             entry_.provider, Value<T>::format(value)),
                 fmt::format("set {}: {}", key, Value<T>::format(value)));
    mark_adjusted(work_, at(key));
  }

  void limit_batches() {
    if (!provider_->batch) return;
    const auto& batch = *provider_->batch;
    const auto whole = [](Duration time) { return std::chrono::ceil<seconds>(time); };
    if (batch.requests_max > 0)
      limit("batchMaxSize", entry_.batch_size_max, batch.requests_min, batch.requests_max);
    if (batch.window > Duration{})
      limit("batchTimeoutSeconds", entry_.batch_timeout, seconds(1), whole(batch.window));
    limit("batchPollIntervalSeconds", entry_.batch_poll_interval, whole(batch.poll_min),
          seconds::max());
  }

  void limit_cache() {
    limit("cacheMaxBreakpoints", entry_.cache_breakpoints_max, std::uint64_t{0},
          provider_->cache.breakpoints_max);
    round_ttl(work_, entry_, entry_.cache_ttl, at("cacheTTL"));
  }

  Work& work_;
  ModelEntry& entry_;
  std::string path_;
  const catalogue::Provider* provider_;
  Support support_;
};

}  // namespace

void mark_adjusted(Work& work, const std::string& path) {
  work.config.origins[path].adjusted = true;
}

void round_ttl(Work& work, const ModelEntry& entry, std::optional<seconds>& ttl,
               const std::string& path) {
  const auto* provider = work.catalogue.find(entry.provider);
  if (!ttl || provider == nullptr) return;
  std::vector<seconds> lives;
  for (const auto mark : provider->cache.ttls) {
    if (mark == llm::CacheTtl::k5m) lives.emplace_back(300);
    if (mark == llm::CacheTtl::k1h) lives.emplace_back(3600);
  }
  if (lives.empty() && provider->cache.sync_ttl > Duration{})
    lives.push_back(std::chrono::ceil<seconds>(provider->cache.sync_ttl));
  if (lives.empty()) return;
  std::ranges::sort(lives);
  const auto up = std::ranges::lower_bound(lives, *ttl);
  const auto life = up == lives.end() ? lives.back() : *up;
  if (life == *ttl) return;
  if (work.is_set(path))
    work.warn(work.place_of(path),
              fmt::format("{} has no TTL of {} s: the {} is {} s", entry.provider, ttl->count(),
                          up == lives.end() ? "longest" : "next longer", life.count()),
              fmt::format("set cacheTTL: {}", life.count()));
  ttl = life;
  mark_adjusted(work, path);
}

void warn_switched_off(Work& work, const ModelEntry& entry, Strategy strategy,
                       const std::string& path) {
  const bool batch = strategy == Strategy::kBatchOnly || strategy == Strategy::kBoth;
  const bool cache = strategy == Strategy::kCacheOnly || strategy == Strategy::kBoth;
  const auto warn = [&](std::string_view flag, std::string_view what) {
    work.warn(work.place_of(path),
              fmt::format("strategy {} wants {}, but {} is false for {}, which wins",
                          Value<Strategy>::format(strategy), what, flag, entry.provider),
              fmt::format("set {}: true, or another strategy", flag));
  };
  if (batch && !entry.batching_enabled) warn("batchingEnabled", "batches");
  if (cache && !entry.caching_enabled) warn("cachingEnabled", "caching");
}

void check_preference(Work& work, std::optional<Strategy> strategy,
                      std::optional<Preference> preference, const std::string& strategy_key,
                      const std::string& path) {
  if (!strategy || !preference) return;
  const bool against = (*strategy == Strategy::kBatchOnly && *preference == Preference::kCache) ||
                       (*strategy == Strategy::kCacheOnly && *preference == Preference::kBatch);
  if (!against) return;
  work.error(work.place_of(path),
             fmt::format("preferring {} contradicts {} {}", Value<Preference>::format(*preference),
                         strategy_key, Value<Strategy>::format(*strategy)),
             "remove one of them");
}

void check_entries(Work& work) {
  check_required(work);
  auto& config = work.config;
  check_defaults(work, config.llm, "llm");
  check_defaults(work, config.embedding, "embedding");
  for (std::size_t i = 0; i < config.llm.size(); ++i) {
    EntryCheck check(work, config.llm[i], fmt::format("llm[{}]", i));
    check.run();
    check.check_models(catalogue::ModelKind::kChat);
  }
  for (std::size_t i = 0; i < config.embedding.size(); ++i) {
    EntryCheck check(work, config.embedding[i], fmt::format("embedding[{}]", i));
    check.run();
    check.check_models(catalogue::ModelKind::kEmbedding);
  }
}

}  // namespace weir::config
