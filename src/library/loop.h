#pragma once
// An event loop with a thread of its own, and, for those who send, the HTTP client that lives on it. What runs on the loop is posted to
// it; nothing of it is touched from elsewhere while the thread runs.
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <string>
#include <thread>
#include <utility>

#include "runtime/http_client.h"
#include "runtime/thread_priority.h"

namespace weir::library {

namespace asio = boost::asio;

class Loop {
 public:
  Loop(std::string name, runtime::ThreadPriority priority)
      : guard_(asio::make_work_guard(io_)), thread_([this, name = std::move(name), priority] {
          runtime::begin_thread(name, priority);
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

 private:
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard_;
  std::thread thread_;
};

class HttpLoop : public Loop {
 public:
  HttpLoop(std::string name, runtime::ThreadPriority priority, std::size_t connections_max)
      : Loop(std::move(name), priority), client_(io(), {.connections_max = connections_max}) {}
  ~HttpLoop() { join(); }  // before the client goes
  HttpLoop(const HttpLoop&) = delete;
  HttpLoop& operator=(const HttpLoop&) = delete;

  runtime::HttpClient& client() { return client_; }

 private:
  runtime::HttpClient client_;
};

}  // namespace weir::library
