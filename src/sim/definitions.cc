#include "sim/definitions.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_set>

#include "base/hash.h"

namespace weir::sim {
namespace {

constexpr std::array<std::string_view, 70> kStopWords{
    "the",  "and",   "for",   "that",  "with", "this", "are",   "from",    "which", "have",
    "has",  "not",   "you",   "your",  "can",  "its",  "will",  "was",     "but",   "any",
    "all",  "other", "such",  "use",   "used", "uses", "using", "into",    "also",  "more",
    "than", "these", "those", "their", "them", "they", "some",  "when",    "where", "what",
    "who",  "how",   "may",   "one",   "two",  "only", "very",  "most",    "like",  "well",
    "as",   "is",    "in",    "of",    "to",   "on",   "an",    "it",      "or",    "be",
    "by",   "at",    "if",    "so",    "no",   "do",   "we",    "typical", "names", "package"};

constexpr float kNameWeight = 2.5F, kOpeningWeight = 1.5F;  // of words, against 1 elsewhere
constexpr float kPatternWeight = 4;
constexpr std::size_t kProseBytesMin = 40;  // shorter lines say nothing

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
         c == '#' || static_cast<unsigned char>(c) >= 0x80;
}
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// Plural and simple verb endings; enough for "library" to meet "libraries" and "editor" to meet
// "editors".
void stem(std::string& word) {
  const auto ends = [&](std::string_view tail) { return word.ends_with(tail); };
  if (word.size() > 4 && ends("ies")) word.replace(word.size() - 3, 3, "y");
  else if (word.size() > 4 && (ends("sses") || ends("xes") || ends("ches")))
    word.erase(word.size() - 2);
  else if (word.size() > 3 && ends("s") && !ends("ss") && !ends("us") && !ends("is"))
    word.pop_back();
  if (word.size() > 5 && ends("ing")) word.erase(word.size() - 3);
  else if (word.size() > 5 && ends("ed")) word.erase(word.size() - 2);
}

bool is_stop_word(std::string_view word) {
  static const std::unordered_set<std::string_view> kWords(kStopWords.begin(), kStopWords.end());
  return kWords.contains(word);
}

template <class OnWord>
void for_each_word(std::string_view text, OnWord&& on_word) {
  std::string word;
  for (std::size_t at = 0; at <= text.size(); ++at) {
    if (at < text.size() && is_word(text[at])) {
      word.push_back(lower(text[at]));
      continue;
    }
    if (word.size() >= 2 && !is_stop_word(word)) {
      stem(word);
      on_word(hash64(word));
    }
    word.clear();
  }
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t' || text.front() == '\r'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r'))
    text.remove_suffix(1);
  return text;
}

std::string lowered(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

template <class OnLine>
void for_each_line(std::string_view text, OnLine&& on_line) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    on_line(trimmed(text.substr(0, end)));
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

// "- **value**: text" -> value and text.
bool read_item(std::string_view line, Definition& item) {
  if (!line.starts_with("- **") && !line.starts_with("* **")) return false;
  line.remove_prefix(4);
  const auto end = line.find("**");
  if (end == std::string_view::npos || end == 0) return false;
  item.value = line.substr(0, end);
  line.remove_prefix(end + 2);
  if (line.starts_with(':')) line.remove_prefix(1);
  else if (item.value.ends_with(':')) item.value.pop_back();
  else return false;
  item.text = trimmed(line);
  return true;
}

// "Name: x" -> "x": a label of one or two words and a colon.
std::string_view without_label(std::string_view line) {
  const auto colon = line.find(": ");
  if (colon > 24) return line;  // npos too
  const auto label = line.substr(0, colon);
  if (std::count(label.begin(), label.end(), ' ') > 1) return line;
  return trimmed(line.substr(colon + 2));
}

}  // namespace

std::vector<DefinitionList> parse_definitions(std::string_view markdown) {
  std::vector<DefinitionList> lists;
  std::string heading;
  bool open = false, item_open = false;
  for_each_line(markdown, [&](std::string_view line) {
    Definition item;
    if (line.starts_with('#')) {
      while (line.starts_with('#')) line.remove_prefix(1);
      heading = lowered(trimmed(line));
      open = item_open = false;
    } else if (read_item(line, item)) {
      if (!open) lists.push_back({heading, {}});
      lists.back().items.push_back(std::move(item));
      open = item_open = true;
    } else if (line.empty()) {
      item_open = false;
    } else if (item_open) {
      lists.back().items.back().text.append(" ").append(line);
    } else {
      open = false;
    }
  });
  return lists;
}

bool has_definitions(std::string_view markdown) {
  return markdown.find("- **") != std::string_view::npos ||
         markdown.find("* **") != std::string_view::npos;
}

