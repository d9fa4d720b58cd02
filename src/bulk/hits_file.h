#pragma once
// Cache hits that jobs saw, in a file that they share: each reads it before it plans and adds what it saw when it stops.
#include <string>

#include "base/result.h"
#include "plan/prefix_stats.h"

namespace weir::bulk {

/// What the file holds; nothing where there is none yet.
/// @error kInvalidArgument it is no such file, or of another version: it is neither used nor overwritten; kUnavailable.
Result<plan::PrefixStats> read_hits(const std::string& path);

/// Adds `seen` to what the file holds by now: other processes may have added theirs. A lock file beside it is held meanwhile.
/// @error as read_hits; kUnavailable it cannot be written.
Result<void> add_hits(const std::string& path, const plan::PrefixStats& seen);

}  // namespace weir::bulk
