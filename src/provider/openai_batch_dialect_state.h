#pragma once
// The journalled state of the batch step machine: a small JSON text with a version. Internal to the
// dialect.
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "provider/adapter.h"

namespace weir::provider::openai_batch {

enum class At : std::uint8_t { kUpload, kCreate, kList, kPoll, kCancel, kCollect, kDelete, kDone };

struct State {
  At at = At::kUpload;
  bool waiting = false;  // true: a Wait is under way before the step; false: its Send or Collect is
  Time until{};          // when waiting: its end
  std::uint64_t tries = 0;    // of this step
  std::uint64_t creates = 0;  // creates sent
  Time intent{};              // when the last create was journalled
  Time unknown_since{};  // when its outcome became unknown; create_visibility_max counts from here
  Time round{};          // when the listing under way began
  std::uint64_t pages = 0;         // of that listing
  std::string after;               // its cursor
  std::vector<std::string> found;  // batches that match, at most 3
  bool cancel = false;             // the engine wants it cancelled
  bool cancelling = false;         // the provider accepted that
  bool by_hand = false;            // a human named the batch

  std::array<std::string, 3> files;  // ids of input, output and errors; empty: none
  std::size_t file = 0;              // the one being collected or deleted
  std::string batch, status;
  std::optional<Time> created, ended;
  std::optional<std::uint64_t> done;  // as request_counts said last
  std::string unstable;               // an end that may not last, as it read first…
  Time unstable_at{};                 // …and when that was
  std::string page;                   // cursor of the page of results
  std::uint64_t rows = 0;             // in the pages before it

  Finished::Outcome outcome = Finished::Outcome::kEnded;
  std::optional<Error> error;
  std::optional<std::uint64_t> line;
};

[[nodiscard]] std::string write_state(const State& state);
/// @error kInternal not a state of this machine, or of a later version.
[[nodiscard]] Result<State> read_state(std::string_view text);

}  // namespace weir::provider::openai_batch
