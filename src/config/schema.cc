#include "config/schema.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/keys.h"
#include "config/providers.h"
#include "json/write.h"

namespace weir::config {
namespace {

class Schema {
 public:
  std::string take() {
    out_.begin_object();
    out_.field("$schema", "https://json-schema.org/draft/2020-12/schema");
    out_.field("title", "Weir configuration");
    static const Config instance;
    body(top_keys(), &instance);
    out_.end_object();
    return out_.take();
  }

 private:
  // What an object of these keys must look like.
  void body(const Keys& keys, const void* fresh) {
    out_.field("type", "object");
    out_.key("properties").begin_object();
    for (const auto& key : keys) {
      if (key.embedding_only && !embedding_) continue;
      out_.key(key.name).begin_object();
      property(key, fresh);
      out_.end_object();
    }
    out_.end_object();
    required(keys, "*");
    out_.field("additionalProperties", false);
  }

  void required(const Keys& keys, std::string_view provider) {
    const auto needs = [&](const Key& key) {
      return provider == "*" ? key.required == "*"
                             : key.required != "*" && is_required(key, provider);
    };
    if (std::ranges::none_of(keys, needs)) return;
    out_.key("required").begin_array();
    for (const auto& key : keys)
      if (needs(key)) out_.string(key.name);
    out_.end_array();
  }

  void property(const Key& key, const void* fresh) {
    out_.field("description", key.about);
    if (key.access.kind == Kind::kObject) return body(key.access.keys(), key.access.fresh());
    if (key.access.kind == Kind::kList) return list(key);
    type(key);
    if (!key.access.choices.empty()) {
      out_.key("enum").begin_array();
      for (const auto name : key.access.choices) out_.string(name);
      out_.end_array();
    }
    if (key.range.max > 0) {
      out_.key("minimum").number(key.range.min);
      out_.key("maximum").number(key.range.max);
    }
    if (const auto value = default_of(key, fresh)) {
      out_.key("default");
      scalar(key.access.kind, *value);
    }
    if (key.secret) out_.field("writeOnly", true);
    if (!key.unit.empty()) out_.field("x-unit", key.unit);
    if (!key.variable.empty())
      out_.field("x-environment", key.variable == "@" ? "the provider's own" : key.variable);
  }

  void list(const Key& key) {
    embedding_ = key.name == "embedding";
    out_.field("type", "array");
    out_.key("items").begin_object();
    body(key.access.keys(), key.access.fresh());
    conditions(key.access.keys());
    out_.end_object();
    embedding_ = false;
  }

  // What each provider needs, and which keys it does not have.
  void conditions(const Keys& entry_keys) {
    const auto inner = std::ranges::find(entry_keys, "configuration", &Key::name);
    if (inner == entry_keys.end()) return;
    const auto& keys = inner->access.keys();
    out_.key("allOf").begin_array();
    for (const auto name : provider_names()) {
      out_.begin_object().key("if").begin_object();
      out_.key("properties").begin_object().key("provider").begin_object();
      out_.field("const", name).end_object().end_object().end_object();
      out_.key("then").begin_object().key("properties").begin_object();
      out_.key("configuration").begin_object();
      required(keys, name);
      out_.key("properties").begin_object();
      for (const auto& key : keys)
        if (!applies(key, name, true)) out_.field(key.name, false);
      out_.end_object().end_object().end_object().end_object().end_object();
    }
    out_.end_array();
  }

  void type(const Key& key) {
    switch (key.access.kind) {
      case Kind::kBoolean: out_.field("type", "boolean"); return;
      case Kind::kWhole: out_.field("type", "integer"); return;
      case Kind::kNumber: out_.field("type", "number"); return;
      case Kind::kDuration: pair_of_types("integer"); return;
      case Kind::kMoney: pair_of_types("number"); return;
      default: out_.field("type", "string");
    }
  }
  void pair_of_types(std::string_view other) {
    out_.key("type").begin_array().string("string").string(other).end_array();
  }

  void scalar(Kind kind, const std::string& text) {
    if (kind == Kind::kBoolean || kind == Kind::kWhole || kind == Kind::kNumber) out_.raw(text);
    else out_.string(text);
  }

  json::Writer out_;
  bool embedding_ = false;
};

// Breaks valid, compact JSON into lines.
std::string indented(std::string_view json) {
  std::string out;
  std::size_t depth = 0;
  bool in_text = false;
  const auto new_line = [&] { out.append("\n").append(2 * depth, ' '); };
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_text || c == '"') {
      out += c;
      if (in_text && c == '\\') out += json[++i];
      if (c == '"') in_text = !in_text;
    } else if (c == '{' || c == '[') {
      out += c;
      ++depth;
      if (json[i + 1] != '}' && json[i + 1] != ']') new_line();
    } else if (c == '}' || c == ']') {
      --depth;
      if (json[i - 1] != '{' && json[i - 1] != '[') new_line();
      out += c;
    } else {
      out += c;
      if (c == ',') new_line();
      if (c == ':') out += ' ';
    }
  }
  return out + "\n";
}

}  // namespace

std::string schema_json() { return indented(Schema().take()); }

}  // namespace weir::config
