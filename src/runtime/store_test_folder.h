#pragma once
// For tests of what stands on a disk: a folder of its own that goes with the test.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace weir::runtime {

class StoreTestFolder {
 public:
  StoreTestFolder() {
    path_ = (std::filesystem::temp_directory_path() / "weir-runtime-XXXXXX").string();
    EXPECT_NE(::mkdtemp(path_.data()), nullptr);
  }
  StoreTestFolder(const StoreTestFolder&) = delete;
  StoreTestFolder& operator=(const StoreTestFolder&) = delete;
  ~StoreTestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string path(const std::string& name = {}) const {
    return name.empty() ? path_ : path_ + "/" + name;
  }

 private:
  std::string path_;
};

/// Its rights: 0600.
inline unsigned rights(const std::string& path) {
  return static_cast<unsigned>(std::filesystem::status(path).permissions());
}

}  // namespace weir::runtime
