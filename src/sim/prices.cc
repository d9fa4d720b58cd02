#include "sim/prices.h"

#include "json/patch.h"
#include "json/value.h"

namespace weir::sim {
namespace {

// price × up / down, rounded half up once.
std::int64_t scaled(std::int64_t price, std::int64_t up, std::int64_t down) {
  const __int128 product = static_cast<__int128>(price) * up;
  return static_cast<std::int64_t>((product * 2 + down) / (static_cast<__int128>(down) * 2));
}

std::optional<std::int64_t> half(const std::optional<std::int64_t>& price) {
  if (!price) return std::nullopt;
  return scaled(*price, 1, 2);
}

// One row of the array; numbers are read as their tokens in the text.
class RowReader {
 public:
  RowReader(std::string_view table, std::size_t index) {
    const auto span = json::locate(table, {index});
    row_ = span ? json::raw_at(table, *span) : std::string_view();
  }
  [[nodiscard]] std::string_view token(std::string_view key) const {
    const auto span = json::locate(row_, {key});
    return span ? json::raw_at(row_, *span) : std::string_view();
  }
  [[nodiscard]] std::optional<std::int64_t> price(std::string_view key) const {
    return pico_from_decimal(token(key));
  }
  [[nodiscard]] std::int64_t integer(std::string_view key) const {
    std::int64_t value = 0;
    for (const char c : token(key)) {
      if (c < '0' || c > '9') break;
      value = value * 10 + (c - '0');
    }
    return value;
  }

