#pragma once
// Stands between Weir and the simulator: passes everything on, and remembers what was asked.
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "support.h"

namespace weir_test {

class Recorder {
 public:
  explicit Recorder(const Simulator& simulator);
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  [[nodiscard]] std::string endpoint(const std::string& provider) const {
    return url_ + "/" + provider + (provider == "openAI" ? "/v1" : "");
  }
  /// Requests whose first line begins with this, whole: "POST /anthropic/v1/messages ".
  [[nodiscard]] std::vector<std::string> requests(const std::string& begin = "") const;
  [[nodiscard]] std::size_t count(const std::string& begin) const { return requests(begin).size(); }
  /// How often `what` stands in all requests so far, heads and bodies.
  [[nodiscard]] std::size_t mentions(const std::string& what) const;

 private:
  void accept();
  void serve(int client);

  int listener_ = -1, upstream_port_ = 0;
  std::string url_;
  mutable std::mutex mutex_;
  std::vector<std::string> seen_;
  std::vector<std::jthread> connections_;  // of accept() only
  std::jthread acceptor_;
};

}  // namespace weir_test
