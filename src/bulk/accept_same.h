#pragma once
// Internal to accept: records that ask the same as an earlier one. same.index holds 8 bytes an item, 1 + the earlier item or 0;
// it ends behind the last repeated one, and what was never written is zeros.
#include <cstdint>
#include <string>
#include <string_view>

#include "bulk/accept.h"
#include "bulk/duplicates.h"
#include "bulk/input_file.h"

namespace weir::bulk {

inline constexpr std::string_view kSameFile = "same.index";

class SameRequests {
 public:
  explicit SameRequests(const AcceptOptions& options)
      : options_(options), finder_({.dir = options.dir}) {}
  /// Every record that is good so far, in order of item.
  Result<void> add(std::uint64_t item, const Record& record);
  /// After all rejections are known. Rejected items repeat nothing, and are repeated by nothing.
  /// @return how many items repeat an earlier one. @error kUnavailable the files of `dir` or the input.
  Result<std::uint64_t> write(Input& input, int index_fd);

 private:
  const AcceptOptions& options_;
  DuplicateFinder finder_;
};

}  // namespace weir::bulk
