#pragma once
// Internal to `weir job`: what is said of a job, for people and for machines.
#include <string>
#include <vector>

#include "base/result.h"
#include "bulk/job_view.h"
#include "bulk/run.h"
#include "json/write.h"

namespace weir::bulk {

/// Columns as wide as they must be, two spaces between; the last one has no trailing space.
std::string table(const std::vector<std::vector<std::string>>& rows);
/// The fields of `weir job list --json` into an open object.
void write_summary(json::Writer& w, const JobView& view);
std::string done_of_total(const JobView& view);
/// What a batch that is held needs, with the command that settles it.
std::string how_to_settle(const JobView& view, const engine::BatchState& batch);
/// Tells an error on stderr (with json on stdout as well) and gives the exit code: kUsage for a name that is none, else kFailure.
ExitCode refuse(const Error& error, bool json);
/// How a job that stands so would have ended `weir run`.
ExitCode code_of(const JobView& view);

}  // namespace weir::bulk
