#pragma once
// The simulator's webhooks: batches go on in virtual time while nobody asks, and each that ends is told to one URL, signed as the Standard
// Webhooks have it. Written from their document, not from what reads them. One thread: the io_context's.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>

#include "base/result.h"
#include "http/url.h"
#include "runtime/clock.h"
#include "runtime/http_client.h"
#include "sim/simulator.h"

namespace weir::cli {

class SimWebhooks {
 public:
  struct Options {
    std::string url, secret;
  };
  /// Begins at once; clock and simulator are borrowed and outlive it. @error kInvalidArgument no URL, or no secret.
  static Result<std::unique_ptr<SimWebhooks>> create(boost::asio::io_context& io,
                                                     const Options& options,
                                                     runtime::ScaledClock& clock,
                                                     sim::Simulator& simulator);
  /// No more are sent.
  void stop();

 private:
  SimWebhooks(boost::asio::io_context& io, http::Url url, std::string key,
              runtime::ScaledClock& clock, sim::Simulator& simulator);
  boost::asio::awaitable<void> run();
  boost::asio::awaitable<void> tell(sim::EndedBatch ended);

  runtime::ScaledClock& clock_;
  sim::Simulator& simulator_;
  http::Url url_;
  std::string key_;
  std::uint64_t sent_ = 0;
  bool stopping_ = false;
  boost::asio::steady_timer pulse_;
  runtime::HttpClient client_;
};

}  // namespace weir::cli
