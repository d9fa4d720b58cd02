#include "catalogue/catalogue.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "base/nearest.h"
#include "http/message.h"
#include "json/value.h"

namespace weir::catalogue {

std::vector<EmbeddedFile> embedded_files();  // generated from data/catalogue/*.json

namespace {

using json::Value;

// Where in a file we are, so that an error can say it.
struct Place {
  std::string_view file;
  std::string at;
  [[nodiscard]] Place in(std::string_view step) const {
    return {file, at.empty() ? std::string(step) : fmt::format("{}.{}", at, step)};
  }
  [[nodiscard]] std::unexpected<Error> bad(std::string_view why) const {
    return fail(ErrorKind::kInvalidArgument,
                fmt::format("catalogue file {}: {}: {}", file, at, why));
  }
};

Result<std::int64_t> required_integer(Value object, std::string_view key, const Place& place) {
  if (const auto value = object[key].integer(); value && *value >= 0) return *value;
  return place.in(key).bad("a whole number is missing");
}

Result<std::string> required_text(Value object, std::string_view key, const Place& place) {
  if (const auto text = object[key].string(); text && !text->empty()) return std::string(*text);
  return place.in(key).bad("text is missing");
}

std::vector<std::string> texts(Value array) {
  std::vector<std::string> out;
  for (const auto item : array.items()) out.push_back(Value(item).string_or(""));
  return out;
}

std::optional<Tokens> tokens(Value value) {
  if (const auto count = value.integer()) return Tokens{*count};
  return std::nullopt;
}

Result<std::optional<Price>> price(Value rates, std::string_view key, const Place& place) {
  const auto value = rates.find(key);
  if (!value) return std::optional<Price>();
  const auto text = value->string();
  if (!text) return place.in(key).bad("a price is decimal text, such as \"3.00\"");
  auto parsed = parse_price_per_mtok(*text);
  if (!parsed) return place.in(key).bad(parsed.error().message);
  return std::optional<Price>(*parsed);
}

Result<Rates> parse_rates(Value value, const Place& place) {
  Rates rates;
  WEIR_TRY(const auto input, price(value, "input", place));
  WEIR_TRY(const auto output, price(value, "output", place));
  if (!input) return place.bad("the input price is missing");
  rates.input = *input;
  rates.output = output.value_or(Price{});  // embeddings have none
  WEIR_TRY(rates.cache_read, price(value, "cache_read", place));
  WEIR_TRY(rates.cache_write_5m, price(value, "cache_write_5m", place));
  WEIR_TRY(rates.cache_write_1h, price(value, "cache_write_1h", place));
  WEIR_TRY(rates.cache_write, price(value, "cache_write", place));
  return rates;
}

// What a batch costs under the model's stacking, where the provider publishes no number: half, rounded once.
Rates derive_batch(const Rates& sync, Stacking stacking) {
  const auto half = [](Price p) { return derive(p, 1, 2); };
  const auto cached = [&](const std::optional<Price>& p) -> std::optional<Price> {
    switch (stacking) {
      case Stacking::kMultiply: return p ? std::optional(half(*p)) : std::nullopt;
      case Stacking::kCacheFullPrice: return p;
      case Stacking::kBatchRateOnly:
      case Stacking::kNoCacheInBatch:
      case Stacking::kUnknown: return p ? std::optional(half(sync.input)) : std::nullopt;
    }
    return std::nullopt;
  };
  return {half(sync.input),
          half(sync.output),
          cached(sync.cache_read),
          cached(sync.cache_write_5m),
          cached(sync.cache_write_1h),
          cached(sync.cache_write)};
}

// A published number wins over a derived one, bucket by bucket.
Rates merge(const Rates& published, const Rates& derived) {
  const auto pick = [](const std::optional<Price>& a, const std::optional<Price>& b) {
    return a ? a : b;
  };
  return {published.input,
          published.output,
          pick(published.cache_read, derived.cache_read),
          pick(published.cache_write_5m, derived.cache_write_5m),
          pick(published.cache_write_1h, derived.cache_write_1h),
          pick(published.cache_write, derived.cache_write)};
}

// A long-context bucket without a price of its own grows as the input price does.
Rates fill_long(Rates rates, const Rates& sync) {
  const auto fill = [&](std::optional<Price>& target, const std::optional<Price>& base) {
    if (!target && base && sync.input.pico_per_token > 0)
      target = derive(*base, rates.input.pico_per_token, sync.input.pico_per_token);
  };
  fill(rates.cache_read, sync.cache_read);
  fill(rates.cache_write_5m, sync.cache_write_5m);
  fill(rates.cache_write_1h, sync.cache_write_1h);
  fill(rates.cache_write, sync.cache_write);
  return rates;
}

Result<PriceRow> parse_price_row(Value value, Stacking stacking, const Place& place) {
  PriceRow row;
  for (const auto& [key, target] : {std::pair("from", &row.from), std::pair("until", &row.until)}) {
    const auto text = value[key].string();
    if (!text) continue;
    *target = parse_rfc3339(*text);
    if (!*target) return place.in(key).bad("not a time such as 2026-10-07T00:00:00Z");
  }
  WEIR_TRY(row.sync, parse_rates(value["sync"], place.in("sync")));
  row.batch = derive_batch(row.sync, stacking);
  if (const auto published = value.find("batch")) {
    WEIR_TRY(const auto rates, parse_rates(*published, place.in("batch")));
    row.batch = merge(rates, row.batch);
    row.batch_published = true;
  }
  row.long_threshold = tokens(value["long_threshold"]);
  if (row.long_threshold) {
    WEIR_TRY(const auto rates, parse_rates(value["long_sync"], place.in("long_sync")));
    row.long_sync = fill_long(rates, row.sync);
    row.long_batch = derive_batch(row.long_sync, stacking);
    if (const auto published = value.find("long_batch")) {
      WEIR_TRY(const auto batch, parse_rates(*published, place.in("long_batch")));
      row.long_batch = merge(batch, row.long_batch);
    }
  }
  WEIR_TRY(row.cache_storage_hour, price(value, "cache_storage_hour", place));
  row.source = value["source"].string_or("");
  row.as_of = value["as_of"].string_or("");
  row.confidence = value["confidence"].string_or("");
  row.notes = value["notes"].string_or("");
  return row;
}

Stacking parse_stacking(std::string_view text) {
  if (text == "multiply") return Stacking::kMultiply;
  if (text == "cache-price-not-halved" || text == "cache-precedence")
    return Stacking::kCacheFullPrice;
  if (text == "batch-rate-only") return Stacking::kBatchRateOnly;
  if (text == "no-cache-in-batch") return Stacking::kNoCacheInBatch;
  return Stacking::kUnknown;
}

// What a model is, but for its name.
Result<Model> parse_facts(Value value, const Place& here) {
  Model model;
  model.stacking = parse_stacking(value["stacking"].string_or(""));
  const auto cache = value["cache"].string_or("none");
  model.cache = cache == "breakpoints" ? CacheMode::kBreakpoints
                : cache == "automatic" ? CacheMode::kAutomatic
                                       : CacheMode::kNone;
  model.automatic_writes_charged = value["automatic_writes_charged"].boolean().value_or(false);
  model.cache_prefix_min = tokens(value["cache_prefix_min"]);
  model.input_max = tokens(value["input_max"]);
  model.output_max = tokens(value["output_max"]);
  model.batch = value["batch"].boolean().value_or(false);
  model.temperature_allowed = value["temperature_allowed"].boolean().value_or(true);
  for (const auto row : value["prices"].items()) {
    WEIR_TRY(auto parsed, parse_price_row(Value(row), model.stacking, here));
    model.prices.push_back(std::move(parsed));
  }
  if (model.prices.empty()) return here.bad("no prices");
  return model;
}

Result<Model> parse_model(Value value, const Place& place) {
  WEIR_TRY(auto name, required_text(value, "model", place));
  WEIR_TRY(auto model, parse_facts(value, place.in(name)));
  model.name = std::move(name);
  return model;
}

// {"inputs_max":2048,"tokens_max":300000,"dimensions":1536,"dimensions_selectable":true} beside what all models have.
Result<Model> parse_embedding_facts(Value value, const Place& place) {
  WEIR_TRY(auto model, parse_facts(value, place));
  EmbeddingLimits limits;
  WEIR_TRY(const auto inputs, required_integer(value, "inputs_max", place));
  if (inputs < 1) return place.in("inputs_max").bad("at least 1");
  limits.inputs_max = static_cast<std::uint64_t>(inputs);
  limits.tokens_max = tokens(value["tokens_max"]);
  limits.dimensions =
      static_cast<std::uint64_t>(std::max<std::int64_t>(value["dimensions"].integer_or(0), 0));
  limits.dimensions_selectable = value["dimensions_selectable"].boolean().value_or(false);
  model.embedding = limits;
  return model;
}

Result<void> parse_embeddings(Value root, const Place& place, Provider& provider) {
  for (const auto item : root["embedding_models"].items()) {
    const Value value(item);
    const auto here = place.in("embedding_models");
    WEIR_TRY(auto name, required_text(value, "model", here));
    WEIR_TRY(auto model, parse_embedding_facts(value, here.in(name)));
    model.name = std::move(name);
    provider.embedding_models.push_back(std::move(model));
  }
  if (const auto others = root.find("other_embedding_models")) {
    WEIR_TRY(provider.other_embedding_models,
             parse_embedding_facts(*others, place.in("other_embedding_models")));
    provider.other_embedding_models->listed = false;
  }
  return {};
}

Result<BatchLimits> parse_batch(Value value, const Place& place) {
  BatchLimits limits;
  const auto unsigned_field = [&](std::string_view key, std::uint64_t& target) -> Result<void> {
    WEIR_TRY(const auto number, required_integer(value, key, place));
    target = static_cast<std::uint64_t>(number);
    return {};
  };
  const auto optional_field = [&](std::string_view key, std::uint64_t& target) -> Result<void> {
    return value.find(key) ? unsigned_field(key, target) : Result<void>();
  };
  const auto seconds_field = [&](std::string_view key, Duration& target) -> Result<void> {
    WEIR_TRY(const auto number, required_integer(value, key, place));
    target = std::chrono::seconds(number);
    return {};
  };
  WEIR_CHECK(unsigned_field("requests_max", limits.requests_max));
  WEIR_CHECK(unsigned_field("bytes_max", limits.bytes_max));
  WEIR_CHECK(unsigned_field("line_bytes_max", limits.line_bytes_max));
  WEIR_CHECK(optional_field("requests_min", limits.requests_min));
  WEIR_CHECK(optional_field("creates_per_hour_max", limits.creates_per_hour_max));
  WEIR_CHECK(optional_field("enqueued_tokens_max", limits.enqueued_tokens_max));
  WEIR_CHECK(seconds_field("window_s", limits.window));
  WEIR_CHECK(seconds_field("create_visibility_max_s", limits.create_visibility_max));
  WEIR_CHECK(seconds_field("poll_min_s", limits.poll_min));
  WEIR_CHECK(seconds_field("poll_max_s", limits.poll_max));
  limits.mixed_models = value["mixed_models"].boolean().value_or(false);
  limits.answer_format = value["answer_format"].boolean().value_or(true);
  limits.webhooks = value["webhooks"].boolean().value_or(false);
  limits.cancel_keeps_results = value["cancel_keeps_results"].boolean().value_or(true);
  limits.setting = value["setting"].string_or("");
  limits.result_hosts = texts(value["result_hosts"]);
  return limits;
}

llm::CacheTtl parse_ttl(std::string_view text) {
  if (text == "5m") return llm::CacheTtl::k5m;
  if (text == "1h") return llm::CacheTtl::k1h;
  return llm::CacheTtl::kDefault;
}

CacheLimits parse_cache(Value value) {
  CacheLimits limits;
  limits.breakpoints_max = static_cast<std::uint64_t>(value["breakpoints_max"].integer_or(0));
  for (const auto ttl : value["ttls"].items())
    limits.ttls.push_back(parse_ttl(Value(ttl).string_or("")));
  limits.batch_hit_rate_expected = value["batch_hit_rate_expected"].number().value_or(0);
  limits.sync_hit_rate_expected =
      value["sync_hit_rate_expected"].number().value_or(limits.sync_hit_rate_expected);
  limits.sync_mark = parse_ttl(value["sync_ttl"].string_or(""));
  limits.batch_mark = parse_ttl(value["batch_ttl"].string_or(""));
  limits.sync_ttl = std::chrono::seconds(value["sync_ttl_s"].integer_or(0));
  limits.batch_ttl = std::chrono::seconds(value["batch_ttl_s"].integer_or(0));
  if (const auto contents = value.find("contents"))
    limits.contents = {.create_visibility_max = std::chrono::seconds(
                           (*contents)["create_visibility_max_s"].integer_or(0))};
  return limits;
}

Result<Provider> parse_provider(const EmbeddedFile& file) {
  const Place place{file.name, ""};
  json::Parser parser;
  auto root = parser.parse(file.bytes);
  if (!root) return place.bad(root.error().message);
  Provider provider;
  WEIR_TRY(provider.name, required_text(*root, "provider", place));
  if ((*root)["endpoint_required"].boolean() != true) {
    WEIR_TRY(provider.endpoint, required_text(*root, "endpoint", place));
  }
  for (const auto member : (*root)["endpoints"].members())
    provider.endpoints.emplace_back(std::string(member.key), Value(member.value).string_or(""));
  provider.settings = texts((*root)["settings"]);
  provider.key_variable = (*root)["key_variable"].string_or("");
  provider.key_setting = (*root)["key_setting"].string_or("");
  provider.key_optional = (*root)["key_optional"].boolean().value_or(false);
  provider.checked = (*root)["checked"].string_or("");
  if (const auto batch = root->find("batch")) {
    WEIR_TRY(provider.batch, parse_batch(*batch, place.in("batch")));
  }
  provider.cache = parse_cache((*root)["cache"]);
  for (const auto model : (*root)["models"].items()) {
    WEIR_TRY(auto parsed, parse_model(Value(model), place.in("models")));
    provider.models.push_back(std::move(parsed));
  }
  if (const auto others = root->find("other_models")) {
    WEIR_TRY(provider.other_models, parse_facts(*others, place.in("other_models")));
    provider.other_models->listed = false;
  }
  WEIR_CHECK(parse_embeddings(*root, place, provider));
  return provider;
}

}  // namespace

const PriceRow& Model::price_at(Time at) const {
  WEIR_ASSERT(!prices.empty());
  for (const auto& row : prices)
    if ((!row.from || *row.from <= at) && (!row.until || at < *row.until)) return row;
  return prices.front();
}

namespace {

const Model* find_in(const std::vector<Model>& models, std::string_view name) {
  const auto found = std::ranges::find(models, name, &Model::name);
  return found == models.end() ? nullptr : &*found;
}

}  // namespace

const Model* Provider::find(std::string_view model) const { return find_in(models, model); }

const Model* Provider::find_embedding(std::string_view model) const {
  return find_in(embedding_models, model);
}

Result<std::string> endpoint_of(const Provider& provider, std::string_view configured) {
  if (!configured.empty()) return std::string(configured);
  if (!provider.endpoint.empty()) return provider.endpoint;
  return fail(ErrorKind::kInvalidArgument,
              fmt::format("{} has no endpoint of its own", provider.name),
              "give --endpoint URL, or `endpoint` in the configuration");
}

Result<Catalogue> Catalogue::load(const std::vector<EmbeddedFile>& files) {
  Catalogue catalogue;
  for (const auto& file : files) {
    WEIR_TRY(auto provider, parse_provider(file));
    catalogue.providers_.push_back(std::move(provider));
  }
  return catalogue;
}

Result<void> Catalogue::overlay(std::string_view name, std::string_view text) {
  const Place place{name, "prices"};
  json::Parser parser;
  const auto root = parser.parse(text);
  if (!root) return place.bad(root.error().message);
  if (!(*root)["prices"].is_array()) return place.bad("an array of prices is missing");
  auto changed = providers_;  // all or nothing
  for (const auto item : (*root)["prices"].items()) {
    const Value row(item);
    WEIR_TRY(const auto provider_name, required_text(row, "provider", place));
    WEIR_TRY(const auto model_name, required_text(row, "model", place));
    const auto here = place.in(fmt::format("{}/{}", provider_name, model_name));
    const auto provider = std::ranges::find_if(changed, [&](const Provider& candidate) {
      return http::equal_ignoring_case(candidate.name, provider_name);
    });
    if (provider == changed.end()) return here.bad("there is no such provider");
    auto& models = provider->find_embedding(model_name) != nullptr ? provider->embedding_models
                                                                   : provider->models;
    auto model = std::ranges::find(models, model_name, &Model::name);
    if (model == models.end()) {
      models.push_back({.name = model_name});
      model = std::prev(models.end());
    }
    WEIR_TRY(auto price, parse_price_row(row, model->stacking, here));
    model->prices.insert(model->prices.begin(), std::move(price));
    if (const auto most = tokens(row["input_max"])) model->input_max = most;
    if (const auto most = tokens(row["output_max"])) model->output_max = most;
  }
  providers_ = std::move(changed);
  return {};
}

Result<Catalogue> Catalogue::built_in() { return load(embedded_files()); }

const Provider* Catalogue::find(std::string_view provider) const {
  for (const auto& candidate : providers_)
    if (http::equal_ignoring_case(candidate.name, provider)) return &candidate;
  return nullptr;
}

Result<ModelRef> resolve(const Catalogue& catalogue, std::string_view name, ModelKind kind) {
  const auto slash = name.find('/');
  const auto* provider =
      slash == std::string_view::npos ? nullptr : catalogue.find(name.substr(0, slash));
  if (provider == nullptr) {
    std::vector<std::string_view> names;
    for (const auto& known : catalogue.providers()) names.push_back(known.name);
    return fail(ErrorKind::kInvalidArgument,
                fmt::format("model '{}' does not begin with a provider", name.substr(0, 200)),
                fmt::format("write PROVIDER/MODEL, with one of: {}", fmt::join(names, ", ")));
  }
  const auto wanted = name.substr(slash + 1);
  const bool chat = kind == ModelKind::kChat;
  const auto& models = chat ? provider->models : provider->embedding_models;
  const auto& others = chat ? provider->other_models : provider->other_embedding_models;
  // The catalogue outlives its references, so that it need not be owned.
  if (const auto* model = find_in(models, wanted))
    return ModelRef{provider, std::shared_ptr<const Model>(std::shared_ptr<const Model>(), model)};
  if (find_in(chat ? provider->embedding_models : provider->models, wanted) != nullptr)
    return fail(
        ErrorKind::kInvalidArgument,
        fmt::format("{}/{} {}", provider->name, wanted,
                    chat ? "makes embeddings, it does not chat" : "chats, it makes no embeddings"),
        chat ? "Engine::embedding_model() takes it; name a model that chats"
             : "weir models lists those that make embeddings");
  if (others && !wanted.empty()) {
    auto model = std::make_shared<Model>(*others);
    model->name = wanted;
    return ModelRef{provider, std::move(model)};
  }
  if (models.empty())
    return fail(ErrorKind::kUnsupported,
                fmt::format("{} has no {} in the catalogue", provider->name,
                            chat ? "models" : "embeddings"));
  std::vector<std::string> names;
  for (const auto& known : models) names.push_back(known.name);
  const auto near = nearest_name(wanted, names);
  return fail(ErrorKind::kNotFound,
              fmt::format("{} has no {} '{}' in the catalogue", provider->name,
                          chat ? "model" : "embedding model", wanted.substr(0, 200)),
              !near ? fmt::format("known models: {}", fmt::join(names, ", "))
                    : fmt::format("did you mean {}/{}?", provider->name, *near));
}

}  // namespace weir::catalogue
