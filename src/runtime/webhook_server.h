#pragma once
// Takes a provider's webhooks over HTTP and tells which batches may have ended. One thread: the io_context's. Owned by whoever listens
// to it; the clock is borrowed and outlives it. What is not signed with the secret is answered 401 and changes nothing. It speaks
// plain HTTP: in front of it stands whatever ends the provider's TLS.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "provider/webhook.h"
#include "runtime/clock.h"
#include "runtime/http_server.h"

namespace weir::runtime {

class WebhookServer {
 public:
  struct Options {
    std::string listen;  // "127.0.0.1:8085"; port 0 takes any free one
    std::string secret;  // as the provider shows it: "whsec_…"
  };
  /// @param on_batch gets the provider's id of a batch that may have ended. Not from within create().
  /// @error kInvalidArgument the address or the secret is none; kUnavailable the address is taken.
  static Result<std::unique_ptr<WebhookServer>> create(
      asio::io_context& io, const Options& options, RuntimeClock& clock,
      std::function<void(std::string_view batch)> on_batch);

  /// "http://127.0.0.1:8085".
  [[nodiscard]] std::string url() const { return server_->url(); }
  /// As HttpServer::stop().
  asio::awaitable<void> stop();

 private:
  WebhookServer(provider::WebhookInbox inbox, RuntimeClock& clock,
                std::function<void(std::string_view)> on_batch)
      : inbox_(std::move(inbox)), clock_(clock), on_batch_(std::move(on_batch)) {}
  asio::awaitable<void> answer(Exchange* exchange);
  int take(const http::Request& request);

  provider::WebhookInbox inbox_;
  RuntimeClock& clock_;
  std::function<void(std::string_view)> on_batch_;
  std::unique_ptr<HttpServer> server_;  // calls back into the above
};

}  // namespace weir::runtime
