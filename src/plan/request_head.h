#pragma once
// What all requests of a job begin with, as far as a cached content can hold it: tools, their choice, the system prompt and whole
// first messages. Pure; not thread-safe.
#include <cstddef>
#include <cstdint>
#include <optional>

#include "llm/types.h"

namespace weir::plan {

struct RequestHead {
  std::uint32_t messages = 0;
  std::uint64_t bytes = 0;  // of its texts; 0: nothing is shared
  std::uint64_t hash = 0;   // the same from process to process
  friend bool operator==(const RequestHead&, const RequestHead&) = default;
};

/// Bytes and hash of the request's first `messages` messages and what stands before them.
RequestHead head_of(const llm::Request& request, std::size_t messages);

/// Whether `request` begins with `head` and its first `messages` messages, and what is left of it can stand by itself: it begins
/// with the user, and not with the result of a tool. Pieces of texts must be joined in both.
bool has_head(const llm::Request& request, const llm::Request& head, std::size_t messages);

/// Finds it among requests that come one by one.
class HeadFinder {
 public:
  /// Ready-made bodies, and requests with the caller's own marks, share nothing. Joins the request's pieces.
  void add(llm::Request& request);
  /// Of all requests so far.
  [[nodiscard]] RequestHead head() const;

 private:
  std::optional<llm::Request> first_;  // its last message left out
  std::size_t messages_ = 0;
  bool none_ = false;
};

}  // namespace weir::plan
