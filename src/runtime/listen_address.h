#pragma once
// "HOST:PORT", as command lines name where a server listens.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace weir::runtime {

struct ListenAddress {
  std::string host;
  std::uint16_t port = 0;
};

/// @param option for the message: "--listen". @error kInvalidArgument it is not HOST:PORT.
Result<ListenAddress> parse_listen(const std::string& text, std::string_view option);

}  // namespace weir::runtime
