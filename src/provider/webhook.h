#pragma once
// Webhooks of providers, as far as they say that a batch may have ended: signatures after the Standard Webhooks, and the id of the batch
// that an event names. What is told is only a hint to look: nobody believes more than that. Pure: the time is an argument. Docs
// (checked 2026-11-27): https://developers.openai.com/api/docs/guides/webhooks, https://ai.google.dev/gemini-api/docs/webhooks
// (webhooks of a project, which are signed alike; those of one request are signed with a JWT, and refused here),
// https://github.com/standard-webhooks/standard-webhooks
#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "base/result.h"
#include "base/time.h"
#include "http/message.h"

namespace weir::provider {

/// A webhook that was sent longer ago, or will be sent later than this, is refused.
inline constexpr std::chrono::minutes kWebhookTolerance{5};
/// The event is small: it names a batch and brings no results.
inline constexpr std::size_t kWebhookBytesMax = 256 * 1024;

/// Takes webhooks of one secret, each id once. Not thread-safe.
class WebhookInbox {
 public:
  /// @param secret "whsec_" and base64, as the provider shows it once; without that prefix its bytes are the key.
  /// @error kInvalidArgument it is empty, or no base64. The message never quotes it.
  static Result<WebhookInbox> create(std::string_view secret);

  /// The id of the batch that may have ended; nothing for other events, and for an id that was taken before. Ids are remembered for
  /// twice the tolerance, and the latest kIdsMax of them.
  /// @error kUnauthenticated no signature of ours, or a time out of tolerance: nothing was read of the body; kInvalidArgument
  /// signed, but no event.
  Result<std::optional<std::string>> take(const http::Headers& headers, std::string_view body,
                                          Time now);

  static constexpr std::size_t kIdsMax = 4096;

 private:
  explicit WebhookInbox(std::string key) : key_(std::move(key)) {}
  bool is_new(std::string_view id, Time now);

  struct Seen {
    std::string id;
    Time at;
  };
  std::string key_;
  std::deque<Seen> seen_;  // in the order in which they came
  std::unordered_set<std::string> ids_;
};

/// Whether the id of an event means the batch that we know under `ours`: the same text, or the same last part of a resource's name
/// ("batches/x" and "x"), for no document says which of them Gemini sends.
[[nodiscard]] bool names_batch(std::string_view told, std::string_view ours);

}  // namespace weir::provider
