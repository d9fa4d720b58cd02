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

namespace weir::providers::fireworks {

enum class At : std::uint8_t {
  kDataset,  // the input dataset is being made
  kUpload,   // …filled
  kReady,    // …looked at, until it is ready
  kCreate,
  kPoll,
  kCancel,  // the job is being deleted, which is the only way to stop it
  kLocate,  // links to the results are being asked for
  kCollect,
  kRemove,  // the datasets are being deleted
  kDone
};

struct State {
  At at = At::kDataset;
  bool waiting = false;  // true: a Wait is under way before the step; false: its Send or Collect is
  Time until{};          // when waiting: its end
  std::uint64_t tries = 0;     // of this step
  std::uint64_t creates = 0;   // creates sent
  std::uint64_t uploads = 0;   // uploads sent
  bool uploaded = false;       // one of them was taken
  std::optional<Time> unsure;  // since when it is not known whether the job was made
  bool cancel = false;         // the engine wants it cancelled
  bool deleting = false;       // the provider deletes the job
  bool by_hand = false;        // a human named the job

  std::string job, output, status;  // ids of job and output dataset; the provider's word
  std::optional<Time> created, ended;
  std::optional<std::uint64_t> done;
  std::vector<std::string> files;  // of the output dataset
  std::size_t file = 0;            // the one being read
  std::size_t removed = 0;         // datasets: 0 none, 1 the input, 2 both

  provider::Finished::Outcome outcome = provider::Finished::Outcome::kEnded;
  std::optional<Error> error;
};

[[nodiscard]] std::string write_state(const State& state);
/// @error kInternal not a state of this machine, or of a later version.
[[nodiscard]] Result<State> read_state(std::string_view text);

}  // namespace weir::providers::fireworks
