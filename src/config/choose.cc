#include "config/choose.h"

#include <algorithm>

#include "config/value.h"

namespace weir::config {
namespace {

std::optional<std::string> look(const Lookup& lookup, std::string_view name) {
  return lookup ? lookup(name) : std::nullopt;
}

bool header_holds(const Match& match, const Asked& asked) {
  if (!match.header) return true;
  const auto said = look(asked.header, *match.header);
  return said && (!match.value || *said == *match.value);
}

bool holds(const Match& match, const Asked& asked) {
  if (match == Match{}) return false;
  return (!match.model || is_like(asked.model, *match.model)) && header_holds(match, asked) &&
         (!match.key || asked.key == *match.key) && (!match.topic || asked.topic == *match.topic);
}

}  // namespace

bool is_like(std::string_view text, std::string_view pattern) {
  // Where the last * stands, and from where on it may take one character more.
  std::optional<std::size_t> star;
  std::size_t taken = 0, t = 0, p = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      taken = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star) {
      p = *star + 1;
      t = ++taken;
    } else {
      return false;
    }
  }
  return std::ranges::all_of(pattern.substr(p), [](char c) { return c == '*'; });
}

const Workload* matching_workload(const Config& config, const Asked& asked) {
  const auto found = std::ranges::find_if(
      config.workloads, [&](const Workload& workload) { return holds(workload.match, asked); });
  return found == config.workloads.end() ? nullptr : &*found;
}

bool is_urgent(const Workload& workload, const Lookup& header, const Lookup& field) {
  const auto& urgent = workload.urgent;
  const std::vector<std::string_view> values(urgent.values.begin(), urgent.values.end());
  const auto says_so = [&](const std::optional<std::string>& name, const Lookup& lookup) {
    if (!name) return false;
    const auto said = look(lookup, *name);
    return said && index_of(values, *said).has_value();
  };
  return says_so(urgent.header, header) || says_so(urgent.field, field);
}

}  // namespace weir::config
