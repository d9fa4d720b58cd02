#include "catalogue/community.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>

#include "json/patch.h"
#include "json/value.h"
#include "json/write.h"

namespace weir::catalogue {
namespace {

struct Origin {
  std::string_view theirs, ours,
      prefix;  // litellm_provider; our name; what their model names begin with
};
// An entry's provider, by its beginning: "vertex_ai-language-models", "bedrock_converse", "cohere_chat".
constexpr std::array<Origin, 13> kOrigins{{{"anthropic", "anthropic", ""},
                                           {"openai", "openAI", ""},
                                           {"gemini", "gemini", "gemini/"},
                                           {"azure", "azureOpenAI", "azure/"},
                                           {"bedrock", "bedrock", ""},
                                           {"vertex_ai", "vertexAI", "vertex_ai/"},
                                           {"cohere", "cohere", ""},
                                           {"fireworks_ai", "fireworks", "fireworks_ai/"},
                                           {"groq", "groq", "groq/"},
                                           {"mistral", "mistral", "mistral/"},
                                           {"ollama", "ollama", "ollama/"},
                                           {"together_ai", "together", "together_ai/"},
                                           {"xai", "xai", "xai/"}}};
constexpr std::array<std::string_view, 4> kModes{"chat", "completion", "responses", "embedding"};
constexpr std::size_t kPlacesMax =
    40;  // of an exponent: what is finer is nothing, what is larger no price

const Origin* origin_of(std::string_view provider) {
  const auto found = std::ranges::find_if(kOrigins, [&](const Origin& origin) {
    if (!provider.starts_with(origin.theirs)) return false;
    const auto rest = provider.substr(origin.theirs.size());
    return rest.empty() || rest.front() == '_' || rest.front() == '-';
  });
  return found == kOrigins.end() ? nullptr : &*found;
}

std::unexpected<Error> no_price(std::string_view number) {
  return fail(ErrorKind::kInvalidArgument,
              fmt::format("'{}' is no price of a token", number.substr(0, 40)));
}

// One entry as it stands in the file: its numbers are read as text.
class Entry {
 public:
  explicit Entry(std::string_view text) : text_(text) {}

  [[nodiscard]] std::string_view raw(std::string_view key) const {
    const auto span = json::locate(text_, {key});
    return span ? json::raw_at(text_, *span) : std::string_view();
  }
  [[nodiscard]] std::string_view text(std::string_view key) const {
    auto found = raw(key);
    if (found.size() < 2 || found.front() != '"') return {};
    return found.substr(1, found.size() - 2);
  }
  Result<std::optional<Price>> price(std::string_view key) const {
    const auto number = raw(key);
    if (number.empty() || number == "null") return std::optional<Price>();
    WEIR_TRY(const auto price, price_of_token(number));
    return std::optional(price);
  }
  // A whole number; some stand there as 200000.0.
  [[nodiscard]] std::optional<Tokens> tokens(std::string_view key) const {
    const auto number = raw(key);
    std::int64_t count = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), count);
    if (error != std::errc() || count <= 0) return std::nullopt;
    return Tokens{count};
  }

 private:
  std::string_view text_;
};

// Nothing: not one of ours, or without prices.
Result<std::optional<CommunityRow>> read_entry(std::string_view name, const Entry& entry) {
  const auto* origin = origin_of(entry.text("litellm_provider"));
  if (origin == nullptr || std::ranges::find(kModes, entry.text("mode")) == kModes.end())
    return std::optional<CommunityRow>();
  WEIR_TRY(const auto input, entry.price("input_cost_per_token"));
  WEIR_TRY(const auto output, entry.price("output_cost_per_token"));
  if (!input) return std::optional<CommunityRow>();
  CommunityRow row{
      .provider = std::string(origin->ours),
      .model =
          std::string(name.starts_with(origin->prefix) ? name.substr(origin->prefix.size()) : name),
      .input = *input,
      .output = output.value_or(Price{})};
  WEIR_TRY(row.cache_read, entry.price("cache_read_input_token_cost"));
  WEIR_TRY(row.cache_write, entry.price("cache_creation_input_token_cost"));
  WEIR_TRY(row.cache_write_1h, entry.price("cache_creation_input_token_cost_above_1hr"));
  WEIR_TRY(row.batch_input, entry.price("input_cost_per_token_batches"));
  WEIR_TRY(row.batch_output, entry.price("output_cost_per_token_batches"));
  row.input_max = entry.tokens("max_input_tokens");
  row.output_max = entry.tokens("max_output_tokens");
  return std::optional(std::move(row));
}

// Gives each entry's name and bytes. The document has been validated, so that what this walk does not look at is right too.
Result<void> each_entry(
    std::string_view text,
    const std::function<Result<void>(std::string_view, std::string_view)>& take) {
  namespace ondemand = simdjson::ondemand;
  const auto broken = [](simdjson::error_code error) {
    return fail(ErrorKind::kInvalidArgument,
                fmt::format("the price file: {}", simdjson::error_message(error)));
  };
  const simdjson::padded_string padded(text);
  ondemand::parser parser;
  ondemand::document document;
  ondemand::object models, entry;
  if (const auto error = parser.iterate(padded).get(document)) return broken(error);
  if (const auto error = document.get_object().get(models)) return broken(error);
  for (auto field : models) {
    std::string_view name, raw;
    if (const auto error = field.unescaped_key().get(name)) return broken(error);
    if (name == "sample_spec") continue;  // documentation
    if (field.value().get_object().get(entry)) continue;
    if (const auto error = entry.raw_json().get(raw)) return broken(error);
    WEIR_CHECK(take(name, raw));
  }
  return {};
}

