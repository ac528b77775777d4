// Convolution with one input and one output channel a group: vectors run over channels, nothing is shared between them.
//
// Every output is a chain of fused multiply-adds over up to 64 taps from 0, added to the bias; more taps, more such blocks.
#include "../parallel.hpp"
#include "windows.hpp"

namespace medtorch::MEDTORCH_ISA {
namespace {

constexpr int rows = 8;
static_assert(rows <= most_rows);

Index packed_size(const ConvShape& s) noexcept { return (s.taps() + 1) * s.groups; }

void pack(const ConvShape& s, const ConvWeight& weight, float* packed) noexcept {
  float* to = packed;
  for (Index a = 0; a < s.kernel[0]; ++a)
    for (Index b = 0; b < s.kernel[1]; ++b)
      for (Index c = 0; c < s.kernel[2]; ++c, to += s.groups) {
        const float* from = weight.first + a * weight.tap[0] + b * weight.tap[1] + c * weight.tap[2];
        for (Index g = 0; g < s.groups; ++g) to[g] = from[g * weight.group];
      }
  for (Index g = 0; g < s.groups; ++g) to[g] = 0.0f;  // what padding reads
}

struct Taps {
  const float* at[block_terms][rows];
};

// Taps [first, last) of `R` pixels, all channels.
template <int R>
void run_block(const ConvShape& s, const Windows& windows, const Taps& p, Index first, Index last, const float* w, const Epilogue& e, const float* residual,
               float* y) noexcept {
  const bool ends = last == s.taps();
  for (Index c = 0; c < s.groups; c += Vec::lanes) {
    const int left = static_cast<int>(least<Index>(Vec::lanes, s.groups - c));
    Vec sum[R];
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i) sum[i] = Vec::zero();
    if (left == Vec::lanes) {
      for (Index t = first; t < last; ++t) {
        const Vec b = Vec::load(w + t * s.groups + c);
#pragma GCC unroll 8
        for (int i = 0; i < R; ++i) sum[i] = fma(Vec::load(p.at[t - first][i] + c), b, sum[i]);
      }
    } else {
      for (Index t = first; t < last; ++t) {
        const Vec b = Vec::load(w + t * s.groups + c, left);
#pragma GCC unroll 8
        for (int i = 0; i < R; ++i) sum[i] = fma(Vec::load(p.at[t - first][i] + c, left), b, sum[i]);
      }
    }
    const Vec bias = e.bias == nullptr ? Vec::zero() : Vec::load(e.bias + c, left);
    for (int i = 0; i < R; ++i) {
      float* to = y + windows.y[i] + c;
      Vec value = (first == 0 ? bias : Vec::load(to, left)) + sum[i];
      if (ends && residual != nullptr) value = value + Vec::load(residual + windows.y[i] + c, left);
      if (ends) value = activate(value, e.activation, e.alpha);
      value.store(to, left);
    }
  }
}

using Block = void (*)(const ConvShape&, const Windows&, const Taps&, Index, Index, const float*, const Epilogue&, const float*, float*) noexcept;
constexpr Block blocks[rows + 1] = {nullptr,         run_block<1>, run_block<2>, run_block<3>, run_block<4>,
                                    run_block<5>, run_block<6>, run_block<7>, run_block<8>};

void run_tile(const ConvShape& s, const Source& source, const Windows& windows, int height, const float* w, const Epilogue& e, const float* residual,
              float* y) noexcept {
  const Index taps = s.taps();
  Taps p;
  Index tap[3] = {0, 0, 0}, first = 0;
  do {
    const Index last = least(taps, first + block_terms);
    for (Index t = first; t < last; ++t) {
      locate(source, windows, height, tap, p.at[t - first]);
      if (++tap[2] == s.kernel[2]) {
        tap[2] = 0;
        if (++tap[1] == s.kernel[1]) {
          tap[1] = 0;
          ++tap[0];
        }
      }
    }
    blocks[height](s, windows, p, first, last, w, e, residual, y);
    first = last;
  } while (first < taps);
}

bool packs_itself(const ConvShape&, int) noexcept { return false; }
Index scratch_size(const ConvShape&, int, bool) noexcept { return 0; }

void run(const ConvShape& s, const float* x, const ConvWeights& weights, const Epilogue& e, float* y, const ConvScratch&) noexcept {
  const float* packed = weights.packed;
  const Index pixels = s.pixels(), tiles = divide_up(pixels, rows);
  const float* zeros = packed + s.taps() * s.groups;
  parallel(s.n * tiles, most<Index>(1, (1 << 16) / (s.taps() * s.groups * rows + 1)), [&](Index begin, Index end) {
    Windows windows;
    for (Index at = begin; at < end; ++at) {
      const Index n = at / tiles, t = at % tiles, pixel = pixels * t / tiles, height = pixels * (t + 1) / tiles - pixel;
      const Source source = source_of(s, x + n * s.x_image, zeros);
      find_windows(s, pixel, height, windows);
      run_tile(s, source, windows, static_cast<int>(height), packed, e, e.residual == nullptr ? nullptr : e.residual + n * s.y_image, y + n * s.y_image);
    }
  });
}

}  // namespace

ConvTable depthwise_table() noexcept { return {packed_size, pack, packs_itself, scratch_size, run}; }

}  // namespace medtorch::MEDTORCH_ISA
