#pragma once
// A simulator in a process of its own, a temporary store, and a model on both.
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "weir/weir.h"

namespace weir_test {

/// `weir sim` on a free port; killed with the object.
class Simulator {
 public:
  explicit Simulator(const std::string& options = "");
  ~Simulator();
  Simulator(const Simulator&) = delete;
  Simulator& operator=(const Simulator&) = delete;
  [[nodiscard]] const std::string& url() const { return url_; }
  [[nodiscard]] std::string clock() const { return "sim:" + url_; }
  [[nodiscard]] std::string endpoint(const std::string& provider) const {
    return url_ + "/" + provider + (provider == "openAI" ? "/v1" : "");
  }
  /// Of all rows of the simulator's bill, exact decimal text of dollars.
  [[nodiscard]] std::string bill() const;

 private:
  int pid_ = 0;
  std::string url_;
};

/// An empty folder, removed with the object.
class Folder {
 public:
  Folder();
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string path(const std::string& name = "store") const {
    return (path_ / name).string();
  }

 private:
  std::filesystem::path path_;
};

std::unique_ptr<weir::Engine> engine_on(const Simulator& simulator, const std::string& store);
std::unique_ptr<weir::ChatModel> model_of(weir::Engine& engine, const Simulator& simulator,
                                          const std::string& name = "anthropic/claude-sonnet-5");
/// A system text of about so many tokens.
std::string long_text(int tokens);
/// "kind: message (hint)", or "" when it is none.
template <class T>
std::string why(const weir::Result<T>& result) {
  return result ? ""
                : std::string(weir::to_string(result.error().kind)) + ": " + result.error().text();
}

}  // namespace weir_test
