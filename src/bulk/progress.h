#pragma once
// Progress as a line for people and as a JSON event; the event goes over a store's socket as well, and is read back from it.
#include <string>
#include <string_view>

#include "engine/job_engine.h"

namespace weir::bulk {

/// @param per_second items lately; 0: not known.
std::string progress_line(const engine::Progress& progress, double per_second);
/// {"event":"progress","items":N,…}
std::string progress_event(const engine::Progress& progress);
/// Amounts come back exactly. @error kBadResponse not such an event.
Result<engine::Progress> read_progress(std::string_view json);

}  // namespace weir::bulk
