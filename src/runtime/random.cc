#include "runtime/random.h"

#include <sys/random.h>

#include <cerrno>

#include "base/result.h"

namespace weir::runtime {

std::uint64_t SystemRandom::next() {
  if (left_ == 0) {
    auto* bytes = reinterpret_cast<unsigned char*>(buffer_.data());
    for (std::size_t got = 0; got < sizeof(buffer_);) {
      const auto n = ::getrandom(bytes + got, sizeof(buffer_) - got, 0);
      // Without flags it fails only when interrupted; an id from no randomness must never be handed
      // out.
      WEIR_ASSERT(n > 0 || errno == EINTR);
      if (n > 0) got += static_cast<std::size_t>(n);
    }
    left_ = buffer_.size();
  }
  const auto word = buffer_[--left_];
  buffer_[left_] = 0;
  return word;
}

}  // namespace weir::runtime
