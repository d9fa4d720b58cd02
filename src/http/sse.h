#pragma once
// Server-sent events (WHATWG HTML, section 9.2): an incremental parser and a writer.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace weir::http {

struct SseEvent {
  std::string name;  // empty: unnamed ("message")
  std::string data;  // data lines joined with '\n'
};

/// Feed bytes in any chunks; events come out whole. `\n`, `\r\n` and `\r` end lines; comments and unknown fields are skipped.
class SseParser {
 public:
  explicit SseParser(std::size_t event_bytes_max) : event_bytes_max_(event_bytes_max) {}

  /// Calls on_event(SseEvent&&) for every event that ended in these bytes.
  /// @error kBadResponse an event grew beyond event_bytes_max.
  template <class OnEvent>
  Result<void> feed(std::string_view bytes, OnEvent&& on_event) {
    for (const char c : bytes) {
      if (c == '\n' && after_cr_) {
        after_cr_ = false;
        continue;
      }
      after_cr_ = c == '\r';
      if (c != '\n' && c != '\r') {
        line_.push_back(c);
        if (line_.size() + event_.data.size() > event_bytes_max_)
          return fail(ErrorKind::kBadResponse, "a streamed event is larger than its bound");
        continue;
      }
      if (end_line()) on_event(std::exchange(event_, {}));
    }
    return {};
  }
  /// Bytes of an event that has not ended: not zero at the end of a stream means it was cut.
  [[nodiscard]] bool partial() const { return has_data_ || !line_.empty(); }

 private:
  bool end_line();  // true: event_ is whole
  std::size_t event_bytes_max_;
  SseEvent event_;
  std::string line_;
  bool has_data_ = false, after_cr_ = false, first_line_ = true;
};

/// `event: name\ndata: …\n\n`; the event line is left out when the name is empty.
std::string sse_text(std::string_view name, std::string_view data);

}  // namespace weir::http
