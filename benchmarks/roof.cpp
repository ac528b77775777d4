// What this machine can do at most: fused multiply-adds per second in registers, and bytes per second by size of the data.
// Usage: roof THREADS SECONDS BYTES...   Prints one JSON object. Shares no code with the kernels that it judges.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#if defined(__AVX512F__)
constexpr int bytes = 64, chains = 24;
#elif defined(__AVX__)
constexpr int bytes = 32, chains = 12;
#else
constexpr int bytes = 16, chains = 16;
#endif
typedef float Vec __attribute__((vector_size(bytes)));
constexpr int lanes = bytes / 4;

using Clock = std::chrono::steady_clock;
double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// All threads begin together and work for `seconds`; the sum of their amounts of work over the time of the longest.
template <typename F>
double rate(int threads, double seconds, F work) {
  std::vector<double> amount(threads), time(threads);
  std::atomic<int> ready{0};
  std::vector<std::thread> pool;
  for (int t = 0; t < threads; ++t)
    pool.emplace_back([&, t] {
      ++ready;
      while (ready < threads) {}
      const auto start = Clock::now();
      do amount[t] += work(t);
      while (since(start) < seconds);
      time[t] = since(start);
    });
  for (auto& thread : pool) thread.join();
  double sum = 0;
  for (double a : amount) sum += a;
  return sum / *std::max_element(time.begin(), time.end());
}

std::atomic<float> sink;

double multiply_add(int t) {
  constexpr int turns = 2000;
  Vec sums[chains] = {}, a = {}, b = {};
  a += 0.999f - 0.001f * float(t);
  b += 1e-3f;
  for (int c = 0; c < chains; ++c) sums[c] += float(c);  // equal chains would be computed once
  for (int i = 0; i < turns; ++i)
#pragma GCC unroll 32
    for (int c = 0; c < chains; ++c) sums[c] = sums[c] * a + b;
  float all = 0;
  for (const Vec& v : sums)
    for (int l = 0; l < lanes; ++l) all += v[l];
  sink = all;
  return 2.0 * turns * chains * lanes;
}

double triad(std::vector<std::vector<float>>& arrays, int t) {
  std::vector<float>& all = arrays[t];
  const long n = long(all.size()) / 3;
  float *x = all.data(), *y = x + n, *z = y + n;
#pragma GCC ivdep
  for (long i = 0; i < n; ++i) x[i] = y[i] + 0.5f * z[i];
  sink = x[n / 2];
  return 12.0 * double(n);
}

// The same arithmetic inside of a process that is compared with it: at least so many operations, on the calling thread.
extern "C" void roof_multiply_add(double operations) {
  for (double done = 0; done < operations;) done += multiply_add(0);
}

int main(int count, char** words) {
  const int threads = std::atoi(words[1]);
  const double seconds = std::atof(words[2]);
  rate(threads, seconds / 4, multiply_add);
  std::printf("{\"flops\": %.4g, \"bytes\": {", rate(threads, seconds, multiply_add));
  for (int w = 3; w < count; ++w) {
    const double size = std::atof(words[w]);
    std::vector<std::vector<float>> arrays(threads);
    for (auto& a : arrays) a.assign(std::max(3L, long(size / threads / 4)), 1.0f);
    rate(threads, seconds / 4, [&](int t) { return triad(arrays, t); });
    std::printf("%s\"%.0f\": %.4g", w > 3 ? ", " : "", size, rate(threads, seconds, [&](int t) { return triad(arrays, t); }));
  }
  std::printf("}}\n");
}
