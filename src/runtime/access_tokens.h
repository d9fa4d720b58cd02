#pragma once
// The access token of one account whose key is never sent itself: fetched when a request needs it, again ahead of its end or once it
// was refused, at most one fetch at a time. What it knows dies with it: a token is never written and never logged.
//
// Borrows all of its parts. One thread: the client's io_context.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <optional>
#include <string>

#include "http/url.h"
#include "provider/adapter.h"
#include "runtime/clock.h"
#include "runtime/http_client.h"

namespace weir::runtime {

class AccessTokens {
 public:
  struct Parts {
    const provider::Adapter& adapter;
    const provider::Credentials& credentials;
    HttpClient& client;
    RuntimeClock& clock;
    http::Origin origin;  // of the configured endpoint
  };
  AccessTokens(asio::io_context& io, Parts parts);

  /// HttpClient::send() of a request whose plan wants a token, with one. An answer 401 is not shown the first time: nothing happened,
  /// and it is sent once more with the next token.
  /// @error as HttpClient::send(); besides kUnauthenticated: the key gives no token; kUnavailable: none can be had now. Nothing of the
  /// request was sent in either case.
  asio::awaitable<Result<void>> send(ClientRequest request, ResponseSink* sink);

 private:
  asio::awaitable<Result<void>> authorize(http::RequestPlan* plan);
  asio::awaitable<Result<void>> fetch();
  asio::awaitable<Result<void>> exchange();
  [[nodiscard]] bool fresh();

  Parts parts_;
  asio::steady_timer fetched_;  // those who wait for a fetch of another
  bool fetching_ = false;
  std::uint64_t fetches_ = 0;
  Result<void> outcome_;  // of the last one
  std::optional<provider::AccessToken> token_;
  Duration margin_{};  // ahead of its end
};

/// Where a request of a plan goes: home, or to the plan's own origin, and there without a key unless the settings name that host.
void set_origin(ClientRequest& request, const http::Origin& home);

}  // namespace weir::runtime
