#pragma once
// Internal to http_client: opens a transfer's connection: name resolution, TCP, TLS with the host
// verified. Nothing of the request is sent here, so every failure is kUnavailable, kInvalidArgument
// or kCancelled. The coroutines borrow the transfer; threads: the io_context's one.
#include <boost/asio/ssl/context.hpp>
#include <cstdint>
#include <string>

#include "base/result.h"
#include "runtime/http_client_transfer.h"
#include "runtime/http_io.h"

namespace weir::runtime::internal {

/// Trusts the system's authorities and those of `ca_file`, a PEM file; empty: none.
/// @error kInvalidArgument the certificates cannot be loaded.
Result<ssl::context> make_tls_context(const std::string& ca_file);

/// Fills in `t->connection`, within the request's connect_timeout.
/// @param tls null for a plain connection; else it outlives the connection.
asio::awaitable<Result<void>> connect(Transfer* t, ssl::context* tls,
                                      std::uint32_t header_bytes_max);

}  // namespace weir::runtime::internal
