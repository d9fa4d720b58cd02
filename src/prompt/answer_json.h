#pragma once
// Internal to prompt/: finds the JSON value in a model's text and repairs what is safe to repair.
// See answer_schema.h for the rules. Pure functions.
#include <boost/json/memory_resource.hpp>
#include <boost/json/storage_ptr.hpp>
#include <boost/json/value.hpp>

#include <string>
#include <string_view>

#include "base/result.h"
#include "prompt/answer_schema.h"

namespace weir::prompt::internal {

struct AnswerValue {
  boost::json::value value;
  CheckedAnswer answer;
  std::size_t string_bytes_longest = 0;  // values and keys
  std::size_t key_bytes_longest = 0;
};

/// @param storage where the value lives; it must outlive the result.
/// @error kBadResponse as AnswerSchema::check.
Result<AnswerValue> read_answer_value(std::string_view text, boost::json::storage_ptr storage);

/// Parses all of `text`. @error kInvalidArgument with line and column of the fault.
Result<boost::json::value> parse_json_document(std::string_view text);

}  // namespace weir::prompt::internal
