#pragma once
// A growing array of small values that never moves what it holds: growth costs one chunk, not a second copy of everything, so
// the peak of memory is what is stored. Not thread-safe. Values are trivially copyable; none is ever removed but by clear().
#include <array>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <vector>

namespace weir::plan {

template <class T>
class ChunkedArray {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  void push_back(T value) {
    if (size_ % kChunk == 0) chunks_.push_back(std::make_unique<std::array<T, kChunk>>());
    ++size_;
    (*this)[size_ - 1] = value;
  }
  [[nodiscard]] T& operator[](std::size_t i) { return (*chunks_[i / kChunk])[i % kChunk]; }
  [[nodiscard]] const T& operator[](std::size_t i) const {
    return (*chunks_[i / kChunk])[i % kChunk];
  }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t memory_bytes() const { return chunks_.size() * kChunk * sizeof(T); }
  void clear() {
    chunks_.clear();
    chunks_.shrink_to_fit();
    size_ = 0;
  }

 private:
  static constexpr std::size_t kChunk = 16 * 1024;  // small enough that a small job stays small
  std::vector<std::unique_ptr<std::array<T, kChunk>>> chunks_;
  std::size_t size_ = 0;
};

}  // namespace weir::plan
