#pragma once
// What must hold when a run has ended, whatever went wrong in it. Each finding is one line for people; none: all is well.
#include <string>
#include <vector>

#include "world.h"

namespace weir::simulation {

std::vector<std::string> check(const Scenario& scenario, World& world);
/// Runs the job and then its retries, with a check after each; ends with the first that finds anything.
std::vector<std::string> run_and_check(const Scenario& scenario, World& world);

}  // namespace weir::simulation
