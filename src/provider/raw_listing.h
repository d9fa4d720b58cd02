#pragma once
// What the dialects share when they list the blocks of a ready-made body and put cache markers into it. A Listing
// knows where each block stands in the bytes it was made from, so markers are edits, found in one pass over the body.
// Pure. It does not know what a dialect's blocks are: each brings its rule.
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/patch.h"
#include "llm/types.h"
#include "provider/adapter.h"

namespace weir::provider {

/// Where a block stands, and how a marker gets into it.
struct RawPlace {
  json::Span span;
  bool is_text = false;  // a bare string: it must become an array of one text block
  std::optional<json::Span> empty_marker = std::nullopt;  // the marker's member is there, and null
};

struct RawListing {
  RawBlocks listed;
  std::vector<RawPlace> places;  // of listed.blocks
};

/// A dialect's judgement of a block object; all are raw tokens, empty where the member is missing.
struct RawBlockLook {
  std::string_view type, name, text, content, defer_loading;
};
using MayMark = bool (*)(const RawBlockLook& look);

/// Builds a listing, front to back. Borrows the body.
class RawLister {
 public:
  RawLister(std::string_view body, std::string_view marker_key)
      : body_(body), marker_key_(marker_key) {}

  [[nodiscard]] std::size_t size() const { return out_.listed.blocks.size(); }
  /// Goes into the hash of the next block, and thereby keeps apart all that stands behind it.
  void mix(std::uint64_t hash);
  /// A block that cannot carry a marker.
  void add_plain(json::Span span, std::uint64_t seed, std::uint64_t bytes);
  void add_plain(json::Span span, std::uint64_t seed) { add_plain(span, seed, span.length); }
  /// One block; markable when it is an object that the rule accepts.
  void add_block(json::Span span, std::uint64_t seed, MayMark rule);
  /// A string is one block, an array is one block an element; anything else cannot be marked.
  /// `rule` null: none of it can.
  void add_content(json::Span span, std::uint64_t seed, MayMark rule);
  /// The caller says something of caching.
  void own_marks() { out_.listed.own_marks = true; }
  /// `odd`: readers may disagree on what the body says, so that nothing of it is markable.
  RawListing finish(bool odd);

 private:
  void add(RawPlace place, std::uint64_t seed, std::uint64_t bytes, bool markable);

  std::string_view body_, marker_key_;
  std::uint64_t pending_ = 0;
  RawListing out_;
};

/// The hash of a member: of its name and its raw value. Sums of them do not depend on the order of members.
std::uint64_t member_hash(std::string_view key, std::string_view value);
/// One hash of two, the order counts.
std::uint64_t mixed(std::uint64_t a, std::uint64_t b);
/// Whether the key token spells one of the names.
bool is_one_of(std::string_view key, std::initializer_list<std::string_view> names);
/// Whether the raw token is a string with something but white space in it.
bool says_something(std::string_view token);
/// Whether the raw token is an array with something in it.
bool has_elements(std::string_view token);

/// The one object that a ready-made body is. @error kInvalidArgument it is none.
Result<json::Span> raw_root(std::string_view body);

/// The marks in the order of the blocks. @error kInvalidArgument the caller has marks of their own,
/// a block is not there, not markable or marked twice, or there are more than `marks_max`.
Result<std::vector<llm::RawMark>> ordered_marks(const RawListing& listing,
                                                std::span<const llm::RawMark> marks,
                                                std::size_t marks_max);

/// The edits that put `"key":json` into a markable block. A bare text becomes
/// `[{"type":"text","text":<as it stands>,"key":json}]`, with `text_type` as its type.
void append_marker(std::string_view body, const RawPlace& place, std::string_view key,
                   std::string_view json, std::vector<json::Edit>& edits,
                   std::string_view text_type = "text");

}  // namespace weir::provider
