#include "engine/state.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace weir::engine {
namespace {

using ::testing::HasSubstr;

JobState a_job() {
  JobState job;
  job.id = {1, 2};
  job.identity = {"openAI", "m", "default", "https://h", "k", "t", "s", "in.jsonl", "o"};
  job.items = 1'000'000;
  job.shape = {.items = 1'000'000, .prompt_tokens = 17};
  job.bound_sync = {.written = 1, .read = 2, .base = 3, .write = {4}, .complete = false};
  job.bound_batch = {.written = 5, .read = 6, .base = 7, .write = {8}};
  job.plan.route = llm::Route::kBatch;
  job.plan.cache = {.policy = llm::CachePolicy::kMarked,
                    .ttl = llm::CacheTtl::k1h,
                    .hit_rate_expected = 0.7,
                    .hit_rate_break_even = 0.53,
                    .reason = "because \"it\" pays"};
  job.plan.batch_admissible = true;
  job.plan.expected = {5};
  job.plan.expected_baseline = {10};
  job.plan.reason = "cheaper";
  job.marking = false;
  job.planned = true;
  job.stages = {{.end = 2}, {.end = 22, .probe = true}};
  job.stage = 1;
  job.reads = {.due = 20, .hits = 9};
  job.writer = 11;
  job.batches = 3;
  job.ordered = true;
  job.next_place = 30;
  job.plan_entries = 60;
  job.parts = {{{.planned = false, .first = 5, .count = 9}},
               {{.planned = true, .first = 40, .count = 2}}};
  job.refusals = 4;
  job.refusals_in_a_row = 2;
  job.cancel_wanted = true;
  job.same = 8;
  job.same_cost = MoneySum{123'456'789};
  job.segment_bytes = 1ULL << 40;
  job.output = {123, 45};
  job.deadline = from_unix_micros(1'795'086'400'000'000);
  job.started_at = from_unix_micros(1'795'000'000'123'456);
  job.wall = Duration(99);
  job.simulated = true;
  job.reasons = {"one", "two\n"};
  return job;
}

TEST(JobState, ComesBackAsItWas) {
  const auto text = a_job().encode();
  const auto job = JobState::decode(text);
  ASSERT_TRUE(job.has_value());
  EXPECT_EQ(job->encode(), text);
  EXPECT_EQ(job->identity, a_job().identity);
  EXPECT_EQ(job->plan.cache.ttl, llm::CacheTtl::k1h);
  EXPECT_EQ(job->plan.cache.hit_rate_break_even, 0.53);
  EXPECT_EQ(job->deadline, a_job().deadline);
  EXPECT_EQ(job->started_at, a_job().started_at);
  EXPECT_EQ(job->reasons, a_job().reasons);
  EXPECT_EQ(job->output.items, 45U);
  EXPECT_EQ(job->parts, a_job().parts);
  EXPECT_EQ(job->stages, a_job().stages);
  EXPECT_EQ(job->shape, a_job().shape);
}

// A job that Weir planned before it knew more than one prefix goes on as it was planned.
TEST(JobState, OfVersionTwoIsReadAsItWasPlanned) {
  const auto text = fmt::format(
      R"({{"v":2,"id":"{}","items":10,"prefix_bytes":4000,"variable_bytes_mean":400,"primed":false}})",
      a_job().id.text());
  const auto unprimed = JobState::decode(text).value();
  EXPECT_TRUE(unprimed.planned);
  EXPECT_EQ(unprimed.stages, std::vector<Stage>{{.end = 1}});
  EXPECT_EQ(unprimed.bound_batch.written, 1000U);
  EXPECT_EQ(unprimed.bound_batch.read, 9000U);
  EXPECT_EQ(unprimed.bound_batch.base, 1000U);
}

TEST(JobState, OfANewerWeirOrDamagedIsAnError) {
  for (const auto* text : {"", "{", "[]", R"({"v":1})", R"({"v":4})", R"({"v":3,"id":"?"})"}) {
    EXPECT_FALSE(JobState::decode(text).has_value()) << text;
    EXPECT_FALSE(BatchState::decode(text).has_value()) << text;
  }
}

BatchState a_batch() {
  BatchState batch;
  batch.number = 7;
  batch.id = {3, 4};
  batch.phase = BatchPhase::kHeld;
  batch.ahead = Ahead::kProbe;
  batch.members = {.planned = true, .first = 1000, .count = 4};
  batch.items = 3;
  batch.image_bytes = 5;
  batch.image_digest = "d";
  batch.ceiling = {6};
  batch.adapter_state = R"({"at":"poll"})";
  batch.view = {.provider_batch_id = "b",
                .status = "running",
                .created_at = from_unix_seconds(5),
                .ended_at = {},
                .done = 2,
                .provisional = true};
  batch.stop = StopCause::kDeadline;
  batch.reason = "why";
  batch.lines = {{"errors", 2}, {"output", 9}};
  batch.rows = 1;
  batch.duplicates = 2;
  batch.strangers = 3;
  batch.broken = 4;
  batch.confirmed = true;
  batch.planned_at = from_unix_seconds(6);
  return batch;
}

TEST(BatchState, ComesBackAsItWas) {
  const auto text = a_batch().encode();
  const auto batch = BatchState::decode(text);
  ASSERT_TRUE(batch.has_value());
  EXPECT_EQ(batch->encode(), text);
  EXPECT_EQ(batch->phase, BatchPhase::kHeld);
  EXPECT_EQ(batch->members, a_batch().members);
  EXPECT_EQ(batch->stop, StopCause::kDeadline);
  EXPECT_EQ(batch->view.done, 2U);
  EXPECT_EQ(batch->lines, a_batch().lines);
  EXPECT_EQ(batch->view.created_at, from_unix_seconds(5));
  EXPECT_FALSE(batch->view.ended_at);
}

TEST(Identity, EveryDifferenceIsNamed) {
  const auto before = a_job().identity;
  EXPECT_EQ(difference(before, before), "");
  auto now = before;
  now.template_digest = "0123456789abcdef";
  now.schema_digest.clear();
  EXPECT_EQ(difference(before, now),
            "the prompt template (was t, is 0123456789ab); the schema (was s, is none)");
  now = {};
  for (const auto* what : {"provider", "model", "endpoint", "account", "key", "template", "schema",
                           "input", "options"})
    EXPECT_THAT(difference(before, now), HasSubstr(what));
}

}  // namespace
}  // namespace weir::engine
