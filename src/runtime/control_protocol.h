#pragma once
// What is said over a store's socket: one request a connection, one line of JSON each way. Pure; whoever may connect is the user
// himself, and all the same nothing in a line is believed before it is checked.
//   {"v":1,"command":"progress"}   {"v":1,"command":"settle","batch":3,"how":"adopt","provider_batch_id":"batch_7"}
//   {"v":1,"ok":true,"result":{…}}   {"v":1,"ok":false,"error":{"kind":"…","message":"…","hint":"…"}}
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "provider/adapter.h"

namespace weir::runtime {

inline constexpr std::size_t kControlLineBytesMax = 4096;
inline constexpr std::size_t kControlReplyBytesMax = 64U << 10;

struct ControlRequest {
  enum class Command : std::uint8_t { kProgress, kCancel, kSettle };
  Command command = Command::kProgress;
  std::uint64_t batch = 0;          // kSettle
  provider::Settlement settlement;  // kSettle
};

/// Without the line end. @error kInvalidArgument no request of this protocol; kUnsupported one of another version.
Result<ControlRequest> parse_control(std::string_view line);
std::string write_control(const ControlRequest& request);

/// `result` is a JSON object; the reply has no line end.
std::string control_reply(const Result<std::string>& result);
/// The result's JSON. @error what the owner said; kBadResponse it is no reply.
Result<std::string> read_control_reply(std::string_view line);

}  // namespace weir::runtime
