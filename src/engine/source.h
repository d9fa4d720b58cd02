#pragma once
// Where a job's items come from. Items are numbered 0…count()-1 in input order and were validated at accept.
#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "llm/types.h"

namespace weir::engine {

/// An item as the engine needs it to send and to report it.
struct Item {
  std::string id;                 // the user's
  std::uint64_t line = 0;         // in the input, from 1
  std::optional<Error> rejected;  // it was no good at accept: it ends failed, nothing is sent
  llm::Request request;           // without cache marks of ours
};

/// What a finished answer becomes: checked, parsed, put into the output line.
struct CheckedText {
  std::string json;      // the answer as JSON: a string, or the object that the schema asks for
  std::string repaired;  // what was repaired; empty: nothing
};

class ItemSource {
 public:
  virtual ~ItemSource() = default;
  [[nodiscard]] virtual std::uint64_t count() const = 0;
  /// @error kInvalidArgument the input changed since accept (names the line); kUnavailable it cannot be read.
  virtual Result<Item> item(std::uint64_t index) = 0;
  /// An earlier item with the same request, which answers this one as well; nothing where this one is to be sent itself. Never a
  /// rejected item, never one that has an earlier one itself. @error as item().
  virtual Result<std::optional<std::uint64_t>> same_as(std::uint64_t /*index*/) {
    return std::nullopt;
  }
  /// Whether same_as() ever gives one.
  [[nodiscard]] virtual bool has_same() const { return false; }
  /// Of the item with this number. @error kBadResponse the answer does not follow the schema.
  virtual Result<CheckedText> check(std::uint64_t index, const llm::Response& response) = 0;
};

}  // namespace weir::engine
