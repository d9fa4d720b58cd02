#pragma once
// A configuration file as a tree with the place of everything. YAML by yaml-cpp; JSON as well, which is YAML written differently.
// Pure, and safe on any bytes: size, depth and the growth by aliases are bounded.
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/notice.h"

namespace weir::config {

inline constexpr std::size_t kFileBytesMax =
    1U << 20;  // service account keys inside; far above any real file
inline constexpr std::size_t kDepthMax = 32;       // the deepest key is at 4
inline constexpr std::size_t kNodesMax = 100'000;  // with what aliases repeat

struct Member;
struct TreeNode {
  enum class Kind : std::uint8_t { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  std::string text;     // of a scalar
  bool quoted = false;  // a scalar that is text whatever it looks like
  int line = 1, column = 1;
  std::vector<Member> members;  // of a map, in order, equal keys and all
  std::vector<TreeNode> items;  // of a list

  /// The first member with this key, or null.
  [[nodiscard]] const TreeNode* find(std::string_view key) const;
};
struct Member {
  std::string key;
  int line = 1, column = 1;
  TreeNode value;
};

/// Reads one document. An empty one is null. The error has a place in `file_name`.
std::expected<TreeNode, Notice> read_document(std::string_view text, const std::string& file_name);

}  // namespace weir::config
