#include "config/work.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/nearest.h"

namespace weir::config {
namespace {

constexpr std::size_t kShownMax = 60;  // of a wrong value or key

// "llm[0].configuration.model" -> "llm[0].configuration" -> "llm[0]" -> "llm" -> ""
void cut_last(std::string& path) {
  const auto at = path.find_last_of(".[");
  path.resize(at == std::string::npos ? 0 : at);
}

std::string shown(const Key& key, std::string_view text) {
  if (key.secret) return "this value";
  return in_quotes(text);
}

std::string fix_of(const Key& key, std::string_view text, bool quoted) {
  if (quoted) return "remove the quotes";
  const std::vector<std::string> names(key.access.choices.begin(), key.access.choices.end());
  if (const auto near = nearest_name(text, names)) return fmt::format("did you mean '{}'?", *near);
  if (text.empty()) return "give it a value, or leave the key out";
  return "give such a value, or leave the key out";
}

// A variable that reaches several entries, or an alias that repeats a value, is one fault.
void add_once(std::vector<Notice>& notices, Notice notice) {
  if (std::ranges::find(notices, notice) == notices.end()) notices.push_back(std::move(notice));
}

}  // namespace

std::string in_quotes(std::string_view text) {
  if (text.size() <= kShownMax) return fmt::format("'{}'", text);
  auto end = kShownMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80) --end;
  return fmt::format("'{}…'", text.substr(0, end));
}

void Work::error(const Place& place, std::string what, std::string fix) {
  if (errors.size() > kErrorsMax) return;
  if (errors.size() == kErrorsMax) what = "more errors than are told", fix = "correct these first";
  add_once(errors, {place, std::move(what), std::move(fix)});
}

void Work::warn(const Place& place, std::string what, std::string fix) {
  add_once(config.warnings, {place, std::move(what), std::move(fix)});
}

Place Work::place_of(std::string path) const {
  for (; !path.empty(); cut_last(path))
    if (const auto found = config.origins.find(path); found != config.origins.end())
      return found->second.place;
  return {file_name, 1, 1};
}

bool Work::is_set(const std::string& path) const {
  const auto found = config.origins.find(path);
  return found != config.origins.end() && found->second.kind != Origin::Kind::kBuiltIn;
}

bool Work::is_from(const std::string& path, Origin::Kind kind) const {
  const auto found = config.origins.find(path);
  return found != config.origins.end() && found->second.kind == kind;
}

bool Work::is_faulty(std::string path) const {
  for (; !path.empty(); cut_last(path))
    if (faulty.contains(path)) return true;
  return false;
}

bool Work::assign(const Key& key, void* owner, const std::string& path, std::string_view text,
                  const Origin& origin, bool quoted) {
  const Kind kind = key.access.kind;
  const bool unquotable = kind == Kind::kBoolean || kind == Kind::kWhole || kind == Kind::kNumber;
  const bool misquoted = quoted && unquotable;
  if (misquoted || !in_range(key, text) || !key.access.set(owner, key, text)) {
    error(origin.place,
          fmt::format("'{}' wants {}, not {}", key.name, wanted(key), shown(key, text)),
          fix_of(key, text, misquoted));
    faulty.insert(path);
    return false;
  }
  config.origins[path] = origin;
  return true;
}

}  // namespace weir::config
