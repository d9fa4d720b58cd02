#include "plan/prefix_stats.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <vector>

#include "base/hash.h"

namespace weir::plan {
namespace {

constexpr std::string_view kHeader = "weir-prefix-stats 1\n";
// Above it a count tells nothing more, and a text cannot bring an infinity in.
constexpr double kCountMax = 1e12;
// Of a prefix's own series, the series of all prefixes weighs as much as so many requests.
constexpr double kSeriesRequests = 32;

// Reads one number up to `end`; nothing when it is none or something stands behind it.
template <class T>
std::optional<T> number(std::string_view text, int base = 10) {
  T value{};
  std::from_chars_result read{};
  if constexpr (std::is_floating_point_v<T>)
    read = std::from_chars(text.data(), text.data() + text.size(), value);
  else read = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string_view take(std::string_view& text, char end) {
  const auto at = text.find(end);
  const auto out = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return out;
}

}  // namespace

double HitRate::deviation() const {
  const double sum = hits + misses;
  return std::sqrt(hits * misses / (sum * sum * (sum + 1)));
}

HitRate corrected(double expected, HitCounts seen) {
  const double rate = std::clamp(expected, 0.0, 1.0);
  return {.hits = kPriorRequests * rate + seen.hits,
          .misses = kPriorRequests * (1 - rate) + std::max(0.0, seen.requests - seen.hits)};
}

std::uint64_t PrefixStats::id_of(const Key& key) {
  // Lengths first: "ab" + "c" is not "a" + "bc".
  const auto head = fmt::format("{}:{}:{}:{:016x}:", key.account.size(), key.model.size(),
                                static_cast<int>(key.route), key.prefix);
  return hash64(key.model, hash64(key.account, hash64(head)));
}

HitCounts PrefixStats::decayed(const Entry& entry, Time now) const {
  const auto age = std::max<std::int64_t>(0, unix_micros(now) - entry.at_micros);
  const double factor =
      std::exp2(-static_cast<double>(age) / static_cast<double>(kHalfLife.count()));
  return {entry.hits * factor, entry.requests * factor};
}

void PrefixStats::add(std::uint64_t id, double hits, double requests, Time now) {
  auto found = entries_.find(id);
  if (found == entries_.end()) {
    if (entries_.size() >= kEntriesMax) make_room(now);
    found = entries_.try_emplace(id).first;
    found->second.at_micros = unix_micros(now);
  }
  auto& entry = found->second;
  const auto left = decayed(entry, now);
  entry = {.hits = std::min(left.hits + hits, kCountMax),
           .requests = std::min(left.requests + requests, kCountMax),
           .at_micros = std::max(entry.at_micros, unix_micros(now))};
}

// An eighth goes at once, so that the search for the least is paid for by as many observations.
void PrefixStats::make_room(Time now) {
  std::vector<std::pair<double, std::uint64_t>> weights;
  for (const auto& [id, entry] : entries_) weights.emplace_back(decayed(entry, now).requests, id);
  const auto end = weights.begin() + static_cast<std::ptrdiff_t>(kEntriesMax / 8);
  std::nth_element(weights.begin(), end, weights.end());
  for (auto it = weights.begin(); it != end; ++it) entries_.erase(it->second);
}

void PrefixStats::observe(const Key& key, std::uint64_t hits, std::uint64_t requests, Time now) {
  if (requests == 0) return;
  const auto bounded = static_cast<double>(std::min(hits, requests));
  add(id_of(key), bounded, static_cast<double>(requests), now);
  if (key.prefix == 0) return;
  auto series = key;
  series.prefix = 0;
  add(id_of(series), bounded, static_cast<double>(requests), now);
}

void PrefixStats::merge(const PrefixStats& other) {
  for (const auto& [id, entry] : other.entries_)
    add(id, entry.hits, entry.requests, from_unix_micros(entry.at_micros));
}

HitCounts PrefixStats::seen(const Key& key, Time now) const {
  const auto found = entries_.find(id_of(key));
  return found == entries_.end() ? HitCounts{} : decayed(found->second, now);
}

HitRate PrefixStats::expected(const Key& key, double catalogue_rate, Time now) const {
  auto series = key;
  series.prefix = 0;
  const auto all = corrected(catalogue_rate, seen(series, now));
  if (key.prefix == 0) return all;
  const auto own = seen(key, now);
  if (own.requests <= 0) return all;
  // The other prefixes tell what to expect, but not for long.
  const double weight = std::min(kSeriesRequests, all.hits + all.misses);
  return {.hits = weight * all.mean() + own.hits,
          .misses = weight * (1 - all.mean()) + std::max(0.0, own.requests - own.hits)};
}

std::optional<double> PrefixStats::observed(const Key& key, double catalogue_rate, Time now) const {
  if (seen(key, now).requests <= 0) return std::nullopt;
  return expected(key, catalogue_rate, now).mean();
}

std::string PrefixStats::to_text() const {
  std::vector<std::pair<std::uint64_t, Entry>> sorted(entries_.begin(), entries_.end());
  std::ranges::sort(sorted, {}, [](const auto& item) { return item.first; });
  std::string out(kHeader);
  for (const auto& [id, entry] : sorted)
    fmt::format_to(std::back_inserter(out), "{:016x} {:.9g} {:.9g} {}\n", id, entry.hits,
                   entry.requests, entry.at_micros);
  return out;
}

Result<PrefixStats> PrefixStats::parse(std::string_view text) {
  const auto bad = [](std::string what) {
    return fail(ErrorKind::kInvalidArgument, "cache statistics: " + std::move(what),
                "they are only advice: delete them to start anew");
  };
  if (!text.starts_with(kHeader)) return bad("not a text of version 1");
  text.remove_prefix(kHeader.size());
  PrefixStats out;
  for (std::size_t line = 2; !text.empty(); ++line) {
    auto row = take(text, '\n');
    const auto id = number<std::uint64_t>(take(row, ' '), 16);
    const auto hits = number<double>(take(row, ' '));
    const auto requests = number<double>(take(row, ' '));
    const auto at = number<std::int64_t>(row);
    // Written so that a NaN fails as well.
    const bool fits = id && hits && requests && at && *hits >= 0 && *hits <= *requests &&
                      *requests <= kCountMax && *at >= 0 &&
                      *at <= std::numeric_limits<std::int64_t>::max() / 2;
    if (!fits) return bad(fmt::format("line {} is not an entry", line));
    if (out.entries_.size() >= kEntriesMax)
      return bad(fmt::format("more than {} entries", kEntriesMax));
    if (!out.entries_.try_emplace(*id, Entry{*hits, *requests, *at}).second)
      return bad(fmt::format("line {} comes twice", line));
  }
  return out;
}

}  // namespace weir::plan
