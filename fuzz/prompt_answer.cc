// Answers of a model: outside bytes that are parsed, repaired and validated.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "json/value.h"
#include "prompt/answer_schema.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto schema = weir::prompt::AnswerSchema::parse(R"({
    "type": "object", "required": ["a"], "additionalProperties": {"anyOf": [{"type": "string", "format": "date"}, {"$ref": "#"}]},
    "properties": {"a": {"type": ["integer", "string"], "pattern": "^[a-z]+$", "minimum": 0},
                   "b": {"type": "array", "items": {"$ref": "#"}, "uniqueItems": true}},
    "patternProperties": {"^x+": {"enum": [1, "1", null, [1], {"a": 1}]}}})");
  if (!schema) __builtin_trap();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto read = weir::prompt::read_answer(text);
  const auto checked = schema->check(text);
  if (checked && (!read || read->json != checked->json)) __builtin_trap();
  if (!checked && checked.error().message.size() > 600) __builtin_trap();
  // What is taken stands in the text as it is.
  if (read && text.find(read->json) == std::string_view::npos) __builtin_trap();
  return 0;
}
