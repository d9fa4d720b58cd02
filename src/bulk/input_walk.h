#pragma once
// Internal to bulk's input: the files of a folder, recursively, sorted by their path bytewise.
// Memory is the names of the folders from the top to where it is. Hidden entries, links to folders
// and Weir's own stores (*.weir) are left out.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace weir::bulk {

class FolderWalk {
 public:
  explicit FolderWalk(std::string root) : root_(std::move(root)) {}
  /// The next file's path below the root; nothing at the end. @error kUnavailable a folder cannot
  /// be read.
  Result<std::optional<std::string>> next();

 private:
  // Names of one folder, end to end: a million names in one folder cost little more than their
  // bytes.
  struct Level {
    std::string prefix;
    std::string names;
    std::vector<std::uint32_t> begins;
    std::size_t at = 0;
  };
  Result<void> enter(const std::string& prefix);
  std::string root_;
  std::vector<Level> levels_;
  bool started_ = false;
};

}  // namespace weir::bulk
