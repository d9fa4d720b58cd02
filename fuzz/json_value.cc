// The JSON reader, any bytes: never a crash, and what is accepted reads back the same after being
// written.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "json/value.h"
#include "json/write.h"

namespace {
using namespace weir;

void must(bool held) {
  if (!held) std::abort();
}

// Writes the value again with our writer; members, elements and scalars through every accessor.
void rewrite(json::Value value, json::Writer& out, std::size_t depth) {
  must(depth <= json::kDepthMax);
  if (value.is_object()) {
    out.begin_object();
    for (const auto member : value.members()) {
      out.key(member.key);
      rewrite(json::Value(member.value), out, depth + 1);
    }
    out.end_object();
  } else if (value.is_array()) {
    out.begin_array();
    for (const auto element : value.items()) rewrite(json::Value(element), out, depth + 1);
    out.end_array();
  } else if (const auto text = value.string()) {
    out.string(*text);
  } else if (const auto flag = value.boolean()) {
    out.boolean(*flag);
  } else {
    if (value.is_number()) must(value.number().has_value());
    if (const auto whole = value.integer()) must(static_cast<double>(*whole) == *value.number());
    out.raw(value.text());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  json::Parser parser;
  const auto value = parser.parse(bytes);
  if (!value) {
    must(value.error().kind == ErrorKind::kInvalidArgument);
    // Any bytes as a string: what is written is JSON.
    std::string out;
    json::append_string(out, bytes);
    must(parser.parse(out).has_value());
    return 0;
  }
  (void)json::check_unique_keys(*value);
  json::Writer out;
  rewrite(*value, out, 1);
  const std::string first = value->text();
  json::Parser again;
  const auto copy = again.parse(out.text());
  must(copy.has_value());
  must(copy->text() == first);
  return 0;
}
