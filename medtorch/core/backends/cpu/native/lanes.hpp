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
  static float join(float a, float b) noexcept { return a + b; }
};

struct Product {
  static constexpr float start = 1.0f;
  static Vec join(Vec a, Vec b) noexcept { return a * b; }
  static float join(float a, float b) noexcept { return a * b; }
};

struct Greatest {
  static constexpr float start = -__builtin_inff();
  static Vec join(Vec a, Vec b) noexcept { return max_nan(a, b); }
  static float join(float a, float b) noexcept { return a != a || b < a ? a : b; }
};

struct Least {
  static constexpr float start = __builtin_inff();
  static Vec join(Vec a, Vec b) noexcept { return min_nan(a, b); }
  static float join(float a, float b) noexcept { return a != a || a < b ? a : b; }
};

template <typename How>
float join_lanes(float* lane) noexcept {
  for (int width = virtual_lanes / 2; width > 0; width /= 2)
    for (int i = 0; i < width; ++i) lane[i] = How::join(lane[i], lane[i + width]);
  return lane[0];
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
  float finish(const Term& term, int left) noexcept {
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
inline float fold_block(Index n, const F& f) noexcept {
  Lanes<How> lanes;
  Index i = 0;
  for (; i + virtual_lanes <= n; i += virtual_lanes) lanes.add16([&](int j, int left) { return f(i + j, left); });
  return lanes.finish([&](int j, int left) { return f(i + j, left); }, static_cast<int>(n - i));
}

// Results of blocks, added in pairs of neighbours as they come: level l holds the result of 2^l blocks.
template <typename How>
class Pairs {
 public:
  void add(float block) noexcept {
    int level = 0;
    for (Index n = count_; n & 1; n >>= 1) block = How::join(level_[level++], block);
    level_[level] = block;
    ++count_;
  }

  float total() const noexcept {
    if (count_ == 0) return How::start;
    int level = 0;
    while (!((count_ >> level) & 1)) ++level;
    float out = level_[level];
    while ((count_ >> ++level) != 0)
      if ((count_ >> level) & 1) out = How::join(level_[level], out);
    return out;
  }

 private:
  Index count_ = 0;
  float level_[48];
};

// A whole run on one thread.
template <typename How, typename F>
inline float fold_run(Index n, const F& f) noexcept {
  if (n <= block_length) return fold_block<How>(n, f);
  Pairs<How> pairs;
  for (Index from = 0; from < n; from += block_length) {
    const Index now = n - from < block_length ? n - from : block_length;
    pairs.add(fold_block<How>(now, [&](Index i, int left) { return f(from + i, left); }));
  }
  return pairs.total();
}

}  // namespace medtorch::MEDTORCH_ISA
