#pragma once
// application/vnd.amazon.eventstream: binary messages, each with its length, headers, a payload and two checksums. An incremental
// parser. Doc: https://smithy.io/2.0/aws/amazon-eventstream.html (checked 2026-11-27)
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace weir::http {

/// One message. Of its headers only those that are texts: no other kind tells what a message is.
struct EventMessage {
  std::vector<std::pair<std::string, std::string>> headers;
  std::string payload;
  /// By its exact name, such as ":event-type".
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;
};

/// @param bytes one whole message. @error kBadResponse its lengths do not fit, a checksum is wrong, or a header has no known type.
Result<EventMessage> parse_event_message(std::string_view bytes);

/// Feed bytes in any chunks; messages come out whole.
class EventStreamParser {
 public:
  explicit EventStreamParser(std::size_t message_bytes_max)
      : message_bytes_max_(message_bytes_max) {}

  /// Calls on_message(EventMessage&&) for every message that ended in these bytes.
  /// @error kBadResponse as parse_event_message(), or a message is larger than its bound; the stream cannot be read any further.
  template <class OnMessage>
  Result<void> feed(std::string_view bytes, OnMessage&& on_message) {
    buffer_ += bytes;
    std::size_t at = 0;
    while (true) {
      WEIR_TRY(const auto length, next_length(std::string_view(buffer_).substr(at)));
      if (!length) break;
      WEIR_TRY(auto message, parse_event_message(std::string_view(buffer_).substr(at, *length)));
      at += *length;
      on_message(std::move(message));
    }
    buffer_.erase(0, at);
    return {};
  }
  /// Whether a message has begun and not ended: at the end of a stream it means that it was cut.
  [[nodiscard]] bool partial() const { return !buffer_.empty(); }

 private:
  // Of the message that `bytes` begins with; nothing while it is not whole.
  [[nodiscard]] Result<std::optional<std::size_t>> next_length(std::string_view bytes) const;

  std::size_t message_bytes_max_;
  std::string buffer_;
};

}  // namespace weir::http
