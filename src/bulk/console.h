#pragma once
// What `weir run` says while it works: one line that renews itself on a terminal, plain lines now and then elsewhere, JSON
// events on stdout with --json. Errors and notes go to stderr.
#include <chrono>
#include <string>

#include "base/result.h"
#include "engine/job_engine.h"

namespace weir::bulk {

class Console {
 public:
  Console(bool json, bool quiet);
  ~Console();
  void note(const std::string& text);
  void error(const Error& error);
  /// Rate and expected end come from what ended since the start of this process.
  void progress(const engine::Progress& progress, std::chrono::steady_clock::duration elapsed);
  /// The receipt: text, or an event with the JSON object.
  void receipt(const std::string& text, const std::string& json);
  void clear_line();

 private:
  bool json_, quiet_, terminal_, line_open_ = false;
  std::chrono::steady_clock::time_point last_{};
  std::uint64_t ended_at_start_ = 0;
  bool started_ = false;
};

}  // namespace weir::bulk
