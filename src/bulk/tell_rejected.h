#pragma once
// Internal to run and dry run: what is said of input records that are no good.
#include "base/result.h"
#include "bulk/accept.h"
#include "bulk/console.h"

namespace weir::bulk {

/// Notes the first rejected records by their numbers; all of them stand in the output.
/// @error kInvalidArgument no record is good (names the first), or `strict` and one is not: nothing may be sent.
Result<void> tell_rejected(const AcceptedInput& input, bool strict, Console& console);

}  // namespace weir::bulk