 private:
  std::string_view row_;
};

PriceColumns sync_columns(const RowReader& row, std::string_view prefix) {
  const auto price = [&](std::string_view key) {
    return row.price(std::string(prefix).append(key));
  };
  return {.input = price("input"),
          .cache_read = price("cache_read"),
          .cache_write_5m = price("cache_write_5m"),
          .cache_write_1h = price("cache_write_1h"),
          .cache_write = price("cache_write"),
          .output = price("output")};
}

// A published batch column wins over half of the sync column.
PriceColumns batch_columns(const RowReader& row, const PriceColumns& sync,
                           std::string_view prefix = "") {
  const auto either = [&](std::string_view key, const std::optional<std::int64_t>& base) {
    const auto published = row.price(std::string(prefix).append(key));
    return published ? published : half(base);
  };
  return {.input = either("batch_input", sync.input),
          .cache_read = either("batch_cache_read", sync.cache_read),
          .cache_write_5m = either("batch_cache_write_5m", sync.cache_write_5m),
          .cache_write_1h = either("batch_cache_write_1h", sync.cache_write_1h),
          .cache_write = either("batch_cache_write", sync.cache_write),
          .output = either("batch_output", sync.output)};
}

// A long-tier column that is not published keeps the ratio to the input price that it has in the
// ordinary tier.
void fill_long(PriceColumns& tier, const PriceColumns& base) {
  const auto fill = [&](std::optional<std::int64_t>& price,
                        const std::optional<std::int64_t>& from) {
    if (!price && from && base.input.value_or(0) > 0)
      price = scaled(*from, *tier.input, *base.input);
  };
  if (!tier.input) tier.input = base.input;
  if (!tier.output) tier.output = base.output;
  fill(tier.cache_read, base.cache_read);
  fill(tier.cache_write_5m, base.cache_write_5m);
  fill(tier.cache_write_1h, base.cache_write_1h);
  fill(tier.cache_write, base.cache_write);
}

ModelRow read_row(std::string model, const RowReader& row) {
  ModelRow out{.model = std::move(model)};
  const auto stack = row.token("cache_batch_stack");
  // Cached tokens cost in a batch what they cost outside of one.
  const bool full_cache_price =
      stack == "\"cache-price-not-halved\"" || stack == "\"cache-precedence\"";
  out.sync = sync_columns(row, "");
  out.batch = batch_columns(row, out.sync);
  if (full_cache_price && !row.price("batch_cache_read"))
    out.batch.cache_read = out.sync.cache_read;
  out.long_context_threshold = row.integer("long_context_threshold");
  if (out.long_context_threshold > 0) {
    out.long_sync = sync_columns(row, "long_");
    fill_long(out.long_sync, out.sync);
    out.long_batch = batch_columns(row, out.long_sync, "long_");
    if (full_cache_price && !row.price("long_batch_cache_read"))
      out.long_batch.cache_read = out.long_sync.cache_read;
  }
  out.cache_tokens_min = row.integer("min_cache_tokens");
  out.storage_hour = row.price("cache_storage_per_mtok_hour");
  out.input_tokens_max = row.integer("max_input_tokens");
  out.output_tokens_max = row.integer("max_output_tokens");
  out.cached = out.sync.cache_read.has_value() && out.cache_tokens_min > 0;
  // "batch-rate-only": a batch does use the cache, at the price of the other tokens.
  out.cached_in_batch =
      out.cached && (full_cache_price || stack == "\"multiply\"" || stack == "\"batch-rate-only\"");
  return out;
}

bool is_date_suffix(std::string_view text) {
  if (text.size() != 9 && text.size() != 11) return false;  // -20250929, -2025-08-07
  std::size_t digits = 0;
  for (const char c : text) digits += c >= '0' && c <= '9' ? 1 : 0;
  return text[0] == '-' && digits == 8;
}

std::string_view undated(std::string_view model) {
  for (const std::size_t length : {9U, 11U})
    if (model.size() > length && is_date_suffix(model.substr(model.size() - length)))
      return model.substr(0, model.size() - length);
  return model;
}

}  // namespace

std::optional<std::int64_t> pico_from_decimal(std::string_view text) {
  std::int64_t value = 0;
  int places = -1;
  bool any = false, up = false;
  for (const char c : text) {
    if (c == '.' && places < 0) {
      places = 0;
      continue;
    }
    if (c < '0' || c > '9') return std::nullopt;
    any = true;
    if (places == 6) up = c >= '5';
    if (places >= 0) ++places;
    if (places > 6) continue;
    if (value > 900'000'000'000'000'000 / 10) return std::nullopt;
    value = value * 10 + (c - '0');
  }
  if (!any) return std::nullopt;
  for (int i = places < 0 ? 0 : places; i < 6; ++i) value *= 10;
  return value + (up ? 1 : 0);
}

std::int64_t cost_pico_usd(const ModelRow& row, const TokenBuckets& tokens, Terms terms) {
  const bool is_long =
      row.long_context_threshold > 0 && tokens.prompt() > row.long_context_threshold;
  const PriceColumns& columns =
      is_long ? (terms.half ? row.long_batch : row.long_sync) : (terms.half ? row.batch : row.sync);
  std::int64_t sum = 0;
  const auto add = [&](std::int64_t count, const std::optional<std::int64_t>& price) {
    if (count == 0) return;
    WEIR_ASSERT(price.has_value());
    sum += count * (terms.percent == 100 ? *price : scaled(*price, terms.percent, 100));
  };
  add(tokens.input, columns.input);
  add(tokens.cache_read, columns.cache_read);
  add(tokens.cache_write_5m, columns.cache_write_5m);
  add(tokens.cache_write_1h, columns.cache_write_1h);
  add(tokens.cache_write, columns.cache_write);
  add(tokens.output, columns.output);
  return sum;
}

Result<PriceTable> PriceTable::parse(std::string_view text) {
  json::Parser parser;
  WEIR_TRY(const json::Value root, parser.parse(text));
  if (!root.is_array()) return fail(ErrorKind::kInvalidArgument, "price rows are not an array");
  PriceTable table;
  std::size_t index = 0;
  for (const auto item : root.items()) {
    const auto model = json::Value(item)["model"].string();
    ModelRow row = read_row(std::string(model.value_or("")), RowReader(text, index++));
    if (const auto from = json::Value(item)["from"].string()) row.from = parse_rfc3339(*from);
    if (row.model.empty() || !row.sync.input || !row.sync.output)
      return fail(ErrorKind::kInvalidArgument,
                  "price row " + std::to_string(index) + " has no model, input or output price");
    table.rows_.push_back(std::move(row));
  }
  return table;
}

const ModelRow& PriceTable::in_force(const ModelRow& row, Time at) const {
  const ModelRow* out = &row;
  for (const auto& other : rows_)
    if (other.model == row.model && other.from && *other.from <= at) out = &other;
  return *out;
}

const ModelRow* PriceTable::find(std::string_view model) const {
  for (const auto& row : rows_)
    if (row.model == model) return &row;
  for (const auto& row : rows_) {
    if (undated(row.model) == model) return &row;
    if (row.model == undated(model)) return &row;
  }
  return nullptr;
}

}  // namespace weir::sim
