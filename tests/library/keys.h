#pragma once
// One engine on one configuration, to see what a key changes. Each key of the configuration's table has a test that tells two of its
// values apart; keys_test.cc holds the table against them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "recorder.h"
#include "support.h"

namespace weir_test {

using Behaviours = std::map<std::string, std::function<void()>>;
Behaviours behaviours_of_entries();
Behaviours behaviours_of_entries_without_adapter();  // kept and shown, for what is not built yet
Behaviours behaviours_of_optimization();
Behaviours behaviours_of_workloads();

/// Keys that send everything by a batch.
inline const std::string kBatching = "batchingEnabled: true, optimizationStrategy: batch_only";

struct Setup {
  std::string keys = {};  // of the entry's configuration, commas between
  std::string rest = {};  // of the file
  std::string provider = "anthropic", model = "claude-sonnet-5";
  std::string more_entries = {};               // ", {provider: …}"
  std::string simulator = "--time-scale 600";  // its options
  std::string faults = {};                     // JSON
  std::string store = {};                      // empty: one of its own
};

class World {
 public:
  explicit World(const Setup& setup);
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  [[nodiscard]] weir::Engine& engine() { return *engine_; }
  [[nodiscard]] weir::ChatModel& model() { return *model_; }
  [[nodiscard]] const Recorder& recorder() const { return *recorder_; }
  [[nodiscard]] std::string log() const { return read(log_); }
  [[nodiscard]] std::string alerts() const { return read(alerts_); }
  [[nodiscard]] std::string endpoint(const std::string& provider) const {
    return recorder_->endpoint(provider);
  }

  /// Writes the file anew, with the same entries, and has it read. "" or the error.
  std::string rewrite(const std::string& rest);
  /// One request, with a system text long enough to be cached. "" or the error.
  std::string ask(weir::CallOptions options = {});
  weir::Result<weir::Response> answer(weir::CallOptions options = {}, const std::string& mark = "");
  /// Routes of so many requests at once: "batch", "sync", both, or the errors' kinds.
  std::string routes(weir::CallOptions options = {}, std::size_t count = 6);
  /// Waits for a text in the log.
  bool logs(const std::string& text, std::chrono::seconds longest = std::chrono::seconds(20)) const;

 private:
  std::string read(const std::string& text) const {
    const std::scoped_lock lock(mutex_);
    return text;
  }

  Folder folder_;
  std::string entries_;
  std::unique_ptr<Simulator> simulator_;
  std::unique_ptr<Recorder> recorder_;
  mutable std::mutex mutex_;
  std::string log_, alerts_;
  std::unique_ptr<weir::Engine> engine_;
  std::unique_ptr<weir::ChatModel> model_;
};

}  // namespace weir_test
