#include "sim/schema_answer.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/hash.h"
#include "json/write.h"
#include "sim/model.h"

namespace weir::sim {
namespace {

constexpr std::size_t kSentenceBytesMax = 160;
constexpr int kDepthMax = 16;  // schemas may refer to themselves
constexpr std::size_t kArrayItemsMax = 3;
constexpr float kNearBest = 0.6F;              // of the best score: what else is worth naming
constexpr std::size_t kKnownChoicesMax = 512;  // of one prompt; then forgotten all at once

// Cut at a word, never within a UTF-8 character.
std::string shortened(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return std::string(text);
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  if (const auto space = text.rfind(' ', end); space != std::string_view::npos && space > end / 2)
    end = space;
  return std::string(text.substr(0, end));
}

std::string first_sentence(const Document& document, std::size_t bytes_max) {
  const std::string_view prose = document.prose;
  std::size_t end = prose.size();
  for (std::size_t at = 0; at + 1 < prose.size(); ++at) {
    if ((prose[at] == '.' || prose[at] == '!' || prose[at] == '?') && prose[at + 1] == ' ' &&
        at >= 20) {
      end = at + 1;
      break;
    }
  }
  return shortened(prose.substr(0, end), bytes_max);
}

bool contains_any(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
    return text.find(word) != std::string_view::npos;
  });
}

std::string two_decimals(double value) {
  char text[16];
  std::snprintf(text, sizeof text, "%.2f", value);
  return text;
}

// One walk over a schema.
class Filler {
 public:
  Filler(json::Value root, const Document& document, std::string_view text, Lexicon& lexicon)
      : root_(root), document_(document), text_(text), lexicon_(lexicon) {}

  std::string fill() {
    // The confidence may stand before the choice that it is about.
    find_margin(root_, 0);
    value(root_, "", 0);
    return out_.take();
  }

 private:
  void find_margin(json::Value schema, int depth) {
    schema = resolved(schema);
    if (depth > kDepthMax || margin_known_) return;
    if (const auto values = schema.find("enum");
        values && values->is_array() && values->size() > 1) {
      const auto ranked = lexicon_.of_enum(*values).scorer->rank(document_);
      const double best = static_cast<double>(ranked[0].score);
      const double second = static_cast<double>(ranked[1].score);
      confidence_ = best <= 0 ? 0.1 : std::min(0.98, 0.4 + 0.6 * (best - second) / best);
      margin_known_ = true;
      return;
    }
    for (const auto member : schema["properties"].members())
      find_margin(json::Value(member.value), depth + 1);
  }

  [[nodiscard]] json::Value resolved(json::Value schema) const {
    for (int hops = 0; hops < kDepthMax; ++hops) {
      if (const auto reference = schema["$ref"].string();
          reference && reference->starts_with('#')) {
        json::Value target = root_;
        std::string_view rest = reference->substr(std::min<std::size_t>(2, reference->size()));
        while (!rest.empty()) {
          const auto slash = rest.find('/');
          target = target[rest.substr(0, slash)];
          rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
        }
        schema = target;
        continue;
      }
      json::Value options = schema["anyOf"].is_array() ? schema["anyOf"] : schema["oneOf"];
      if (schema["allOf"].is_array()) options = schema["allOf"];
      if (!options.is_array()) return schema;
      json::Value chosen;
      for (const auto option : options.items()) {
        const json::Value candidate(option);
        if (candidate["type"].string() == "null") continue;
        chosen = candidate;
        break;
      }
      schema = chosen;
    }
    return schema;
  }

  [[nodiscard]] static std::string_view type_of(json::Value schema) {
    const json::Value type = schema["type"];
    if (const auto name = type.string()) return *name;
    for (const auto option : type.items())
      if (const auto name = json::Value(option).string(); name && *name != "null") return *name;
    if (schema["properties"].is_object()) return "object";
    if (!schema["items"].is_null()) return "array";
    return type.is_array() ? "null" : "string";
  }

