#pragma once
// The configuration as a plain value: what holds after file, environment and flags, with the origin of every value. Made by load();
// nobody changes it afterwards, so it may be shared as `shared_ptr<const Config>`. Which keys there are, and what they mean, is in
// keys_table.cc; the defaults are the initialisers here. It never reads a file or the environment by itself.
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "base/units.h"
#include "config/notice.h"
#include "engine/gather.h"
#include "plan/plan.h"

namespace weir::config {

enum class CacheStrategy : std::uint8_t { kExplicit, kAutomatic, kNone };
enum class Strategy : std::uint8_t { kAuto, kBatchOnly, kCacheOnly, kBoth, kDisabled };
enum class Preference : std::uint8_t { kCache, kBatch };
enum class Interval : std::uint8_t { kHourly, kDaily, kWeekly };
enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };
enum class Period : std::uint8_t { kDay, kMonth, kTotal };
enum class Preset : std::uint8_t { kDomainExtraction };

/// One entry of `llm` or `embedding`: a provider, its credentials, its models, and how they are optimised.
struct ModelEntry {
  std::string provider;             // its canonical name
  bool is_default = false;          // of exactly one entry of a list, after load()
  std::vector<std::string> models;  // the first is the default
  std::optional<std::string> api_key, endpoint;
  std::optional<double> temperature;
  std::optional<std::uint64_t> dimensions;  // of an embedding
  bool batching_enabled = false;
  std::uint64_t batch_size_max = 10'000;
  std::chrono::seconds batch_timeout{86'400}, batch_poll_interval{60};
  bool caching_enabled = false;
  std::optional<CacheStrategy> cache_strategy;    // unset: what the model has
  std::optional<std::chrono::seconds> cache_ttl;  // unset: the planner's
  std::optional<Tokens> cache_tokens_min;         // the larger of the model's and this
  std::uint64_t cache_breakpoints_max = 4;
  Strategy strategy = Strategy::kAuto;
  std::optional<Preference> preference;  // unset: the cheaper
  bool fallback_to_standard = true;
  std::chrono::seconds fallback_timeout{30};
  bool track_costs = true;
  bool log_decisions = true;
  std::map<std::string, std::string> extra;  // keys that only some providers have
  friend bool operator==(const ModelEntry&, const ModelEntry&) = default;
};

struct Optimization {
  bool metrics_enabled = true;
  std::chrono::days metrics_retention{30};
  bool track_cost_savings = true;
  Interval cost_reporting_interval = Interval::kDaily;
  bool log_decisions = true;
  LogLevel log_level = LogLevel::kInfo;
  std::uint64_t batch_size = 100;          // a gather goes at so many items…
  std::chrono::seconds batch_timeout{30};  // …or when the oldest has waited so long
  std::chrono::seconds cache_ttl{300};
  double cache_warning_threshold = 0.1;
  bool alerts_enabled = true;
  bool alert_on_failure = true;
  bool alert_on_low_hit_rate = true;
  double hit_rate_threshold = 0.5;
  friend bool operator==(const Optimization&, const Optimization&) = default;
};

/// Which requests belong to a workload: all that is set must hold. With nothing set it is chosen by name only.
struct Match {
  std::optional<std::string> model;          // that the caller asked for; `*` stands for any text
  std::optional<std::string> header, value;  // value unset: the header is there
  std::optional<std::string> key;            // name of the gateway key
  std::optional<std::string> topic;          // of the stream
  friend bool operator==(const Match&, const Match&) = default;
};

/// When what has gathered goes; unset: the defaults of `optimization`.
struct Gather {
  std::optional<std::uint64_t> count;
  std::optional<std::chrono::seconds> age;
  std::optional<std::uint64_t> bytes;
  friend bool operator==(const Gather&, const Gather&) = default;
};

/// Which items skip gathering: the header or the field has one of the values. With neither set none does.
struct Urgent {
  std::optional<std::string> header;
  std::optional<std::string> field;  // of the item or event, dots between levels
  std::vector<std::string> values = {"true", "1", "high", "urgent"};
  friend bool operator==(const Urgent&, const Urgent&) = default;
};

struct Budget {
  std::optional<Money> usd;
  Period per = Period::kDay;
  friend bool operator==(const Budget&, const Budget&) = default;
};

/// A named kind of request with one policy.
struct Workload {
  std::string name;
  std::optional<Preset>
      preset;  // gives what is left unset; a preset's name as the workload's means it too
  Match match;
  std::optional<std::string> provider, model;  // unset: the default entry, its default model
  plan::RouteWish route = plan::RouteWish::kAuto;
  std::optional<Strategy> strategy;      // unset: the entry's
  std::optional<Preference> preference;  // unset: the entry's
  std::optional<std::chrono::seconds> cache_ttl;
  Gather gather;
  Urgent urgent;
  std::optional<std::uint64_t> retries_max;  // unset: the engine's
  std::optional<Duration> deadline;          // from the item's arrival
  double rollout = 100;                      // per cent of the items that are optimised
  Budget budget;
  bool observe = false;
  friend bool operator==(const Workload&, const Workload&) = default;
};

struct Config {
  std::vector<ModelEntry> llm, embedding;
  Optimization optimization;
  std::vector<Workload> workloads;  // those of the file, then the presets that it does not name
  bool observe = false;             // nothing is optimised; what auto would have saved is recorded
  std::optional<std::string> prices;  // as the file says it; where it is: prices_file()
  std::vector<Notice> warnings;
  std::map<std::string, Origin> origins;  // by path, "llm[0].configuration.model"; else built in
};

/// Where `prices` is: beside the configuration's file, unless it is an absolute path. Empty where there is none.
std::string prices_file(const Config& config, const std::string& config_file);
/// The error of what a key names, with the place where its value is from in front.
Error at_key(const Config& config, const std::string& path, Error error);
/// The entry with isDefault; null when the list is empty.
const ModelEntry* default_entry(const std::vector<ModelEntry>& entries);
/// The entry of `llm` that a workload's provider and model name; the default one where it names none. Null when there is none.
const ModelEntry* entry_of(const Config& config, const Workload& workload);
/// By name; null when there is none.
const Workload* find_workload(const Config& config, std::string_view name);
/// The workload's gather, with the defaults of `optimization` for what it leaves open.
engine::GatherOptions gather_options(const Config& config, const Workload& workload);
/// Whether an item is optimised, or belongs to the control group. Stable: the same item of the same workload is always on the same
/// side, and raising the percentage moves nobody out.
bool in_rollout(const Workload& workload, std::string_view item_id);

}  // namespace weir::config
