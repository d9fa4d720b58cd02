// The template parser: whatever the text, it parses or says where it does not, and its parts
// render.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "prompt/template.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parsed = weir::prompt::Template::parse(text, {.append_record = true});
  if (!parsed) return 0;
  const auto rendered = parsed->render_variable(
      [](std::string_view name) { return std::optional<std::string>(name); });
  if (!rendered) __builtin_trap();
  // A field that is missing is an error, never a crash; every variable part has at least one.
  if (parsed->render_variable([](std::string_view) { return std::optional<std::string>(); },
                              [] { return std::vector<std::string>{"id", "text"}; }))
    __builtin_trap();
  // Parts add up: braces are the only bytes that may grow or shrink.
  if (parsed->static_part().size() > text.size() + 2) __builtin_trap();
  return 0;
}
