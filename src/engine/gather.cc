#include "engine/gather.h"

#include <algorithm>
#include <array>

#include "json/value.h"
#include "json/write.h"

namespace weir::engine {
namespace {

constexpr std::int64_t kGatherVersion = 1;
constexpr std::array<std::string_view, 5> kWhys{"count", "bytes", "age", "urgent", "drain"};

}  // namespace

std::string_view to_string(GatherGroup::Why why) { return kWhys[static_cast<std::size_t>(why)]; }

GatherGroup::Flush GatherGroup::take(Why why) {
  Flush flush{.items = {}, .why = why};
  flush.items.reserve(items_.size());
  for (const auto& waiting : items_) flush.items.push_back(waiting.item);
  items_.clear();
  bytes_ = 0;
  return flush;
}

std::optional<GatherGroup::Flush> GatherGroup::add(std::uint64_t item, std::uint64_t bytes,
                                                   bool urgent, Time now) {
  if (urgent) return Flush{.items = {item}, .why = Why::kUrgent};
  std::optional<Flush> full;
  if (bytes_ + bytes > options_.bytes_max && !items_.empty() && bytes <= options_.bytes_max)
    full = take(Why::kBytes);
  // The clock never goes back within a process; a group that was read back may hold a later time.
  const Time since = items_.empty() ? now : std::max(now, items_.back().since);
  items_.push_back({item, bytes, since});
  bytes_ += bytes;
  if (full) return full;
  if (items_.size() >= options_.count_max) return take(Why::kCount);
  if (bytes_ >= options_.bytes_max) return take(Why::kBytes);
  return std::nullopt;
}

std::optional<Time> GatherGroup::wake_at() const {
  if (items_.empty()) return std::nullopt;
  if (items_.size() >= options_.count_max) return items_.front().since;
  return items_.front().since + options_.age_max;
}

std::optional<GatherGroup::Flush> GatherGroup::on_time(Time now) {
  const auto due = wake_at();
  if (!due || now < *due) return std::nullopt;
  return take(items_.size() >= options_.count_max ? Why::kCount : Why::kAge);
}

std::optional<GatherGroup::Flush> GatherGroup::drain() {
  if (items_.empty()) return std::nullopt;
  return take(Why::kDrain);
}

// {"v":1,"items":[[7,512,1795400000000000],…]}: item, bytes, since when in microseconds.
std::string GatherGroup::encode() const {
  json::Writer w;
  w.begin_object().field("v", kGatherVersion).key("items").begin_array();
  for (const auto& waiting : items_) {
    w.begin_array().integer(static_cast<std::int64_t>(waiting.item));
    w.integer(static_cast<std::int64_t>(waiting.bytes)).integer(unix_micros(waiting.since));
    w.end_array();
  }
  w.end_array().end_object();
  return w.take();
}

Result<GatherGroup> GatherGroup::decode(std::string_view text, GatherOptions options) {
  const auto damaged = [] {
    return fail(ErrorKind::kInternal, "the stored gather group cannot be read",
                "it was written by a newer Weir, or the store is damaged");
  };
  json::Parser parser;
  const auto root = parser.parse(text);
  if (!root || (*root)["v"].integer_or(0) != kGatherVersion || !(*root)["items"].is_array())
    return damaged();
  GatherGroup group(options);
  for (const auto element : (*root)["items"].items()) {
    const auto fields = json::Value(element).items();
    if (fields.size() != 3) return damaged();
    std::array<std::int64_t, 3> numbers{};
    std::size_t at = 0;
    for (const auto field : fields) {
      const auto number = json::Value(field).integer();
      if (!number || *number < 0) return damaged();
      numbers[at++] = *number;
    }
    group.items_.push_back({static_cast<std::uint64_t>(numbers[0]),
                            static_cast<std::uint64_t>(numbers[1]), from_unix_micros(numbers[2])});
    group.bytes_ += group.items_.back().bytes;
  }
  return group;
}

}  // namespace weir::engine
