#pragma once
// Threads for calls that block: made when they are needed, up to a number; ended with the object, after what was given.
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "runtime/thread_priority.h"

namespace weir::library {

class Crew {
 public:
  Crew(std::string name, runtime::ThreadPriority priority, std::size_t threads_max)
      : name_(std::move(name)), priority_(priority), threads_max_(threads_max) {}
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  void give(std::function<void()> task);

 private:
  void run();

  const std::string name_;
  const runtime::ThreadPriority priority_;
  const std::size_t threads_max_;
  std::mutex mutex_;
  std::condition_variable work_;
  std::deque<std::function<void()>> tasks_;
  std::size_t idle_ = 0;
  bool ended_ = false;
  std::vector<std::jthread> threads_;  // the last member: they end before the rest goes
};

}  // namespace weir::library
