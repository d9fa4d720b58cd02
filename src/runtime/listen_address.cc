#include "runtime/listen_address.h"

#include <fmt/format.h>

#include <charconv>

namespace weir::runtime {

Result<ListenAddress> parse_listen(const std::string& text, std::string_view option) {
  const auto colon = text.rfind(':');
  unsigned port = 0;
  const auto* const end = text.data() + text.size();
  const auto digits = colon == std::string::npos ? text.size() : colon + 1;
  const auto [stop, code] = std::from_chars(text.data() + digits, end, port);
  if (colon == std::string::npos || code != std::errc() || stop != end || port > 65535)
    return fail(ErrorKind::kInvalidArgument, fmt::format("{} '{}' is not HOST:PORT", option, text),
                "such as 127.0.0.1:8080");
  return ListenAddress{.host = text.substr(0, colon), .port = static_cast<std::uint16_t>(port)};
}

}  // namespace weir::runtime
