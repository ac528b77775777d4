// The micro-kernel of everything dense: a few pixels by a few vectors of output channels, held in registers, while the terms
// of their sums go by. The left side is read where it lies, one number at a time; the right side was packed.
//
// Every output is a fixed two-level chain. Its terms, in the order (tap, channel), are cut into blocks; a block is a chain of
// fused multiply-adds from 0; the blocks are added to the bias in order. A block is one row of the kernel where that has at most
// 64 terms, else up to 64 channels of one tap. How pixels and channels are tiled, and who computes which, decides no bit.
#pragma once

#include "../activations.hpp"
#include "../simd.hpp"
#include "kernels.hpp"

namespace medtorch::MEDTORCH_ISA {

constexpr Index block_terms = 64;

#if defined(MEDTORCH_AVX512)
constexpr int wide_rows = 8, narrow_rows = 14;  // pixels of a tile with two vectors of channels, and with one
#elif defined(MEDTORCH_AVX2)
constexpr int wide_rows = 6, narrow_rows = 10;
#elif defined(MEDTORCH_NEON)
constexpr int wide_rows = 8, narrow_rows = 8;
#else
constexpr int wide_rows = 4, narrow_rows = 4;
#endif
constexpr int most_rows = 16;  // of any tile, of any set
static_assert(wide_rows <= most_rows && narrow_rows <= most_rows);
constexpr Index panel = 2 * Vec::lanes;  // output channels that are computed together

// What all tiles of one image share.
struct Source {
  const float* image;
  const float* zeros;  // as many as there are inputs: what padding reads
  Index inputs;
  Index kernel[3], dilation[3], size[3], distance[3];  // distance: floats from one place of the input to the next
  Index taps_in_block;
};

// Where the windows of a tile's pixels begin; outside of the image where they reach into padding.
struct Windows {
  Index at[most_rows][3];
  Index y[most_rows];  // where the result goes, in floats
  bool inside;         // no window reaches into padding
};

// Pointers to what each of `height` windows reads at a tap.
inline void locate(const Source& s, const Windows& w, int height, const Index (&tap)[3], const float** p) noexcept {
  for (int i = 0; i < height; ++i) {
    bool inside = true;
    Index offset = 0;
    for (int d = 0; d < 3; ++d) {
      const Index at = w.at[i][d] + tap[d] * s.dilation[d];
      inside = inside && at >= 0 && at < s.size[d];
      offset += at * s.distance[d];
    }
    p[i] = inside ? s.image + offset : s.zeros;
  }
}

struct Result {
  float* y;
  const float* bias;      // of this panel, or null: what the sum starts from
  const float* end_bias;  // of this panel, or null: what is added to the finished sum
  const float* residual;  // laid out as y, or null
  Activation activation;
  float alpha;
  int channels;  // of this panel
};

template <int R, int C>
void tile(const Source& s, const Windows& windows, const float* w, const Result& out) noexcept {
  constexpr int lanes = Vec::lanes;
  Vec total[R][C];
  for (int j = 0; j < C; ++j) {
    const int left = out.channels - j * lanes;
    const Vec start = out.bias == nullptr ? Vec::zero() : left >= lanes ? Vec::load(out.bias + j * lanes) : Vec::load(out.bias + j * lanes, left);
    for (int i = 0; i < R; ++i) total[i][j] = start;
  }
  const Index taps = s.kernel[0] * s.kernel[1] * s.kernel[2];
  const float* origin[R];
  if (windows.inside)
    for (int i = 0; i < R; ++i)
      origin[i] = s.image + windows.at[i][0] * s.distance[0] + windows.at[i][1] * s.distance[1] + windows.at[i][2] * s.distance[2];
  Index tap[3] = {0, 0, 0};
  for (Index first = 0; first < taps; first += s.taps_in_block) {
    const Index last = least(taps, first + s.taps_in_block);
    for (Index from = 0; from < s.inputs; from += block_terms) {
      const Index until = least(s.inputs, from + block_terms);
      Vec sum[R][C];
#pragma GCC unroll 16
      for (int i = 0; i < R; ++i)
#pragma GCC unroll 4
        for (int j = 0; j < C; ++j) sum[i][j] = Vec::zero();
      for (Index t = first; t < last; ++t) {
        const float* p[R];
        if (windows.inside) {
          const Index delta = tap[0] * s.dilation[0] * s.distance[0] + tap[1] * s.dilation[1] * s.distance[1] + tap[2] * s.dilation[2] * s.distance[2];
          for (int i = 0; i < R; ++i) p[i] = origin[i] + delta;
        } else {
          locate(s, windows, R, tap, p);
        }
        for (Index c = from; c < until; ++c) {
          Vec b[C];
#pragma GCC unroll 4
          for (int j = 0; j < C; ++j) {
            b[j] = Vec::load(w + j * lanes);
            __builtin_prefetch(w + 2048 + j * lanes);
          }
          w += C * lanes;
#pragma GCC unroll 16
          for (int i = 0; i < R; ++i) {
            const Vec a = Vec::set(p[i][c]);
#pragma GCC unroll 4
            for (int j = 0; j < C; ++j) sum[i][j] = fma(a, b[j], sum[i][j]);
          }
        }
        if (until == s.inputs && ++tap[2] == s.kernel[2]) {
          tap[2] = 0;
          if (++tap[1] == s.kernel[1]) {
            tap[1] = 0;
            ++tap[0];
          }
        }
      }
#pragma GCC unroll 16
      for (int i = 0; i < R; ++i)
#pragma GCC unroll 4
        for (int j = 0; j < C; ++j) total[i][j] = total[i][j] + sum[i][j];
    }
  }
  for (int j = 0; j < C; ++j) {
    const int left = out.channels - j * lanes;
    if (left <= 0) break;
    for (int i = 0; i < R; ++i) {
      float* y = out.y + windows.y[i] + j * lanes;
      Vec value = total[i][j];
      if (out.end_bias != nullptr) value = value + Vec::load(out.end_bias + j * lanes, left);
      if (out.residual != nullptr) value = value + Vec::load(out.residual + windows.y[i] + j * lanes, left);
      value = activate(value, out.activation, out.alpha);
      if (left >= lanes) value.store(y);
      else value.store(y, left);
    }
  }
}

using Tile = void (*)(const Source&, const Windows&, const float*, const Result&) noexcept;

template <int C, int Most>
struct Tiles {
  Tile of[Most + 1] = {};
  constexpr Tiles() noexcept { fill<Most>(); }

 private:
  template <int R>
  constexpr void fill() noexcept {
    of[R] = &tile<R, C>;
    if constexpr (R > 1) fill<R - 1>();
  }
};

inline constexpr Tiles<1, narrow_rows> narrow_tiles{};
inline constexpr Tiles<2, wide_rows> wide_tiles{};

// A panel of output channels: how many vectors wide, and how many pixels its tiles have.
struct Panel {
  Index channels, width, rows;
  Panel(Index outputs, Index number) noexcept
      : channels(least(panel, outputs - number * panel)),
        width(channels > Vec::lanes ? panel : Index{Vec::lanes}),
        rows(width == panel ? wide_rows : narrow_rows) {}
  Tile tile(Index height) const noexcept { return width == panel ? wide_tiles.of[height] : narrow_tiles.of[height]; }
};

inline Index panels_of(Index outputs) noexcept { return divide_up(outputs, panel); }
// Weights of all panels of a group: full panels and a last one that may be half as wide.
inline Index packed_group(Index outputs, Index terms) noexcept { return round_up(outputs, Vec::lanes) * terms; }

}  // namespace medtorch::MEDTORCH_ISA
