#pragma once
// Internal to `weir job`: waits for the end of a job that another process owns.
#include <optional>
#include <string>

#include "base/result.h"
#include "bulk/job_view.h"

namespace weir::bulk {

/// Shows progress until nobody owns the job any more; then how it stands. Nothing when the user has seen enough (Ctrl-C).
/// @error as view_job().
Result<std::optional<JobView>> watch_to_end(const std::string& folder, bool json);

}  // namespace weir::bulk
