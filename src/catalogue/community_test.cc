#include "catalogue/community.h"

#include <gmock/gmock.h>

#include <array>

namespace weir::catalogue {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kFile = R"({
  "sample_spec": {"litellm_provider": "one of …", "mode": "one of: chat", "input_cost_per_token": 0.0},
  "gpt-5.4-nano": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 7e-07,
    "output_cost_per_token": 0.00000123, "cache_read_input_token_cost": 5e-9, "max_input_tokens": 400000.0,
    "input_cost_per_token_batches": 3.5E-7, "output_cost_per_token_batches": 6.15e-07, "supports_vision": true},
  "gemini/gemini-9": {"litellm_provider": "gemini", "mode": "chat", "input_cost_per_token": 1.25e-06,
    "output_cost_per_token": 1e-05, "max_output_tokens": 65536},
  "claude-9": {"litellm_provider": "anthropic", "mode": "chat", "input_cost_per_token": 3e-06,
    "output_cost_per_token": 1.5e-05, "cache_creation_input_token_cost": 3.75e-06,
    "cache_creation_input_token_cost_above_1hr": 6e-06},
  "dall-e-3": {"litellm_provider": "openai", "mode": "image_generation", "input_cost_per_pixel": 1e-8},
  "openrouter/x": {"litellm_provider": "openrouter", "mode": "chat", "input_cost_per_token": 1e-6},
  "azure_ai/y": {"litellm_provider": "azure_ai", "mode": "chat", "output_cost_per_token": 1e-6}
})";

std::int64_t pico(std::string_view number) {
  const auto price = price_of_token(number);
  EXPECT_TRUE(price.has_value()) << number;
  return price ? price->pico_per_token : -1;
}

TEST(CommunityPrices, NumbersAreReadDigitByDigit) {
  EXPECT_EQ(pico("3e-06"), 3'000'000);
  EXPECT_EQ(pico("3E-6"), 3'000'000);
  EXPECT_EQ(pico("0.000003"), 3'000'000);
  EXPECT_EQ(pico("1.25e-06"), 1'250'000);
  EXPECT_EQ(pico("5e-9"), 5'000);
  EXPECT_EQ(pico("0"), 0);
  EXPECT_EQ(pico("0.0"), 0);
  EXPECT_EQ(pico("1.5e-5"), 15'000'000);
  EXPECT_EQ(pico("12e-7"), 1'200'000);
  EXPECT_EQ(pico("4e-13"), 0);  // less than half a pico-dollar
  EXPECT_EQ(pico("5e-13"), 1);
  for (const auto* bad : {"", "-3e-06", "abc", "3e", "3e-9999999999", "1e30", "1.2.3", "\"3\""})
    EXPECT_FALSE(price_of_token(bad).has_value()) << bad;
}

TEST(CommunityPrices, ReadsTheEntriesOfOurProviders) {
  const auto prices = read_community_prices(kFile);
  ASSERT_TRUE(prices.has_value()) << prices.error().message;
  ASSERT_EQ(prices->rows.size(), 3U);
  EXPECT_EQ(prices->others, 3U);
  const auto& nano = prices->rows[0];
  EXPECT_EQ(nano.provider, "openAI");
  EXPECT_EQ(nano.model, "gpt-5.4-nano");
  EXPECT_EQ(nano.input, Price{700'000});
  EXPECT_EQ(nano.output, Price{1'230'000});
  EXPECT_EQ(nano.cache_read, Price{5'000});
  EXPECT_EQ(nano.batch_input, Price{350'000});
  EXPECT_EQ(nano.batch_output, Price{615'000});
  EXPECT_EQ(nano.input_max, Tokens{400'000});
  EXPECT_EQ(prices->rows[1].provider, "gemini");
  EXPECT_EQ(prices->rows[1].model, "gemini-9");  // without their route
}

TEST(CommunityPrices, SaysWhatIsNoSuchFile) {
  EXPECT_FALSE(read_community_prices("[1]").has_value());
  EXPECT_FALSE(read_community_prices("{").has_value());
  const auto bad = read_community_prices(
      R"({"m": {"litellm_provider": "groq", "mode": "chat", "input_cost_per_token": -1}})");
  ASSERT_FALSE(bad.has_value());
  EXPECT_THAT(bad.error().message, HasSubstr("model 'm'"));
  EXPECT_THAT(bad.error().message, HasSubstr("'-1' is no price"));
}

TEST(CommunityPrices, TellsWhereTheCatalogueDisagrees) {
  const auto catalogue = Catalogue::built_in().value();
  const auto* ours = catalogue.find("openAI")->find("gpt-5.4-nano");
  ASSERT_NE(ours, nullptr);
  const auto at = from_unix_seconds(1'795'392'000);
  const auto found = price_differences(catalogue, read_community_prices(kFile).value(), at);
  std::vector<std::string> columns;
  for (const auto& difference : found) {
    EXPECT_EQ(difference.model, "openAI/gpt-5.4-nano");
    EXPECT_NE(difference.ours, difference.theirs);
    columns.push_back(difference.column);
  }
  EXPECT_THAT(columns, ::testing::Contains("input"));
  EXPECT_EQ(found.front().ours, ours->price_at(at).sync.input);
}

TEST(CommunityPrices, AnOverlayBringsTheRowsIntoTheCatalogue) {
  auto catalogue = Catalogue::built_in().value();
  const auto prices = read_community_prices(kFile).value();
  // gemini may not be built in: then its row is an error, and nothing is changed.
  CommunityPrices known = prices;
  std::erase_if(known.rows,
                [&](const auto& row) { return catalogue.find(row.provider) == nullptr; });
  const auto done = catalogue.overlay("mine.json", overlay_json(known, "a test", "2026-11-27"));
  ASSERT_TRUE(done.has_value()) << done.error().message;
  const auto at = from_unix_seconds(1'795'392'000);
  EXPECT_TRUE(price_differences(catalogue, known, at).empty());
  const auto* added = catalogue.find("anthropic")->find("claude-9");
  ASSERT_NE(added, nullptr);
  EXPECT_FALSE(added->batch);
  EXPECT_EQ(added->price_at(at).sync.cache_write_5m, Price{3'750'000});
  EXPECT_EQ(added->price_at(at).sync.cache_write_1h, Price{6'000'000});
  EXPECT_EQ(added->price_at(at).as_of, "2026-11-27");
}

TEST(CommunityPrices, AnOverlayIsAllOrNothing) {
  auto catalogue = Catalogue::built_in().value();
  const auto before = catalogue.find("anthropic")->models.size();
  const auto bad = catalogue.overlay(
      "mine.json",
      R"({"prices":[{"provider":"anthropic","model":"a","sync":{"input":"1.00","output":"2.00"}},)"
      R"({"provider":"nobody","model":"b","sync":{"input":"1.00"}}]})");
  ASSERT_FALSE(bad.has_value());
  EXPECT_THAT(bad.error().message, HasSubstr("mine.json"));
  EXPECT_THAT(bad.error().message, HasSubstr("nobody/b"));
  EXPECT_EQ(catalogue.find("anthropic")->models.size(), before);
  EXPECT_FALSE(catalogue.overlay("mine.json", "{}").has_value());
  EXPECT_FALSE(catalogue
                   .overlay("mine.json",
                            R"({"prices":[{"provider":"openAI","model":"c","sync":{"input":3}}]})")
                   .has_value());
}

}  // namespace
}  // namespace weir::catalogue
