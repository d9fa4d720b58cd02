#pragma once
// Keys: where they come from, and the digest that stands for them in a store. A key is never logged and never written.
#include <string>
#include <string_view>

#include "base/result.h"

namespace weir::runtime {

/// The key from the environment variable. @param optional no variable, or one that is not set, is an empty key.
/// @error kUnauthenticated it is not set or empty; the hint says how to set it.
Result<std::string> key_from_environment(const std::string& variable, bool optional = false);
/// The first line of a file, without space around it; all of a JSON document (a service account's key).
/// @error kUnauthenticated unreadable or empty.
Result<std::string> key_from_file(const std::string& path);
/// SHA-256 in hex, salted with a constant of ours: recognises a key, does not reveal it.
std::string key_digest(std::string_view key);

}  // namespace weir::runtime
