#include "library/job_meta.h"

#include <algorithm>

#include "json/value.h"
#include "json/write.h"

namespace weir::library {
namespace {

std::int64_t micros(Duration duration) { return duration.count(); }

void write_policy(json::Writer& w, const JobPolicy& policy) {
  w.key("policy").begin_object();
  w.field("wish", static_cast<std::int64_t>(policy.wish));
  w.field("contents", static_cast<std::int64_t>(policy.contents));
  w.field("caching", policy.caching).field("fallback", policy.fallback);
  w.field("batch_size_max", static_cast<std::int64_t>(policy.limits.batch_size_max));
  w.field("batch_timeout_us", micros(policy.batch_timeout))
      .field("poll_max_us", micros(policy.limits.poll_max.value_or(Duration{})));
  w.field("fallback_timeout_us", micros(policy.fallback_timeout));
  w.field("cache_tokens_min", policy.limits.cache_prefix_min.count);
  w.field("breakpoints_max", static_cast<std::int64_t>(policy.limits.breakpoints_max));
  if (policy.limits.cache_ttl) w.field("ttl_us", micros(*policy.limits.cache_ttl));
  w.field("attempts_max", static_cast<std::int64_t>(policy.attempts_max));
  w.field("tells", policy.tells);
  w.end_object();
}

JobPolicy read_policy(json::Value value) {
  const auto count = [&](std::string_view key) {
    return static_cast<std::uint64_t>(value[key].integer_or(0));
  };
  JobPolicy policy{.wish = static_cast<plan::RouteWish>(
                       std::clamp<std::int64_t>(value["wish"].integer_or(0), 0, 2)),
                   .caching = value["caching"].boolean().value_or(false),
                   .contents = static_cast<plan::ContentWish>(
                       std::clamp<std::int64_t>(value["contents"].integer_or(1), 0, 2)),
                   .fallback = value["fallback"].boolean().value_or(true),
                   .batch_timeout = Duration(value["batch_timeout_us"].integer_or(0)),
                   .fallback_timeout = Duration(value["fallback_timeout_us"].integer_or(0)),
                   .limits = {.batch_size_max = count("batch_size_max"),
                              .poll_max = Duration(value["poll_max_us"].integer_or(60'000'000)),
                              .cache_prefix_min = {value["cache_tokens_min"].integer_or(0)},
                              .breakpoints_max = count("breakpoints_max")},
                   .attempts_max = count("attempts_max"),
                   .tells = value["tells"].boolean().value_or(true)};
  if (policy.attempts_max == 0) policy.attempts_max = JobPolicy().attempts_max;  // an older Weir's
  if (const auto ttl = value["ttl_us"].integer()) policy.limits.cache_ttl = Duration(*ttl);
  return policy;
}

}  // namespace

std::string JobMeta::encode() const {
  json::Writer w;
  w.begin_object().field("version", std::int64_t{1}).field("id", id);
  w.field("created_at_us", unix_micros(created_at));
  w.field("provider", provider)
      .field("model", model)
      .field("endpoint", endpoint)
      .field("account", account);
  w.field("workload", workload).field("idempotency_key", idempotency_key);
  if (temperature) w.key("temperature").number(*temperature);
  w.field("output_max", output_max).field("concurrency", static_cast<std::int64_t>(concurrency));
  if (deadline) w.field("deadline_us", micros(*deadline));
  write_policy(w, policy);
  w.end_object();
  return w.take();
}

Result<JobMeta> JobMeta::decode(std::string_view text) {
  json::Parser parser;
  const auto parsed = parser.parse(text);
  if (!parsed || (*parsed)["version"].integer_or(0) != 1)
    return fail(ErrorKind::kInternal, "a job's description is no such thing, or of a newer Weir");
  const auto& value = *parsed;
  JobMeta meta{.id = value["id"].string_or(""),
               .created_at = from_unix_micros(value["created_at_us"].integer_or(0)),
               .provider = value["provider"].string_or(""),
               .model = value["model"].string_or(""),
               .endpoint = value["endpoint"].string_or(""),
               .account = value["account"].string_or(""),
               .workload = value["workload"].string_or(""),
               .idempotency_key = value["idempotency_key"].string_or(""),
               .temperature = value["temperature"].number(),
               .output_max = value["output_max"].integer_or(1024),
               .concurrency = static_cast<std::uint64_t>(value["concurrency"].integer_or(8)),
               .deadline = std::nullopt,
               .policy = read_policy(value["policy"])};
  if (const auto deadline = value["deadline_us"].integer()) meta.deadline = Duration(*deadline);
  return meta;
}

}  // namespace weir::library