Document read_document(std::string_view text) {
  Document document;
  std::unordered_map<std::uint64_t, float> weights;
  int line_number = 0;
  for_each_line(text, [&](std::string_view line) {
    if (line.empty() || line.starts_with('#')) return;
    const auto content = without_label(line);
    ++line_number;
    float weight = 1;
    if (line_number == 1) {
      document.name = content;
      weight = kNameWeight;
    } else if (line_number == 2) {
      document.opening = content;
      weight = kOpeningWeight;
    }
    if (line_number != 2 && document.prose.empty() && content.size() >= kProseBytesMin)
      document.prose = content;
    // A word counts where it weighs most, and a little for every further time.
    for_each_word(content, [&](std::uint64_t word) {
      auto& known = weights[word];
      known = std::max(known, weight) + (known > 0 ? 0.25F : 0.0F);
    });
  });
  if (document.prose.empty())
    document.prose = document.opening.empty() ? document.name : document.opening;
  document.words.assign(weights.begin(), weights.end());
  std::sort(document.words.begin(), document.words.end());  // sums of floats depend on the order
  return document;
}

Scorer::Scorer(const std::vector<std::string>& values, const std::vector<std::string>& texts)
    : values_(values.size()) {
  std::vector<std::unordered_map<std::uint64_t, float>> words(values.size());
  std::unordered_map<std::uint64_t, int> holders;
  for (std::size_t i = 0; i < values.size(); ++i) {
    // Text between backticks is a pattern for names, not prose.
    std::string prose;
    bool quoted = false;
    std::string pattern;
    for (const char c : texts[i]) {
      if (c == '`') {
        if (quoted && !pattern.empty())
          patterns_.push_back({static_cast<std::uint32_t>(i), lowered(pattern)});
        pattern.clear();
        quoted = !quoted;
        continue;
      }
      (quoted ? pattern : prose).push_back(c);
    }
    for_each_word(prose,
                  [&](std::uint64_t word) { words[i][word] = std::max(words[i][word], 1.0F); });
    for_each_word(values[i], [&](std::uint64_t word) { words[i][word] = 2.0F; });
    for (const auto& entry : words[i]) ++holders[entry.first];
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float length = std::pow(static_cast<float>(words[i].size()) + 8.0F, 0.6F);
    for (const auto& [word, weight] : words[i]) {
      const float idf =
          std::log(1.0F + static_cast<float>(values.size()) / static_cast<float>(holders[word]));
      index_[word].push_back({static_cast<std::uint32_t>(i), weight * idf * idf / length});
    }
  }
  for (auto& [word, postings] : index_)
    std::sort(postings.begin(), postings.end(),
              [](const Posting& a, const Posting& b) { return a.value < b.value; });
}

std::vector<Scored> Scorer::rank(const Document& document) const {
  std::vector<Scored> ranked(values_);
  for (std::size_t i = 0; i < values_; ++i) ranked[i].index = i;
  for (const auto& [word, weight] : document.words) {
    const auto found = index_.find(word);
    if (found == index_.end()) continue;
    for (const auto& posting : found->second)
      ranked[posting.value].score += weight * posting.weight;
  }
  // The longest pattern that fits says most: what it spells out counts, and short ones hardly do.
  // It weighs more than words, because names follow conventions and prose does not.
  const std::string name = lowered(document.name);
  std::vector<float> best(values_, 0);
  for (const auto& pattern : patterns_) {
    if (!glob_matches(pattern.glob, name)) continue;
    const auto literal = static_cast<float>(
        pattern.glob.size() -
        static_cast<std::size_t>(std::count(pattern.glob.begin(), pattern.glob.end(), '*')));
    const float affix = pattern.glob.ends_with('*') && !pattern.glob.starts_with('*') ? 1.0F : 1.5F;
    best[pattern.value] = std::max(best[pattern.value], 1.5F + affix * literal);
  }
  for (std::size_t i = 0; i < values_; ++i) ranked[i].score += kPatternWeight * best[i];
  std::sort(ranked.begin(), ranked.end(), [](const Scored& a, const Scored& b) {
    return a.score != b.score ? a.score > b.score : a.index < b.index;
  });
  return ranked;
}

bool glob_matches(std::string_view glob, std::string_view text) {
  std::size_t g = 0, t = 0, star = std::string_view::npos, mark = 0;
  while (t < text.size()) {
    if (g < glob.size() && glob[g] == '*') {
      star = g++;
      mark = t;
    } else if (g < glob.size() && glob[g] == text[t]) {
      ++g;
      ++t;
    } else if (star != std::string_view::npos) {
      g = star + 1;
      t = ++mark;
    } else {
      return false;
    }
  }
  while (g < glob.size() && glob[g] == '*') ++g;
  return g == glob.size();
}

}  // namespace weir::sim
