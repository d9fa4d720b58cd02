#pragma once
// Fills a JSON Schema from a document and the definitions of its prompt.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "json/value.h"
#include "sim/definitions.h"

namespace weir::sim {

/// A scorer and the values it speaks of.
struct Choice {
  std::vector<std::string> values;
  std::unique_ptr<Scorer> scorer;
};

/// The definitions of one static prompt, with a scorer for each enum that was asked of it.
class Lexicon {
 public:
  explicit Lexicon(std::vector<DefinitionList> lists) : lists_(std::move(lists)) {}
  /// The scorer of an enum: its texts come from the list that names most of its values.
  const Choice& of_enum(json::Value values);
  /// The list under the heading that a property is called after ("section" and "Sections"), or
  /// nothing.
  const Choice* of_heading(std::string_view property);

 private:
  std::vector<DefinitionList> lists_;
  std::unordered_map<std::uint64_t, Choice> choices_;
};

std::string answer_schema(json::Value schema, const Document& document, std::string_view text,
                          Lexicon& lexicon);
/// An answer where no schema asks for a form.
std::string plain_sentence(const Document& document);

}  // namespace weir::sim
