// Environment and flags over the file.
#include <fmt/format.h>

#include <algorithm>

#include "base/nearest.h"
#include "config/providers.h"
#include "config/work.h"

namespace weir::config {
namespace {

// Variables are written by shells and deployment files, which have their own words for it.
std::string_view plain_truth(const Key& key, std::string_view text) {
  static constexpr std::array<std::string_view, 3> kTrue{"1", "yes", "on"};
  static constexpr std::array<std::string_view, 3> kFalse{"0", "no", "off"};
  if (key.access.kind != Kind::kBoolean) return text;
  if (index_of(kTrue, text)) return "true";
  if (index_of(kFalse, text)) return "false";
  return text;
}

std::string variable_of(const Leaf& leaf, const catalogue::Catalogue& catalogue) {
  return leaf.key.variable == "@" ? key_variable(leaf.provider, catalogue)
                                  : std::string(leaf.key.variable);
}

// A variable that is set to nothing is not set.
const std::string* value_of(const Environment& environment, const std::string& name) {
  if (name.empty()) return nullptr;
  const auto found = environment.find(name);
  return found == environment.end() || found->second.empty() ? nullptr : &found->second;
}

// Whether a secret of the environment may stand beside what the file says; says so where it may not.
bool may_take_secret(Work& work, const Leaf& leaf, const std::string& name,
                     const std::string& value) {
  // ${NAME} in the file is the environment already, and says more exactly which variable.
  if (work.referenced.contains(leaf.path)) return false;
  const std::string endpoint = leaf.path.substr(0, leaf.path.rfind('.')) + ".endpoint";
  if (work.trust == Trust::kRemote && work.is_set(endpoint)) {
    work.warn(work.place_of(endpoint),
              fmt::format("{} is not sent to an endpoint that a remote configuration names", name),
              "set the endpoint in a local file");
    return false;
  }
  if (work.is_set(leaf.path) && leaf.get() != value)
    work.warn(work.place_of(leaf.path), fmt::format("'{}' is replaced by {}", leaf.key.name, name),
              fmt::format("unset {}, or write ${{NAME}} of the variable that is meant", name));
  return true;
}

bool matches(const std::string& path, const std::string& key) {
  if (path == key) return true;
  if (!key.starts_with("configuration.")) return false;
  return (path.starts_with("llm[") || path.starts_with("embedding[")) && path.ends_with("]." + key);
}

// Every scalar path, and "configuration.…" for those of all entries, whether there are entries or not.
std::vector<std::string> known_paths(Config& config) {
  std::vector<std::string> out;
  walk(config, [&](const Leaf& leaf) { out.push_back(leaf.path); });
  Config sample;
  sample.llm.emplace_back();
  sample.embedding.emplace_back();
  walk(sample, [&](const Leaf& leaf) {
    const auto at = leaf.path.find("configuration.");
    if (at != std::string::npos) out.push_back(leaf.path.substr(at));
  });
  return out;
}

}  // namespace

void apply_environment(Work& work) {
  walk(work.config, [&](const Leaf& leaf) {
    const std::string name = variable_of(leaf, work.catalogue);
    const auto* value = value_of(work.environment, name);
    if (value == nullptr) return;
    if (leaf.key.secret && !may_take_secret(work, leaf, name, *value)) return;
    work.assign(leaf.key, leaf.owner, leaf.path, plain_truth(leaf.key, *value),
                {Origin::Kind::kEnvironment, {name}});
  });
}

void apply_flags(Work& work, const std::vector<Override>& flags) {
  for (const auto& flag : flags) {
    const Origin origin{Origin::Kind::kFlag, {flag.flag}};
    bool found = false;
    walk(work.config, [&](const Leaf& leaf) {
      if (!matches(leaf.path, flag.key)) return;
      found = true;
      work.assign(leaf.key, leaf.owner, leaf.path, plain_truth(leaf.key, flag.value), origin);
    });
    if (found) continue;
    const auto known = known_paths(work.config);
    if (std::ranges::find(known, flag.key) != known.end()) continue;  // no entry has it
    const auto near = nearest_name(flag.key, known);
    work.error(origin.place, fmt::format("unknown key {}", in_quotes(flag.key)),
               near ? fmt::format("did you mean '{}'?", *near) : "weir config show lists them");
  }
}

void apply_false_variables(Work& work) {
  walk(work.config, [&](const Leaf& leaf) {
    if (!leaf.key.false_wins || leaf.get() == "false") return;
    const std::string name(leaf.key.variable);
    const auto* value = value_of(work.environment, name);
    if (value == nullptr || Value<bool>::parse(plain_truth(leaf.key, *value)) != false) return;
    work.warn(work.place_of(leaf.path), fmt::format("{}=false wins over this", name),
              fmt::format("unset {}", name));
    work.assign(leaf.key, leaf.owner, leaf.path, "false", {Origin::Kind::kEnvironment, {name}});
  });
}

}  // namespace weir::config
