#pragma once
// Checks that entries and workloads share. Internal to this folder.
#include <chrono>
#include <string>

#include "config/work.h"

namespace weir::config {

/// The value is no longer what its source gave: its origin says so.
void mark_adjusted(Work& work, const std::string& path);
/// Rounds a TTL up to one that the entry's provider has (the longest when none is longer), with a warning where a source set it.
void round_ttl(Work& work, const ModelEntry& entry, std::optional<std::chrono::seconds>& ttl,
               const std::string& path);
/// A strategy that wants what an entry has switched off: the false flag wins, with a warning.
void warn_switched_off(Work& work, const ModelEntry& entry, Strategy strategy,
                       const std::string& path);
/// @error a strategy that never does what the preference prefers.
void check_preference(Work& work, std::optional<Strategy> strategy,
                      std::optional<Preference> preference, const std::string& strategy_key,
                      const std::string& path);

}  // namespace weir::config
