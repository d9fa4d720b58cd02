#pragma once
// One owner per store: an flock that the kernel drops when the process dies, with the owner's pid and start for the message.
#include <memory>
#include <string>

#include "base/result.h"
#include "base/time.h"

namespace weir::runtime {

class StoreLock {
 public:
  /// @error kUnavailable another process holds it: the message names its pid and since when.
  static Result<std::unique_ptr<StoreLock>> acquire(const std::string& folder, Time now);
  ~StoreLock();
  StoreLock(const StoreLock&) = delete;
  StoreLock& operator=(const StoreLock&) = delete;

 private:
  explicit StoreLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace weir::runtime
