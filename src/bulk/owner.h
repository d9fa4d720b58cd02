#pragma once
// Internal to run: what an owner does besides running: it answers commands, opens failed items again, keeps what a later process needs.
#include <string>

#include "bulk/console.h"
#include "bulk/run_setup.h"
#include "engine/job_engine.h"
#include "runtime/control_socket.h"

namespace weir::bulk {

/// A command that came over the socket. The result is a JSON object; the driver must take a turn afterwards.
Result<std::string> answer_command(const runtime::ControlRequest& request,
                                   engine::JobEngine& engine, Time now);

/// Opens what the task names. Records that were no good at accept stay as they are. @return how many items are tried again.
/// @error kNotFound, kInvalidArgument an id is not of this job, succeeded, or was no good at accept: nothing was opened.
Result<std::uint64_t> retry_items(const OwnerTask& task, engine::JobEngine& engine,
                                  const AcceptedInput& input, Console& console, Time now);

/// The command line and, when the job is new, copies of its prompt and schema.
Result<void> keep_for_later(const KeptCommand& command, const RunSetup& setup, bool fresh);

std::string cancelled_note(const engine::Progress& progress);

}  // namespace weir::bulk
