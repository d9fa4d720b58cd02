#pragma once
// A job is a folder: how one is found by its output, its folder or its id.
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace weir::bulk {

inline constexpr std::string_view kStoreSuffix = ".weir";

/// What the user calls a job: its output file, its folder, or (the beginning of) its id; the first and the last are looked for in
/// `dir` as well.
struct JobName {
  std::string name;
  std::string dir = ".";
};

/// The output file that a store's folder belongs to.
std::string output_of(std::string_view folder);
/// The stores in a folder, by name. @error kNotFound, kUnavailable the folder cannot be read.
Result<std::vector<std::string>> stores_in(const std::string& dir);
/// The job's folder. @error kNotFound there is no such job; kInvalidArgument the id could be one of several.
Result<std::string> find_job(const JobName& name);

}  // namespace weir::bulk