// Dollars a million tokens, as the catalogue writes them: a pico-dollar a token is a millionth of it.
std::string per_mtok(Price price) {
  return fmt::format("{}.{:06}", price.pico_per_token / 1'000'000,
                     price.pico_per_token % 1'000'000);
}

}  // namespace

Result<Price> price_of_token(std::string_view number) {
  auto mantissa = number;
  int exponent = 0;
  if (const auto e = number.find_first_of("eE"); e != std::string_view::npos) {
    auto power = number.substr(e + 1);
    if (power.starts_with('+')) power.remove_prefix(1);
    const auto [end, error] = std::from_chars(power.data(), power.data() + power.size(), exponent);
    if (error != std::errc() || end != power.data() + power.size()) return no_price(number);
    mantissa = number.substr(0, e);
  }
  const auto point = std::min(mantissa.find('.'), mantissa.size());
  std::string digits(mantissa.substr(0, point));
  if (point < mantissa.size()) digits += mantissa.substr(point + 1);
  if (digits.empty() || !std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; }))
    return no_price(number);
  // Where the point goes when dollars a token become dollars a million tokens.
  const auto whole = static_cast<std::int64_t>(point) + exponent + 6;
  if (std::abs(whole) > static_cast<std::int64_t>(kPlacesMax)) return no_price(number);
  if (whole <= 0) digits.insert(0, static_cast<std::size_t>(1 - whole), '0');
  const auto places = whole <= 0 ? std::size_t{1} : static_cast<std::size_t>(whole);
  if (digits.size() < places) digits.append(places - digits.size(), '0');
  digits.insert(places, ".");
  if (digits.ends_with('.')) digits += '0';
  const auto price = parse_price_per_mtok(digits);
  return price ? price : no_price(number);
}

Result<CommunityPrices> read_community_prices(std::string_view text) {
  json::Parser whole;
  WEIR_TRY(const auto root, whole.parse(text));
  if (!root.is_object())
    return fail(ErrorKind::kInvalidArgument, "the price file is no JSON object of models",
                "give LiteLLM's model_prices_and_context_window.json");
  CommunityPrices out;
  WEIR_CHECK(each_entry(text, [&](std::string_view name, std::string_view entry) -> Result<void> {
    auto row = read_entry(name, Entry(entry));
    if (!row)
      return fail(ErrorKind::kInvalidArgument,
                  fmt::format("model '{}': {}", name.substr(0, 200), row.error().message));
    if (*row) out.rows.push_back(**std::move(row));
    else ++out.others;
    return {};
  }));
  return out;
}

std::vector<PriceDifference> price_differences(const Catalogue& catalogue,
                                               const CommunityPrices& prices, Time at) {
  std::vector<PriceDifference> out;
  for (const auto& row : prices.rows) {
    const auto* provider = catalogue.find(row.provider);
    const auto* model = provider == nullptr ? nullptr : provider->find(row.model);
    if (model == nullptr && provider != nullptr) model = provider->find_embedding(row.model);
    if (model == nullptr) continue;
    const auto& price = model->price_at(at);
    const auto compare = [&](std::string_view column, std::optional<Price> ours,
                             std::optional<Price> theirs) {
      if (theirs && ours != theirs)
        out.push_back({row.provider + "/" + row.model, std::string(column), ours, theirs});
    };
    const auto& write =
        price.sync.cache_write_5m ? price.sync.cache_write_5m : price.sync.cache_write;
    compare("input", price.sync.input, row.input);
    compare("output", price.sync.output, row.output);
    compare("cache_read", price.sync.cache_read, row.cache_read);
    compare("cache_write", write, row.cache_write);
    compare("cache_write_1h", price.sync.cache_write_1h, row.cache_write_1h);
    compare("batch_input", price.batch.input, row.batch_input);
    compare("batch_output", price.batch.output, row.batch_output);
  }
  return out;
}

std::string overlay_json(const CommunityPrices& prices, std::string_view source,
                         std::string_view as_of) {
  json::Writer out;
  const auto price = [&](std::string_view key, const std::optional<Price>& value) {
    if (value) out.field(key, per_mtok(*value));
  };
  out.begin_object().key("prices").begin_array();
  for (const auto& row : prices.rows) {
    out.begin_object().field("provider", row.provider).field("model", row.model);
    out.key("sync").begin_object();
    price("input", row.input);
    price("output", row.output);
    price("cache_read", row.cache_read);
    // Who has a price of its own for an hour has the shorter one for five minutes.
    price(row.cache_write_1h || row.provider == "anthropic" ? "cache_write_5m" : "cache_write",
          row.cache_write);
    price("cache_write_1h", row.cache_write_1h);
    out.end_object();
    if (row.batch_input && row.batch_output) {
      out.key("batch").begin_object();
      price("input", row.batch_input);
      price("output", row.batch_output);
      out.end_object();
    }
    if (row.input_max) out.field("input_max", row.input_max->count);
    if (row.output_max) out.field("output_max", row.output_max->count);
    out.field("source", source).field("as_of", as_of).field("confidence", "imported").end_object();
  }
  return out.end_array().end_object().take() + "\n";
}

}  // namespace weir::catalogue
