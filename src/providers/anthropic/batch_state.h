#pragma once
// What the batch machine remembers between two events: plain data and its text form. Versioned;
// never a key in it.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "provider/adapter.h"

namespace weir::providers::anthropic {

/// What was last asked for. Waits and sends are apart, so that a restart knows whether a request
/// may be on its way.
enum class Phase : std::uint8_t {
  kNew,         // nothing was asked for yet
  kCreate,      // the create may have been sent
  kCreateWait,  // it surely made no batch; it will be sent (again)
  kList,        // the create's outcome is unknown: looking for the batch
  kListWait,
  kPoll,
  kPollWait,
  kCancel,
  kCollect,
  kCollectWait,
  kDelete,
  kDone,
};

/// A batch object of the provider, as far as we need it.
struct Remote {
  std::string id;
  std::string status;
  std::optional<Time> created_at, ended_at;
};

struct BatchState {
  Phase phase = Phase::kNew;
  std::optional<Time> due;  // of a wait
  bool cancel_wanted = false;

  // The create.
  Time intent{};             // of the first create that may have made a batch
  Time doubt_at{};           // when the latest unknown outcome was noticed
  std::int64_t creates = 0;  // sent so far; bounded
  std::int64_t doubts = 0;   // of these, how many have an unknown outcome

  // Looking for it.
  Time list_at{};      // when this listing began
  std::string cursor;  // of its next page
  std::int64_t pages = 0;
  std::vector<Remote> found;          // candidates of this listing so far
  bool found_claimed = false;         // and one that another batch of ours holds provisionally
  std::vector<std::string> rejected;  // looked like ours, but their rows are not
  std::optional<Remote> matched;      // rows are ours; another candidate is still to be checked

  // The batch.
  Remote batch;
  bool by_hand = false;       // named by a human, so it is neither doubted nor tidied up
  bool adopted = false;       // found by count and time, not named by the answer to our create
  std::int64_t polls = 0;     // without an end so far: the interval grows with them
  std::int64_t failures = 0;  // in a row, of the present request
  std::int64_t checks = 0;    // candidates whose results were asked for

  // The end, so that a restart ends the same way.
  provider::Finished finished;
};

std::string write_state(const BatchState& state);
/// @error kInternal not a state of this machine, or of a later version.
Result<BatchState> read_state(std::string_view text);

}  // namespace weir::providers::anthropic
