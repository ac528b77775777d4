// Memory for arrays and for what kernels need on the side: aligned to cache lines, kept for the next request of its size.
// Fresh memory is dear: the first touch of 8 MiB costs 3 ms in pages of 4 KiB, a twentieth of that in memory used before.
#pragma once

#include <cstddef>

#include "families/family.hpp"

namespace medtorch {

struct MemoryStats {
  Index in_use, kept, limit;  // bytes handed out; bytes waiting for the next request; how many may wait
};

void* take_memory(std::size_t bytes);  // throws std::bad_alloc
void give_memory(void* memory) noexcept;
MemoryStats memory_stats() noexcept;
void set_memory_limit(Index bytes) noexcept;  // of kept bytes; what is over it goes back to the system at once
void trim_memory() noexcept;                  // all kept bytes go back, and what the C library holds of NumPy's
void hold_memory(bool kept) noexcept;         // false: large blocks go back at once, until as many calls with true

// `count` floats for the length of a scope, not cleared.
class Scratch {
 public:
  explicit Scratch(Index count) : data_(static_cast<float*>(take_memory(static_cast<std::size_t>(count < 1 ? 1 : count) * sizeof(float)))) {}
  ~Scratch() { give_memory(data_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  float* data() const noexcept { return data_; }

 private:
  float* data_;
};

}  // namespace medtorch
