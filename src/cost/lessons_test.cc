// The numbered cost defects of comparable tools (lessons.md 3.2), one test each, over the catalogue's own prices. What was wrong
// in reading usage stands in tests/translation/lessons_cost_test.cc, what was wrong in booking in tests/simulation.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "cost/ledger.h"
#include "cost/pricing.h"
#include "cost/testing.h"

namespace weir::cost {
namespace {

using llm::Route;

/// Exact dollars, as decimal text.
std::string usd(std::string_view model, Route route, const llm::Usage& usage) {
  return to_usd(cost_of(usage, row_of(model), route));
}

struct Vector {
  std::string_view model;
  Route route;
  llm::Usage usage;
  std::string_view usd;
};
void expect(std::initializer_list<Vector> vectors) {
  for (const auto& vector : vectors)
    EXPECT_EQ(usd(vector.model, vector.route, vector.usage), vector.usd)
        << vector.model << ' ' << to_string(vector.route);
}

constexpr Tokens kMillion{1'000'000};

template <typename Each>
void each_row(Each each) {
  for (const auto& provider : built_in().providers())
    for (const auto& model : provider.models)
      for (const auto& row : model.prices) each(provider.name + "/" + model.name, model, row);
}

// litellm#38341: cached tokens of a batch at the batch's full price, up to 2.5 times too much.
TEST(Lessons32, Item17_ACachedTokenOfABatchCostsWhatTheProviderSaysOfBoth) {
  const llm::Usage read{.cache_read = kMillion};
  expect({
      // Both discounts; measured live on gpt-5-nano.
      {"openAI/gpt-5-nano", Route::kBatch, read, "0.0025"},
      {"openAI/gpt-6-luna", Route::kBatch, {.cache_read = {100'000}}, "0.0005"},
      {"anthropic/claude-sonnet-5", Route::kBatch, read, "0.10"},
      {"xai/grok-4.3", Route::kBatch, {.cache_read = {100'000}}, "0.016"},
      // The cache's price, not halved.
      {"gemini/gemini-3.5-flash", Route::kSync, read, "0.15"},
      {"gemini/gemini-3.5-flash", Route::kBatch, read, "0.15"},
      // The batch's price, whatever is cached.
      {"groq/openai/gpt-oss-120b", Route::kBatch, read, "0.075"},
      {"openAI/gpt-4.1", Route::kSync, read, "0.50"},
      {"openAI/gpt-4.1", Route::kBatch, read, "1.00"},
      {"azureOpenAI/gpt-4.1", Route::kBatch, read, "1.00"},
      {"mistral/mistral-large-2512", Route::kSync, read, "0.05"},
      {"mistral/mistral-large-2512", Route::kBatch, read, "0.25"},
  });
}

TEST(Lessons32, Item17_AWrittenTokenOfABatchToo) {
  expect({
      {"anthropic/claude-sonnet-5", Route::kSync, {.cache_write_5m = kMillion}, "2.50"},
      {"anthropic/claude-sonnet-5", Route::kBatch, {.cache_write_5m = kMillion}, "1.25"},
      {"anthropic/claude-sonnet-5", Route::kSync, {.cache_write_1h = kMillion}, "4.00"},
      {"anthropic/claude-sonnet-5", Route::kBatch, {.cache_write_1h = kMillion}, "2.00"},
      {"openAI/gpt-5.6-luna", Route::kSync, {.cache_write = {200'000}}, "0.05"},
      {"openAI/gpt-5.6-luna", Route::kBatch, {.cache_write = {200'000}}, "0.025"},
  });
}

// litellm#39861: the tier above 272,000 tokens was left out of batches: input 2x under, output 1.5x.
TEST(Lessons32, Item17_TheTierOfLongPromptsCountsInABatch) {
  const llm::Usage at{.input = {272'000}, .output = {1000}};
  const llm::Usage above{.input = {301'113}, .output = {1000}};
  expect({
      {"openAI/gpt-5.6-luna", Route::kSync, at, "0.0556"},
      {"openAI/gpt-5.6-luna", Route::kBatch, at, "0.0278"},
      {"openAI/gpt-5.6-luna", Route::kSync, above, "0.1222452"},
      {"openAI/gpt-5.6-luna", Route::kBatch, above, "0.0611226"},
      // What is cached counts for the threshold, and is dearer above it as well.
      {"openAI/gpt-5.6-luna",
       Route::kBatch,
       {.input = {1}, .cache_read = {200'000}, .cache_write = {71'999}},
       "0.010999975"},
      {"openAI/gpt-5.6-luna",
       Route::kBatch,
       {.input = {1}, .cache_read = {200'000}, .cache_write = {72'000}},
       "0.0220002"},
      {"gemini/gemini-2.5-pro", Route::kSync, {.cache_read = {200'000}, .output = {10}}, "0.0251"},
      {"gemini/gemini-2.5-pro",
       Route::kBatch,
       {.cache_read = {200'000}, .output = {10}},
       "0.02505"},
      {"gemini/gemini-2.5-pro",
       Route::kBatch,
       {.cache_read = {200'001}, .output = {10}},
       "0.05007525"},
      {"xai/grok-4.3", Route::kBatch, {.input = {199'999}, .output = {1000}}, "0.201999"},
      {"xai/grok-4.3", Route::kBatch, {.input = {200'000}, .output = {1000}}, "0.404"},
      {"anthropic/claude-haiku-5-5",
       Route::kBatch,
       {.cache_read = {50'000}, .cache_write_5m = {25'000}, .cache_write_1h = {25'000}},
       "0.0043125"},
      {"anthropic/claude-haiku-5-5",
       Route::kBatch,
       {.input = {1},
        .cache_read = {50'000},
        .cache_write_5m = {25'000},
        .cache_write_1h = {25'000}},
       "0.02156275"},
  });
}

// litellm#37077, #37219, #19925: batches of a whole provider at nothing.
TEST(Lessons32, Item17_NoBatchIsFree) {
  each_row([](const std::string& name, const auto& /*model*/, const auto& row) {
    for (const Tokens prompt : {Tokens{1}, Tokens{1'000'000}}) {
      EXPECT_GT(cost_of({.input = prompt}, row, Route::kBatch).pico, 0) << name;
      EXPECT_GT(cost_of({.cache_read = prompt}, row, Route::kBatch).pico, 0) << name;
      EXPECT_GT(cost_of({.cache_write = prompt}, row, Route::kBatch).pico, 0) << name;
      EXPECT_GT(cost_of({.input = prompt, .output = {1}}, row, Route::kBatch).pico,
                cost_of({.input = prompt}, row, Route::kBatch).pico)
          << name;
    }
  });
}

// litellm#27191, #26807: the user's own prices left the cache out, +67 %; on the tokens of the report.
TEST(Lessons32, Item19_TheUsersOwnPricesHaveACacheToo) {
  auto own = built_in();
  const auto laid = own.overlay(
      "own.json",
      R"({"prices":[{"provider":"openAICompatible","model":"house","sync":{"input":"2.50","output":"15.00","cache_read":"0.25"}},)"
      R"({"provider":"openAICompatible","model":"plain","sync":{"input":"2.50","output":"15.00"}}]})");
  ASSERT_TRUE(laid) << laid.error().text();
  const llm::Usage usage{.input = {6074 - 3456}, .cache_read = {3456}, .output = {285}};
  const auto cost = [&](std::string_view model) {
    return to_usd(
        cost_of(usage, catalogue::resolve(own, model)->model->price_at(kNow), Route::kSync));
  };
  EXPECT_EQ(cost("openAICompatible/house"), "0.011684");
  EXPECT_EQ(cost("openAICompatible/plain"), "0.01946");  // no price of its own: as other input
}

// Curator: the total of a batch was always $0.
TEST(Lessons32, Item22_ABatchsTotalIsTheSumOfItsRows) {
  const auto& row = row_of("anthropic/claude-sonnet-5");
  LedgerTotals totals;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    const llm::Usage usage{.input = {100}, .cache_read = {9000}, .output = {50}};
    totals.add({.batch = 1,
                .sequence = i,
                .answered = true,
                .usage = usage,
                .cost = cost_of(usage, row, Route::kBatch),
                .baseline = baseline_of(usage, row)});
  }
  EXPECT_EQ(to_usd(totals.spent), "1.25");
  EXPECT_EQ(to_usd(totals.baseline), "18.70");
}

// truefoundry/models#765: wrong batch prices in a catalogue. Half is what every provider says, but for these.
TEST(Lessons32, Item22_ABatchIsExactlyHalf) {
  const std::set<std::string> kNotHalf{
      // No discount: https://docs.together.ai/docs/batch-inference lists the models that have one.
      "together/openai/gpt-oss-20b", "together/openai/gpt-oss-120b",
      "together/deepseek-ai/DeepSeek-V4-Flash-0731",
      // 20 % off: https://docs.x.ai/developers/pricing.
      "xai/grok-4.3", "xai/grok-4.20-0309-reasoning", "xai/grok-4.20-multi-agent-0309",
      // No price of a batch is published: the standard one is assumed.
      "cohere/command-a-03-2025", "cohere/command-r-08-2024", "cohere/command-r-plus-08-2024",
      "cohere/command-r7b-12-2024"};
  std::set<std::string> not_half;
  std::size_t halves = 0;
  each_row([&](const std::string& name, const auto& model, const auto& row) {
    if (!model.batch) return;
    bool half = true;
    for (const Tokens prompt : {Tokens{1000}, Tokens{1'000'000}}) {
      const llm::Usage usage{.input = prompt, .output = {1000}};
      half = half &&
             cost_of(usage, row, Route::kBatch).pico * 2 == cost_of(usage, row, Route::kSync).pico;
      EXPECT_LE(cost_of(usage, row, Route::kBatch), cost_of(usage, row, Route::kSync)) << name;
    }
    if (half) ++halves;
    else not_half.insert(name);
  });
  EXPECT_EQ(not_half, kNotHalf);
  EXPECT_GT(halves, 60U);
}

// holaOS#549: an hour's TTL where five minutes would do. It is paid for where it was written, and a write that is read back within
// minutes is not asked to live for an hour.
TEST(Lessons32, Item22_AnHoursTtlCostsMoreAndIsNoDefault) {
  const llm::Usage turn{.input = {2}, .cache_read = {425'098}, .output = {7102}};
  auto short_lived = turn, long_lived = turn;
  short_lived.cache_write_5m = {20'000};
  long_lived.cache_write_1h = {20'000};
  expect({{"anthropic/claude-sonnet-5", Route::kSync, short_lived, "0.2060436"},
          {"anthropic/claude-sonnet-5", Route::kSync, long_lived, "0.2360436"}});
  EXPECT_EQ(built_in().find("anthropic")->cache.sync_mark, llm::CacheTtl::k5m);
  EXPECT_EQ(built_in().find("anthropic")->cache.batch_mark, llm::CacheTtl::k1h);
}

// Three documents of 2,000 tokens behind 10,000 that they share, at $3 a million.
class WorkedExample : public ::testing::Test {
 protected:
  static std::string of_three(const llm::Usage& first, const llm::Usage& later, Route route) {
    const auto& row = row_of("anthropic/claude-sonnet-4-6");
    return to_usd(cost_of(first, row, route) + cost_of(later, row, route) +
                  cost_of(later, row, route));
  }
  const llm::Usage uncached_{.input = {12'000}};
  const llm::Usage writes_{.input = {2000}, .cache_write_5m = {10'000}};
  const llm::Usage reads_{.input = {2000}, .cache_read = {10'000}};
};

TEST_F(WorkedExample, Uncached) {
  EXPECT_EQ(of_three(uncached_, uncached_, Route::kSync), "0.108");
  EXPECT_EQ(of_three(uncached_, uncached_, Route::kBatch), "0.054");
}
TEST_F(WorkedExample, CachedWithTheWritePaid) {
  EXPECT_EQ(of_three(writes_, reads_, Route::kSync), "0.0615");
  EXPECT_EQ(of_three(writes_, reads_, Route::kBatch), "0.03075");
}
TEST_F(WorkedExample, CachedWhereTheWriteIsPlainInput) {
  EXPECT_EQ(of_three(uncached_, reads_, Route::kSync), "0.054");
  EXPECT_EQ(of_three(uncached_, reads_, Route::kBatch), "0.027");
}

}  // namespace
}  // namespace weir::cost
