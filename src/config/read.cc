// The file's tree into the configuration, by the table of keys.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/nearest.h"
#include "config/providers.h"
#include "config/work.h"

namespace weir::config {
namespace {

std::string_view to_string(TreeNode::Kind kind) {
  switch (kind) {
    case TreeNode::Kind::kNull: return "nothing";
    case TreeNode::Kind::kScalar: return "a single value";
    case TreeNode::Kind::kList: return "a list";
    case TreeNode::Kind::kMap: return "keys with values";
  }
  return "";
}

class Reader {
 public:
  explicit Reader(Work& work) : work_(work) {}

  void object(const TreeNode& node, const Keys& keys, void* owner, const std::string& prefix) {
    std::map<std::string_view, const Member*> seen;
    for (const auto& member : node.members) {
      const Place place{work_.file_name, member.line, member.column};
      const auto [first, is_new] = seen.emplace(member.key, &member);
      if (!is_new) {
        work_.error(place, fmt::format("the key {} stands here twice", in_quotes(member.key)),
                    fmt::format("the first is in line {}: remove one", first->second->line));
        continue;
      }
      const auto key = std::ranges::find(keys, member.key, &Key::name);
      if (key == keys.end() || (key->embedding_only && !embedding_)) {
        unknown(member.key, keys, place);
      } else if (!applies(*key, provider_, embedding_)) {
        work_.error(place, fmt::format("'{}' is no key of {}", key->name, provider_),
                    fmt::format("only of {}: remove it", key->providers));
      } else {
        value(member, *key, owner, prefix + member.key);
      }
    }
  }

 private:
  void unknown(const std::string& name, const Keys& keys, const Place& place) {
    if (work_.errors.size() > kErrorsMax) return;  // the search is slow
    std::vector<std::string> names;
    for (const auto& key : keys)
      if (applies(key, provider_, embedding_)) names.emplace_back(key.name);
    const auto near = nearest_name(name, names);
    work_.error(place, fmt::format("unknown key {}", in_quotes(name)),
                near ? fmt::format("did you mean '{}'?", *near)
                     : fmt::format("known here: {}", fmt::join(names, ", ")));
  }

  void value(const Member& member, const Key& key, void* owner, const std::string& path) {
    const TreeNode& node = member.value;
    if (node.kind == TreeNode::Kind::kNull) return;  // as if it were not there
    const Place place{work_.file_name, node.line, node.column};
    const auto want = key.access.kind == Kind::kObject ? TreeNode::Kind::kMap
                      : key.access.kind == Kind::kList ? TreeNode::Kind::kList
                                                       : TreeNode::Kind::kScalar;
    if (node.kind != want) {
      work_.error(place,
                  fmt::format("'{}' wants {}, not {}", key.name, wanted(key), to_string(node.kind)),
                  "see weir config schema");
      work_.faulty.insert(path);
      return;
    }
    if (want == TreeNode::Kind::kScalar) return scalar(node, key, owner, path);
    work_.config.origins[path] = {Origin::Kind::kFile, place};
    if (want == TreeNode::Kind::kMap)
      object(node, key.access.keys(), key.access.inside(owner), path + ".");
    else list(node, key, owner, path);
  }

  void scalar(const TreeNode& node, const Key& key, void* owner, const std::string& path) {
    const Origin origin{Origin::Kind::kFile, {work_.file_name, node.line, node.column}};
    if (!has_reference(node.text)) {
      work_.assign(key, owner, path, node.text, origin, node.quoted);
      return;
    }
    const auto refuse = [&](const std::string& what, std::string fix) {
      work_.error(origin.place, fmt::format("'{}' {}", key.name, what), std::move(fix));
      work_.faulty.insert(path);
    };
    if (!key.secret)
      return refuse("has ${…}, which is replaced in secrets only", "write the value itself");
    if (work_.trust != Trust::kLocal)
      return refuse("has ${…}, which only a local file may have", "set the key where Weir runs");
    const auto text = expand(node.text, work_.environment);
    if (!text) return refuse(text.error(), "set it, or write ${NAME} of one that is set");
    work_.referenced.insert(path);
    work_.assign(key, owner, path, *text, origin, node.quoted);
  }

  void list(const TreeNode& node, const Key& key, void* owner, const std::string& path) {
    if (node.items.size() > kEntriesMax)
      return work_.error({work_.file_name, node.line, node.column},
                         fmt::format("'{}' has more than {} entries", key.name, kEntriesMax));
    embedding_ = key.name == "embedding";
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      const TreeNode& item = node.items[i];
      const std::string item_path = fmt::format("{}[{}]", path, i);
      const Place place{work_.file_name, item.line, item.column};
      void* inside = key.access.append(owner);  // also for a faulty one: the paths count on it
      work_.config.origins[item_path] = {Origin::Kind::kFile, place};
      if (item.kind != TreeNode::Kind::kMap) {
        work_.error(place,
                    fmt::format("an entry of '{}' wants keys with values, not {}", key.name,
                                to_string(item.kind)),
                    "see weir config schema");
        work_.faulty.insert(item_path);
        continue;
      }
      const TreeNode* provider = item.find("provider");
      provider_ = provider == nullptr ? "" : canonical_provider(provider->text).value_or("");
      object(item, key.access.keys(), inside, item_path + ".");
      provider_.clear();
    }
    embedding_ = false;
  }

  Work& work_;
  std::string provider_;  // of the entry that is read; empty: not known, every key passes
  bool embedding_ = false;
};

}  // namespace

bool read_file(Work& work, std::string_view text) {
  auto document = read_document(text, work.file_name);
  if (!document) {
    work.errors.push_back(std::move(document).error());
    return false;
  }
  if (document->kind == TreeNode::Kind::kNull) return true;
  if (document->kind != TreeNode::Kind::kMap) {
    work.error(
        {work.file_name, document->line, document->column},
        fmt::format("a configuration wants keys with values, not {}", to_string(document->kind)),
        "begin with llm:");
    return false;
  }
  Reader(work).object(*document, top_keys(), &work.config, "");
  return true;
}

}  // namespace weir::config
