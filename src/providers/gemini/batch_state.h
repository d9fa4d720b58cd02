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

namespace weir::providers::gemini {

enum class At : std::uint8_t {
  kStart,   // opens an upload
  kUpload,  // sends the image
  kQuery,   // asks how far that came
  kCreate,
  kList,
  kPoll,
  kCancel,
  kCollect,
  kDeleteFile,
  kDeleteBatch,
  kDone
};

struct State {
  At at = At::kStart;
  bool waiting = false;  // true: a Wait is under way before the step; false: its Send or Collect is
  Time until{};          // when waiting: its end
  std::uint64_t tries = 0;    // of this step
  std::uint64_t uploads = 0;  // failures of the upload as a whole
  std::string session;        // of the upload
  std::uint64_t offset = 0;   // of the image, from where on it is sent
  std::uint64_t creates = 0;  // creates sent
  Time intent{};              // when the last create was journalled
  Time unknown_since{};  // when its outcome became unknown; create_visibility_max counts from here
  Time round{};          // when the listing under way began
  std::uint64_t pages = 0;         // of that listing
  std::string page;                // its cursor
  std::vector<std::string> found;  // batches that match, at most 3
  std::uint64_t unnamed = 0;       // times it had succeeded without naming its responses
  bool cancel = false;             // the engine wants it cancelled
  bool cancelling = false;         // the provider accepted that
  bool by_hand = false;            // a human named the batch

  std::string file;    // "files/…": the input
  std::string output;  // "files/…": the responses
  std::string batch;   // "batches/…"
  std::string status;
  std::optional<Time> created, ended;
  std::optional<std::uint64_t> done;

  provider::Finished::Outcome outcome = provider::Finished::Outcome::kEnded;
  std::optional<Error> error;
};

[[nodiscard]] std::string write_state(const State& state);
/// @error kInternal not a state of this machine, or of a later version.
[[nodiscard]] Result<State> read_state(std::string_view text);

}  // namespace weir::providers::gemini
