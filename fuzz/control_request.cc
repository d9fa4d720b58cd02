// Requests over a store's socket: whatever comes is refused or understood, and what is understood says the same when written.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/control_protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir::runtime;
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  const auto request = parse_control(line);
  if (request) {
    const auto text = write_control(*request);
    const auto again = parse_control(text);
    if (!again || write_control(*again) != text) __builtin_trap();
    if (text.find('\n') != std::string_view::npos) __builtin_trap();
  }
  (void)read_control_reply(line);
  return 0;
}
