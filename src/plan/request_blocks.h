#pragma once
// A request as the prefix planner sees it: its blocks from the front, each with what tells it from others and its estimated tokens.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "llm/types.h"
#include "plan/prefix_trie.h"
#include "provider/adapter.h"

namespace weir::plan {

/// Which of a request's blocks end with a mark of ours: ordinals as RequestBlocks counts them, ascending; at most four.
using MarkPlaces = std::span<const std::uint32_t>;

/// Keeps its buffers from one request to the next, and the hash of a long first block that they share. Not thread-safe.
class RequestBlocks {
 public:
  explicit RequestBlocks(const provider::Adapter& adapter) : adapter_(adapter) {}
  /// At least one. A ready-made body in which nothing can be marked, or that carries markers of the caller's own, shares nothing with
  /// any other: it is one block, told by the number of its item. What cannot be marked goes with the next that can. An image
  /// counts as many tokens as the providers take for one, whatever its bytes. Valid until the next call.
  std::span<const BlockKey> of(const llm::Request& request, std::uint64_t item);
  /// Of the last request.
  [[nodiscard]] std::uint64_t tokens() const;

 private:
  struct Part {
    std::uint64_t hash = 0, bytes = 0;
    bool markable = false;
  };
  void add(const Part& part);
  void add_parts(const llm::Request& request);
  void add_raw(const llm::RawBody& body);
  Part part_of(const llm::Block& block, llm::Role role, bool system);
  std::uint64_t hash_of(std::string_view text, std::uint64_t place);

  const provider::Adapter& adapter_;
  std::vector<BlockKey> keys_;
  std::uint64_t bytes_ = 0;
  std::uint64_t begin_ = 0;       // where the next key begins…
  std::uint64_t pending_ = 0;     // …and what goes into it so far; 0: nothing
  std::string first_;             // the last request's first block…
  std::uint64_t first_hash_ = 0;  // …and its hash
};

/// Sets the marks, unless the caller set marks of their own; pieces between which none stands are joined. A place that the provider would not take is left out.
/// @return how many were set.
std::uint32_t apply_marks(llm::Request& request, MarkPlaces places, llm::CacheTtl ttl,
                          const provider::Adapter& adapter);

}  // namespace weir::plan
