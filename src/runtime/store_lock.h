#pragma once
// One owner per store: an flock that the kernel drops when the process dies, with the owner's pid and start for the message.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"

namespace weir::runtime {

/// Who owns a store, as its lock file says.
struct StoreOwner {
  std::int64_t pid = 0;
  std::string since;  // RFC 3339
};
/// The living owner, found without taking the lock: the process that the lock file names is there and began when it says. Nothing
/// when there is none, or when it is of another pid namespace (its socket tells).
std::optional<StoreOwner> store_owner(const std::string& folder);

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
