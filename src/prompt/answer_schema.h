#pragma once
// Checks a model's answer against a JSON Schema (draft 7 and the local part of later drafts), after
// repairing what is safe to repair. Compiled once. check() is const and may run on several threads
// at once: each borrows a validator from a small pool behind a mutex that is held for a push or a
// pop only. Nothing is ever fetched: a $ref must be local.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace weir::prompt {

/// Answers deeper or larger than this are refused.
inline constexpr std::size_t kAnswerBytesMax = 32U << 20;
/// The standard library's regular expressions recurse per character: a longer string in an answer
/// could overflow the stack, so it is not matched against `pattern` (CheckedAnswer::unchecked says
/// so).
inline constexpr std::size_t kPatternBytesMax = 4096;

struct CheckedAnswer {
  std::string
      json;  // the JSON value's own bytes, not reformatted: may hold line breaks between its tokens
  bool repaired = false;  // something other than white space was cut
  std::string repair;     // what was done, for people; empty when not repaired
  std::string unchecked;  // what of the schema was not checked and why; empty as a rule
};

class AnswerSchema {
 public:
  /// @error kInvalidArgument not JSON (line and column), or not a schema (JSON pointer of the
  /// place).
  ///   kUnsupported a $ref that is not local ("#/..."), or an anchor.
  static Result<AnswerSchema> parse(std::string_view json_text);

  /// Reads the model's text as JSON and validates it. Repairs: a byte order mark and one code fence
  /// around all of it are dropped; prose around exactly one top-level object is cut. Cut-off or
  /// ambiguous text is never guessed at.
  /// @error kBadResponse not JSON, a key twice in an object, or not of the schema (JSON pointer and
  /// reason); the text
  ///   itself is never in the message.
  [[nodiscard]] Result<CheckedAnswer> check(std::string_view answer_text) const;

  /// The schema as it was given.
  [[nodiscard]] const std::string& text() const;
  /// Keywords of newer drafts that are not checked, each with its place: for a warning at the
  /// start.
  [[nodiscard]] const std::vector<std::string>& warnings() const;

  AnswerSchema(AnswerSchema&&) noexcept;
  AnswerSchema& operator=(AnswerSchema&&) noexcept;
  ~AnswerSchema();

 private:
  struct Impl;
  explicit AnswerSchema(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// The JSON value in a model's text, repaired as AnswerSchema::check says, without a schema.
/// @error kBadResponse not JSON, or a key twice in an object.
Result<CheckedAnswer> read_answer(std::string_view answer_text);

}  // namespace weir::prompt
