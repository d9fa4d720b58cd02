#pragma once
// The one table of keys: name, meaning, type, range, secrecy, providers and environment variable of each. The parser, the defaults,
// the search for unknown keys, `config schema` and `config show` all follow from it. Internal to this folder and its tests.
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "config/providers.h"
#include "config/value.h"

namespace weir::config {

struct Key;
using Keys = std::vector<Key>;

/// How a key's value is reached in the struct that owns it. Made by field(), object() and list(): never by hand.
struct Access {
  Kind kind = Kind::kText;
  std::span<const std::string_view> choices{};
  // Scalars. set() is false when the text is no value of the kind; get() is nothing when the value is not set.
  bool (*set)(void* owner, const Key& key, std::string_view text) = nullptr;
  std::optional<std::string> (*get)(const void* owner, const Key& key) = nullptr;
  // Objects and lists: the keys inside, and the struct that owns them.
  const Keys& (*keys)() = nullptr;
  void* (*inside)(void* owner) = nullptr;
  std::size_t (*size)(void* owner) = nullptr;
  void* (*at)(void* owner, std::size_t index) = nullptr;
  void* (*append)(void* owner) = nullptr;
  const void* (*fresh)() = nullptr;  // an owner with nothing but defaults
};

struct Range {
  double min = 0, max = 0;  // both 0: no range
};
inline constexpr Range kFraction{0, 1};
inline constexpr Range kTtl{1, 604'800};      // seconds: a week, no provider keeps a prefix longer
inline constexpr Range kCount{1, 1'000'000};  // the largest batch of any provider
inline constexpr Range kWait{1, 604'800};     // seconds: the longest window of any provider

struct Key {
  std::string_view name;
  Access access;
  Range range{};
  std::string_view unit{};
  std::string_view variable{};   // "@": the provider's own key variable
  std::string_view providers{};  // that have it, commas between; empty: all
  std::string_view required{};   // providers that need it, or "*"
  std::string_view built_in{};   // default of a key in ModelEntry::extra
  bool secret = false;           // masked; ${NAME} expands
  bool embedding_only = false;
  bool false_wins = false;  // the variable at false is stronger than a flag
  std::string_view about{};
};

/// The keys of the whole file.
const Keys& top_keys();
/// Those of an entry of llm or embedding.
const Keys& entry_keys();

/// Whether an entry of this provider (empty: not known) in this list has the key.
bool applies(const Key& key, std::string_view provider, bool embedding);
bool is_required(const Key& key, std::string_view provider);
/// "a whole number of seconds from 1 to 604800", "auto, batch_only or both": what a value must be.
std::string wanted(const Key& key);
/// Whether a number lies in the key's range; true for what is no number.
bool in_range(const Key& key, std::string_view text);
/// The default as text; nothing when the key is unset.
std::optional<std::string> default_of(const Key& key, const void* fresh_owner);

/// A scalar key of a configuration, in effect or unset.
struct Leaf {
  const Key& key;
  void* owner;
  std::string path;      // "llm[0].configuration.model"
  std::string provider;  // of the entry around it
  [[nodiscard]] std::optional<std::string> get() const { return key.access.get(owner, key); }
};
/// Visits every scalar key that the configuration can have, in the order of the table.
void walk(Config& config, const std::function<void(const Leaf&)>& visit);

template <class T>
struct MemberTraits;
template <class O, class M>
struct MemberTraits<M O::*> {
  using Owner = O;
  using Type = M;
};
template <class T>
struct Bare {
  using Type = T;
  static constexpr bool kOptional = false;
};
template <class T>
struct Bare<std::optional<T>> {
  using Type = T;
  static constexpr bool kOptional = true;
};

/// A scalar member, optional or not.
template <auto kMember>
constexpr Access field() {
  using Traits = MemberTraits<decltype(kMember)>;
  using Owner = Traits::Owner;
  using Type = Bare<typename Traits::Type>::Type;
  Access out;
  out.kind = Value<Type>::kKind;
  if constexpr (std::is_enum_v<Type>) out.choices = kNames<Type>;
  out.set = [](void* owner, const Key&, std::string_view text) {
    auto value = Value<Type>::parse(text);
    if (!value) return false;
    auto& member = static_cast<Owner*>(owner)->*kMember;
    if constexpr (Bare<typename Traits::Type>::kOptional) member = std::move(value);
    else member = *std::move(value);
    return true;
  };
  out.get = [](const void* owner, const Key&) -> std::optional<std::string> {
    const auto& value = static_cast<const Owner*>(owner)->*kMember;
    if constexpr (Bare<typename Traits::Type>::kOptional)
      return value ? std::optional(Value<Type>::format(*value)) : std::nullopt;
    else if constexpr (requires { value.empty(); })
      return value.empty() ? std::nullopt : std::optional(Value<Type>::format(value));
    else return Value<Type>::format(value);
  };
  return out;
}

/// A key that only some providers have: text in ModelEntry::extra.
Access extra();
/// The same, of one of these words. The names live as long as the program.
Access extra(std::span<const std::string_view> choices);

/// A provider's name, kept in its canonical spelling.
template <auto kMember>
Access provider_field() {
  Access out = field<kMember>();
  out.kind = Kind::kChoice;
  out.choices = provider_names();
  out.set = [](void* owner, const Key&, std::string_view text) {
    auto name = canonical_provider(text);
    if (!name) return false;
    static_cast<MemberTraits<decltype(kMember)>::Owner*>(owner)->*kMember = *std::move(name);
    return true;
  };
  return out;
}

/// An object whose keys are in a member…
template <auto kMember>
constexpr Access object(const Keys& (*keys)()) {
  using Traits = MemberTraits<decltype(kMember)>;
  Access out;
  out.kind = Kind::kObject;
  out.keys = keys;
  out.inside = [](void* owner) -> void* { return &(static_cast<Traits::Owner*>(owner)->*kMember); };
  out.fresh = []() -> const void* {
    static const typename Traits::Type instance{};
    return &instance;
  };
  return out;
}
/// …or in the struct `Owner` itself.
template <class Owner>
constexpr Access object(const Keys& (*keys)()) {
  Access out;
  out.kind = Kind::kObject;
  out.keys = keys;
  out.inside = [](void* owner) { return owner; };
  out.fresh = []() -> const void* {
    static const Owner instance{};
    return &instance;
  };
  return out;
}

/// A list of objects.
template <auto kMember>
constexpr Access list(const Keys& (*keys)()) {
  using Traits = MemberTraits<decltype(kMember)>;
  using Owner = Traits::Owner;
  Access out;
  out.kind = Kind::kList;
  out.keys = keys;
  out.size = [](void* owner) { return (static_cast<Owner*>(owner)->*kMember).size(); };
  out.at = [](void* owner, std::size_t index) -> void* {
    return &(static_cast<Owner*>(owner)->*kMember)[index];
  };
  out.append = [](void* owner) -> void* {
    return &(static_cast<Owner*>(owner)->*kMember).emplace_back();
  };
  out.fresh = []() -> const void* {
    static const typename Traits::Type::value_type instance{};
    return &instance;
  };
  return out;
}

}  // namespace weir::config
