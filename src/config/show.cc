#include "config/show.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/keys.h"
#include "json/write.h"

namespace weir::config {
namespace {

constexpr std::string_view kMask = "****";

std::string_view to_string(Origin::Kind kind) {
  switch (kind) {
    case Origin::Kind::kBuiltIn: return "built-in";
    case Origin::Kind::kFile: return "file";
    case Origin::Kind::kEnvironment: return "environment";
    case Origin::Kind::kFlag: return "flag";
  }
  return "";
}

void write(json::Writer& out, const Shown& shown) {
  out.begin_object().field("key", shown.key).key("value");
  if (!shown.value) out.null();
  else if (shown.kind == Kind::kBoolean || shown.kind == Kind::kWhole ||
           shown.kind == Kind::kNumber)
    out.raw(*shown.value);
  else out.string(*shown.value);
  const auto& origin = shown.origin;
  out.field("origin", to_string(origin.kind));
  if (!origin.place.name.empty()) out.field("name", origin.place.name);
  if (origin.place.line > 0) {
    out.field("line", static_cast<std::int64_t>(origin.place.line));
    out.field("column", static_cast<std::int64_t>(origin.place.column));
  }
  if (origin.adjusted) out.field("adjusted", true);
  out.end_object();
}

}  // namespace

std::vector<Shown> effective_values(const Config& config) {
  std::vector<Shown> out;
  Config copy = config;  // the table reaches values for writing as well
  walk(copy, [&](const Leaf& leaf) {
    Shown shown{leaf.path, leaf.key.access.kind, leaf.get(), {}};
    if (shown.value && leaf.key.secret) shown.value = kMask;
    if (const auto found = config.origins.find(leaf.path); found != config.origins.end())
      shown.origin = found->second;
    out.push_back(std::move(shown));
  });
  return out;
}

std::string show_text(const Config& config) {
  const auto values = effective_values(config);
  std::size_t key_width = 0, value_width = 0;
  constexpr std::size_t kValueWidthMax = 40;
  const auto text_of = [](const Shown& shown) {
    std::string text = shown.value.value_or("(unset)");
    std::ranges::replace_if(
        text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
    return text;
  };
  for (const auto& shown : values) {
    key_width = std::max(key_width, shown.key.size());
    value_width = std::max(value_width, std::min(text_of(shown).size(), kValueWidthMax));
  }
  std::string out;
  for (const auto& shown : values)
    out += fmt::format("{:<{}}  {:<{}}  {}\n", shown.key, key_width, text_of(shown), value_width,
                       shown.origin.text());
  return out;
}

std::string show_json(const Config& config) {
  json::Writer out;
  out.begin_object().key("values").begin_array();
  for (const auto& shown : effective_values(config)) write(out, shown);
  out.end_array().key("warnings").begin_array();
  for (const auto& notice : config.warnings) out.string(notice.text());
  out.end_array().end_object();
  return out.take() + "\n";
}

}  // namespace weir::config
