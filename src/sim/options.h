#pragma once
// What a simulated world is made with. Same options and same sequence of (request, now): same
// replies, same bill.
#include <cstdint>
#include <string>

#include "base/time.h"

namespace weir::sim {

struct Options {
  std::uint64_t seed = 1;
  /// Probability that a batch row which could read a cached prefix does read it (providers promise
  /// best effort only).
  double batch_hit_rate = 0.9;
  /// The same of a sync request where the provider caches unasked and promises nothing (Gemini's shape).
  double implicit_hit_rate = 1;
  /// Fault rules as JSON text (README.md describes them); empty: nothing goes wrong.
  std::string faults_json;
  /// The day of the world's documents: the models' creation dates lie before it. No bound on the
  /// times told.
  Time epoch = from_unix_seconds(1'795'392'000);  // 2026-11-23T00:00:00Z
  /// Requests a minute an account may send to one provider before it gets 429. Generous: in
  /// process, a whole job may arrive in one virtual instant.
  std::int64_t requests_per_minute_max = 1'000'000;
  /// Whether batches that end are kept for Simulator::take_ended().
  bool tells_ended = false;
};

}  // namespace weir::sim
