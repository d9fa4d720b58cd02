#pragma once
// Observed cache hits by account, model, route and prefix, with exponential decay: what corrects the catalogue's expected hit rate.
// Values only: time is an argument, the Store keeps the text. Not thread-safe. Bounded: kEntriesMax entries of 32 bytes; when full, the
// one with the least decayed weight goes.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"
#include "base/time.h"
#include "llm/types.h"

namespace weir::plan {

/// What was observed: decayed numbers of requests that could have hit, and of those that did.
struct HitCounts {
  double hits = 0, requests = 0;
};

/// The expected rate as a Beta distribution.
struct HitRate {
  double hits = 0, misses = 0;  // its two parameters
  [[nodiscard]] double mean() const { return hits / (hits + misses); }
  [[nodiscard]] double deviation() const;
};

/// The catalogue's rate before anything is seen weighs as much as so many requests: it is a working value, and soon outweighed.
inline constexpr double kPriorRequests = 8;

/// Prior and observation together. `expected` in [0, 1].
HitRate corrected(double expected, HitCounts seen);

class PrefixStats {
 public:
  static constexpr std::size_t kEntriesMax = 4096;
  /// After it an observation weighs half: providers change their caches by the week, load changes by the day.
  static constexpr Duration kHalfLife = std::chrono::hours(48);

  /// Names one series of observations. Prefix 0: all prefixes of the account, model and route together.
  struct Key {
    std::string_view account, model;
    llm::Route route = llm::Route::kBatch;
    std::uint64_t prefix = 0;
  };

  /// `requests` requests read (or could have read) this prefix, `hits` of them did. Counts for the prefix and for prefix 0.
  /// A time before the last one counts as the last one.
  void observe(const Key& key, std::uint64_t hits, std::uint64_t requests, Time now);

  /// What is left of the observations at `now`; zeros when there are none.
  [[nodiscard]] HitCounts seen(const Key& key, Time now) const;

  /// The rate to plan with: the catalogue's, corrected by all prefixes of the series, corrected by this one.
  [[nodiscard]] HitRate expected(const Key& key, double catalogue_rate, Time now) const;
  /// The prefix's own rate where it was observed at all; for PrefixSettings::observed.
  [[nodiscard]] std::optional<double> observed(const Key& key, double catalogue_rate,
                                               Time now) const;

  /// Takes over what others observed meanwhile.
  void merge(const PrefixStats& other);

  [[nodiscard]] std::size_t size() const { return entries_.size(); }

  /// Small, versioned, the same bytes for the same content.
  [[nodiscard]] std::string to_text() const;
  /// @error kInvalidArgument not such a text, another version, more than kEntriesMax entries, or a number out of range.
  static Result<PrefixStats> parse(std::string_view text);

 private:
  struct Entry {
    double hits = 0, requests = 0;
    std::int64_t at_micros = 0;
  };
  static std::uint64_t id_of(const Key& key);
  [[nodiscard]] HitCounts decayed(const Entry& entry, Time now) const;
  void add(std::uint64_t id, double hits, double requests, Time now);
  void make_room(Time now);

  std::unordered_map<std::uint64_t, Entry> entries_;
};

}  // namespace weir::plan
