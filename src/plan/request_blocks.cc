#include "plan/request_blocks.h"

#include <algorithm>
#include <initializer_list>

#include "base/hash.h"
#include "cost/pricing.h"

namespace weir::plan {
namespace {

// What keeps equal texts apart at the provider.
constexpr std::uint64_t kSystem = 1, kUser = 2, kAssistant = 3, kTool = 4, kImage = 5,
                        kToolCall = 6, kToolResult = 7, kChoice = 8, kImages = 9, kFormat = 10;
// A block of this size or more is compared with the one before rather than hashed.
constexpr std::size_t kLongBlock = 512;
// As bytes of text: some 1,600 tokens, what a picture of about a megapixel takes.
constexpr std::uint64_t kImageBytes = 6400;

std::uint32_t tokens_of(std::uint64_t begin, std::uint64_t end) {
  return static_cast<std::uint32_t>(cost::estimate_tokens(end).count -
                                    cost::estimate_tokens(begin).count);
}

std::uint64_t mixed(std::uint64_t hash, std::uint64_t with) {
  return hash64({reinterpret_cast<const char*>(&with), sizeof with}, hash);
}

// Each text with its length: what ends one is not what begins the next.
std::uint64_t hash_of_all(std::initializer_list<std::string_view> texts, std::uint64_t seed) {
  for (const auto text : texts) seed = hash64(text, mixed(seed, text.size()));
  return seed;
}

bool has_images(const llm::Request& request) {
  return std::ranges::any_of(request.messages, [](const auto& message) {
    return std::ranges::any_of(message.content,
                               [](const auto& block) { return block.image.has_value(); });
  });
}

bool blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n\v\f") == std::string_view::npos;
}

std::uint64_t text_bytes(const llm::Request& request) {
  std::uint64_t bytes = 0;
  for (const auto& block : request.system) bytes += block.text.size();
  for (const auto& message : request.messages)
    for (const auto& block : message.content) bytes += block.text.size();
  return bytes;
}

bool markable(const provider::PrefixRules& rules, const llm::Block& block, llm::Role role) {
  if (block.image) return rules.marks_images;
  if (block.tool_call) return rules.marks_tool_calls;
  if (block.tool_result) return rules.marks_tool_results && !blank(block.tool_result->text);
  return role == llm::Role::kUser || rules.marks_assistant_texts;
}

}  // namespace

std::span<const BlockKey> RequestBlocks::of(const llm::Request& request, std::uint64_t item) {
  keys_.clear();
  bytes_ = begin_ = pending_ = 0;
  if (request.raw) add_raw(*request.raw);
  else if (!llm::has_marks(request)) add_parts(request);
  else bytes_ = text_bytes(request);
  if (keys_.empty()) keys_.push_back({hash64("whole", item), tokens_of(0, bytes_)});
  return keys_;
}

std::uint64_t RequestBlocks::tokens() const { return tokens_of(0, bytes_); }

// In the order in which the provider's cache sees them.
void RequestBlocks::add_parts(const llm::Request& request) {
  const auto rules = adapter_.prefix_rules();
  const auto& choice = request.tool_choice;
  const auto mix_choice = [&] {
    if (choice.kind == llm::ToolChoice::Kind::kAuto) return;
    pending_ = mixed(pending_, hash64(choice.name, kChoice + static_cast<unsigned>(choice.kind)));
  };
  // The schema of the answer stands before everything else.
  if (request.format) pending_ = hash64(request.format->schema_json, kFormat);
  if (!rules.choice_and_images_from_messages) mix_choice();
  for (const auto& tool : request.tools)
    add({.hash = hash_of_all({tool.name, tool.description, tool.parameters_json}, kTool),
         .bytes = tool.name.size() + tool.description.size() + tool.parameters_json.size(),
         .markable = rules.marks_tools});
  for (const auto& block : request.system) add(part_of(block, llm::Role::kUser, true));
  if (rules.choice_and_images_from_messages) {
    mix_choice();
    if (has_images(request)) pending_ = mixed(pending_, kImages);
  }
  for (const auto& message : request.messages)
    for (const auto& block : message.content) {
      auto part = part_of(block, message.role, false);
      part.markable = markable(rules, block, message.role);
      add(part);
    }
  if (pending_ != 0) keys_.push_back({pending_, tokens_of(begin_, bytes_)});
}

void RequestBlocks::add(const Part& part) {
  bytes_ += part.bytes;
  pending_ = pending_ == 0 ? part.hash : mixed(pending_, part.hash);
  if (!part.markable) return;
  keys_.push_back({pending_, tokens_of(begin_, bytes_)});
  pending_ = 0;
  begin_ = bytes_;
}

RequestBlocks::Part RequestBlocks::part_of(const llm::Block& block, llm::Role role, bool system) {
  if (block.image)
    return {
        .hash = hash_of_all({block.image->media_type, block.image->data, block.image->url}, kImage),
        .bytes = kImageBytes};
  if (const auto& call = block.tool_call)
    return {.hash = hash_of_all({call->id, call->name, call->arguments_json}, kToolCall),
            .bytes = call->id.size() + call->name.size() + call->arguments_json.size()};
  if (const auto& result = block.tool_result)
    return {.hash = hash_of_all({result->tool_call_id, result->text},
                                kToolResult + (result->is_error ? 0x100U : 0U)),
            .bytes = result->tool_call_id.size() + result->text.size()};
  const auto place = system ? kSystem : role == llm::Role::kUser ? kUser : kAssistant;
  return {.hash = hash_of(block.text, place), .bytes = block.text.size(), .markable = true};
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
  if (llm::has_marks(request)) {
    llm::join_pieces(request);
    return 0;
  }
  const auto rules = adapter.prefix_rules();
  std::uint32_t ordinal = 0;
  const auto mark = [&](auto& part) {
    if (std::ranges::find(places, ordinal++) != places.end()) part.mark = llm::CacheMark{ttl};
  };
  if (rules.marks_tools) std::ranges::for_each(request.tools, mark);
  std::ranges::for_each(request.system, mark);
  for (auto& message : request.messages)
    for (auto& block : message.content)
      if (markable(rules, block, message.role)) mark(block);
  llm::join_pieces(request);
  std::uint32_t set = 0;
  const auto count = [&](const auto& parts) {
    set += static_cast<std::uint32_t>(
        std::ranges::count_if(parts, [](const auto& part) { return part.mark.has_value(); }));
  };
  count(request.tools);
  count(request.system);
  for (const auto& message : request.messages) count(message.content);
  return set;
}

}  // namespace weir::plan