  void value(json::Value schema, std::string_view name, int depth) {
    schema = resolved(schema);
    if (depth > kDepthMax) return void(out_.null());
    if (const auto constant = schema.find("const")) return void(out_.raw(constant->text()));
    if (const auto values = schema.find("enum"); values && values->size() > 0)
      return choice(*values);
    const auto type = type_of(schema);
    if (type == "object") return object(schema, depth);
    if (type == "array") return array(schema, name, depth);
    if (type == "number") return number(schema, name);
    if (type == "integer") return integer(schema, name);
    if (type == "boolean") return void(out_.boolean(mentions(name)));
    if (type == "null") return void(out_.null());
    string(schema, name);
  }

  void choice(json::Value values) {
    const Choice& known = lexicon_.of_enum(values);
    const auto ranked = known.scorer->rank(document_);
    out_.raw(known.values[ranked[0].index]);
  }

  void object(json::Value schema, int depth) {
    out_.begin_object();
    for (const auto member : schema["properties"].members()) {
      out_.key(member.key);
      value(json::Value(member.value), member.key, depth + 1);
    }
    out_.end_object();
  }

  void array(json::Value schema, std::string_view name, int depth) {
    const json::Value items = resolved(schema["items"]);
    const auto least =
        static_cast<std::size_t>(std::max<std::int64_t>(schema["minItems"].integer_or(1), 0));
    const auto most = static_cast<std::size_t>(
        std::clamp<std::int64_t>(schema["maxItems"].integer_or(kArrayItemsMax), 0, 1000));
    const Choice* known = nullptr;
    if (const auto values = items.find("enum"); values && values->size() > 0)
      known = &lexicon_.of_enum(*values);
    else if (type_of(items) == "string") known = lexicon_.of_heading(name);
    out_.begin_array();
    if (known == nullptr) {
      for (std::size_t i = 0; i < std::min(std::max<std::size_t>(least, 1), most); ++i)
        value(items, name, depth + 1);
    } else {
      const auto ranked = known->scorer->rank(document_);
      const std::size_t limit = std::min({ranked.size(), most, std::max(least, kArrayItemsMax)});
      for (std::size_t i = 0; i < limit; ++i) {
        if (i >= std::max<std::size_t>(least, 1) && ranked[i].score < kNearBest * ranked[0].score)
          break;
        out_.raw(known->values[ranked[i].index]);
      }
    }
    out_.end_array();
  }

  void number(json::Value schema, std::string_view name) {
    double low = schema["minimum"].number().value_or(0);
    double high = schema["maximum"].number().value_or(1);
    if (high < low) high = low;
    const bool sure = contains_any(name, {"confidence", "probability", "score", "certainty"});
    out_.raw(two_decimals(low + (high - low) * (sure ? confidence_ : 0.5)));
  }

  void integer(json::Value schema, std::string_view name) {
    const std::int64_t low = schema["minimum"].integer_or(0);
    const std::int64_t high = schema["maximum"].integer_or(std::max<std::int64_t>(low, 100));
    const bool sure = contains_any(name, {"confidence", "probability", "score", "certainty"});
    if (sure)
      return void(out_.integer(
          low + static_cast<std::int64_t>(static_cast<double>(high - low) * confidence_)));
    const auto words = static_cast<std::int64_t>(std::count(text_.begin(), text_.end(), ' ') + 1);
    out_.integer(std::clamp(words, low, std::max(low, high)));
  }

  void string(json::Value schema, std::string_view name) {
    if (contains_any(name, {"language", "lang", "locale"}))
      return void(out_.string(guess_language(text_)));
    if (const Choice* known = lexicon_.of_heading(name))
      return void(out_.raw(known->values[known->scorer->rank(document_)[0].index]));
    const auto limit = static_cast<std::size_t>(std::max<std::int64_t>(
        schema["maxLength"].integer_or(static_cast<std::int64_t>(kSentenceBytesMax)), 0));
    const std::size_t bytes_max = std::min(limit, kSentenceBytesMax);
    if (contains_any(name, {"name", "title"}) && !document_.name.empty())
      return void(out_.string(shortened(document_.name, bytes_max)));
    out_.string(first_sentence(document_, bytes_max));
  }

