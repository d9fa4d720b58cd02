#pragma once
// Randomness from the kernel, for ids and keys. Not thread-safe: one a thread.
#include <array>
#include <cstddef>
#include <cstdint>

#include "base/random.h"

namespace weir::runtime {

/// getrandom(2), read 512 bytes at a time; a word handed out is wiped from the buffer.
class SystemRandom final : public Random {
 public:
  [[nodiscard]] std::uint64_t next() override;

 private:
  std::array<std::uint64_t, 64> buffer_{};
  std::size_t left_ = 0;
};

}  // namespace weir::runtime
