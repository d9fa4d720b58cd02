#pragma once
// For the tests of this folder only.
#include <fstream>
#include <sstream>
#include <string>

namespace weir::providers::anthropic {

inline std::string testdata(const std::string& name) {
  std::ifstream file(std::string(WEIR_SOURCE_DIR) + "/src/providers/anthropic/testdata/" + name);
  std::ostringstream out;
  out << file.rdbuf();
  std::string text = out.str();
  if (text.ends_with('\n') && !name.ends_with(".sse")) text.pop_back();
  return text;
}

}  // namespace weir::providers::anthropic
