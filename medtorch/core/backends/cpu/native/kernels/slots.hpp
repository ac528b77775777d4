// Scratch memory that threads of one region share: a piece for each that is at work, taken and given back without locks.
#pragma once

#include "kernels.hpp"

namespace medtorch::MEDTORCH_ISA {

// The number of threads may be set anew between the making of a region's memory and its run; a thread too many waits for a piece.
class Slots {
 public:
  Slots(float* data, Index size, int count) noexcept : data_(data), size_(size), count_(most(1, least(count, most_slots))) {}

  static Index floats(Index size, int threads) noexcept { return size * most(1, least(threads, most_slots)); }

  float* take(int& slot) noexcept {
    for (;;)
      for (slot = 0; slot < count_; ++slot) {
        const std::uint64_t bit = std::uint64_t{1} << slot;
        if ((__atomic_fetch_or(&taken_, bit, __ATOMIC_ACQUIRE) & bit) == 0) return data_ + slot * size_;
      }
  }
  void give(int slot) noexcept { __atomic_fetch_and(&taken_, ~(std::uint64_t{1} << slot), __ATOMIC_RELEASE); }

 private:
  static constexpr int most_slots = 64;

  float* data_;
  Index size_;
  int count_;
  std::uint64_t taken_ = 0;
};

// One piece for the length of a scope.
class Slot {
 public:
  explicit Slot(Slots& slots) noexcept : slots_(slots), data(slots.take(number_)) {}
  ~Slot() { slots_.give(number_); }
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

 private:
  Slots& slots_;
  int number_ = 0;

 public:
  float* const data;
};

}  // namespace medtorch::MEDTORCH_ISA
