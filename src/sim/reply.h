#pragma once
// What the simulator answers: bytes with virtual waits, and what becomes of the connection. Values;
// no sockets.
#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"
#include "http/message.h"

namespace weir::sim {

/// Bytes of a body after a wait in virtual time.
struct Piece {
  Duration delay{0};
  std::string bytes;
};

/// An answer as it goes over the wire.
struct Reply {
  enum class Fate : std::uint8_t {
    kWhole,     // send it all
    kNoAnswer,  // hang: never answer, the client times out
    kReset,     // close the connection before any byte
    kCut,  // send head and pieces, then close in mid body: head says a content-length larger than
           // what is sent, or, for an event stream, the chunked body never ends
  };

  http::Response head;      // status and headers; its body is unused
  std::vector<Piece> body;  // in order
  Duration delay{0};        // before the head is sent
  Fate fate = Fate::kWhole;

  /// All pieces joined: for tests and for shells that do not stream.
  [[nodiscard]] std::string text() const {
    std::string all;
    all.reserve(size());
    for (const auto& piece : body) all += piece.bytes;
    return all;
  }
  [[nodiscard]] std::size_t size() const {
    std::size_t bytes = 0;
    for (const auto& piece : body) bytes += piece.bytes.size();
    return bytes;
  }
  /// Virtual time until the last byte.
  [[nodiscard]] Duration duration() const {
    Duration sum = delay;
    for (const auto& piece : body) sum += piece.delay;
    return sum;
  }
};

}  // namespace weir::sim
