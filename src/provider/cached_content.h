#pragma once
// Cached contents: objects at the provider that hold the head of many requests (tools, system prompt, first messages) for a named
// time. Requests name one instead of sending the head again, and its tokens cost the cache price for certain; making one costs
// its tokens once, keeping it costs by the hour. Stateless, pure, thread-safe, like the adapter that gives it.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "http/plan.h"
#include "llm/types.h"
#include "provider/adapter.h"

namespace weir::provider {

/// What is to be made of a request's head: everything but its messages from the `messages`-th on, and its settings.
struct ContentDraft {
  const llm::Request& head;  // `messages` messages, or more: those are left out
  std::size_t messages = 0;
  std::string_view display_name;  // the recovery key: unlike any other of the account
  std::string_view attempt_id;    // sent as x-client-request-id, so that a bill row can be matched
  Duration ttl{};                 // counted from when it is made; whole seconds
};

/// What the provider tells of one.
struct CachedContent {
  std::string name;  // as requests name it, and as paths do
  std::string display_name;
  Tokens tokens;          // it holds
  Time created, expires;  // by the provider's clock
};

struct ContentPage {
  std::vector<CachedContent> contents;
  std::string next;  // token of the next page; empty: the last
};

class CachedContentCodec {
 public:
  virtual ~CachedContentCodec() = default;

  /// Not idempotent: where the outcome is unknown, it is listed and found by its display name. @error as Adapter::encode_sync.
  [[nodiscard]] virtual Result<http::RequestPlan> encode_create(
      const ContentDraft& draft, const Credentials& credentials) const = 0;
  /// Of a create and of an extension. @error the provider's (too few tokens: kInvalidArgument); kBadResponse a 2xx without its
  /// fields, so that the outcome is unknown.
  [[nodiscard]] virtual Result<CachedContent> decode_content(const http::Response& response,
                                                             Time now) const = 0;
  /// From when it is heard it lives for `ttl`; safe to repeat. @error kInvalidArgument, as the others: a setting is missing.
  [[nodiscard]] virtual Result<http::RequestPlan> encode_extend(
      std::string_view name, Duration ttl, const Credentials& credentials) const = 0;
  /// Safe to repeat. Answered 2xx when it is done; kNotFound (decode_error) when there is none.
  [[nodiscard]] virtual Result<http::RequestPlan> encode_delete(
      std::string_view name, const Credentials& credentials) const = 0;
  [[nodiscard]] virtual Result<http::RequestPlan> encode_list(
      std::string_view page, const Credentials& credentials) const = 0;
  /// @error the provider's; kBadResponse a 2xx that is no list.
  [[nodiscard]] virtual Result<ContentPage> decode_list(const http::Response& response,
                                                        Time now) const = 0;

  /// The request without the head that the content `name` holds. @error as Adapter::encode_sync.
  [[nodiscard]] virtual Result<http::RequestPlan> encode_sync(const llm::Request& request,
                                                              std::size_t messages,
                                                              std::string_view name,
                                                              const SyncCall& call) const = 0;
};

}  // namespace weir::provider
