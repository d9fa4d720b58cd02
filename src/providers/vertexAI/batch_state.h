#pragma once
// The journalled state of the batch step machine: a small JSON text with a version, without a key.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "provider/adapter.h"

namespace weir::providers::vertexAI {

enum class At : std::uint8_t {
  kUpload,
  kCreate,
  kList,
  kPoll,
  kCancel,
  kFiles,    // looks for the next object of results
  kCollect,  // reads it
  kSweep,    // looks for what is left in the bucket
  kRemove,   // deletes it
  kDone
};

struct State {
  At at = At::kUpload;
  bool waiting = false;  // true: a Wait is under way before the step; false: its Send or Collect is
  Time until{};          // when waiting: its end
  std::uint64_t tries = 0;    // of this step
  std::uint64_t uploads = 0;  // uploads that failed
  std::uint64_t creates = 0;  // creates sent
  Time intent{};              // when the last create was journalled
  Time unknown_since{};  // when its outcome became unknown; create_visibility_max counts from here
  Time round{};          // when the listing under way began
  std::uint64_t pages = 0;         // of that listing
  std::string page;                // its cursor
  std::vector<std::string> found;  // jobs that match, at most 3
  std::uint64_t unnamed = 0;       // times it had succeeded without an object
  bool cancel = false;             // the engine wants it cancelled
  bool cancelling = false;         // the provider accepted that
  bool by_hand = false;            // a human named the job

  std::string job;
  std::string status;
  std::string output;           // folder of its predictions, with the slash
  std::string file;             // object under way; after its collect: the one to go on behind
  std::uint64_t collected = 0;  // objects read
  std::uint64_t swept = 0;      // objects deleted
  std::optional<Time> created, ended;
  std::optional<std::uint64_t> done;

  provider::Finished::Outcome outcome = provider::Finished::Outcome::kEnded;
  std::optional<Error> error;  // of the outcome
  std::optional<Error>
      failed;  // what a failed job said, until it is known whether it left something
};

[[nodiscard]] std::string write_state(const State& state);
/// @error kInternal not a state of this machine, or of a later version.
[[nodiscard]] Result<State> read_state(std::string_view text);

}  // namespace weir::providers::vertexAI
