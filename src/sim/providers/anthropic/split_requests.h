#pragma once
// Cuts the body of a batch create, up to 256 MB, into its requests without building a tree of it
// all: each request is validated on its own, so that the largest thing in memory beside the body is
// one request.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/providers/anthropic/wire.h"

namespace weir::sim::anthropic {

struct RequestSpan {
  std::uint64_t offset = 0;
  std::uint32_t length = 0;
};

/// The spans of the elements of `requests`, each of them valid JSON with a valid and unique
/// custom_id.
/// @error 400 not JSON, no or an empty `requests`, a bad or repeated custom_id, no params; 413 more
/// than 100,000.
Checked<std::vector<RequestSpan>> split_requests(std::string_view body);

}  // namespace weir::sim::anthropic
