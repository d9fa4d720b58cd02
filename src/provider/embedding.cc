#include "provider/embedding.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace weir::provider {
namespace {

// Of each base64 letter; 64 for what is none. A table, as an answer may have 30 million of them.
constexpr auto kSextets = [] {
  std::array<std::uint8_t, 256> out{};
  out.fill(64);
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < kLetters.size(); ++i)
    out[static_cast<unsigned char>(kLetters[i])] = static_cast<std::uint8_t>(i);
  return out;
}();

// Base64 of whole float32s, least significant byte first. Empty: it is none.
std::vector<float> floats_in(std::string_view base64) {
  while (base64.ends_with('=')) base64.remove_suffix(1);
  const auto bytes = base64.size() * 3 / 4;
  if (bytes % 4 != 0 || bytes / 4 > kDimensionsMax) return {};
  std::vector<float> out;
  out.reserve(bytes / 4);
  std::uint64_t bits = 0;  // that have come, the earliest highest
  unsigned count = 0, at = 0;
  std::uint32_t word = 0;
  for (const char c : base64) {
    const auto six = kSextets[static_cast<unsigned char>(c)];
    if (six > 63) return {};
    bits = bits << 6 | six;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    word |= static_cast<std::uint32_t>(bits >> count & 0xFF) << (8 * at);
    if (++at < 4) continue;
    out.push_back(std::bit_cast<float>(word));
    at = 0;
    word = 0;
  }
  return out;
}

// Empty: not an array of numbers.
std::vector<float> floats_in(json::Value array) {
  std::vector<float> out;
  const auto items = array.items();
  for (const auto item : items) {
    const auto number = json::Value(item).number();
    constexpr double kMost = std::numeric_limits<float>::max();
    if (!number || std::abs(*number) > kMost || out.size() == kDimensionsMax) return {};
    out.push_back(static_cast<float>(*number));
  }
  return out;
}

}  // namespace

Result<void> check_embedding(const EmbeddingRequest& request) {
  if (request.model.empty())
    return fail(ErrorKind::kInvalidArgument, "the request names no embedding model");
  if (request.inputs.empty()) return fail(ErrorKind::kInvalidArgument, "there is nothing to embed");
  if (std::ranges::any_of(request.inputs, &std::string::empty))
    return fail(ErrorKind::kInvalidArgument, "an empty text has no embedding", "leave it out");
  return {};
}

std::vector<std::size_t> request_ends(std::span<const std::string> texts,
                                      const catalogue::EmbeddingLimits& limits) {
  const auto bytes_max = limits.tokens_max ? static_cast<std::uint64_t>(limits.tokens_max->count)
                                           : std::numeric_limits<std::uint64_t>::max();
  std::vector<std::size_t> ends;
  std::size_t first = 0;
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const bool full = i - first == limits.inputs_max || texts[i].size() > bytes_max - bytes;
    if (full && i > first) {
      ends.push_back(i);
      first = i;
      bytes = 0;
    }
    bytes = std::min(bytes + texts[i].size(), bytes_max);
  }
  if (!texts.empty()) ends.push_back(texts.size());
  return ends;
}

std::unexpected<Error> VectorsReader::bad(std::string_view what) const {
  return std::unexpected(Error{.kind = ErrorKind::kBadResponse,
                               .message = fmt::format("{} {}", provider_, what),
                               .hint = "if it happens again, report it to the provider",
                               .provider = std::string(provider_)});
}

Result<void> VectorsReader::add(std::int64_t index, json::Value vector) {
  if (index < 0 || static_cast<std::size_t>(index) >= vectors_.size())
    return bad("answered with the embedding of an input that was not sent");
  auto& place = vectors_[static_cast<std::size_t>(index)];
  if (!place.empty()) return bad("answered with two embeddings of one input");
  const auto text = vector.string();
  place = text ? floats_in(*text) : floats_in(vector);
  if (place.empty()) return bad("answered with an embedding that is no vector");
  if (!std::ranges::all_of(place, [](float number) { return std::isfinite(number); }))
    return bad("answered with an embedding that is not finite");
  if (wanted_ == 0) wanted_ = place.size();
  if (place.size() != wanted_) return bad("answered with an embedding of another length");
  return {};
}

Result<std::vector<std::vector<float>>> VectorsReader::finish() {
  if (std::ranges::any_of(vectors_, &std::vector<float>::empty))
    return bad("answered without an embedding for each input");
  return std::move(vectors_);
}

}  // namespace weir::provider
