#pragma once
// Drives one JobEngine: performs its calls over HTTP, brings the outcomes back, wakes it in (scaled) time. One thread: the
// io_context's. The engine, client and clock are borrowed and outlive run().
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <optional>

#include "engine/job_engine.h"
#include "http/url.h"
#include "runtime/access_tokens.h"
#include "runtime/clock.h"
#include "runtime/http_client.h"

namespace weir::runtime {

class MappedJournal;

class JobDriver {
 public:
  struct Options {
    http::Origin origin;
    std::chrono::milliseconds request_timeout =
        std::chrono::minutes(10);       // real time: one request, its answer included
    AccessTokens* tokens = nullptr;     // for plans that want one
    std::function<void()> on_progress;  // about five times a second of real time
  };
  JobDriver(asio::io_context& io, HttpClient& client, RuntimeClock& clock,
            engine::JobEngine& engine, MappedJournal& journal, Options options);

  /// Until the job is done, drained or stopped. @error what the engine's store and files report; its state is as committed.
  asio::awaitable<Result<void>> run();
  /// Something was changed in the engine from outside: it takes its turn.
  void wake();
  /// Nothing new is sent, what is in flight is awaited.
  void drain();
  /// What is in flight is given up: its outcome is booked as unknown.
  void abandon();

 private:
  asio::awaitable<void> perform(engine::Call call);
  asio::awaitable<void> beat();
  void settle(Result<void> outcome);

  asio::io_context& io_;
  HttpClient& client_;
  RuntimeClock& clock_;
  engine::JobEngine& engine_;
  MappedJournal& journal_;
  Options options_;
  asio::steady_timer wake_, pulse_;
  std::size_t running_ = 0;
  bool stopping_ = false, event_ = false;
  std::optional<Error> broken_;
};

}  // namespace weir::runtime
