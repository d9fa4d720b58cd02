#pragma once
// A Request as one line of JSON: how a job keeps what it accepted. Pure. Same request, same bytes.
#include <optional>
#include <string>
#include <string_view>

#include "json/value.h"
#include "weir/request.h"

namespace weir::library {

/// Appends the line, without its end. Invalid UTF-8 becomes U+FFFD.
void append_request(const Request& request, std::string& out);
/// What stands under a path ("payload.priority") in the last user text, where that is a JSON object: a text, a number or a truth.
std::optional<std::string> field_of(const Request& request, std::string_view path);
/// @error kInternal the line is none of ours.
Result<Request> parse_request(std::string_view line, json::Parser& parser);

}  // namespace weir::library
