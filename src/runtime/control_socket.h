#pragma once
// The socket of a store: its owner listens on <folder>/socket (mode 0600) while it works, commands of the same user come over it.
// One request a connection. A folder whose path is longer than a socket's address can be is reached through /proc/self/fd.
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "runtime/control_protocol.h"

namespace weir::runtime {

class ControlServer {
 public:
  /// Called on the io_context's thread; gives the result's JSON.
  using Handler = std::function<Result<std::string>(const ControlRequest&)>;
  static constexpr std::size_t kConnectionsMax = 16;  // one more is closed at once
  static constexpr std::chrono::seconds kTimeout{5};  // of a connection, from its start to its end

  /// The caller holds the store's lock: a socket that is there already is a dead process's, and is replaced.
  /// @error kUnavailable it cannot be made; the job can go on without it.
  static Result<std::unique_ptr<ControlServer>> listen(boost::asio::io_context& io,
                                                       const std::string& folder, Handler handler);
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;
  /// Removes the socket and closes every connection; what runs on the io_context ends soon after. Again: nothing.
  void stop();

 private:
  class Listener;
  explicit ControlServer(std::shared_ptr<Listener> listener);
  std::shared_ptr<Listener> listener_;
};

/// Asks the owner of a store; blocks, at most `timeout` a step. The result's JSON.
/// @error kNotFound nobody listens there; kDeadlineExceeded no answer in time: whether the command was taken is unknown; else what the
/// owner says.
Result<std::string> ask_owner(const std::string& folder, const ControlRequest& request,
                              std::chrono::milliseconds timeout = ControlServer::kTimeout);

}  // namespace weir::runtime
