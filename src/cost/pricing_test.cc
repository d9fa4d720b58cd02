#include "cost/pricing.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "cost/ledger.h"
#include "cost/testing.h"

namespace weir::cost {
namespace {

using llm::Route;

TEST(Pricing, EveryBucketHasItsPrice) {
  // claude-sonnet-5: 2.00 in, 10.00 out, read 0.20, writes 2.50 and 4.00 dollars a million.
  const auto& row = row_of("anthropic/claude-sonnet-5");
  const llm::Usage usage{.input = {7},
                         .cache_read = {1000},
                         .cache_write_5m = {10},
                         .cache_write_1h = {100},
                         .output = {3}};
  EXPECT_EQ(cost_of(usage, row, Route::kSync).pico,
            7LL * 2'000'000 + 1000 * 200'000 + 10 * 2'500'000 + 100LL * 4'000'000 + 3 * 10'000'000);
  EXPECT_EQ(cost_of(usage, row, Route::kBatch).pico * 2, cost_of(usage, row, Route::kSync).pico);
  EXPECT_EQ(baseline_of(usage, row).pico, 1117LL * 2'000'000 + 3 * 10'000'000);
  EXPECT_EQ(uncached_cost_of(usage, row, Route::kBatch).pico * 2, baseline_of(usage, row).pico);
}

TEST(Pricing, AWriteAtTheProvidersOwnTtl) {
  const auto& row = row_of("openAI/gpt-6-luna");  // 0.10, read 0.01, write 0.125; batch half
  const llm::Usage usage{.cache_read = {8}, .cache_write = {16}};
  EXPECT_EQ(cost_of(usage, row, Route::kSync).pico, 8 * 10'000 + 16 * 125'000);
  EXPECT_EQ(cost_of(usage, row, Route::kBatch).pico, 8 * 5'000 + 16 * 62'500);
}

TEST(Pricing, ABucketWithoutAPriceCostsAsMuchAsInput) {
  const catalogue::PriceRow row{.sync = {.input = {5}, .output = {7}}};
  const llm::Usage usage{.input = {1},
                         .cache_read = {1},
                         .cache_write_5m = {1},
                         .cache_write_1h = {1},
                         .cache_write = {1}};
  EXPECT_EQ(cost_of(usage, row, Route::kSync).pico, 25);
}

// providers.md 19.2: above the threshold the whole request costs the long prices.
TEST(Pricing, AboveTheThresholdTheWholeRequestIsLong) {
  const auto& row = row_of("openAI/gpt-6-luna");
  ASSERT_EQ(row.long_threshold, Tokens{272'000});
  llm::Usage usage{.input = {200'000}, .cache_read = {72'000}, .output = {10}};
  EXPECT_EQ(cost_of(usage, row, Route::kSync).pico,
            200'000LL * 100'000 + 72'000LL * 10'000 + 10 * 500'000);
  usage.input = {200'001};
  EXPECT_EQ(cost_of(usage, row, Route::kSync).pico,
            200'001LL * 200'000 + 72'000LL * 20'000 + 10 * 750'000);
  EXPECT_EQ(cost_of(usage, row, Route::kBatch).pico,
            200'001LL * 100'000 + 72'000LL * 10'000 + 10 * 375'000);
}

TEST(Pricing, StackingDecidesWhatABatchedCachedTokenCosts) {
  const auto read_price_of = [](std::string_view stacking) {
    const auto text = fmt::format(
        R"({{"provider":"p","endpoint":"https://p","models":[{{"model":"m","stacking":"{}","batch":true,"prices":[)"
        R"({{"sync":{{"input":"4.00","output":"8.00","cache_read":"1.00"}}}}]}}]}})",
        stacking);
    const auto loaded = catalogue::Catalogue::load({{"p.json", text}}).value();
    return read_price(loaded.find("p")->models.front().prices.front().batch).pico_per_token;
  };
  EXPECT_EQ(read_price_of("multiply"), 500'000);
  EXPECT_EQ(read_price_of("cache-price-not-halved"), 1'000'000);
  EXPECT_EQ(read_price_of("cache-precedence"), 1'000'000);
  EXPECT_EQ(read_price_of("batch-rate-only"), 2'000'000);
  EXPECT_EQ(read_price_of("no-cache-in-batch"), 2'000'000);
  EXPECT_EQ(read_price_of("undocumented"), 2'000'000);
}

// Whatever a provider counts for so many bytes, it never costs more.
TEST(Pricing, TheCeilingCoversEveryCost) {
  SeededRandom random(3);
  for (const auto& provider : built_in().providers()) {
    for (const auto& model : provider.models) {
      for (int i = 0; i < 200; ++i) {
        const auto route = i % 2 == 0 ? Route::kSync : Route::kBatch;
        const auto bytes = random.below(random.below(2) == 0 ? 5000 : 1'500'000);
        const auto output_max = static_cast<std::int64_t>(random.below(10'000));
        auto left = static_cast<std::int64_t>(random.below(bytes + 2001));
        const auto part = [&] {
          const auto tokens =
              static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(left) + 1));
          left -= tokens;
          return Tokens{tokens};
        };
        llm::Usage usage{.cache_read = part(),
                         .cache_write_5m = part(),
                         .cache_write_1h = part(),
                         .cache_write = part()};
        usage.input = {left};
        usage.output = {
            static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(output_max) + 1))};
        const auto& row = model.prices.front();
        ASSERT_LE(cost_of(usage, row, route), ceiling_of(bytes, {output_max}, row, route))
            << model.name;
      }
    }
  }
}

LedgerEntry entry(std::uint64_t batch, bool answered, std::int64_t pico) {
  return {.batch = batch,
          .answered = answered,
          .usage = {.input = {1}, .cache_read = {batch ? 2 : 0}, .output = {3}},
          .cost = {pico},
          .baseline = {10 * pico},
          .uncached = {5 * pico}};
}

TEST(LedgerTotals, TellAnswersRepeatsAndExposureApart) {
  LedgerTotals totals;
  totals.add(entry(0, true, 100));
  totals.add(entry(2, true, 10));
  totals.add(entry(0, false, 1));
  auto unknown = entry(0, false, 1000);
  unknown.outcome = LedgerEntry::Outcome::kUnknown;
  totals.add(unknown);
  EXPECT_EQ(totals.spent.pico, 111);
  EXPECT_EQ(totals.answers_spent.pico, 110);
  EXPECT_EQ(totals.exposure.pico, 1000);
  EXPECT_EQ(totals.baseline.pico, 1100);
  EXPECT_EQ(totals.uncached.pico, 550);
  EXPECT_EQ(totals.billed, 3U);
  EXPECT_EQ(totals.unknown, 1U);
  EXPECT_EQ(totals.repeats, 1U);
  EXPECT_EQ(totals.answers, 2U);
  EXPECT_EQ(totals.batch_answers, 1U);
  EXPECT_EQ(totals.cache_hits, 1U);
  EXPECT_EQ(totals.usage.output.count, 9);
  EXPECT_EQ(totals.answered_usage.output.count, 6);
}

TEST(LedgerTotals, CachedContentsAreSpentButNoAnswers) {
  LedgerTotals totals;
  totals.add(entry(0, true, 100));
  LedgerEntry content{
      .kind = LedgerEntry::Kind::kContentWrite, .usage = {.cache_write = {7000}}, .cost = {30}};
  totals.add(content);
  content = {.kind = LedgerEntry::Kind::kContentStore, .cost = {4}};
  totals.add(content);
  content.outcome = LedgerEntry::Outcome::kUnknown;
  totals.add(content);
  EXPECT_EQ(totals.spent.pico, 134);
  EXPECT_EQ(totals.contents, 1U);
  EXPECT_EQ(totals.contents_written.pico, 30);
  EXPECT_EQ(totals.contents_stored.pico, 4);
  EXPECT_EQ(totals.exposure.pico, 4);
  EXPECT_EQ(totals.billed, 1U);
  EXPECT_EQ(totals.repeats, 0U);
  EXPECT_EQ(totals.answers_spent.pico, 100);
}

TEST(StorageCost, IsByTheSecondRoundedHalfUp) {
  using std::chrono::seconds;
  EXPECT_EQ(storage_cost({1'000'000}, seconds(3600), {1'000'000}).pico, 1'000'000'000'000);
  EXPECT_EQ(storage_cost({1}, seconds(1), {1'800}).pico, 1);  // half a pico-dollar
  EXPECT_EQ(storage_cost({1}, seconds(1), {1'799}).pico, 0);
  EXPECT_EQ(storage_cost({-5}, seconds(9), {1'000'000}).pico, 0);
  EXPECT_EQ(storage_cost({5}, seconds(-9), {1'000'000}).pico, 0);
  EXPECT_EQ(storage_cost({1LL << 50}, seconds(1LL << 40), {1'000'000}).pico,
            std::numeric_limits<std::int64_t>::max());
}

TEST(LedgerTotals, DoNotOverflow) {
  LedgerTotals totals;
  for (int i = 0; i < 10; ++i) totals.add({.cost = {std::numeric_limits<std::int64_t>::max()}});
  EXPECT_GT(totals.spent, MoneySum{std::numeric_limits<std::int64_t>::max()});
}

}  // namespace
}  // namespace weir::cost
