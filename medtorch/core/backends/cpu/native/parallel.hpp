// The pool of threads that kernels run on. Work is split by outputs, never by terms of a sum, so the number of threads
// decides nothing but the time.
#pragma once

#include "families/family.hpp"

namespace medtorch {

// A function object without ownership: no allocation on the way to the workers.
class Task {
 public:
  template <typename F>
  explicit Task(const F& f) noexcept
      : object_(&f), call_([](const void* o, Index begin, Index end) noexcept { (*static_cast<const F*>(o))(begin, end); }) {}
  void operator()(Index begin, Index end) const noexcept { call_(object_, begin, end); }

 private:
  const void* object_;
  void (*call_)(const void*, Index, Index) noexcept;
};

// Call task(begin, end) so that [0, count) is covered once, in pieces of whole `grain`s, on the calling thread and the workers.
// A region inside a region runs on its caller alone.
void run_parallel(Index count, Index grain, const Task& task) noexcept;

template <typename F>
void parallel(Index count, Index grain, const F& f) noexcept {
  run_parallel(count, grain, Task(f));
}

// While one is alive, workers wait for the next region without going to sleep: a program is one region after the other.
class Awake {
 public:
  Awake() noexcept;
  ~Awake();
  Awake(const Awake&) = delete;
  Awake& operator=(const Awake&) = delete;
};

int thread_count() noexcept;
void set_thread_count(int count) noexcept;  // 1 and up; more than the machine has is allowed
int usable_processors() noexcept;           // by affinity and cgroup quota

}  // namespace medtorch
