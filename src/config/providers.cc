#include "config/providers.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/value.h"

namespace weir::config {
namespace {

struct Facts {
  std::string_view name, key_variable;
  bool batching = true, caching = true, explicit_cache = false;
};

// openAICompatible has no variable: a key of one origin must not go to whatever endpoint stands in a file. vertexAI's key is a
// service account. What a server of the OpenAI shape can do is not known before it is asked: it may be switched on.
constexpr std::array<Facts, 14> kFacts{{
    {.name = "anthropic", .key_variable = "ANTHROPIC_API_KEY", .explicit_cache = true},
    {.name = "openAI", .key_variable = "OPENAI_API_KEY", .explicit_cache = true},
    {.name = "gemini", .key_variable = "GOOGLE_API_KEY", .explicit_cache = true},
    {.name = "azureOpenAI", .key_variable = "AZURE_OPENAI_API_KEY", .explicit_cache = true},
    {.name = "bedrock", .key_variable = "AWS_BEARER_TOKEN_BEDROCK", .explicit_cache = true},
    {.name = "vertexAI", .key_variable = "", .explicit_cache = true},
    {.name = "cohere", .key_variable = "COHERE_API_KEY"},
    {.name = "fireworks", .key_variable = "FIREWORKS_API_KEY"},
    {.name = "groq", .key_variable = "GROQ_API_KEY"},
    {.name = "mistral", .key_variable = "MISTRAL_API_KEY"},
    {.name = "ollama", .key_variable = "OLLAMA_API_KEY", .batching = false, .caching = false},
    {.name = "together", .key_variable = "TOGETHER_API_KEY"},
    {.name = "xai", .key_variable = "XAI_API_KEY"},
    {.name = "openAICompatible", .key_variable = ""},
}};

// The fourteen, and whatever else the catalogue of this build has.
std::vector<std::string_view> make_names() {
  static const auto kCatalogue = catalogue::Catalogue::built_in();  // the names are its
  std::vector<std::string_view> out;
  for (const auto& facts : kFacts) out.push_back(facts.name);
  if (!kCatalogue) return out;
  for (const auto& provider : kCatalogue->providers())
    if (std::ranges::find(out, provider.name) == out.end()) out.push_back(provider.name);
  return out;
}

const Facts* facts_of(std::string_view name) {
  const auto found = std::ranges::find(kFacts, name, &Facts::name);
  return found == kFacts.end() ? nullptr : &*found;
}

// The entry's models that the catalogue has.
std::vector<const catalogue::Model*> known_models(const ModelEntry& entry,
                                                  const catalogue::Provider& provider) {
  std::vector<const catalogue::Model*> out;
  for (const auto& name : entry.models)
    if (const auto* model = provider.find(name)) out.push_back(model);
  return out;
}

}  // namespace

std::span<const std::string_view> provider_names() {
  static const auto kNames = make_names();
  return kNames;
}

std::optional<std::string> canonical_provider(std::string_view name) {
  const auto names = provider_names();
  const auto index = index_of(names, name);
  return index ? std::optional(std::string(names[*index])) : std::nullopt;
}

std::string key_variable(std::string_view provider, const catalogue::Catalogue& catalogue) {
  if (const auto* known = catalogue.find(provider)) return known->key_variable;
  const auto* facts = facts_of(provider);
  return facts == nullptr ? "" : std::string(facts->key_variable);
}

Support support_of(const ModelEntry& entry, const catalogue::Catalogue& catalogue) {
  Support out;
  const auto* provider = catalogue.find(entry.provider);
  if (provider == nullptr) {
    const auto* facts = facts_of(entry.provider);
    if (facts == nullptr) return out;
    if (!facts->batching) out.batching_missing = fmt::format("{} has no batch API", facts->name);
    if (!facts->caching)
      out.caching_missing = fmt::format("{} bills nothing that a cache could save", facts->name);
    out.explicit_cache = facts->explicit_cache;
    return out;
  }
  const auto models = known_models(entry, *provider);
  const auto none = [&](auto has) { return !models.empty() && std::ranges::none_of(models, has); };
  if (!provider->batch) out.batching_missing = fmt::format("{} has no batch API", provider->name);
  else if (none([](const auto* model) { return model->batch; }))
    out.batching_missing = fmt::format("{} has no batch price", fmt::join(entry.models, ", "));
  if (none([](const auto* model) { return model->cache != catalogue::CacheMode::kNone; }))
    out.caching_missing = fmt::format("{} has no prompt cache", fmt::join(entry.models, ", "));
  if (const auto* facts = facts_of(entry.provider); facts != nullptr && !facts->caching)
    out.caching_missing = fmt::format("{} bills nothing that a cache could save", facts->name);
  out.explicit_cache = provider->cache.breakpoints_max > 0 && !none([](const auto* model) {
                         return model->cache == catalogue::CacheMode::kBreakpoints;
                       });
  return out;
}

}  // namespace weir::config
