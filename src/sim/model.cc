#include "sim/model.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/hash.h"
#include "json/write.h"
#include "sim/schema_answer.h"

namespace weir::sim {
namespace {
constexpr std::size_t kKnownPromptsMax = 256;    // then forgotten all at once
constexpr std::size_t kLanguageBytesMax = 2000;  // read to tell the language
}  // namespace

struct Model::Knowledge : Lexicon {
  using Lexicon::Lexicon;
};

Model::Model() = default;
Model::~Model() = default;

Model::Knowledge& Model::knowledge_of(const std::vector<std::string_view>& texts) {
  std::uint64_t key = 0;
  for (const auto text : texts) key = hash64(text, key + 1);
  if (const auto found = known_.find(key); found != known_.end()) return *found->second;
  if (known_.size() >= kKnownPromptsMax) known_.clear();
  std::string all;
  for (const auto text : texts) {
    if (!has_definitions(text)) continue;
    all += text;
    all += "\n\n#\n";
  }
  return *known_.emplace(key, std::make_unique<Knowledge>(parse_definitions(all))).first->second;
}

std::string Model::answer(const Ask& ask) {
  std::vector<std::string_view> statics;
  std::string_view document = ask.document;
  // Texts that define nothing (turns of a conversation, say) must not fill the memory with one
  // entry each.
  for (const auto text : ask.prompt)
    if (has_definitions(text)) statics.push_back(text);
  if (statics.empty() && has_definitions(document)) {
    // One text holds both: the document begins behind the last heading.
    const auto heading = document.rfind("\n#");
    if (heading != std::string_view::npos) {
      statics.push_back(document.substr(0, heading));
      document.remove_prefix(heading);
    }
  }
  const Document read = read_document(document);
  if (ask.schema) return answer_schema(*ask.schema, read, document, knowledge_of(statics));
  return plain_sentence(read);
}

std::string_view guess_language(std::string_view text) {
  struct Language {
    std::string_view code;
    std::array<std::string_view, 7> words;
  };
  static constexpr std::array<Language, 7> kLanguages{{
      {"en", {"the", "and", "of", "is", "for", "with", "this"}},
      {"de", {"der", "und", "die", "das", "ist", "nicht", "mit"}},
      {"fr", {"le", "les", "et", "des", "est", "pour", "une"}},
      {"es", {"el", "los", "que", "una", "para", "con", "las"}},
      {"it", {"il", "che", "per", "gli", "con", "una", "del"}},
      {"pt", {"que", "para", "uma", "com", "os", "dos", "não"}},
      {"nl", {"het", "een", "van", "voor", "niet", "met", "zijn"}},
  }};
  std::array<int, kLanguages.size()> counts{};
  text = text.substr(0, kLanguageBytesMax);
  std::size_t start = 0;
  for (std::size_t at = 0; at <= text.size(); ++at) {
    if (at < text.size() && text[at] != ' ' && text[at] != '\n' && text[at] != ',' &&
        text[at] != '.')
      continue;
    const auto word = text.substr(start, at - start);
    start = at + 1;
    if (word.size() < 2 || word.size() > 5) continue;
    for (std::size_t i = 0; i < kLanguages.size(); ++i)
      counts[i] += static_cast<int>(
          std::count(kLanguages[i].words.begin(), kLanguages[i].words.end(), word));
  }
  return kLanguages[static_cast<std::size_t>(std::max_element(counts.begin(), counts.end()) -
                                             counts.begin())]
      .code;
}

}  // namespace weir::sim
