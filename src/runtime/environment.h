#pragma once
// The process's environment as a value, for those who hand it to pure code.
#include <functional>
#include <map>
#include <string>

namespace weir::runtime {

std::map<std::string, std::string, std::less<>> environment();

}  // namespace weir::runtime
