#include "config/keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

namespace weir::config {
namespace {

bool contains(std::string_view names, std::string_view name) {
  for (const auto part : std::views::split(names, ','))
    if (std::string_view(part) == name) return true;
  return false;
}

// "a, b or c"
std::string one_of(std::span<const std::string_view> names) {
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) out += i + 1 == names.size() ? " or " : ", ";
    out += names[i];
  }
  return out;
}

class Walker {
 public:
  explicit Walker(const std::function<void(const Leaf&)>& visit) : visit_(visit) {}

  void object(const Keys& keys, void* owner, const std::string& prefix,
              const std::string& provider) {
    for (const auto& key : keys) {
      if (!applies(key, provider, embedding_)) continue;
      const std::string path = prefix + std::string(key.name);
      if (key.access.kind == Kind::kObject)
        object(key.access.keys(), key.access.inside(owner), path + ".", provider);
      else if (key.access.kind == Kind::kList) list(key, owner, path);
      else visit_({key, owner, path, provider});
    }
  }

 private:
  void list(const Key& key, void* owner, const std::string& path) {
    embedding_ = key.name == "embedding";
    for (std::size_t i = 0; i < key.access.size(owner); ++i) {
      void* item = key.access.at(owner, i);
      std::string provider;
      for (const auto& inner : key.access.keys())
        if (inner.name == "provider") provider = inner.access.get(item, inner).value_or("");
      object(key.access.keys(), item, fmt::format("{}[{}].", path, i), provider);
    }
    embedding_ = false;
  }

  const std::function<void(const Leaf&)>& visit_;
  bool embedding_ = false;
};

}  // namespace

bool applies(const Key& key, std::string_view provider, bool embedding) {
  if (key.embedding_only && !embedding) return false;
  return key.providers.empty() || provider.empty() || contains(key.providers, provider);
}

bool is_required(const Key& key, std::string_view provider) {
  return key.required == "*" || (!provider.empty() && contains(key.required, provider));
}

std::string wanted(const Key& key) {
  if (!key.access.choices.empty()) return one_of(key.access.choices);
  std::string out;
  switch (key.access.kind) {
    case Kind::kBoolean: return "true or false";
    case Kind::kWhole: out = "a whole number"; break;
    case Kind::kNumber: out = "a number"; break;
    case Kind::kText: return "text";
    case Kind::kTextList: return "text, or several with commas between";
    case Kind::kDuration: return "a duration such as 24h, 90m or 30 (seconds)";
    case Kind::kMoney: return "an amount of dollars such as 12.50";
    case Kind::kObject: return "keys with values";
    case Kind::kList: return "a list";
    case Kind::kChoice: break;
  }
  if (!key.unit.empty()) out += fmt::format(" of {}", key.unit);
  if (key.range.max > 0) out += fmt::format(" from {} to {}", key.range.min, key.range.max);
  return out;
}

bool in_range(const Key& key, std::string_view text) {
  if (key.range.max <= 0) return true;
  const auto number = Value<double>::parse(text);
  return !number || (*number >= key.range.min && *number <= key.range.max);
}

std::optional<std::string> default_of(const Key& key, const void* fresh_owner) {
  if (!key.built_in.empty()) return std::string(key.built_in);
  return key.access.get(fresh_owner, key);
}

void walk(Config& config, const std::function<void(const Leaf&)>& visit) {
  Walker(visit).object(top_keys(), &config, "", "");
}

Access extra() {
  Access out;
  out.kind = Kind::kText;
  out.set = [](void* owner, const Key& key, std::string_view text) {
    if (text.empty()) return false;
    static_cast<ModelEntry*>(owner)->extra[std::string(key.name)] = text;
    return true;
  };
  out.get = [](const void* owner, const Key& key) -> std::optional<std::string> {
    const auto& all = static_cast<const ModelEntry*>(owner)->extra;
    const auto found = all.find(std::string(key.name));
    return found == all.end() ? std::nullopt : std::optional(found->second);
  };
  return out;
}

Access extra(std::span<const std::string_view> choices) {
  Access out = extra();
  out.kind = Kind::kChoice;
  out.choices = choices;
  out.set = [](void* owner, const Key& key, std::string_view text) {
    if (std::ranges::find(key.access.choices, text) == key.access.choices.end()) return false;
    static_cast<ModelEntry*>(owner)->extra[std::string(key.name)] = text;
    return true;
  };
  return out;
}

}  // namespace weir::config
