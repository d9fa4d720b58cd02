// Patching documents that the parser accepts: what is located parses, a patched document parses
// again and has the new value, and every other byte is as it was.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "json/patch.h"
#include "json/value.h"

namespace {
using namespace weir;

constexpr std::array<std::string_view, 4> kKeys{"a", "model", "cache_control", "x\n\"y"};
constexpr std::string_view kValue = R"({"type":"ephemeral","n":[1,"}"]})";

void must(bool held) {
  if (!held) std::abort();
}

std::string parsed_text(std::string_view document) {
  json::Parser parser;
  const auto value = parser.parse(document);
  must(value.has_value());
  return value->text();
}

// What stands at a path is the same for locate and for the DOM.
void check_locate(std::string_view document, json::Value root, std::string_view key) {
  const auto span = json::locate(document, {key});
  const auto found = root.find(key);
  must(span.has_value() == found.has_value());
  if (!span) return;
  must(span->offset + span->length <= document.size());
  must(parsed_text(json::raw_at(document, *span)) == found->text());
}

void check_elements(std::string_view document, json::Value root) {
  for (std::size_t i = 0; i < 4; ++i) {
    const auto span = json::locate(document, {i});
    must(span.has_value() == (root.is_array() && i < root.size()));
    if (span) parsed_text(json::raw_at(document, *span));
  }
}

void check_set(std::string_view document, json::Value root, std::string_view key) {
  const auto edit = json::set_member(document, {}, key, kValue);
  must(edit.has_value() == root.is_object());
  if (!edit) return;
  const auto patched = json::apply(document, {*edit});
  must(patched.has_value());
  must(patched->starts_with(document.substr(0, edit->offset)));
  must(patched->ends_with(document.substr(edit->offset + edit->length)));
  must(patched->size() == document.size() - edit->length + edit->replacement.size());
  json::Parser parser;
  const auto value = parser.parse(*patched);
  must(value.has_value());
  must((*value)[key].text() == kValue);
  must(value->size() == root.size() + (root.find(key) ? 0 : 1));
}

void check_set_two(std::string_view document, json::Value root) {
  const auto one = json::set_member(document, {}, "one", "1");
  const auto two = json::set_member(document, {}, "two", "2");
  if (!one || !two) return;
  const auto patched = json::apply(document, {*one, *two});
  must(patched.has_value());
  json::Parser parser;
  const auto value = parser.parse(*patched);
  must(value.has_value());
  must((*value)["one"].integer() == 1);
  must((*value)["two"].integer() == 2);
  must(value->size() >= root.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view document(reinterpret_cast<const char*>(data), size);
  json::Parser parser;
  const auto root = parser.parse(document);
  if (!root) {
    // Never read past the end, even of what is no JSON.
    (void)json::locate(document, {"a", std::size_t{1}, "b"});
    (void)json::set_member(document, {"a"}, "b", "1");
    return 0;
  }
  for (const auto key : kKeys) {
    check_locate(document, *root, key);
    check_set(document, *root, key);
  }
  check_elements(document, *root);
  check_set_two(document, *root);
  return 0;
}
