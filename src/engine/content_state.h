#pragma once
// The aggregate of a cached content as it is journalled: committed before each request that it depends on.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "base/units.h"

namespace weir::engine {

enum class ContentPhase : std::uint8_t {
  kCreating,  // its create is about to be sent, was sent, or is in doubt
  kReady,     // requests may name it
  kDeleting,  // no request names it any more
  kGone       // nothing is left to do; kept for its figures
};
std::string_view to_string(ContentPhase phase);

struct ContentState {
  std::uint64_t number = 0;  // from 1 within the store
  ContentPhase phase = ContentPhase::kCreating;
  AttemptId attempt;  // of its create; display_name() follows from it
  std::uint64_t create_sequence = 0, store_sequence = 0;  // of its ledger entries
  std::uint32_t head_messages = 0;
  std::uint64_t head_bytes = 0, head_hash = 0;
  Duration ttl{};      // asked for last
  Time begun_at{};     // our clock
  Time lives_until{};  // our clock, as far as we were told; before the create is answered, at most
  Money ceiling;       // reserved of the spend limit until it is gone
  std::string name;    // the provider's; empty: not known to be made
  Tokens tokens;       // counted by the provider; a bound, where it does not tell
  bool counted = true;
  Time created{}, expires{};        // the provider's clock
  std::optional<Time> extended_to;  // …at most, where an extension may have come through
  bool delete_sent = false;
  std::uint64_t reads = 0;  // answers that named it; a death may lose some
  Money written, stored;    // booked
  std::string reason;       // of its end, when it is not an ordinary one

  /// What it is called at the provider: the recovery key.
  [[nodiscard]] std::string display_name() const;
  /// When it is gone by itself at the latest, by the provider's clock.
  [[nodiscard]] Time expires_max() const {
    return extended_to ? std::max(*extended_to, expires) : expires;
  }
  [[nodiscard]] std::string encode() const;
  /// @error kInternal another version's, or damaged.
  static Result<ContentState> decode(std::string_view text);
};

}  // namespace weir::engine
