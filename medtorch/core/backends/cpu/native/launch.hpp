// What a native call is made of: memory that it reads and writes, and work on that memory. Most calls are done at once. While a
// Recorder listens on the calling thread they are written down, to be run again later on other memory (program.hpp).
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <algorithm>
#include <functional>
#include <initializer_list>
#include <memory>
#include <vector>

#include "bindings/arrays.hpp"
#include "bindings/buffers.hpp"
#include "float_environment.hpp"

namespace medtorch {

constexpr int most_accesses = 12;

// One piece of memory that a job touches: it is handed `at`, and touches bytes from `first` to one before `end`.
struct Access {
  char* at;
  const char *first, *end;
  bool writes;
};

// In the order of the accesses; null for what is not there. What never changes (packed weights, tables) belongs to the work itself.
using Work = std::function<void(char* const* at)>;

struct Job {
  std::vector<Access> touched;
  Work work;
};

// Memory for arrays that jobs are described with before it is known where they will lie: addresses that are never written to.
class Region {
 public:
  explicit Region(std::size_t bytes);  // throws std::bad_alloc
  ~Region();
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;
  char* data() const noexcept { return data_; }
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  char* data_;
  std::size_t bytes_;
};

// Writes down the jobs of one thread between start and stop; does them, too, where it `executes`.
class Recorder {
 public:
  explicit Recorder(bool executes) noexcept : executes_(executes) {}
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  static Recorder* current() noexcept;
  // The one that is to hand out memory instead of the pool; null where work is done at once.
  static Recorder* describing() noexcept;

  void start();
  void stop();
  bool executes() const noexcept { return executes_; }
  void add(const Access* touched, std::size_t count, Work work);
  // Forget the jobs from `first` on.
  void drop(std::size_t first);
  // Kept until the recorder ends, so that no address stands for two things.
  char* addresses(std::size_t bytes);
  const std::vector<std::shared_ptr<Region>>& regions() const noexcept { return regions_; }
  const std::vector<Job>& jobs() const noexcept { return jobs_; }

 private:
  bool executes_;
  std::vector<Job> jobs_;
  std::vector<std::shared_ptr<Region>> regions_;
};

// -- what is touched ------------------------------------------------------------------------------------------------------

template <typename Array>
Access touch(const Array& a, bool writes) {
  char* const at = const_cast<char*>(reinterpret_cast<const char*>(a.data()));
  Index low = 0, high = static_cast<Index>(a.itemsize());
  for (std::size_t d = 0; d < a.ndim(); ++d) {
    if (a.shape(d) == 0) return {at, at, at, writes};
    const Index reach = (static_cast<Index>(a.shape(d)) - 1) * a.stride(d) * static_cast<Index>(a.itemsize());
    (reach < 0 ? low : high) += reach;
  }
  return {at, at + low, at + high, writes};
}

inline Access touch(const Buffer& a, bool writes) {
  char* const at = a.data();
  const Index width = a.is_bool() ? 1 : static_cast<Index>(sizeof(float));
  Index low = 0, high = width;
  for (int d = 0; d < a.ndim(); ++d) {
    if (a.size(d) == 0) return {at, at, at, writes};
    const Index reach = (a.size(d) - 1) * a.step(d) * width;
    (reach < 0 ? low : high) += reach;
  }
  return {at, at + low, at + high, writes};
}

inline Access nothing() noexcept { return {nullptr, nullptr, nullptr, false}; }

template <typename Array>
Access reads(const Array& a) {
  return touch(a, false);
}

template <typename Array>
Access reads(const std::optional<Array>& a) {
  return a ? touch(*a, false) : nothing();
}

template <typename Array>
Access writes(const Array& a) {
  return touch(a, true);
}

inline Access writes(const NewArray& a) { return {a.data, a.data, a.data + a.bytes, true}; }

// -- doing it -------------------------------------------------------------------------------------------------------------

// Do `work` on `touched`, or write it down. Python's lock is let go for long work (`release`). `work` must not change: several
// threads may be at it at once, on other memory.
template <typename F>
void launch(std::initializer_list<Access> touched, bool release, const F& work) {
  if (Recorder* recorder = Recorder::current()) {
    recorder->add(touched.begin(), touched.size(), Work(work));
    if (!recorder->executes()) return;
  }
  char* at[most_accesses];
  std::transform(touched.begin(), touched.end(), at, [](const Access& a) { return a.at; });
  if (release) {
    const NativeCall call;
    work(at);
  } else {
    const FloatEnvironment environment;
    work(at);
  }
}

inline const float* numbers_at(const char* at) noexcept { return reinterpret_cast<const float*>(at); }
inline float* numbers_at(char* at) noexcept { return reinterpret_cast<float*>(at); }

}  // namespace medtorch
