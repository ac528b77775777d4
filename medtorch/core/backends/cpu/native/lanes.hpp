// Sums and their like over 16 virtual lanes: the same order on every set, however many numbers its vectors hold.
#pragma once

#include "families/reduction.hpp"
#include "functions.hpp"
#include "simd.hpp"

namespace medtorch::MEDTORCH_ISA {

constexpr int vectors = virtual_lanes / Vec::lanes;  // that hold the 16 lanes

inline Vec read(const float* p, int left) noexcept { return left == Vec::lanes ? Vec::load(p) : Vec::load(p, left); }

inline void write(Vec x, float* p, int left) noexcept { left == Vec::lanes ? x.store(p) : x.store(p, left); }

// y[i] = f(i, left): numbers from i on as a vector, `left` of them wanted.
template <typename F>
inline void write_row(float* y, Index n, const F& f) noexcept {
  Index i = 0;
  for (; i + Vec::lanes <= n; i += Vec::lanes) f(i, Vec::lanes).store(y + i);
  if (i < n) f(i, static_cast<int>(n - i)).store(y + i, static_cast<int>(n - i));
}

// How two partial results become one; `start` leaves the other as it is.
struct Sum {
  static constexpr float start = 0.0f;
  static Vec join(Vec a, Vec b) noexcept { return a + b; }
  static double join(double a, double b) noexcept { return a + b; }
  static float join(float a, float b) noexcept { return a + b; }
};

struct Multiple {
  static constexpr float start = 1.0f;
  static Vec join(Vec a, Vec b) noexcept { return a * b; }
  static double join(double a, double b) noexcept { return a * b; }
  static float join(float a, float b) noexcept { return a * b; }
};

struct Greatest {
  static constexpr float start = -__builtin_inff();
  static Vec join(Vec a, Vec b) noexcept { return max_nan(a, b); }
  static double join(double a, double b) noexcept { return a != a || b < a ? a : b; }
  static float join(float a, float b) noexcept { return a != a || b < a ? a : b; }
};

struct Least {
  static constexpr float start = __builtin_inff();
  static Vec join(Vec a, Vec b) noexcept { return min_nan(a, b); }
  static double join(double a, double b) noexcept { return a != a || a < b ? a : b; }
  static float join(float a, float b) noexcept { return a != a || a < b ? a : b; }
};

template <typename How>
double join_lanes(const float* lane) noexcept {
  double part[virtual_lanes];
  for (int i = 0; i < virtual_lanes; ++i) part[i] = lane[i];
  for (int width = virtual_lanes / 2; width > 0; width /= 2)
    for (int i = 0; i < width; ++i) part[i] = How::join(part[i], part[i + width]);
  return part[0];
}

// The 16 lanes of one output, fed 16 terms at a time.
template <typename How>
class Lanes {
 public:
  Lanes() noexcept {
    for (auto& v : lane_) v = Vec::set(How::start);
  }

  // term(j, left) gives terms j * Vec::lanes and on of the 16, of which `left` are there.
  template <typename Term>
  void add16(const Term& term) noexcept {
#pragma GCC unroll 16
    for (int j = 0; j < vectors; ++j) lane_[j] = How::join(lane_[j], term(j * Vec::lanes, Vec::lanes));
  }

  template <typename Term>
  double finish(const Term& term, int left) noexcept {
    float lane[virtual_lanes];
    for (int j = 0; j < vectors; ++j) lane_[j].store(lane + j * Vec::lanes);
    if (left > 0) {
      float last[virtual_lanes];
      for (int j = 0; j < vectors && j * Vec::lanes < left; ++j) term(j * Vec::lanes, least_of(left - j * Vec::lanes)).store(last + j * Vec::lanes);
      for (int i = 0; i < left; ++i) lane[i] = How::join(lane[i], last[i]);
    }
    return join_lanes<How>(lane);
  }

 private:
  static int least_of(int left) noexcept { return left < Vec::lanes ? left : Vec::lanes; }
  Vec lane_[vectors];
};

// f(i, left) gives the terms from i on as a vector, `left` of them there: n terms of one block folded.
template <typename How, typename F>
inline double fold_block(Index n, const F& f) noexcept {
  Lanes<How> lanes;
  Index i = 0;
  for (; i + virtual_lanes <= n; i += virtual_lanes) lanes.add16([&](int j, int left) { return f(i + j, left); });
  return lanes.finish([&](int j, int left) { return f(i + j, left); }, static_cast<int>(n - i));
}

// A whole run on one thread.
template <typename How, typename F>
inline double fold_run(Index n, const F& f) noexcept {
  double total = How::start;
  for (Index from = 0; from < n; from += block_length) {
    const Index now = n - from < block_length ? n - from : block_length;
    total = How::join(total, fold_block<How>(now, [&](Index i, int left) { return f(from + i, left); }));
  }
  return total;
}

}  // namespace medtorch::MEDTORCH_ISA
