#pragma once
// Bugs that somebody might write, each as a mutation between the engine and its parts; the simulation must find every one.
#include <string_view>
#include <vector>

#include "mutation.h"

namespace weir::simulation {

struct Mutant {
  std::string_view name;
  MakeMutation make;
};
std::vector<Mutant> mutants();
/// The wrappers alone: they must not be caught, or a mutant may be caught for their sake.
std::vector<Mutant> wrappers();

}  // namespace weir::simulation
