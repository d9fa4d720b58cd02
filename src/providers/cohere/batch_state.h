#pragma once
// The journalled state of the batch step machine: a small JSON text with a version, never with a key or a signed link in it.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "provider/adapter.h"

namespace weir::providers::cohere {

enum class At : std::uint8_t {
  kUpload,  // the input dataset is being made
  kReady,   // …looked at, until it is validated
  kCreate,
  kList,  // a create of unknown outcome is being looked for
  kPoll,
  kCancel,
  kLocate,   // links to the results are being asked for
  kCollect,  // one of them is being read
  kRemove,   // the datasets are being deleted
  kDone
};

struct State {
  At at = At::kUpload;
  bool waiting = false;  // true: a Wait is under way before the step; false: its Send or Collect is
  Time until{};          // when waiting: its end
  std::uint64_t tries = 0;      // of this step
  std::uint64_t uploads = 0;    // sent
  std::uint64_t creates = 0;    // sent
  std::uint64_t missing = 0;    // times that results were not there
  std::optional<Time> unknown;  // since when it is not known whether the batch was made
  bool cancel = false;          // the engine wants it cancelled
  bool by_hand = false;         // a human named the batch

  std::string dataset, batch, output, status;  // ids; the provider's word
  std::optional<Time> created, ended;
  std::optional<std::uint64_t> done;
  std::size_t parts = 0;           // of the output dataset
  std::size_t part = 0;            // the one being read
  std::size_t removed = 0;         // datasets: 0 none, 1 the input, 2 both
  std::string page;                // of the list of batches
  std::uint64_t pages = 0;         // read of it
  std::vector<std::string> found;  // batches of our name in it

  provider::Finished::Outcome outcome = provider::Finished::Outcome::kEnded;
  std::optional<Error> error;
};

[[nodiscard]] std::string write_state(const State& state);
/// @error kInternal not a state of this machine, or of a later version.
[[nodiscard]] Result<State> read_state(std::string_view text);

}  // namespace weir::providers::cohere
