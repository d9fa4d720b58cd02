// The table of keys. One that is neither here nor in keys_entry.cc does not exist; what stands here reaches the parser,
// `config schema` and `config show`.
#include "config/keys.h"

namespace weir::config {
namespace {

const Keys& optimization_keys() {
  using O = Optimization;
  static const Keys instance = {
      {.name = "enableMetrics",
       .access = field<&O::metrics_enabled>(),
       .variable = "LLM_METRICS_ENABLED",
       .about = "Whether metrics and cost reports are served. The ledger is always kept."},
      {.name = "metricsRetentionDays",
       .access = field<&O::metrics_retention>(),
       .range = {1, 3650},
       .unit = "days",
       .about = "How far back metrics reach."},
      {.name = "trackCostSavings",
       .access = field<&O::track_cost_savings>(),
       .variable = "LLM_COST_TRACKING_ENABLED",
       .about = "Whether metrics and cost reports tell baselines and savings."},
      {.name = "costReportingInterval",
       .access = field<&O::cost_reporting_interval>(),
       .about = "How often a cost report is logged: at full hours, at midnight, on Monday at "
                "midnight (UTC)."},
      {.name = "logOptimizationDecisions",
       .access = field<&O::log_decisions>(),
       .about = "Whether decisions are logged at all."},
      {.name = "logLevel",
       .access = field<&O::log_level>(),
       .about = "The least level that is logged."},
      {.name = "defaultBatchSize",
       .access = field<&O::batch_size>(),
       .range = kCount,
       .unit = "items",
       .variable = "LLM_BATCH_MAX_SIZE",
       .about = "What gathers from a stream goes at so many items."},
      {.name = "defaultBatchTimeout",
       .access = field<&O::batch_timeout>(),
       .range = {1, 86'400},
       .unit = "seconds",
       .variable = "LLM_BATCH_TIMEOUT_SECONDS",
       .about = "What gathers goes at the latest when its oldest item has waited so long."},
      {.name = "defaultCacheTTL",
       .access = field<&O::cache_ttl>(),
       .range = kTtl,
       .unit = "seconds",
       .about =
           "How long estimates assume that a written prefix lives where no cacheTTL says so; never "
           "longer than the provider keeps it."},
      {.name = "cacheWarningThreshold",
       .access = field<&O::cache_warning_threshold>(),
       .range = kFraction,
       .about = "Hit rate below which a warning says that caching is of no use here."},
      {.name = "enableAlerts",
       .access = field<&O::alerts_enabled>(),
       .about = "Whether alerts are raised at all."},
      {.name = "alertOnOptimizationFailure",
       .access = field<&O::alert_on_failure>(),
       .about = "Alert when a batch or a cache action failed."},
      {.name = "alertOnLowCacheHitRate",
       .access = field<&O::alert_on_low_hit_rate>(),
       .about =
           "Alert when the hit rate is below cacheHitRateThreshold, or cacheWarningThreshold."},
      {.name = "cacheHitRateThreshold",
       .access = field<&O::hit_rate_threshold>(),
       .range = kFraction,
       .about = "Hit rate that is expected at least."}};
  return instance;
}

const Keys& match_keys() {
  static const Keys instance = {{.name = "model",
                                 .access = field<&Match::model>(),
                                 .about = "Model that the caller asks for; * stands for any text."},
                                {.name = "header",
                                 .access = field<&Match::header>(),
                                 .about = "Request header; case does not count."},
                                {.name = "value",
                                 .access = field<&Match::value>(),
                                 .about = "What the header says; unset: anything."},
                                {.name = "key",
                                 .access = field<&Match::key>(),
                                 .about = "Name of the gateway key that the caller uses."},
                                {.name = "topic",
                                 .access = field<&Match::topic>(),
                                 .about = "Topic or stream that an event comes from."}};
  return instance;
}

const Keys& gather_keys() {
  static const Keys instance = {
      {.name = "count",
       .access = field<&Gather::count>(),
       .range = kCount,
       .unit = "items",
       .about = "A gather goes at so many items. Unset: defaultBatchSize."},
      {.name = "seconds",
       .access = field<&Gather::age>(),
       .range = {1, 86'400},
       .unit = "seconds",
       .about = "…or when its oldest item has waited so long. Unset: defaultBatchTimeout."},
      {.name = "bytes",
       .access = field<&Gather::bytes>(),
       .range = {1, 1 << 30},
       .unit = "bytes",
       .about = "…or before it grows beyond so many bytes. Unset: 64 MiB."}};
  return instance;
}

const Keys& urgent_keys() {
  static const Keys instance = {
      {.name = "header",
       .access = field<&Urgent::header>(),
       .about = "Request header that tells urgency."},
      {.name = "field",
       .access = field<&Urgent::field>(),
       .about = "Field of the item or event that tells urgency; dots between levels."},
      {.name = "values",
       .access = field<&Urgent::values>(),
       .about = "What it says when the item is urgent, with commas between."}};
  return instance;
}

const Keys& budget_keys() {
  static const Keys instance = {
      {.name = "usd", .access = field<&Budget::usd>(), .about = "Dollars at most, such as 12.50."},
      {.name = "per",
       .access = field<&Budget::per>(),
       .about = "In which time; days and months are UTC."}};
  return instance;
}

const Keys& workload_keys() {
  using W = Workload;
  static const Keys instance = {
      {.name = "name",
       .access = field<&W::name>(),
       .required = "*",
       .about = "Name that requests, reports and metrics use; only once."},
      {.name = "preset",
       .access = field<&W::preset>(),
       .about = "Gives what is left unset. domain-extraction: cacheTTL 3600. A workload named so "
                "has it anyway."},
      {.name = "match",
       .access = object<&W::match>(match_keys),
       .about =
           "Which requests belong to it: all that is set must hold. Nothing set: by name only."},
      {.name = "provider",
       .access = provider_field<&W::provider>(),
       .about = "Provider; one that llm has."},
      {.name = "model",
       .access = field<&W::model>(),
       .about = "Model; one that llm has. Unset: the default."},
      {.name = "route",
       .access = field<&W::route>(),
       .about = "auto: the cheapest that meets the deadline."},
      {.name = "strategy",
       .access = field<&W::strategy>(),
       .about = "Instead of the entry's optimizationStrategy."},
      {.name = "preference",
       .access = field<&W::preference>(),
       .about = "Instead of the entry's optimizationPreference."},
      {.name = "cacheTTL",
       .access = field<&W::cache_ttl>(),
       .range = kTtl,
       .unit = "seconds",
       .about = "Instead of the entry's cacheTTL."},
      {.name = "gather",
       .access = object<&W::gather>(gather_keys),
       .about = "When what has gathered goes."},
      {.name = "urgent",
       .access = object<&W::urgent>(urgent_keys),
       .about = "Which items skip gathering."},
      {.name = "retries",
       .access = field<&W::retries_max>(),
       .range = {0, 20},
       .about = "Further attempts at an item that failed. Unset: 3."},
      {.name = "deadline",
       .access = field<&W::deadline>(),
       .about =
           "When an item must have ended, from its arrival: 24h, 90m, or seconds. Unset: none."},
      {.name = "rollout",
       .access = field<&W::rollout>(),
       .range = {0, 100},
       .unit = "per cent",
       .about = "Part of the items that is optimised, by a stable hash of the item's id; the rest "
                "is the control group."},
      {.name = "budget",
       .access = object<&W::budget>(budget_keys),
       .about = "What the workload may spend: when it is used up, its requests are refused."},
      {.name = "observe",
       .access = field<&W::observe>(),
       .about = "Nothing is optimised; what auto would have saved is recorded."}};
  return instance;
}

}  // namespace

const Keys& top_keys() {
  static const Keys instance = {
      {.name = "llm", .access = list<&Config::llm>(entry_keys), .about = "Language models."},
      {.name = "embedding",
       .access = list<&Config::embedding>(entry_keys),
       .about = "Embedding models."},
      {.name = "optimization",
       .access = object<&Config::optimization>(optimization_keys),
       .about = "What holds for all entries: metrics, reports, alerts, gathering."},
      {.name = "workloads",
       .access = list<&Config::workloads>(workload_keys),
       .about = "Named kinds of requests, each with one policy."},
      {.name = "observe",
       .access = field<&Config::observe>(),
       .about = "Nothing is optimised anywhere; what auto would have saved is recorded."},
      {.name = "prices",
       .access = field<&Config::prices>(),
       .about = "File with prices of your own, over the catalogue's, as weir prices import writes "
                "it; beside this file, unless its path is absolute. Read when an engine or a job "
                "begins."}};
  return instance;
}

}  // namespace weir::config