  // Whether the document has the words of a property's name ("is_free" asks for "free").
  [[nodiscard]] bool mentions(std::string_view name) const {
    const auto underscore = name.rfind('_');
    if (underscore != std::string_view::npos) name.remove_prefix(underscore + 1);
    return name.size() > 2 && text_.find(name) != std::string_view::npos;
  }

  json::Value root_;
  const Document& document_;
  std::string_view text_;
  Lexicon& lexicon_;
  json::Writer out_;
  double confidence_ = 0.5;
  bool margin_known_ = false;
};

std::string json_string(std::string_view text) {
  std::string out;
  json::append_string(out, text);
  return out;
}

}  // namespace

const Choice& Lexicon::of_enum(json::Value values) {
  std::vector<std::string> names, raws;
  std::uint64_t key = 7;
  for (const auto item : values.items()) {
    const json::Value value(item);
    raws.push_back(value.is_string() ? std::string() : value.text());
    names.push_back(value.string_or(raws.back()));
    key = hash64(names.back(), key);
  }
  if (const auto found = choices_.find(key); found != choices_.end()) return found->second;
  if (choices_.size() >= kKnownChoicesMax) choices_.clear();
  const DefinitionList* best = nullptr;
  std::size_t best_hits = 0;
  for (const auto& list : lists_) {
    std::size_t hits = 0;
    for (const auto& item : list.items)
      hits += std::count(names.begin(), names.end(), item.value) > 0 ? 1 : 0;
    // Of two lists that name as many, the one with fewer strangers.
    const bool smaller =
        best != nullptr && hits == best_hits && list.items.size() < best->items.size();
    if (hits > best_hits || (hits > 0 && smaller)) {
      best = &list;
      best_hits = hits;
    }
  }
  Choice choice;
  std::vector<std::string> texts(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    choice.values.push_back(raws[i].empty() ? json_string(names[i]) : raws[i]);
    if (best == nullptr) continue;
    for (const auto& item : best->items)
      if (item.value == names[i]) texts[i] = item.text;
  }
  choice.scorer = std::make_unique<Scorer>(names, texts);
  return choices_.emplace(key, std::move(choice)).first->second;
}

const Choice* Lexicon::of_heading(std::string_view property) {
  if (property.size() < 3) return nullptr;
  const std::uint64_t key = hash64(property, 99);
  if (const auto found = choices_.find(key); found != choices_.end())
    return found->second.scorer ? &found->second : nullptr;
  Choice choice;
  for (const auto& list : lists_) {
    if (!list.heading.starts_with(property.substr(0, property.size() - 1))) continue;
    std::vector<std::string> names, texts;
    for (const auto& item : list.items) {
      names.push_back(item.value);
      texts.push_back(item.text);
      choice.values.push_back(json_string(item.value));
    }
    choice.scorer = std::make_unique<Scorer>(names, texts);
    break;
  }
  const Choice& kept = choices_.emplace(key, std::move(choice)).first->second;
  return kept.scorer ? &kept : nullptr;
}

std::string answer_schema(json::Value schema, const Document& document, std::string_view text,
                          Lexicon& lexicon) {
  return Filler(schema, document, text, lexicon).fill();
}

std::string plain_sentence(const Document& document) {
  if (document.name.empty()) return "There is no document to speak of.";
  std::string out = "This is about ";
  out += shortened(document.name, 80);
  out += '.';
  if (document.prose != document.name) {
    out += ' ';
    out += first_sentence(document, kSentenceBytesMax);
  }
  return out;
}

}  // namespace weir::sim
