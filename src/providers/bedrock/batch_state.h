#pragma once
// The journalled state of the batch step machine: a small JSON text with a version, never with a key or a signature in it.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "provider/adapter.h"

namespace weir::providers::bedrock {

enum class At : std::uint8_t {
  kUpload,
  kCreate,
  kFind,  // whether a create made its job: looked for by its name
  kPoll,
  kStop,
  kList,  // the objects of the output
  kCollect,
  kRemove,  // the objects of the batch are being deleted
  kDone
};

struct State {
  At at = At::kUpload;
  bool waiting = false;  // true: a Wait is under way before the step; false: its Send or Collect is
  Time until{};          // when waiting: its end
  std::uint64_t tries = 0;     // of this step
  std::uint64_t creates = 0;   // creates sent
  std::optional<Time> unsure;  // since when it is not known whether the job was made
  bool cancel = false;         // the engine wants it cancelled
  bool stopping = false;       // the provider has been told
  bool by_hand = false;        // a human named the job

  std::string job, status;  // its id; the provider's word
  std::string folder;       // what the keys of its output begin with
  std::optional<Time> created, ended;
  std::optional<std::uint64_t> done;
  std::vector<std::string> objects;  // of the output, by key
  std::size_t object = 0;            // the one being read
  std::size_t removed = 0;           // of the input and the objects

  provider::Finished::Outcome outcome = provider::Finished::Outcome::kEnded;
  std::optional<Error> error;
};

[[nodiscard]] std::string write_state(const State& state);
/// @error kInternal not a state of this machine, or of a later version.
[[nodiscard]] Result<State> read_state(std::string_view text);

}  // namespace weir::providers::bedrock
