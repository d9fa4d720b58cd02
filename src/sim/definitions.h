#pragma once
// Definitions in a prompt, and a keyword score against them. A definition is a Markdown list item
// `- **value**: text`, whose text goes on until the next item, heading or blank line. A plain word
// count: no language model.
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace weir::sim {

struct Definition {
  std::string value;
  std::string text;
};

/// The items of one list; `heading` is the nearest heading above it, in lower case.
struct DefinitionList {
  std::string heading;
  std::vector<Definition> items;
};

std::vector<DefinitionList> parse_definitions(std::string_view markdown);
/// Whether the text holds at least one definition.
bool has_definitions(std::string_view markdown);

/// A document cut up once, scored against several lists.
struct Document {
  std::string name;     // first line, without a label such as "Name:"
  std::string opening;  // the line after it
  std::string prose;    // the first paragraph that is long enough to say something
  std::vector<std::pair<std::uint64_t, float>> words;  // hash of the stem, weight; each once
};
Document read_document(std::string_view text);

struct Scored {
  std::size_t index = 0;  // into the values
  float score = 0;
};

/// The values of one enum, ready to be scored: inverted index of stems with their weights, and name
/// patterns.
class Scorer {
 public:
  /// `texts[i]` is the definition of `values[i]`, empty when the prompt has none.
  Scorer(const std::vector<std::string>& values, const std::vector<std::string>& texts);
  /// All values with their scores, best first; equal scores keep the order of the values.
  [[nodiscard]] std::vector<Scored> rank(const Document& document) const;

 private:
  struct Posting {
    std::uint32_t value;
    float weight;
  };
  struct Pattern {
    std::uint32_t value;
    std::string glob;
  };
  std::size_t values_ = 0;
  std::unordered_map<std::uint64_t, std::vector<Posting>> index_;
  std::vector<Pattern> patterns_;
};

/// `*` stands for any text; the rest must be equal.
bool glob_matches(std::string_view glob, std::string_view text);

}  // namespace weir::sim
