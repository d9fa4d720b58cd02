#pragma once
// What an ended job's handle tells, beside the job, so that it is not opened again at each start. It holds as long as the store is as it
// was then: whoever works on the job afterwards (another process, a retry) changes that. Without the file it is, losing it loses nothing.
#include "library/job_desk.h"

namespace weir::library {

/// Call when everything of the job is closed. Does nothing unless it is done.
void keep_end(const Job::Impl& job);
/// Takes figures and phase from the file. @return false: there is none, or somebody has worked on the job since.
bool read_end(Job::Impl& job);

}  // namespace weir::library
