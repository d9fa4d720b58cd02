#include "provider/raw_listing.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/hash.h"
#include "json/scan.h"

namespace weir::provider {
namespace {

constexpr std::uint64_t kBareText = 1;  // keeps a bare text apart from what an object may spell

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

}  // namespace

std::uint64_t member_hash(std::string_view key, std::string_view value) {
  return hash64(value, hash64(key));
}

std::uint64_t mixed(std::uint64_t a, std::uint64_t b) {
  const std::array both{a, b};
  return hash64({reinterpret_cast<const char*>(both.data()), sizeof both});
}

bool is_one_of(std::string_view key, std::initializer_list<std::string_view> names) {
  return std::ranges::any_of(names, [&](auto name) { return json::spells(key, name); });
}

bool says_something(std::string_view token) {
  if (token.size() < 2 || token.front() != '"') return false;
  token = token.substr(1, token.size() - 2);
  for (std::size_t i = 0; i < token.size(); ++i) {
    if (is_space(token[i])) continue;
    if (token[i] != '\\' || i + 1 == token.size()) return true;
    ++i;
    if (token[i] != 'n' && token[i] != 't' && token[i] != 'r') return true;
  }
  return false;
}

bool has_elements(std::string_view token) {
  if (!token.starts_with('[')) return false;
  const auto first = token.find_first_not_of(" \t\n\r", 1);
  return first != std::string_view::npos && token[first] != ']';
}

void RawLister::mix(std::uint64_t hash) { pending_ = mixed(pending_, hash); }

void RawLister::add(RawPlace place, std::uint64_t seed, std::uint64_t bytes, bool markable) {
  if (size() >= kRawBlocksMax) return;
  constexpr std::uint64_t kBytesMax = std::numeric_limits<std::uint32_t>::max();
  const auto raw = json::raw_at(body_, place.span);
  out_.listed.blocks.push_back({.hash = hash64(raw, mixed(seed, pending_)),
                                .bytes = static_cast<std::uint32_t>(std::min(bytes, kBytesMax)),
                                .markable = markable});
  out_.places.push_back(place);
  pending_ = 0;
}

void RawLister::add_plain(json::Span span, std::uint64_t seed, std::uint64_t bytes) {
  add({.span = span}, seed, bytes, false);
}

void RawLister::add_block(json::Span span, std::uint64_t seed, MayMark rule) {
  RawPlace place{.span = span};
  bool markable = false;
  if (rule != nullptr && json::raw_at(body_, span).starts_with('{')) {
    const auto found = json::find_members<6>(
        body_, span, {"type", "name", "text", "content", "defer_loading", marker_key_});
    const auto& [type, name, text, content, defer, marker] = found;
    const auto token = [&](const json::Found& member) {
      return member.value ? json::raw_at(body_, *member.value) : std::string_view();
    };
    const bool repeated = std::ranges::any_of(found, &json::Found::repeated);
    place.empty_marker = marker.value;
    markable = !repeated && (!marker.value || token(marker) == "null") &&
               rule({token(type), token(name), token(text), token(content), token(defer)});
  }
  add(place, seed, span.length, markable);
}

void RawLister::add_content(json::Span span, std::uint64_t seed, MayMark rule) {
  const auto token = json::raw_at(body_, span);
  if (token.starts_with('"')) {
    add({.span = span, .is_text = true}, mixed(seed, kBareText), span.length,
        rule != nullptr && says_something(token));
  } else if (token.starts_with('[')) {
    json::for_each_element(body_, span,
                           [&](json::Span element) { add_block(element, seed, rule); });
  } else {
    add_plain(span, seed);
  }
}

RawListing RawLister::finish(bool odd) {
  if (odd)
    for (auto& block : out_.listed.blocks) block.markable = false;
  return std::move(out_);
}

Result<json::Span> raw_root(std::string_view body) {
  json::Scanner scan(body, 0);
  const json::Span root = scan.value();
  const auto token = json::raw_at(body, root);
  if (token.size() < 2 || token.front() != '{' || token.back() != '}' || !scan.done())
    return fail(ErrorKind::kInvalidArgument, "the ready-made request body is no JSON object");
  return root;
}

Result<std::vector<llm::RawMark>> ordered_marks(const RawListing& listing,
                                                std::span<const llm::RawMark> marks,
                                                std::size_t marks_max) {
  const auto& blocks = listing.listed.blocks;
  if (listing.listed.own_marks)
    return fail(
        ErrorKind::kInvalidArgument,
        "the ready-made body has cache markers or cache options of its own, and none can be "
        "added to them",
        "leave the marks out, or remove what the body says of caching");
  if (marks.size() > marks_max)
    return fail(ErrorKind::kInvalidArgument,
                fmt::format("the ready-made body has {} cache breakpoints, {} are allowed",
                            marks.size(), marks_max),
                "mark fewer blocks");
  std::vector<llm::RawMark> ordered(marks.begin(), marks.end());
  std::ranges::sort(ordered, {}, &llm::RawMark::block);
  const auto refuse = [](std::string message) {
    return fail(ErrorKind::kInvalidArgument, std::move(message),
                "mark blocks that raw_blocks() calls markable, each once");
  };
  for (std::size_t i = 0; i < ordered.size(); ++i) {
    const auto block = ordered[i].block;
    if (block >= blocks.size())
      return refuse(fmt::format("the ready-made body has {} blocks, so block {} cannot be marked",
                                blocks.size(), block));
    if (!blocks[block].markable)
      return refuse(
          fmt::format("block {} of the ready-made body cannot carry a cache breakpoint", block));
    if (i > 0 && ordered[i - 1].block == block)
      return refuse(fmt::format("block {} of the ready-made body is marked twice", block));
  }
  return ordered;
}

void append_marker(std::string_view body, const RawPlace& place, std::string_view key,
                   std::string_view json, std::vector<json::Edit>& edits,
                   std::string_view text_type) {
  if (place.empty_marker) {
    edits.push_back({place.empty_marker->offset, place.empty_marker->length, std::string(json)});
    return;
  }
  const std::size_t end = place.span.offset + place.span.length;
  const std::string member = fmt::format(",\"{}\":{}", key, json);
  if (place.is_text) {
    edits.push_back({place.span.offset, 0, fmt::format(R"([{{"type":"{}","text":)", text_type)});
    edits.push_back({end, 0, member + "}]"});
    return;
  }
  // A markable block has a member already, so that the comma is due.
  std::size_t last = end - 1;
  while (is_space(body[last - 1])) --last;
  edits.push_back({last, 0, member});
}

}  // namespace weir::provider
