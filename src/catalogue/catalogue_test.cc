#include "catalogue/catalogue.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "json/value.h"

namespace weir::catalogue {
namespace {

using ::testing::HasSubstr;

const Catalogue& built_in() {
  static const auto kLoaded = Catalogue::built_in().value();
  return kLoaded;
}

std::vector<std::filesystem::path> files() {
  std::vector<std::filesystem::path> out;
  for (const auto& entry : std::filesystem::directory_iterator(WEIR_SOURCE_DIR "/data/catalogue"))
    if (entry.path().extension() == ".json") out.push_back(entry.path());
  return out;
}

std::string text_of(const std::filesystem::path& path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

// Dollars a million tokens times a million is pico-dollars a token (providers.md 19.1): moved by text, apart from our parser.
std::int64_t by_hand(std::string text) {
  if (!text.contains('.')) text += '.';
  while (text.size() - text.find('.') <= 6) text += '0';
  const auto point = text.find('.');
  EXPECT_LE(text.size() - point - 1, 6U) << "finer than a pico-dollar: " << text;
  return std::stoll(text.substr(0, point) + text.substr(point + 1));
}

void expect_rates(json::Value file, const Rates& rates, const std::string& where) {
  const auto price = [&](std::string_view key, std::optional<Price> ours) {
    const auto text = file[key].string();
    if (text)
      EXPECT_EQ(ours.value_or(Price{-1}).pico_per_token, by_hand(std::string(*text)))
          << where << " " << key;
  };
  price("input", rates.input);
  price("output", rates.output);
  price("cache_read", rates.cache_read);
  price("cache_write_5m", rates.cache_write_5m);
  price("cache_write_1h", rates.cache_write_1h);
  price("cache_write", rates.cache_write);
}

TEST(Catalogue, AnEndpointIsTheProvidersOrConfigured) {
  const auto& openai = *built_in().find("openAI");
  EXPECT_EQ(endpoint_of(openai, "").value(), "https://api.openai.com/v1");
  EXPECT_EQ(endpoint_of(openai, "http://here").value(), "http://here");
  EXPECT_FALSE(openai.key_optional);
  const EmbeddedFile file{
      "x.json", R"({"provider":"x","endpoint_required":true,"key_optional":true,"models":[]})"};
  const auto catalogue = Catalogue::load({file}).value();
  EXPECT_TRUE(catalogue.find("x")->key_optional);
  EXPECT_EQ(endpoint_of(*catalogue.find("x"), "http://here").value(), "http://here");
  const auto none = endpoint_of(*catalogue.find("x"), "");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().kind, ErrorKind::kInvalidArgument);
  EXPECT_THAT(none.error().hint, HasSubstr("--endpoint"));
}

TEST(Catalogue, EveryPriceIsTheFilesOwn) {
  std::size_t rows = 0;
  for (const auto& path : files()) {
    json::Parser parser;
    const auto text = text_of(path);
    const auto file = parser.parse(text);
    ASSERT_TRUE(file.has_value());
    const auto* provider = built_in().find((*file)["provider"].string_or(""));
    ASSERT_NE(provider, nullptr) << path;
    for (const auto element : (*file)["models"].items()) {
      const json::Value model(element);
      const auto* ours = provider->find(model["model"].string_or(""));
      ASSERT_NE(ours, nullptr);
      std::size_t at = 0;
      for (const auto row_element : model["prices"].items()) {
        const json::Value row(row_element);
        const auto& price = ours->prices.at(at++);
        expect_rates(row["sync"], price.sync, ours->name + " sync");
        expect_rates(row["batch"], price.batch, ours->name + " batch");
        if (price.long_threshold)
          expect_rates(row["long_sync"], price.long_sync, ours->name + " long");
        if (row.find("long_batch"))
          expect_rates(row["long_batch"], price.long_batch, ours->name + " long batch");
        EXPECT_FALSE(price.source.empty() || price.as_of.empty())
            << ours->name << ": prices have a source and a date";
        ++rows;
      }
    }
  }
  EXPECT_GE(rows, 40U);
}

TEST(Catalogue, ABatchIsNeverDearerAndNeverFree) {
  for (const auto& provider : built_in().providers()) {
    for (const auto& model : provider.models) {
      const auto& row = model.prices.front();
      if (!model.batch) continue;
      EXPECT_LE(row.batch.input, row.sync.input) << model.name;
      EXPECT_LE(row.batch.output, row.sync.output) << model.name;
      EXPECT_GT(row.batch.input.pico_per_token, 0) << model.name;
      if (row.sync.output.pico_per_token > 0)
        EXPECT_GT(row.batch.output.pico_per_token, 0) << model.name;
      if (row.long_threshold) EXPECT_GE(row.long_sync.input, row.sync.input) << model.name;
    }
  }
}

TEST(Catalogue, ProvidersHaveTheirLimits) {
  const auto* openai = built_in().find("OPENAI");  // without regard to case
  ASSERT_NE(openai, nullptr);
  ASSERT_TRUE(openai->batch.has_value());
  EXPECT_EQ(openai->batch->requests_max, 50'000U);
  EXPECT_EQ(openai->batch->creates_per_hour_max, 2000U);
  EXPECT_FALSE(openai->batch->mixed_models);
  const auto* anthropic = built_in().find("anthropic");
  EXPECT_EQ(anthropic->batch->requests_max, 100'000U);
  EXPECT_EQ(anthropic->batch->window, std::chrono::hours(24));
  EXPECT_EQ(anthropic->cache.breakpoints_max, 4U);
  EXPECT_EQ(anthropic->cache.batch_mark, llm::CacheTtl::k1h);
  EXPECT_EQ(anthropic->find("claude-sonnet-5")->cache_prefix_min, Tokens{1024});
  EXPECT_EQ(built_in().find("nobody"), nullptr);
}

TEST(Catalogue, ResolvesProviderAndModel) {
  const auto found = resolve(built_in(), "anthropic/claude-sonnet-5");
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->model->name, "claude-sonnet-5");
  const auto near = resolve(built_in(), "anthropic/claude-sonet-5");
  ASSERT_FALSE(near.has_value());
  EXPECT_EQ(near.error().kind, ErrorKind::kNotFound);
  EXPECT_THAT(near.error().hint, HasSubstr("did you mean anthropic/claude-sonnet-5?"));
  EXPECT_THAT(resolve(built_in(), "openAI/zzzzzzzzzzzzzzzzzzzz").error().hint,
              HasSubstr("known models: "));
  for (const auto* name : {"claude-sonnet-5", "nobody/claude-sonnet-5", "", "/"}) {
    const auto none = resolve(built_in(), name);
    ASSERT_FALSE(none.has_value()) << name;
    EXPECT_EQ(none.error().kind, ErrorKind::kInvalidArgument);
    EXPECT_THAT(none.error().hint, testing::AllOf(HasSubstr("anthropic, "), HasSubstr("openAI")));
  }
}

TEST(Catalogue, EmbeddingModelsAreKeptApart) {
  const auto found = resolve(built_in(), "openAI/text-embedding-3-small", ModelKind::kEmbedding);
  ASSERT_TRUE(found) << found.error().text();
  const auto& limits = found->model->embedding;
  ASSERT_TRUE(limits);
  EXPECT_EQ(limits->inputs_max, 2048U);
  EXPECT_EQ(limits->tokens_max, Tokens{300'000});
  EXPECT_EQ(limits->dimensions, 1536U);
  EXPECT_TRUE(limits->dimensions_selectable);
  const auto& price = found->model->prices.front();
  EXPECT_EQ(price.sync.input.pico_per_token, 20'000);
  EXPECT_EQ(price.batch.input.pico_per_token, 10'000);
  EXPECT_EQ(price.sync.output.pico_per_token, 0);
  EXPECT_THAT(resolve(built_in(), "openAI/text-embedding-3-small").error().message,
              HasSubstr("makes embeddings, it does not chat"));
  EXPECT_THAT(resolve(built_in(), "openAI/gpt-5", ModelKind::kEmbedding).error().message,
              HasSubstr("chats, it makes no embeddings"));
  EXPECT_EQ(resolve(built_in(), "anthropic/x", ModelKind::kEmbedding).error().kind,
            ErrorKind::kUnsupported);
  EXPECT_THAT(
      resolve(built_in(), "openAI/text-embedding-3-smal", ModelKind::kEmbedding).error().hint,
      HasSubstr("openAI/text-embedding-3-small"));
  // Every model has limits and a price of its own, and no name stands in both lists.
  for (const auto& provider : built_in().providers())
    for (const auto& model : provider.embedding_models) {
      EXPECT_TRUE(model.embedding) << model.name;
      EXPECT_EQ(provider.find(model.name), nullptr) << model.name;
      EXPECT_EQ(model.cache, CacheMode::kNone) << model.name;
      EXPECT_FALSE(model.prices.front().source.empty()) << model.name;
      EXPECT_EQ(model.prices.front().sync.output.pico_per_token, 0) << model.name;
    }
}

TEST(Catalogue, AFileThatIsNoneIsAnErrorWithItsPlace) {
  const auto error_of = [](std::string_view text) {
    const auto loaded = Catalogue::load({{"p.json", std::string(text)}});
    EXPECT_FALSE(loaded.has_value()) << text;
    return loaded ? std::string() : loaded.error().message;
  };
  const auto with_model = [](std::string_view model) {
    return fmt::format(R"({{"provider":"p","endpoint":"e","models":[{}]}})", model);
  };
  EXPECT_THAT(error_of("{"), HasSubstr("p.json"));
  EXPECT_THAT(error_of(R"({"provider":"p"})"), HasSubstr("endpoint"));
  EXPECT_THAT(error_of(R"({"provider":"p","endpoint":"e","batch":{}})"),
              HasSubstr("batch.requests_max"));
  EXPECT_THAT(error_of(with_model(R"({"model":"m"})")), HasSubstr("no prices"));
  EXPECT_THAT(error_of(with_model(R"({"model":"m","prices":[{"sync":{"input":3}}]})")),
              HasSubstr("decimal text"));
  EXPECT_THAT(error_of(with_model(R"({"model":"m","prices":[{"sync":{"input":"x"}}]})")),
              HasSubstr("models.m.sync.input"));
  EXPECT_THAT(
      error_of(with_model(R"({"model":"m","prices":[{"from":"today","sync":{"input":"1"}}]})")),
      HasSubstr("from"));
}

TEST(Model, ThePriceInForceIsTheOneWhoseTimeItIs) {
  const auto at = [](std::int64_t second) { return from_unix_seconds(second); };
  const Model model{.prices = {{.from = at(200), .sync = {.input = {3}}},
                               {.from = at(100), .until = at(200), .sync = {.input = {2}}}}};
  EXPECT_EQ(model.price_at(at(100)).sync.input.pico_per_token, 2);
  EXPECT_EQ(model.price_at(at(199)).sync.input.pico_per_token, 2);
  EXPECT_EQ(model.price_at(at(200)).sync.input.pico_per_token, 3);
}

}  // namespace
}  // namespace weir::catalogue
