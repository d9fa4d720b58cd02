#include "engine/state.h"

#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <string>

#include "json/value.h"
#include "json/write.h"

namespace weir::engine {
namespace {

// 3: order, stages and bounds of the prefix planner. A job of version 2 goes on as it was planned.
constexpr std::int64_t kVersion = 3, kVersionOldest = 2;

bool readable(json::Value v) {
  const auto version = v["v"].integer_or(0);
  return version >= kVersionOldest && version <= kVersion;
}

std::unexpected<Error> damaged(std::string_view what) {
  return fail(
      ErrorKind::kInternal, fmt::format("the stored {} cannot be read", what),
      "it was written by a newer Weir, or the store is damaged; begin again with --restart");
}

void write_time(json::Writer& w, std::string_view key, Time time) {
  w.field(key, unix_micros(time));
}
Time read_time(json::Value object, std::string_view key) {
  return from_unix_micros(object[key].integer_or(0));
}
std::uint64_t read_count(json::Value object, std::string_view key) {
  return static_cast<std::uint64_t>(object[key].integer_or(0));
}

void write_identity(json::Writer& w, const JobIdentity& id) {
  w.key("identity").begin_object();
  w.field("provider", id.provider).field("model", id.model).field("account", id.account);
  w.field("endpoint", id.endpoint).field("key_digest", id.key_digest);
  w.field("template", id.template_digest).field("schema", id.schema_digest);
  w.field("input", id.input).field("options", id.options).end_object();
}

JobIdentity read_identity(json::Value v) {
  return {v["provider"].string_or(""), v["model"].string_or(""),      v["account"].string_or(""),
          v["endpoint"].string_or(""), v["key_digest"].string_or(""), v["template"].string_or(""),
          v["schema"].string_or(""),   v["input"].string_or(""),      v["options"].string_or("")};
}

void write_plan(json::Writer& w, const plan::JobPlan& plan) {
  w.key("plan").begin_object();
  w.field("route", llm::to_string(plan.route)).field("reason", plan.reason);
  w.field("policy", static_cast<std::int64_t>(plan.cache.policy));
  w.field("ttl", static_cast<std::int64_t>(plan.cache.ttl));
  w.field("batch_admissible", plan.batch_admissible);
  w.field("cache_reason", plan.cache.reason);
  w.key("hit_rate_expected").number(plan.cache.hit_rate_expected);
  w.key("hit_rate_break_even").number(plan.cache.hit_rate_break_even);
  w.field("expected", plan.expected.pico).field("expected_baseline", plan.expected_baseline.pico);
  w.end_object();
}

plan::JobPlan read_plan(json::Value v) {
  plan::JobPlan plan;
  plan.route = v["route"].string_or("") == "batch" ? llm::Route::kBatch : llm::Route::kSync;
  plan.reason = v["reason"].string_or("");
  plan.cache.policy = static_cast<llm::CachePolicy>(v["policy"].integer_or(0));
  plan.cache.ttl = static_cast<llm::CacheTtl>(v["ttl"].integer_or(0));
  plan.batch_admissible = v["batch_admissible"].boolean().value_or(false);
  plan.cache.reason = v["cache_reason"].string_or("");
  plan.cache.hit_rate_expected = v["hit_rate_expected"].number().value_or(0);
  plan.cache.hit_rate_break_even = v["hit_rate_break_even"].number().value_or(0);
  plan.expected = {v["expected"].integer_or(0)};
  plan.expected_baseline = {v["expected_baseline"].integer_or(0)};
  return plan;
}

void write_range(json::Writer& w, const MemberRange& range) {
  w.field("planned", range.planned).field("first", static_cast<std::int64_t>(range.first));
  w.field("count", static_cast<std::int64_t>(range.count));
}

MemberRange read_range(json::Value v) {
  return {v["planned"].boolean().value_or(false), read_count(v, "first"), read_count(v, "count")};
}

void write_bound(json::Writer& w, std::string_view key, const plan::BoundTokens& bound) {
  w.key(key).begin_object();
  w.field("written", static_cast<std::int64_t>(bound.written));
  w.field("read", static_cast<std::int64_t>(bound.read));
  w.field("base", static_cast<std::int64_t>(bound.base));
  w.field("write_price", bound.write.pico_per_token).field("complete", bound.complete);
  w.end_object();
}

plan::BoundTokens read_bound(json::Value v) {
  return {.written = read_count(v, "written"),
          .read = read_count(v, "read"),
          .base = read_count(v, "base"),
          .write = {v["write_price"].integer_or(0)},
          .complete = v["complete"].boolean().value_or(true)};
}

// What version 2 knew instead: the bytes of the one prefix that all items share.
plan::BoundTokens bound_of_version_2(json::Value v, std::uint64_t items) {
  const auto prefix = read_count(v, "prefix_bytes") / 4;
  return {.written = prefix,
          .read = items > 0 ? prefix * (items - 1) : 0,
          .base = read_count(v, "variable_bytes_mean") / 4 * items};
}

void write_stages(json::Writer& w, const JobState& job) {
  w.key("stages").begin_array();
  for (const auto& stage : job.stages)
    w.begin_object()
        .field("end", static_cast<std::int64_t>(stage.end))
        .field("probe", stage.probe)
        .end_object();
  w.end_array();
  w.field("stage", static_cast<std::int64_t>(job.stage));
}

void write_content(json::Writer& w, const JobState& job) {
  w.field("head_messages", static_cast<std::int64_t>(job.head.messages));
  w.field("head_bytes", static_cast<std::int64_t>(job.head.bytes));
  w.field("head_hash", std::to_string(job.head.hash));  // 64 bits, more than JSON's integers have
  w.field("content_reads", static_cast<std::int64_t>(job.content_reads));
  w.field("content_saved", to_usd(job.content_saved));
}

void read_content(json::Value v, JobState& job) {
  job.head = {.messages = static_cast<std::uint32_t>(read_count(v, "head_messages")),
              .bytes = read_count(v, "head_bytes"),
              .hash = std::strtoull(v["head_hash"].string_or("0").c_str(), nullptr, 10)};
  job.content_reads = read_count(v, "content_reads");
  if (const auto saved = parse_usd(v["content_saved"].string_or("")))
    job.content_saved = MoneySum{saved->pico};
}

void write_parts(json::Writer& w, const JobState& job) {
  w.key("parts").begin_array();
  for (const auto& part : job.parts) {
    w.begin_object();
    write_range(w, part.members);
    w.end_object();
  }
  w.end_array();
}

}  // namespace

std::string difference(const JobIdentity& before, const JobIdentity& now) {
  const auto changed = [](std::string_view what, std::string_view was, std::string_view is) {
    return was == is ? std::string()
                     : fmt::format("{} (was {}, is {})", what, was.empty() ? "none" : was,
                                   is.empty() ? "none" : is);
  };
  const auto digest = [](const std::string& d) { return d.substr(0, 12); };
  std::string out;
  for (const auto& part :
       {changed("the provider", before.provider, now.provider),
        changed("the model", before.model, now.model),
        changed("the endpoint", before.endpoint, now.endpoint),
        changed("the account", before.account, now.account),
        changed("the account's key", digest(before.key_digest), digest(now.key_digest)),
        changed("the prompt template", digest(before.template_digest), digest(now.template_digest)),
        changed("the schema", digest(before.schema_digest), digest(now.schema_digest)),
        changed("the input", before.input, now.input),
        changed("the options", before.options, now.options)}) {
    if (part.empty()) continue;
    out += (out.empty() ? "" : "; ") + part;
  }
  return out;
}

std::string JobState::encode() const {
  json::Writer w;
  w.begin_object().field("v", kVersion).field("id", id.text());
  w.field("phase", phase == JobPhase::kDone ? "done" : "running");
  write_identity(w, identity);
  w.field("items", static_cast<std::int64_t>(items));
  w.field("prompt_tokens", static_cast<std::int64_t>(shape.prompt_tokens));
  write_plan(w, plan);
  write_bound(w, "bound_sync", bound_sync);
  write_bound(w, "bound_batch", bound_batch);
  w.field("planned", planned).field("marking", marking);
  write_stages(w, *this);
  w.field("reads_due", static_cast<std::int64_t>(reads.due));
  w.field("reads_hit", static_cast<std::int64_t>(reads.hits));
  w.field("reads_told_due", static_cast<std::int64_t>(reads_told.due));
  w.field("reads_told_hit", static_cast<std::int64_t>(reads_told.hits));
  w.field("writer", static_cast<std::int64_t>(writer));
  w.field("ordered", ordered).field("next_place", static_cast<std::int64_t>(next_place));
  w.field("plan_entries", static_cast<std::int64_t>(plan_entries));
  write_parts(w, *this);
  w.field("refusals", static_cast<std::int64_t>(refusals));
  w.field("refusals_in_a_row", static_cast<std::int64_t>(refusals_in_a_row));
  w.field("cancel_wanted", cancel_wanted);
  w.field("same", static_cast<std::int64_t>(same)).field("same_cost", to_usd(same_cost));
  write_content(w, *this);
  w.field("batches", static_cast<std::int64_t>(batches));
  w.field("segment_bytes", static_cast<std::int64_t>(segment_bytes));
  w.field("output_bytes", static_cast<std::int64_t>(output.bytes));
  w.field("output_items", static_cast<std::int64_t>(output.items));
  w.field("rebuilding", rebuilding);
  if (deadline) write_time(w, "deadline", *deadline);
  write_time(w, "started_at", started_at);
  write_time(w, "ended_at", ended_at);
  w.field("wall_us", wall.count()).field("simulated", simulated);
  w.key("reasons").begin_array();
  for (const auto& reason : reasons) w.string(reason);
  w.end_array().end_object();
  return w.take();
}

Result<JobState> JobState::decode(std::string_view text) {
  json::Parser parser;
  auto parsed = parser.parse(text);
  if (!parsed || !readable(*parsed)) return damaged("job");
  const auto v = *parsed;
  const auto id = JobId::parse(v["id"].string_or(""));
  if (!id) return damaged("job");
  JobState job;
  job.id = *id;
  job.phase = v["phase"].string_or("") == "done" ? JobPhase::kDone : JobPhase::kRunning;
  job.identity = read_identity(v["identity"]);
  job.items = read_count(v, "items");
  job.shape = {.items = job.items, .prompt_tokens = read_count(v, "prompt_tokens")};
  job.plan = read_plan(v["plan"]);
  job.planned = v["planned"].boolean().value_or(true);
  job.marking = v["marking"].boolean().value_or(true);
  job.bound_sync = read_bound(v["bound_sync"]);
  job.bound_batch = read_bound(v["bound_batch"]);
  for (const auto stage : v["stages"].items())
    job.stages.push_back({read_count(json::Value(stage), "end"),
                          json::Value(stage)["probe"].boolean().value_or(false)});
  job.stage = read_count(v, "stage");
  if (v["v"].integer_or(0) == kVersionOldest) {
    job.bound_sync = job.bound_batch = bound_of_version_2(v, job.items);
    job.shape.prompt_tokens = job.bound_sync.prompt();
    if (!v["primed"].boolean().value_or(false)) job.stages.push_back({.end = 1});
  }
  job.reads = {read_count(v, "reads_due"), read_count(v, "reads_hit")};
  job.reads_told = {read_count(v, "reads_told_due"), read_count(v, "reads_told_hit")};
  job.writer = static_cast<std::uint32_t>(v["writer"].integer_or(PlanEntry::kNobody));
  job.ordered = v["ordered"].boolean().value_or(false);
  job.next_place = read_count(v, "next_place");
  job.plan_entries = read_count(v, "plan_entries");
  for (const auto part : v["parts"].items()) job.parts.push_back({read_range(json::Value(part))});
  job.refusals = read_count(v, "refusals");
  job.refusals_in_a_row = read_count(v, "refusals_in_a_row");
  job.cancel_wanted = v["cancel_wanted"].boolean().value_or(false);
  job.same = read_count(v, "same");
  if (const auto cost = parse_usd(v["same_cost"].string_or("")))
    job.same_cost = MoneySum{cost->pico};
  read_content(v, job);
  job.batches = read_count(v, "batches");
  job.segment_bytes = read_count(v, "segment_bytes");
  job.output = {read_count(v, "output_bytes"), read_count(v, "output_items")};
  job.rebuilding = v["rebuilding"].boolean().value_or(false);
  if (v.find("deadline")) job.deadline = read_time(v, "deadline");
  job.started_at = read_time(v, "started_at");
  job.ended_at = read_time(v, "ended_at");
  job.wall = Duration(v["wall_us"].integer_or(0));
  job.simulated = v["simulated"].boolean().value_or(false);
  for (const auto reason : v["reasons"].items())
    job.reasons.push_back(json::Value(reason).string_or(""));
  return job;
}

namespace {
constexpr std::array<std::string_view, 4> kBatchPhases{"running", "ended", "refused", "held"};
constexpr std::array<std::string_view, 5> kStopCauses{"", "deadline", "overdue", "submit", "user"};
constexpr std::array<std::string_view, 4> kSettled{"", "adopted", "not_made", "lost"};
constexpr std::array<std::string_view, 3> kAhead{"", "priming", "probe"};
}  // namespace

std::string_view to_string(StopCause cause) { return kStopCauses[static_cast<std::size_t>(cause)]; }
std::string_view to_string(Settled settled) { return kSettled[static_cast<std::size_t>(settled)]; }
std::string_view to_string(Ahead ahead) { return kAhead[static_cast<std::size_t>(ahead)]; }
std::string_view to_string(BatchPhase phase) {
  return kBatchPhases[static_cast<std::size_t>(phase)];
}

std::string BatchState::encode() const {
  json::Writer w;
  w.begin_object().field("v", kVersion).field("number", static_cast<std::int64_t>(number));
  w.field("id", id.text()).field("phase", kBatchPhases[static_cast<std::size_t>(phase)]);
  w.field("ahead", to_string(ahead)).key("members").begin_object();
  write_range(w, members);
  w.end_object();
  w.field("items", static_cast<std::int64_t>(items));
  w.field("image_bytes", static_cast<std::int64_t>(image_bytes))
      .field("image_digest", image_digest);
  w.field("image_kept", image_kept).field("ceiling", ceiling.pico);
  w.field("adapter_state", adapter_state);
  w.field("provider_batch_id", view.provider_batch_id).field("status", view.status);
  if (view.created_at) write_time(w, "created_at", *view.created_at);
  if (view.ended_at) write_time(w, "ended_at", *view.ended_at);
  if (view.done) w.field("done", static_cast<std::int64_t>(*view.done));
  if (view.provisional) w.field("provisional", true);
  w.field("reason", reason).key("lines").begin_object();
  for (const auto& [artefact, done] : lines) w.field(artefact, static_cast<std::int64_t>(done));
  w.end_object();
  w.field("rows", static_cast<std::int64_t>(rows))
      .field("duplicates", static_cast<std::int64_t>(duplicates));
  w.field("strangers", static_cast<std::int64_t>(strangers))
      .field("broken", static_cast<std::int64_t>(broken));
  w.field("confirmed", confirmed).field("stop", to_string(stop));
  if (settled != Settled::kNone) w.field("settled", to_string(settled));
  write_time(w, "planned_at", planned_at);
  w.end_object();
  return w.take();
}

Result<BatchState> BatchState::decode(std::string_view text) {
  json::Parser parser;
  auto parsed = parser.parse(text);
  if (!parsed || !readable(*parsed)) return damaged("batch");
  const auto v = *parsed;
  const auto id = BatchId::parse(v["id"].string_or(""));
  BatchState batch;
  if (!id) return damaged("batch");
  batch.id = *id;
  batch.number = read_count(v, "number");
  const auto phase = v["phase"].string_or("");
  for (std::size_t i = 0; i < kBatchPhases.size(); ++i)
    if (kBatchPhases[i] == phase) batch.phase = static_cast<BatchPhase>(i);
  const auto ahead = v["priming"].boolean().value_or(false) ? "priming" : v["ahead"].string_or("");
  for (std::size_t i = 0; i < kAhead.size(); ++i)
    if (kAhead[i] == ahead) batch.ahead = static_cast<Ahead>(i);
  batch.members = read_range(v["members"]);
  batch.items = read_count(v, "items");
  batch.image_bytes = read_count(v, "image_bytes");
  batch.image_digest = v["image_digest"].string_or("");
  batch.image_kept = v["image_kept"].boolean().value_or(true);
  batch.ceiling = {v["ceiling"].integer_or(0)};
  batch.adapter_state = v["adapter_state"].string_or("");
  batch.view.provider_batch_id = v["provider_batch_id"].string_or("");
  batch.view.status = v["status"].string_or("");
  if (v.find("created_at")) batch.view.created_at = read_time(v, "created_at");
  if (v.find("ended_at")) batch.view.ended_at = read_time(v, "ended_at");
  if (v.find("done")) batch.view.done = read_count(v, "done");
  batch.view.provisional = v["provisional"].boolean().value_or(false);
  batch.reason = v["reason"].string_or("");
  for (const auto line : v["lines"].members())
    batch.lines[std::string(line.key)] =
        static_cast<std::uint64_t>(json::Value(line.value).integer_or(0));
  batch.rows = read_count(v, "rows");
  batch.duplicates = read_count(v, "duplicates");
  batch.strangers = read_count(v, "strangers");
  batch.broken = read_count(v, "broken");
  batch.confirmed = v["confirmed"].boolean().value_or(false);
  batch.planned_at = read_time(v, "planned_at");
  const auto stop = v["stop"].string_or("");
  for (std::size_t i = 0; i < kStopCauses.size(); ++i)
    if (kStopCauses[i] == stop) batch.stop = static_cast<StopCause>(i);
  const auto settled = v["settled"].string_or("");
  for (std::size_t i = 0; i < kSettled.size(); ++i)
    if (kSettled[i] == settled) batch.settled = static_cast<Settled>(i);
  return batch;
}

}  // namespace weir::engine
