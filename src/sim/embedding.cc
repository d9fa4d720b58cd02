#include "sim/embedding.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>

#include "base/hash.h"
#include "base/random.h"
#include "json/value.h"
#include "sim/prices.h"

namespace weir::sim {

Result<EmbeddingTable> EmbeddingTable::find_in(std::span<const EmbeddedFile> files) {
  const auto file = std::ranges::find(files, "embeddings.json", &EmbeddedFile::name);
  return file == files.end() ? EmbeddingTable() : parse(file->bytes);
}

Result<EmbeddingTable> EmbeddingTable::parse(std::string_view text) {
  json::Parser parser;
  WEIR_TRY(const json::Value root, parser.parse(text));
  if (!root.is_array()) return fail(ErrorKind::kInvalidArgument, "embedding rows are no array");
  EmbeddingTable table;
  for (const auto item : root.items()) {
    const json::Value value(item);
    const auto price = pico_from_decimal(value["input"].string().value_or(""));
    EmbeddingRow row{.model = value["model"].string_or(""),
                     .input_pico = price.value_or(0),
                     .dimensions = value["dimensions"].integer_or(0),
                     .selectable = value["selectable"].boolean().value_or(false),
                     .input_tokens_max = value["max_input_tokens"].integer_or(0)};
    if (row.model.empty() || !price || row.dimensions < 1 || row.input_tokens_max < 1)
      return fail(ErrorKind::kInvalidArgument,
                  fmt::format("embedding row {} lacks something", table.rows_.size()));
    table.rows_.push_back(std::move(row));
  }
  return table;
}

const EmbeddingRow* EmbeddingTable::find(std::string_view model) const {
  const auto row = std::ranges::find(rows_, model, &EmbeddingRow::model);
  return row == rows_.end() ? nullptr : &*row;
}

std::vector<float> unit_vector(std::string_view text, std::string_view purpose, std::size_t size) {
  SeededRandom random(hash64(text, hash64(purpose)));
  std::vector<float> out(size);
  double sum = 0;
  for (auto& number : out) {
    number = static_cast<float>(random.next() >> 40) / 8'388'608.0F - 1.0F;  // -1 to 1
    sum += static_cast<double>(number) * number;
  }
  if (sum == 0) {
    out[0] = 1;
    return out;
  }
  const double scale = 1 / std::sqrt(sum);
  for (auto& number : out) number = static_cast<float>(number * scale);
  return out;
}

std::string json_of(std::span<const float> vector) {
  std::string out = "[";
  for (const float number : vector)
    fmt::format_to(std::back_inserter(out), "{}{}", out.size() > 1 ? "," : "", number);
  out += ']';
  return out;
}

std::string base64_of(std::span<const float> vector) {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  for (const float number : vector) {
    const auto word = std::bit_cast<std::uint32_t>(number);
    for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(word >> shift & 0xFF);
  }
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t three = 0;
    for (std::size_t k = 0; k < 3; ++k)
      three = three << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k)
      out += i + k <= bytes.size() ? kLetters[three >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

void deliver_embedding(World& world, Call& call, std::string_view provider, const EmbeddingRow& row,
                       std::int64_t tokens, Reply& reply) {
  reply.delay = kEmbeddingTime;
  const auto bill_row = world.bill.add({.attempt_id = call.attempt_id,
                                        .account = call.account,
                                        .provider = provider,
                                        .model = row.model,
                                        .at = call.now,
                                        .tokens = {.input = tokens},
                                        .pico_usd = tokens * row.input_pico});
  call.deliveries.push_back({reply.size(), bill_row});
}

}  // namespace weir::sim
