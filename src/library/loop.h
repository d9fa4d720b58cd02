#pragma once
// An event loop with a thread of its own, and the HTTP client that lives on it. What runs on the loop is posted to it; nothing of it is
// touched from elsewhere while the thread runs.
#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <thread>
#include <utility>

#include "runtime/http_client.h"

namespace weir::library {

namespace asio = boost::asio;

class Loop {
 public:
  /// @param niceness of its thread: 0, or more where others go first.
  Loop(std::size_t connections_max, int niceness)
      : client_(io_, {.connections_max = connections_max}),
        guard_(asio::make_work_guard(io_)),
        thread_([this, niceness] {
          // Of this thread alone; where it may not, all are equal.
          if (niceness > 0)
            (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), niceness);
          io_.run();
        }) {}
  ~Loop() { join(); }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  template <class Function>
  void post(Function function) {
    asio::post(io_, std::move(function));
  }
  /// Runs it on the loop and waits. Never from the loop itself.
  template <class Function>
  auto call(Function function) {
    std::packaged_task<decltype(function())()> task(std::move(function));
    auto outcome = task.get_future();
    asio::post(io_, [&task] { task(); });
    return outcome.get();
  }
  /// The loop ends when nothing is left to do on it. Idempotent.
  void join() {
    guard_.reset();
    if (thread_.joinable()) thread_.join();
  }

  asio::io_context& io() { return io_; }
  runtime::HttpClient& client() { return client_; }

 private:
  asio::io_context io_{1};
  runtime::HttpClient client_;
  asio::executor_work_guard<asio::io_context::executor_type> guard_;
  std::thread thread_;
};

}  // namespace weir::library
