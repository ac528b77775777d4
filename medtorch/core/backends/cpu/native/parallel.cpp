#include "parallel.hpp"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <sys/syscall.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "float_environment.hpp"

namespace medtorch {
namespace {

// How long a worker looks for work before it goes to sleep: between calls, and between the regions of a program.
constexpr std::chrono::microseconds spin_time{200}, program_spin_time{5000};
std::atomic<int> programs{0};  // that run now

void relax() noexcept {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// One region of work at a time. A second Python thread that wants the pool meanwhile does its work alone: that is never
// slower than waiting, and cannot deadlock; nor can a region inside a region.
//
// A worker that wakes up too late finds the region closed and is not waited for.
class Pool {
 public:
  // False where the pool is at work for somebody else.
  bool try_run(int threads, Index count, Index grain, const Task& task) noexcept {
    if (busy_.exchange(true, std::memory_order_acquire)) return false;
    resize(threads - 1);
    task_ = &task;
    count_ = count;
    grain_ = grain;
    share_out(threads < most_shares ? threads : most_shares);
    region_.store(open, std::memory_order_release);
    announce();
    take(0);
    region_.fetch_and(~open, std::memory_order_acq_rel);
    while (region_.load(std::memory_order_acquire) != 0) relax();
    busy_.store(false, std::memory_order_release);
    return true;
  }

 private:
  static constexpr std::uint64_t open = std::uint64_t{1} << 32;  // the bits below count the workers inside

  // Neighbouring pieces of a region. Each thread begins with its own share, the same one in every region: what it reads then mostly
  // lies in its own cache, as it wrote the same part of the image in the region before. Who is done helps the others.
  struct alignas(64) Share {
    std::atomic<Index> next{0};
    Index end = 0;
  };
  static constexpr int most_shares = 64;

  struct Worker {
    std::thread thread;
    int number = 0;
    std::atomic<int> system_id{0};
    std::atomic<bool> leave{false};
  };

  void share_out(int shares) noexcept {
    const Index pieces = (count_ + grain_ - 1) / grain_;
    for (int i = 0; i < shares; ++i) {
      shares_[i].next.store(pieces * i / shares, std::memory_order_relaxed);
      shares_[i].end = pieces * (i + 1) / shares;
    }
    count_of_shares_ = shares;
  }

  void take(int own) noexcept {
    for (int i = 0; i < count_of_shares_; ++i) {
      Share& share = shares_[(own + i) % count_of_shares_];
      while (share.next.load(std::memory_order_relaxed) < share.end) {
        const Index piece = share.next.fetch_add(1, std::memory_order_relaxed);
        if (piece >= share.end) break;
        const Index begin = piece * grain_;
        (*task_)(begin, begin + grain_ < count_ ? begin + grain_ : count_);
      }
    }
  }

  bool enter() noexcept {
    std::uint64_t seen = region_.load(std::memory_order_acquire);
    while (seen & open)
      if (region_.compare_exchange_weak(seen, seen + 1, std::memory_order_acq_rel, std::memory_order_acquire)) return true;
    return false;
  }

  void announce() noexcept {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      epoch_.fetch_add(1, std::memory_order_release);
    }
    if (sleeping_.load(std::memory_order_acquire) == 0) return;
    keep_off_this_processor();
    wake_.notify_all();
  }

  // The system likes to wake a thread on the waker's own processor, where it must wait until the caller has done all of the
  // work (measured: ten regions of 100 us took 11 ms instead of 1). So workers may run wherever the caller may, but there.
  void keep_off_this_processor() noexcept {
#if defined(__linux__)
    cpu_set_t allowed;
    const int here = sched_getcpu();
    if (here < 0 || sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) < 2) return;
    CPU_CLR(here, &allowed);
    for (const Worker* w : workers_)
      if (const int id = w->system_id.load(std::memory_order_relaxed)) sched_setaffinity(id, sizeof allowed, &allowed);
#endif
  }

  void work(Worker& self) {
#if defined(__linux__)
    self.system_id.store(static_cast<int>(syscall(SYS_gettid)));
#endif
    const FloatEnvironment environment;
    std::uint64_t seen = 0;
    for (;;) {
      wait_past(seen);
      seen = epoch_.load(std::memory_order_acquire);
      if (self.leave.load()) return;
      if (!enter()) continue;
      take(self.number);
      region_.fetch_sub(1, std::memory_order_release);
    }
  }

