#pragma once
// A page of ListObjectsV2, as it is written.
// Doc: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html (checked 2026-11-27)
#include <cstddef>
#include <string>
#include <string_view>

#include "base/time.h"
#include "sim/providers/bedrock/wire.h"

namespace weir::sim::bedrock {

struct ListWanted {
  std::string prefix, delimiter, after, token,
      start_after;  // `after`: of the token, else of start_after
  std::size_t most = 1000;
  bool encoded = false;  // encoding-type=url
};
/// @error 400: another list than version 2, or a number of keys that is none.
Checked<ListWanted> read_list(std::string_view target);

class Listing {
 public:
  struct Entry {
    std::string_view key, etag;
    Time modified;
    std::size_t bytes = 0;
  };
  /// Borrows what is wanted.
  explicit Listing(const ListWanted& wanted) : wanted_(wanted) {}
  /// The next key, in order. False when the page is full: then there is more.
  bool add(const Entry& entry);
  [[nodiscard]] std::string text(std::string_view bucket) const;

 private:
  [[nodiscard]] std::string shown(std::string_view name) const;

  const ListWanted& wanted_;
  std::string contents_, folders_, last_;
  std::size_t count_ = 0;
  bool more_ = false;
};

}  // namespace weir::sim::bedrock
