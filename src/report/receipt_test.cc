#include "report/receipt.h"

#include <gmock/gmock.h>

#include "base/random.h"
#include "cost/pricing.h"
#include "json/value.h"

namespace weir::report {
namespace {

using cost::LedgerEntry;
using ::testing::HasSubstr;
using ::testing::Not;

const Time kNow = from_unix_seconds(1'795'392'000);

const catalogue::Catalogue& catalogue() {
  static const auto kLoaded = catalogue::Catalogue::built_in().value();
  return kLoaded;
}

struct Job {
  explicit Job(std::string_view name, llm::Route route = llm::Route::kBatch) {
    const auto found = catalogue::resolve(catalogue(), name);
    model = found->model;
    provider = found->provider;
    state.identity.provider = provider->name;
    state.identity.model = model->name;
    state.plan.route = route;
    state.plan.batch_admissible = true;
    state.started_at = kNow;
  }
  void add(const llm::Usage& usage, bool answered = true, llm::Route route = llm::Route::kBatch) {
    const auto& row = model->price_at(kNow);
    totals.add({.batch = route == llm::Route::kBatch ? 1U : 0U,
                .answered = answered,
                .usage = usage,
                .cost = cost::cost_of(usage, row, route),
                .baseline = cost::baseline_of(usage, row),
                .uncached = cost::uncached_cost_of(usage, row, route)});
    if (answered) ++state.items, ++counts.succeeded;
  }
  [[nodiscard]] Receipt receipt(std::optional<MoneySum> bill = {},
                                std::optional<Accuracy> accuracy = {}) const {
    return make_receipt({state, counts, totals, *provider, *model, accuracy, bill});
  }
  engine::JobState state;
  engine::ResultCounts counts;
  cost::LedgerTotals totals;
  const catalogue::Provider* provider = nullptr;
  std::shared_ptr<const catalogue::Model> model;
};

// Two batch answers of claude-sonnet-5, 2,000 shared tokens: written once at 1h, read once. By hand, in nano-dollars:
//   spent      2000x2.00 + 100x1.00 + 50x5.00 = 4,350    2000x0.10 + 100x1.00 + 50x5.00 = 550     together 4,900
//   baseline   2 x (2100x2.00 + 50x10.00) = 9,400        uncached in a batch: half of it, 4,700
//   bound      4,700 - 4000x1.00 + 2000x1.25 (a 5m write) + 2000x0.10 = 3,400
Job two_answers() {
  Job job("anthropic/claude-sonnet-5");
  job.state.bound_sync = job.state.bound_batch = {.written = 2000, .read = 2000, .base = 200};
  job.state.plan.cache.hit_rate_break_even = 0.526;
  job.add({.input = {100}, .cache_write_1h = {2000}, .output = {50}});
  job.add({.input = {100}, .cache_read = {2000}, .output = {50}});
  return job;
}

TEST(Receipt, ACachedContentIsPaidByWhatItsReadsSave) {
  Job job("gemini/gemini-2.5-flash", llm::Route::kSync);
  for (int i = 0; i < 2; ++i)
    job.add({.input = {100}, .cache_read = {6000}, .output = {10}}, true, llm::Route::kSync);
  job.totals.add({.kind = LedgerEntry::Kind::kContentWrite, .cost = {1'800'000'000}});
  job.totals.add({.kind = LedgerEntry::Kind::kContentStore, .cost = {100'000'000}});
  job.state.content_reads = 2;
  job.state.content_saved = MoneySum{2 * 6000LL * 270'000};
  const auto r = job.receipt();
  EXPECT_EQ(r.lost_to_repeats.pico, 0);
  EXPECT_EQ(r.saved.pico, 2 * 6000LL * 270'000 - 1'900'000'000);
  EXPECT_EQ(r.saved_by_cache.pico, r.saved.pico);
  EXPECT_THAT(to_text(r), HasSubstr("cached contents"));
  EXPECT_THAT(to_text(r), HasSubstr("1 made for $0.0018, kept for $0.0001; 2 reads cost $0.00324"));
  EXPECT_THAT(to_json(r), HasSubstr(R"("contents":{"made":1,"reads":2,"write_usd":"0.0018",)"));
  EXPECT_THAT(to_text(two_answers().receipt()), Not(HasSubstr("cached contents")));
}

TEST(Receipt, AddsUpAsByHand) {
  auto job = two_answers();
  job.state.phase = engine::JobPhase::kDone;
  job.state.ended_at = kNow + std::chrono::minutes(3);
  job.state.wall = std::chrono::seconds(2);
  const auto r = job.receipt(MoneySum{4'900'000'000});
  EXPECT_EQ(to_usd(r.spent), "0.0049");
  EXPECT_EQ(to_usd(r.baseline), "0.0094");
  EXPECT_EQ(to_usd(r.saved), "0.0045");
  EXPECT_EQ(to_usd(r.saved_by_batch), "0.0047");
  EXPECT_EQ(to_usd(r.saved_by_cache), "-0.0002");
  EXPECT_EQ(to_usd(r.lower_bound), "0.0034");
  EXPECT_EQ(to_usd(r.automatic_baseline), "0.0094");  // this provider caches nothing by itself
  ASSERT_EQ(r.losses.size(), 1U);
  EXPECT_THAT(r.losses[0].to, HasSubstr("TTL"));
  EXPECT_EQ(to_usd(r.losses[0].amount), "0.0015");
  EXPECT_EQ(r.request_hit_rate, 0.5);
  EXPECT_DOUBLE_EQ(r.token_hit_rate, 2000.0 / 4200.0);
  EXPECT_EQ(r.virtual_s, 180);
  const auto text = to_text(r);
  EXPECT_THAT(text, HasSubstr("equal to the ledger, to the pico-dollar"));
  EXPECT_THAT(text, HasSubstr("misses cost"));
  EXPECT_THAT(text, HasSubstr("50 % of requests hit, break-even is 53 %"));
}

TEST(Receipt, RepeatsAndUnknownAttemptsStandApart) {
  auto job = two_answers();
  job.add({.input = {100}, .output = {50}}, false);  // 350 nano-dollars
  job.totals.add({.outcome = LedgerEntry::Outcome::kUnknown, .cost = {7'000'000'000}});
  const auto r = job.receipt(MoneySum{6'000'000'000});
  EXPECT_EQ(to_usd(r.spent), "0.00525");
  EXPECT_EQ(to_usd(r.lost_to_repeats), "0.00035");
  EXPECT_EQ(to_usd(r.exposure), "0.007");
  EXPECT_EQ(to_usd(r.baseline), "0.0094");  // the work done once
  EXPECT_EQ(r.saved.pico, r.saved_by_batch.pico + r.saved_by_cache.pico - r.lost_to_repeats.pico);
  EXPECT_THAT(to_text(r), HasSubstr("the ledger and its exposure cover it"));
  EXPECT_THAT(to_text(job.receipt(MoneySum{1})), HasSubstr("NOT equal to the ledger"));
}

TEST(Receipt, AnAutomaticCacheWouldHaveReadInStepsOf128) {
  Job job("openAI/gpt-5.4-nano", llm::Route::kSync);  // 0.20 in, 1.25 out, read 0.02
  job.state.bound_sync = {.written = 2000, .read = 2000};
  job.add({.input = {2000}, .output = {10}}, true, llm::Route::kSync);
  job.add({.input = {2000}, .output = {10}}, true, llm::Route::kSync);
  const auto r = job.receipt();
  EXPECT_EQ(r.automatic_baseline.pico, 4000LL * 200'000 + 20LL * 1'250'000 - 1920LL * 180'000);
  EXPECT_EQ(r.saved.pico, 0);
}

TEST(Receipt, AnAutomaticCacheThatChargesItsWritesIsNoBargain) {
  Job job("openAI/gpt-6-luna", llm::Route::kSync);  // 0.10 in, 0.50 out, write 0.125
  job.state.bound_sync = {.base = 2000};
  job.add({.input = {2000}, .output = {10}}, true, llm::Route::kSync);
  EXPECT_EQ(job.receipt().automatic_baseline.pico, 2000LL * 125'000 + 10LL * 500'000);
}

TEST(Receipt, OfNothingIsZero) {
  const auto r = Job("anthropic/claude-sonnet-5").receipt();
  EXPECT_EQ(r.spent.pico, 0);
  EXPECT_EQ(r.lower_bound.pico, 0);
  EXPECT_FALSE(r.finished);
  EXPECT_THAT(to_text(r), Not(HasSubstr("nan")));
  EXPECT_THAT(to_json(r), Not(HasSubstr("nan")));
}

TEST(Receipt, TheLowerBoundIsNeverAboveWhatWasSpent) {
  SeededRandom random(9);
  for (int round = 0; round < 2000; ++round) {
    const auto& provider = catalogue().providers()[random.below(catalogue().providers().size())];
    if (provider.models.empty()) continue;  // any model, without a price
    const auto& model = provider.models[random.below(provider.models.size())];
    const bool batch = model.batch && random.below(2) == 0;
    Job job(provider.name + "/" + model.name, batch ? llm::Route::kBatch : llm::Route::kSync);
    job.state.plan.batch_admissible = model.batch;
    job.state.bound_sync = job.state.bound_batch = {
        .written = random.below(5000), .read = random.below(20'000), .base = random.below(3000)};
    const auto tokens = [&](std::uint64_t below) {
      return Tokens{static_cast<std::int64_t>(random.below(below))};
    };
    for (auto items = random.below(6); items > 0; --items) {
      llm::Usage usage{.input = tokens(3000), .output = tokens(500)};
      (random.below(3) == 0 ? usage.cache_write_1h : usage.cache_read) = tokens(5000);
      job.add(usage, random.below(5) != 0, batch ? llm::Route::kBatch : llm::Route::kSync);
    }
    const auto r = job.receipt();
    ASSERT_LE(r.lower_bound, r.spent) << model.name;
    for (const auto& loss : r.losses) ASSERT_GT(loss.amount, MoneySum{}) << loss.to;
  }
}

TEST(Receipt, JsonHasTheDocumentedShape) {
  const auto text = to_json(two_answers().receipt({}, Accuracy{"section", 1, 2}));
  json::Parser parser;
  const auto v = parser.parse(text);
  ASSERT_TRUE(v.has_value()) << text;
  for (const auto* key : {"total", "succeeded", "failed", "cancelled"})
    EXPECT_TRUE((*v)["items"][key].integer()) << key;
  for (const auto* key :
       {"spent_usd", "baseline_usd", "automatic_baseline_usd", "saved_usd", "saved_by_batch_usd",
        "saved_by_cache_usd", "lower_bound_usd", "exposure_usd"})
    EXPECT_TRUE((*v)["cost"][key].string()) << key;
  EXPECT_TRUE((*v)["cost"]["saved_percentage"].number());
  EXPECT_TRUE((*v)["cost"].find("provider_bill_usd").has_value());
  for (const auto* key : {"request_hit_rate", "token_hit_rate"})
    EXPECT_TRUE((*v)["cache"][key].number()) << key;
  for (const auto* key : {"input", "output", "cache_read", "cache_write"})
    EXPECT_TRUE((*v)["tokens"][key].integer()) << key;
  for (const auto* key : {"accuracy", "wall_s", "virtual_s"})
    EXPECT_TRUE((*v)[key].number()) << key;
  EXPECT_EQ((*v)["cost"]["spent_usd"].string(), "0.0049");
  EXPECT_EQ((*v)["accuracy"].number(), 0.5);
}

}  // namespace
}  // namespace weir::report
