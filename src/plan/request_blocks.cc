#include "plan/request_blocks.h"

#include <algorithm>

#include "base/hash.h"
#include "cost/pricing.h"

namespace weir::plan {
namespace {

// What keeps equal texts apart at the provider.
constexpr std::uint64_t kSystem = 1, kUser = 2, kAssistant = 3;
// A block of this size or more is compared with the one before rather than hashed.
constexpr std::size_t kLongBlock = 512;

std::uint32_t tokens_of(std::uint64_t begin, std::uint64_t end) {
  return static_cast<std::uint32_t>(cost::estimate_tokens(end).count -
                                    cost::estimate_tokens(begin).count);
}

}  // namespace

std::span<const BlockKey> RequestBlocks::of(const llm::Request& request, std::uint64_t item) {
  keys_.clear();
  bytes_ = 0;
  if (request.raw) add_raw(*request.raw);
  for (const auto& block : request.system) add(block.text, kSystem);
  for (const auto& message : request.messages)
    for (const auto& block : message.content)
      add(block.text, message.role == llm::Role::kUser ? kUser : kAssistant);
  if (keys_.empty()) keys_.push_back({hash64("whole", item), tokens_of(0, bytes_)});
  return keys_;
}

std::uint64_t RequestBlocks::tokens() const { return tokens_of(0, bytes_); }

void RequestBlocks::add(std::string_view text, std::uint64_t place) {
  keys_.push_back({hash_of(text, place), tokens_of(bytes_, bytes_ + text.size())});
  bytes_ += text.size();
}

std::uint64_t RequestBlocks::hash_of(std::string_view text, std::uint64_t place) {
  if (!keys_.empty() || text.size() < kLongBlock) return hash64(text, place);
  if (first_ != text) {
    first_ = text;
    first_hash_ = hash64(text, 0);
  }
  return first_hash_ + place;
}

// What cannot be marked goes with the next that can.
void RequestBlocks::add_raw(const llm::RawBody& body) {
  bytes_ = body.bytes.size();
  const auto raw = adapter_.raw_blocks(body);
  if (!raw || raw->own_marks) return;
  std::uint64_t hash = 0, begin = 0, end = 0;
  for (const auto& block : raw->blocks) {
    hash = hash64({reinterpret_cast<const char*>(&block.hash), sizeof block.hash}, hash);
    end += block.bytes;
    if (!block.markable) continue;
    keys_.push_back({hash, tokens_of(begin, end)});
    hash = 0;
    begin = end;
  }
  if (end > begin) keys_.push_back({hash, tokens_of(begin, end)});
}

namespace {

std::uint32_t mark_raw(llm::RawBody& body, MarkPlaces places, llm::CacheTtl ttl,
                       const provider::Adapter& adapter) {
  const auto raw = adapter.raw_blocks(body);
  if (!raw || raw->own_marks) return 0;
  std::uint32_t ordinal = 0;
  for (std::uint32_t i = 0; i < raw->blocks.size(); ++i) {
    if (!raw->blocks[i].markable) continue;
    if (std::ranges::find(places, ordinal) != places.end()) body.marks.push_back({i, ttl});
    ++ordinal;
  }
  return static_cast<std::uint32_t>(body.marks.size());
}

}  // namespace

std::uint32_t apply_marks(llm::Request& request, MarkPlaces places, llm::CacheTtl ttl,
                          const provider::Adapter& adapter) {
  if (request.raw) return places.empty() ? 0 : mark_raw(*request.raw, places, ttl, adapter);
  std::uint32_t ordinal = 0;
  const auto mark = [&](std::vector<llm::Block>& blocks) {
    for (auto& block : blocks)
      if (std::ranges::find(places, ordinal++) != places.end()) block.mark = llm::CacheMark{ttl};
  };
  mark(request.system);
  for (auto& message : request.messages) mark(message.content);
  llm::join_pieces(request);
  std::uint32_t set = 0;
  const auto count = [&](const std::vector<llm::Block>& blocks) {
    set += static_cast<std::uint32_t>(
        std::ranges::count_if(blocks, [](const auto& block) { return block.mark.has_value(); }));
  };
  count(request.system);
  for (const auto& message : request.messages) count(message.content);
  return set;
}

}  // namespace weir::plan
