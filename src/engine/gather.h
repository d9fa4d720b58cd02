#pragma once
// A gather group: single items of a stream wait for company, until their number, their bytes or the age of the oldest says go. Pure:
// driven by events with `now`; its state is an aggregate that is journalled as text. What an item is stays with the owner: here it
// is a number and a size. Not thread-safe.
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace weir::engine {

struct GatherOptions {
  std::uint64_t count_max = 100;
  Duration age_max = std::chrono::seconds(30);  // of the oldest item
  std::uint64_t bytes_max = 64U << 20;
};

class GatherGroup {
 public:
  enum class Why : std::uint8_t { kCount, kBytes, kAge, kUrgent, kDrain };
  struct Flush {
    std::vector<std::uint64_t> items;  // oldest first
    Why why = Why::kCount;
  };

  explicit GatherGroup(GatherOptions options) : options_(options) {}

  /// Takes an item in. An urgent one comes back alone, at once, and does not touch those that wait. One that would pass bytes_max
  /// sends those before it off and waits itself, unless it is too large by itself: then it comes back with them.
  [[nodiscard]] std::optional<Flush> add(std::uint64_t item, std::uint64_t bytes, bool urgent,
                                         Time now);
  /// What is due by its age.
  [[nodiscard]] std::optional<Flush> on_time(Time now);
  /// Everything, at the end.
  [[nodiscard]] std::optional<Flush> drain();
  /// When on_time() will have something.
  [[nodiscard]] std::optional<Time> wake_at() const;
  [[nodiscard]] std::uint64_t waiting() const { return items_.size(); }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

  [[nodiscard]] std::string encode() const;
  /// The group as it was, under these options. @error kInternal the text is none of ours.
  static Result<GatherGroup> decode(std::string_view text, GatherOptions options);

 private:
  struct Waiting {
    std::uint64_t item = 0, bytes = 0;
    Time since{};
  };
  Flush take(Why why);

  GatherOptions options_;
  std::deque<Waiting> items_;
  std::uint64_t bytes_ = 0;
};

std::string_view to_string(GatherGroup::Why why);

}  // namespace weir::engine
