#include "memory.hpp"

#include <pthread.h>
#include <sys/mman.h>

#include <cstdlib>
#include <mutex>
#include <new>

#if defined(__GLIBC__)
#include <malloc.h>
#endif
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace medtorch {
namespace {

// Blocks are larger than what was asked for, and kept when they are given back. A build that watches addresses must not take
// the rest of a block, or one that was given back, for memory that may be touched.
void forbid([[maybe_unused]] const void* memory, [[maybe_unused]] std::size_t bytes) noexcept {
#if defined(__SANITIZE_ADDRESS__)
  __asan_poison_memory_region(memory, bytes);
#endif
}

void allow([[maybe_unused]] const void* memory, [[maybe_unused]] std::size_t bytes) noexcept {
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(memory, bytes);
#endif
}

constexpr std::size_t header = 64, huge = std::size_t{2} << 20;
constexpr int classes = 4 * 48;

struct Block {
  Block* next;
  std::size_t size;  // of the whole block, header included
  int size_class;
};
static_assert(sizeof(Block) <= header);

// Sizes 1, 1.25, 1.5 and 1.75 times each power of two, from 256 bytes on: at most a quarter is lost.
std::size_t class_size(int c) noexcept {
  const std::size_t base = std::size_t{256} << (c / 4);
  return base + base / 4 * (c % 4);
}

int class_of(std::size_t bytes) noexcept {
  int c = 0;
  while (c < classes - 1 && class_size(c) < bytes) ++c;
  return c;
}

std::mutex guard;
Block* free_blocks[classes];
Index in_use = 0, kept = 0, limit = Index{1} << 30;
int frugal = 0;  // how many do not want anything large to be kept

// Nobody is in the middle of a change when a process forks, so the child finds the lists whole.
void hold() { guard.lock(); }
void let_go() { guard.unlock(); }
const int registered = pthread_atfork(hold, let_go, let_go);

void to_system(Block* block) noexcept {
  allow(block, block->size);
  if (block->size >= huge) munmap(block, block->size);
  else std::free(block);
}

// The blocks of the largest classes first, until no more than `most` bytes are kept.
void shrink(Index most) noexcept {
  for (int c = classes; c-- > 0 && kept > most;)
    while (free_blocks[c] != nullptr && kept > most) {
      Block* block = free_blocks[c];
      free_blocks[c] = block->next;
      kept -= static_cast<Index>(block->size);
      to_system(block);
    }
}

Block* from_system(std::size_t size) {
  void* memory = nullptr;
  if (size >= huge) {
    memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return nullptr;
#if defined(MADV_HUGEPAGE)
    madvise(memory, size, MADV_HUGEPAGE);
#endif
  } else {
    memory = std::aligned_alloc(header, size);
  }
  return static_cast<Block*>(memory);
}

}  // namespace

void* take_memory(std::size_t bytes) {
  if (bytes > (std::size_t{1} << 46)) throw std::bad_alloc();
  const int c = class_of(bytes + header);
  const std::size_t size = class_size(c);
  Block* block = nullptr;
  {
    const std::lock_guard<std::mutex> lock(guard);
    if ((block = free_blocks[c]) != nullptr) {
      free_blocks[c] = block->next;
      kept -= static_cast<Index>(size);
    }
    in_use += static_cast<Index>(size);
  }
  if (block == nullptr && (block = from_system(size)) == nullptr) {
    trim_memory();
    if ((block = from_system(size)) == nullptr) {
      const std::lock_guard<std::mutex> lock(guard);
      in_use -= static_cast<Index>(size);
      throw std::bad_alloc();
    }
  }
  block->size = size;
  block->size_class = c;
  char* const memory = reinterpret_cast<char*>(block) + header;
  allow(memory, bytes);
  forbid(memory + bytes, size - header - bytes);
  return memory;
}

void give_memory(void* memory) noexcept {
  auto* block = reinterpret_cast<Block*>(static_cast<char*>(memory) - header);
  const std::lock_guard<std::mutex> lock(guard);
  forbid(memory, block->size - header);
  in_use -= static_cast<Index>(block->size);
  if (frugal > 0 && block->size >= huge) return to_system(block);
  kept += static_cast<Index>(block->size);
  block->next = free_blocks[block->size_class];
  free_blocks[block->size_class] = block;
  if (kept > limit) shrink(limit);
}

MemoryStats memory_stats() noexcept {
  const std::lock_guard<std::mutex> lock(guard);
  return {in_use, kept, limit};
}

void set_memory_limit(Index bytes) noexcept {
  const std::lock_guard<std::mutex> lock(guard);
  limit = bytes < 0 ? 0 : bytes;
  shrink(limit);
}

void trim_memory() noexcept {
  {
    const std::lock_guard<std::mutex> lock(guard);
    shrink(0);
  }
#if defined(__GLIBC__)
  malloc_trim(0);  // its heap keeps what lies below a block in use, as large as freed arrays once were
#endif
}

void hold_memory(bool kept_again) noexcept {
  const std::lock_guard<std::mutex> lock(guard);
  frugal += kept_again ? -1 : 1;
}

}  // namespace medtorch
