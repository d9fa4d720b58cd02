#include "plan/limits.h"

#include <gtest/gtest.h>

namespace weir::plan {
namespace {

using namespace std::chrono_literals;

const catalogue::Provider& provider(std::string_view name) {
  static const auto kLoaded = catalogue::Catalogue::built_in().value();
  return *kLoaded.find(name);
}

TEST(Limits, OfThemselvesNarrowNothing) {
  const auto& anthropic = provider("anthropic");
  const auto same = narrowed(anthropic, {});
  EXPECT_EQ(same.batch->requests_max, anthropic.batch->requests_max);
  EXPECT_EQ(same.batch->poll_max, anthropic.batch->poll_max);
  EXPECT_EQ(same.batch->poll_min, anthropic.batch->poll_min);
  EXPECT_EQ(same.cache.breakpoints_max, anthropic.cache.breakpoints_max);
  EXPECT_EQ(same.cache.sync_mark, anthropic.cache.sync_mark);
  EXPECT_EQ(same.cache.batch_ttl, anthropic.cache.batch_ttl);
}

TEST(Limits, NeverWidenWhatTheProviderHas) {
  const auto& openai = provider("openAI");
  const auto wide = narrowed(openai, {.batch_size_max = 10'000'000});
  EXPECT_EQ(wide.batch->requests_max, openai.batch->requests_max);
  const auto patient = narrowed(openai, {.poll_max = 1h});  // looking less often is no capability
  EXPECT_EQ(patient.batch->poll_max, Duration(1h));
  EXPECT_EQ(patient.batch->poll_min, openai.batch->poll_min);
  const auto tight = narrowed(openai, {.batch_size_max = 7, .poll_max = 5s, .breakpoints_max = 0});
  EXPECT_EQ(tight.batch->requests_max, 7);
  EXPECT_EQ(tight.batch->poll_max, Duration(5s));
  EXPECT_EQ(tight.batch->poll_min, Duration(5s));
  EXPECT_EQ(tight.cache.breakpoints_max, 0);
}

TEST(Limits, ABatchIsNeverSmallerThanTheProviderTakesIt) {
  auto picky = provider("anthropic");
  picky.batch->requests_min = 100;
  EXPECT_EQ(narrowed(picky, {.batch_size_max = 7}).batch->requests_max, 100);
  EXPECT_EQ(narrowed(provider("anthropic"), {.batch_size_max = 0}).batch->requests_max, 1);
}

TEST(Limits, ALifetimeIsRoundedUpToOneThatTheProviderHas) {
  const auto mark = [](Duration wish) {
    const auto cache = narrowed(provider("anthropic"), {.cache_ttl = wish}).cache;
    EXPECT_EQ(cache.sync_mark, cache.batch_mark);
    EXPECT_EQ(cache.sync_ttl, cache.batch_ttl);
    return std::pair(cache.sync_mark, cache.sync_ttl);
  };
  EXPECT_EQ(mark(1s), std::pair(llm::CacheTtl::k5m, Duration(5min)));
  EXPECT_EQ(mark(5min), std::pair(llm::CacheTtl::k5m, Duration(5min)));
  EXPECT_EQ(mark(301s), std::pair(llm::CacheTtl::k1h, Duration(1h)));
  EXPECT_EQ(mark(168h), std::pair(llm::CacheTtl::k1h, Duration(1h)));
  EXPECT_EQ(rounded_up({}, 5min), std::nullopt);  // marks name no lifetime
}

TEST(Limits, TheLargerOfTheModelsMinimumAndTheWishHolds) {
  catalogue::Model model{.name = "m", .cache_prefix_min = Tokens{1024}};
  EXPECT_EQ(narrowed(model, {.cache_prefix_min = {100}}).cache_prefix_min, Tokens{1024});
  EXPECT_EQ(narrowed(model, {.cache_prefix_min = {5000}}).cache_prefix_min, Tokens{5000});
  model.cache_prefix_min.reset();
  EXPECT_EQ(narrowed(model, {.cache_prefix_min = {5000}}).cache_prefix_min, std::nullopt);
}

}  // namespace
}  // namespace weir::plan
