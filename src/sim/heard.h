#pragma once
// What a simulated provider understood of a request, in words that are no provider's: a test can hold it against what was meant.
#include <string>
#include <string_view>
#include <vector>

#include "json/value.h"

namespace weir::sim {

/// A piece of a prompt, in the order in which the provider reads it.
struct Heard {
  enum class Kind { kTool, kSchema, kText, kImage, kCall, kResult };
  Kind kind = Kind::kText;
  std::string role;  // system, user, assistant; of a tool and a schema empty
  std::string name;  // of a tool, of the tool that is called, of what a result answers
  std::string text;  // the text, the description, the picture's data, what the tool gave back
  std::string json;  // parameters, schema, arguments: minified
  std::string
      mark;  // how long what ends here is to be cached, in the provider's words; "" where it is not marked
};

/// Minified JSON of a value, or of the JSON text that a string holds.
std::string heard_json(json::Value value);

/// Collects what a request says. Does nothing unless somebody listens.
class Listener {
 public:
  void listen() { listening_ = true; }
  [[nodiscard]] bool listening() const { return listening_; }
  /// Forgets the request before this one.
  void begin() { heard_.clear(); }
  void add(Heard piece) { heard_.push_back(std::move(piece)); }
  /// Of the piece that was heard last.
  void mark(std::string_view life) {
    if (!heard_.empty()) heard_.back().mark = life;
  }
  [[nodiscard]] const std::vector<Heard>& heard() const { return heard_; }

 private:
  bool listening_ = false;
  std::vector<Heard> heard_;
};

}  // namespace weir::sim
