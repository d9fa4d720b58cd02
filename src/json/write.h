#pragma once
// Writing JSON: a small appending writer. Same calls, same bytes. Misuse (a value where a key is due) is a bug: WEIR_ASSERT.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::json {

/// Appends `text` as a JSON string with quotes. Invalid UTF-8 is replaced by U+FFFD, so the output is always valid.
void append_string(std::string& out, std::string_view text);

class Writer {
 public:
  Writer& begin_object() { return open('{'); }
  Writer& end_object() { return close('}'); }
  Writer& begin_array() { return open('['); }
  Writer& end_array() { return close(']'); }
  Writer& key(std::string_view name);
  Writer& string(std::string_view text);
  Writer& integer(std::int64_t value);
  Writer& number(double value);  // shortest text that reads back the same
  Writer& boolean(bool value);
  Writer& null();
  /// Bytes that are JSON already (validated by the caller).
  Writer& raw(std::string_view json);

  Writer& field(std::string_view name, std::string_view text) { return key(name).string(text); }
  Writer& field(std::string_view name, const char* text) { return key(name).string(text); }
  Writer& field(std::string_view name, std::int64_t value) { return key(name).integer(value); }
  Writer& field(std::string_view name, bool value) { return key(name).boolean(value); }

  [[nodiscard]] const std::string& text() const { return out_; }
  [[nodiscard]] std::string take();

 private:
  Writer& open(char bracket);
  Writer& close(char bracket);
  void separate();
  std::string out_;
  std::vector<bool> first_;  // per open container: nothing written in it yet
  bool after_key_ = false;
};

}  // namespace weir::json
