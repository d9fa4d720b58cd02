#include "runtime/http_client_connect.h"

#include <fmt/format.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/basic_resolver.hpp>
#include <boost/asio/ssl.hpp>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

namespace weir::runtime::internal {
namespace {

using Resolver = asio::ip::basic_resolver<tcp, Executor>;

bool is_public(const asio::ip::address& address) {
  if (address.is_v6()) {
    const auto v6 = address.to_v6();
    if (v6.is_v4_mapped()) return is_public(asio::ip::make_address_v4(asio::ip::v4_mapped, v6));
    const auto bytes = v6.to_bytes();
    const bool global_unicast = (bytes[0] & 0xE0) == 0x20;  // 2000::/3
    const bool nat64_or_tunnel =
        bytes[0] == 0x20 && (bytes[1] == 0x02 || (bytes[1] == 0x01 && bytes[2] == 0));
    return global_unicast && !nat64_or_tunnel;  // 6to4 and Teredo wrap any IPv4 address
  }
  const auto b = address.to_v4().to_bytes();
  const bool special = b[0] == 0 || b[0] == 10 || b[0] == 127 || b[0] >= 224 ||
                       (b[0] == 100 && (b[1] & 0xC0) == 64) || (b[0] == 169 && b[1] == 254) ||
                       (b[0] == 172 && (b[1] & 0xF0) == 16) || (b[0] == 192 && b[1] == 168) ||
                       (b[0] == 192 && b[1] == 0 && b[2] == 0) ||
                       (b[0] == 198 && (b[1] & 0xFE) == 18);
  return !special;
}

struct Resolution {
  explicit Resolution(Transfer* t) : resolver(t->io.get_executor()), waiting(t) {}
  Resolver resolver;
  Transfer* waiting;
  bool done = false;
  Code ec;
  std::vector<tcp::endpoint> endpoints;
};

// getaddrinfo cannot be interrupted, so the coroutine waits for an event that a timeout ends too.
asio::awaitable<Code> resolve(Transfer* t, std::vector<tcp::endpoint>* endpoints) {
  const auto& origin = t->request.origin;
  Code ec;
  if (const auto address = asio::ip::make_address(origin.host, ec); !ec) {
    endpoints->emplace_back(address, origin.port);
    co_return ec;
  }
  auto state = std::make_shared<Resolution>(t);
  state->resolver.async_resolve(origin.host, std::to_string(origin.port),
                                [state](const Code& result, const auto& entries) {
                                  state->done = true;
                                  state->ec = result;
                                  for (const auto& entry : entries)
                                    state->endpoints.push_back(entry.endpoint());
                                  if (state->waiting != nullptr) state->waiting->event.cancel();
                                });
  co_await t->event.async_wait(kToken);
  state->waiting = nullptr;
  if (!state->done) {
    state->resolver.cancel();
    co_return asio::error::operation_aborted;
  }
  *endpoints = std::move(state->endpoints);
  co_return state->ec;
}

Result<void> prepare_tls(Transfer* t, ssl::context* context) {
  auto& tls = t->connection->tls.emplace(t->connection->socket, *context);
  const auto& host = t->request.origin.host;
  auto* handle = tls.native_handle();
  auto* parameters = SSL_get0_param(handle);
  X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  Code is_name;
  (void)asio::ip::make_address(host, is_name);
  const bool set = is_name
                       ? X509_VERIFY_PARAM_set1_host(parameters, host.c_str(), host.size()) == 1 &&
                             SSL_set_tlsext_host_name(handle, host.c_str()) == 1
                       : X509_VERIFY_PARAM_set1_ip_asc(parameters, host.c_str()) == 1;
  if (!set)
    return fail(ErrorKind::kUnavailable, fmt::format("{}: TLS cannot check this host", t->name()));
  return {};
}

asio::awaitable<Result<void>> handshake(Transfer* t, ssl::context* context) {
  if (auto prepared = prepare_tls(t, context); !prepared) co_return prepared;
  auto& tls = *t->connection->tls;
  const auto [ec] = co_await tls.async_handshake(ssl::stream_base::client, kToken);
  if (!ec) co_return Result<void>();
  if (t->interrupted != Interrupt::kNone || ec == asio::error::operation_aborted)
    co_return t->failure(ec);
  const auto verified = SSL_get_verify_result(tls.native_handle());
  const std::string why =
      verified == X509_V_OK ? ec.message() : X509_verify_cert_error_string(verified);
  co_return fail(
      ErrorKind::kUnavailable,
      fmt::format("{}: TLS failed: {}; nothing of the request was sent", t->name(), why),
      verified == X509_V_OK ? "" : "the server's certificate is not trusted for this host");
}

// Tries the addresses in turn; each gets its share of the time, so a dead first one leaves some for
// the next.
asio::awaitable<Result<void>> connect_any(Transfer* t, std::vector<tcp::endpoint> endpoints,
                                          std::uint32_t header_bytes_max) {
  const auto deadline = t->step_deadline;
  Code ec = asio::error::host_not_found;
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    if (t->request.public_addresses_only && !is_public(endpoints[i].address()))
      co_return fail(ErrorKind::kInvalidArgument,
                     fmt::format("{}: the host has the private address {}; nothing was sent",
                                 t->name(), endpoints[i].address().to_string()));
    const auto now = Steady::now();
    t->step_deadline = now + (deadline - now) / (endpoints.size() - i);
    t->connection = std::make_unique<Connection>(t->io, header_bytes_max);
    std::tie(ec) = co_await t->connection->socket.async_connect(endpoints[i], kToken);
    if (!ec && t->interrupted == Interrupt::kNone) break;
    const bool cancelled =
        t->interrupted == Interrupt::kNone && ec == asio::error::operation_aborted;
    const bool ended = cancelled || t->interrupted == Interrupt::kTotalTimeout ||
                       t->interrupted == Interrupt::kStopped;
    if (ended || i + 1 == endpoints.size()) co_return t->failure(ec);
    t->interrupted = Interrupt::kNone;
  }
  if (endpoints.empty()) co_return t->failure(ec);
  t->step_deadline = deadline;
  t->connection->socket.set_option(tcp::no_delay(true), ec);
  co_return Result<void>();
}

}  // namespace

Result<ssl::context> make_tls_context(const std::string& ca_file) {
  ssl::context context(ssl::context::tls_client);
  Code ec;
  context.set_options(
      ssl::context::default_workarounds | ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1, ec);
  context.set_default_verify_paths(ec);
  if (!ec) context.set_verify_mode(ssl::verify_peer, ec);
  if (!ec && !ca_file.empty()) context.load_verify_file(ca_file, ec);
  if (ec)
    return fail(ErrorKind::kInvalidArgument,
                fmt::format("cannot load the trusted certificates{}{}: {}",
                            ca_file.empty() ? "" : " of ", ca_file, ec.message()));
  SSL_CTX_set_mode(context.native_handle(), SSL_MODE_RELEASE_BUFFERS);
  return context;
}

asio::awaitable<Result<void>> connect(Transfer* t, ssl::context* tls,
                                      std::uint32_t header_bytes_max) {
  t->step_deadline = after(t->request.connect_timeout);
  std::vector<tcp::endpoint> endpoints;
  if (const auto ec = co_await resolve(t, &endpoints); ec) co_return t->failure(ec);
  if (t->interrupted != Interrupt::kNone) co_return t->failure(asio::error::operation_aborted);
  auto connected = co_await connect_any(t, std::move(endpoints), header_bytes_max);
  if (!connected || tls == nullptr) co_return connected;
  co_return co_await handshake(t, tls);
}

}  // namespace weir::runtime::internal
