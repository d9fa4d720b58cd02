#pragma once
// What the simulation must know of each provider beside the catalogue, the adapter and the simulated provider: its places and its words.
#include <optional>
#include <span>
#include <string_view>

#include "provider/adapter.h"

namespace weir::simulation {

struct Service {
  std::string_view provider, model;
  // What a job must delete is listed here, by id. Empty: the simulator only counts files.
  std::string_view listing = {};
  // Of a row that may be tried again, in the simulator's faults.
  std::string_view passing_error = "server_error";
  // Ready-made bodies and what only these two say on the wire are drawn for those that are looked at closely.
  bool closely = false;
  bool batches = true;
  // A batch that is cancelled or expires gives no results, of finished rows neither.
  bool batches_die_whole = false;
  std::optional<Duration> clock_wrong_max = {};  // a signature of another time is refused
  std::uint64_t items_min = 0;                   // fewer are no batch
  std::string_view settings = {};                // "name=value", with a space between
};

/// Of every endpoint.
inline constexpr std::string_view kHost = "sim.invalid";

[[nodiscard]] std::span<const Service> services();
/// Of a provider that has one.
[[nodiscard]] const Service& service_of(std::string_view provider);
[[nodiscard]] provider::Credentials credentials_of(const Service& service);

}  // namespace weir::simulation
