#include "runtime/webhook_server.h"

#include "runtime/listen_address.h"

namespace weir::runtime {
namespace {

// Providers send few of them; whoever sends more than that waits.
constexpr std::size_t kWebhookConnectionsMax = 64;
constexpr std::chrono::milliseconds kWebhookIdle = std::chrono::seconds(10);
constexpr std::chrono::milliseconds kWebhookGrace{200};

}  // namespace

Result<std::unique_ptr<WebhookServer>> WebhookServer::create(
    asio::io_context& io, const Options& options, RuntimeClock& clock,
    std::function<void(std::string_view)> on_batch) {
  WEIR_TRY(const auto address, parse_listen(options.listen, "--webhook-listen"));
  WEIR_TRY(auto inbox, provider::WebhookInbox::create(options.secret));
  std::unique_ptr<WebhookServer> out(
      new WebhookServer(std::move(inbox), clock, std::move(on_batch)));
  WEIR_TRY(out->server_,
           HttpServer::create(
               io,
               {.host = address.host,
                .port = address.port,
                .body_bytes_max = provider::kWebhookBytesMax,
                .bodies_bytes_max = kWebhookConnectionsMax * provider::kWebhookBytesMax,
                .connections_max = kWebhookConnectionsMax,
                .idle_timeout = kWebhookIdle},
               [self = out.get()](Exchange* exchange) { return self->answer(exchange); }));
  return out;
}

// The status tells the provider whether to send it again; more is nobody's business.
int WebhookServer::take(const http::Request& request) {
  if (request.method != http::Method::kPost) return 405;
  const auto batch = inbox_.take(request.headers, request.body, clock_.now());
  if (!batch) return batch.error().kind == ErrorKind::kUnauthenticated ? 401 : 400;
  if (*batch) on_batch_(**batch);
  return 204;
}

asio::awaitable<void> WebhookServer::answer(Exchange* exchange) {
  const int status = take(exchange->request());
  co_await exchange->respond({.status = status, .headers = {}, .body = {}});
}

asio::awaitable<void> WebhookServer::stop() { co_await server_->stop(kWebhookGrace); }

}  // namespace weir::runtime
