#include "library/crew.h"

#include <cstdlib>
#include <system_error>
#include <utility>

namespace weir::library {

Crew::~Crew() {
  {
    const std::scoped_lock lock(mutex_);
    ended_ = true;
  }
  work_.notify_all();
}

void Crew::give(std::function<void()> task) {
  {
    const std::scoped_lock lock(mutex_);
    tasks_.push_back(std::move(task));
    if (idle_ < tasks_.size() && threads_.size() < threads_max_) {
      try {
        threads_.emplace_back([this] { run(); });
      } catch (const std::system_error&) {
        if (threads_.empty()) std::abort();  // a process that cannot have one thread cannot go on
      }
    }
  }
  work_.notify_one();
}

void Crew::run() {
  runtime::begin_thread(name_, priority_);
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    work_.wait(lock, [this] { return ended_ || !tasks_.empty(); });
    --idle_;
    if (tasks_.empty()) return;
    auto task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    task = {};  // what it holds goes before it waits
    lock.lock();
  }
}

}  // namespace weir::library