  void wait_past(std::uint64_t seen) {
    const auto start = std::chrono::steady_clock::now();
    while (epoch_.load(std::memory_order_acquire) == seen) {
      for (int i = 0; i < 64 && epoch_.load(std::memory_order_acquire) == seen; ++i) relax();
      const auto patience = programs.load(std::memory_order_relaxed) > 0 ? program_spin_time : spin_time;
      if (std::chrono::steady_clock::now() - start < patience) continue;
      std::unique_lock<std::mutex> lock(mutex_);
      sleeping_.fetch_add(1, std::memory_order_release);
      wake_.wait(lock, [&] { return epoch_.load(std::memory_order_acquire) != seen; });
      sleeping_.fetch_sub(1, std::memory_order_release);
    }
  }

  // Called by whoever holds `busy_`, so no worker is inside a region.
  void resize(int wanted) noexcept {
    while (static_cast<int>(workers_.size()) > wanted) {
      Worker* last = workers_.back();
      last->leave.store(true);
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        epoch_.fetch_add(1, std::memory_order_release);
      }
      wake_.notify_all();
      last->thread.join();
      workers_.pop_back();
      delete last;
    }
    while (static_cast<int>(workers_.size()) < wanted) {
      auto* fresh = new Worker;
      fresh->number = static_cast<int>(workers_.size()) + 1;
      try {
        fresh->thread = std::thread([this, fresh] { work(*fresh); });
      } catch (const std::system_error&) {  // the system has no thread left: the same work with those that are here
        delete fresh;
        return;
      }
      workers_.push_back(fresh);
    }
  }

  std::vector<Worker*> workers_;
  std::mutex mutex_;
  std::condition_variable wake_;
  alignas(64) std::atomic<std::uint64_t> epoch_{0};
  Share shares_[most_shares];
  alignas(64) std::atomic<std::uint64_t> region_{0};
  alignas(64) std::atomic<int> sleeping_{0};
  alignas(64) std::atomic<bool> busy_{false};
  const Task* task_ = nullptr;
  Index count_ = 0, grain_ = 1;
  int count_of_shares_ = 1;
};

std::atomic<int> wanted{0};
// Never deleted: at exit the system has ended the workers before a destructor could join them.
std::atomic<Pool*> pool{nullptr};

// A forked child has none of its parent's threads: it starts over with a pool of its own.
void after_fork() { pool.store(new Pool); }

Pool& the_pool() {
  static Pool* const first = [] {
    auto* made = new Pool;
    pool.store(made);
    pthread_atfork(nullptr, nullptr, after_fork);
    return made;
  }();
  (void)first;
  return *pool.load(std::memory_order_acquire);
}

double quota() noexcept {
  double limit = -1, period = -1;
  if (FILE* f = std::fopen("/sys/fs/cgroup/cpu.max", "r")) {
    char text[32] = "";
    const int read = std::fscanf(f, "%31s %lf", text, &period);
    std::fclose(f);
    if (read == 2 && std::sscanf(text, "%lf", &limit) == 1 && period > 0) return limit / period;
    return 1e9;
  }
  if (FILE* f = std::fopen("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "r")) {
    if (std::fscanf(f, "%lf", &limit) != 1) limit = -1;
    std::fclose(f);
  }
  if (FILE* f = std::fopen("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "r")) {
    if (std::fscanf(f, "%lf", &period) != 1) period = -1;
    std::fclose(f);
  }
  return limit > 0 && period > 0 ? limit / period : 1e9;
}

int count_usable() noexcept {
  cpu_set_t set;
  int count = 1;
  if (sched_getaffinity(0, sizeof set, &set) == 0) count = CPU_COUNT(&set);
  const double limit = std::ceil(quota());
  return limit < count ? (limit < 1 ? 1 : static_cast<int>(limit)) : count;
}

}  // namespace

Awake::Awake() noexcept { programs.fetch_add(1, std::memory_order_relaxed); }
Awake::~Awake() { programs.fetch_sub(1, std::memory_order_relaxed); }

int usable_processors() noexcept { return count_usable(); }

int thread_count() noexcept {
  int chosen = wanted.load(std::memory_order_relaxed);
  if (chosen == 0) {  // asked once: files are slow to read
    chosen = count_usable();
    int none = 0;
    if (!wanted.compare_exchange_strong(none, chosen)) chosen = none;
  }
  return chosen;
}

void set_thread_count(int count) noexcept { wanted.store(count < 1 ? 1 : count); }

void run_parallel(Index count, Index grain, const Task& task) noexcept {
  if (count <= 0) return;
  if (grain < 1) grain = 1;
  const int threads = thread_count();
  if (count <= grain || threads == 1 || !the_pool().try_run(threads, count, grain, task)) task(0, count);
}

}  // namespace medtorch
