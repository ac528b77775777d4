// Convolutions of images with their border written out: windows side by side lie at one distance, so products read the image where it
// is. Of few channels a row of the kernel is one stretch of memory, else a place.
#pragma once

#include "../parallel.hpp"
#include "product.hpp"

namespace medtorch::MEDTORCH_ISA {

constexpr Index most_stretches = 64;

// One block: `count` stretches of `length` floats at x + at[i], of R windows W floats apart.
template <int R, int C, int W>
void stretch(const float* x, const Index* at, Index count, Index length, const float* w, const Step& step, const Ending& end) noexcept {
  Vec sum[R][C];
  clear(sum);
  for (Index i = 0; i < count; ++i, w += length * C * Vec::lanes) extend<R, C, W>(x + at[i], length, w, sum);
  finish(sum, step, end);
}

using Stretch = void (*)(const float*, const Index*, Index, Index, const float*, const Step&, const Ending&) noexcept;

template <int C, int W>
struct Stretches {
  Stretch of[product_rows + 1] = {};
  constexpr Stretches() noexcept { fill<product_rows>(); }

 private:
  template <int R>
  constexpr void fill() noexcept {
    of[R] = &stretch<R, C, W>;
    if constexpr (R > 1) fill<R - 1>();
  }
};

template <int W>
struct StretchesOf {
  static constexpr Stretches<1, W> narrow{};
  static constexpr Stretches<2, W> wide{};
};

// By the distance of windows: stride times channels. Null where there is no kernel for it.
inline const Stretch* stretches_of(Index distance, bool wide) noexcept {
  switch (distance) {
    case 1: return wide ? StretchesOf<1>::wide.of : StretchesOf<1>::narrow.of;
    case 2: return wide ? StretchesOf<2>::wide.of : StretchesOf<2>::narrow.of;
    case 3: return wide ? StretchesOf<3>::wide.of : StretchesOf<3>::narrow.of;
    case 4: return wide ? StretchesOf<4>::wide.of : StretchesOf<4>::narrow.of;
    case 6: return wide ? StretchesOf<6>::wide.of : StretchesOf<6>::narrow.of;
    case 8: return wide ? StretchesOf<8>::wide.of : StretchesOf<8>::narrow.of;
    case 16: return wide ? StretchesOf<16>::wide.of : StretchesOf<16>::narrow.of;
    case 32: return wide ? StretchesOf<32>::wide.of : StretchesOf<32>::narrow.of;
    case 64: return wide ? StretchesOf<64>::wide.of : StretchesOf<64>::narrow.of;
    default: return nullptr;
  }
}

inline bool reads_stretches(const ConvShape& s) noexcept {
  return s.stretches && s.taps() <= most_stretches && stretches_of(s.stride[2] * s.x_stride[2], true) != nullptr;
}

// The rows of the kernel as taps() stretches of `inputs` floats; `block` floats of them are a block.
inline void run_stretches(const ConvShape& s, const float* x, const float* packed, const Epilogue& e, float* y, Index block) noexcept {
  const Index distance = s.stride[2] * s.x_stride[2], panels = panels_of(s.outputs), taps = s.taps(), together = most<Index>(1, block / s.inputs);
  const Index lines = s.count[0] * s.count[1], parts = divide_up(s.count[2], product_rows);
  Index stretch_at[most_stretches], y_at[product_rows];
  for (Index t = 0; t < taps; ++t)
    stretch_at[t] = t / s.kernel[2] / s.kernel[1] * s.dilation[0] * s.x_stride[0] + t / s.kernel[2] % s.kernel[1] * s.dilation[1] * s.x_stride[1] +
                    t % s.kernel[2] * s.dilation[2] * s.x_stride[2];
  for (Index i = 0; i < product_rows; ++i) y_at[i] = i * s.y_stride[2];
  parallel(s.n * lines, most<Index>(1, (1 << 17) / (s.count[2] * s.terms() * s.outputs + 1)), [&](Index begin, Index end) {
    alignas(64) float totals[product_rows * panel];
    for (Index at = begin; at < end; ++at) {
      const Index n = at / lines, z = at % lines / s.count[1], line = at % s.count[1];
      const float* from = x + n * s.x_image + (z * s.stride[0] - s.before[0]) * s.x_stride[0] + (line * s.stride[1] - s.before[1]) * s.x_stride[1] -
                          s.before[2] * s.x_stride[2];
      for (Index number = 0; number < panels; ++number) {
        const Panel p(s.outputs, number);
        const Stretch* of = stretches_of(distance, p.width == panel);
        const Index first = number * panel, row = n * s.y_image + z * s.y_stride[0] + line * s.y_stride[1] + first;
        for (Index part = 0; part < parts; ++part) {  // of nearly equal height
          const Index begins = s.count[2] * part / parts, height = s.count[2] * (part + 1) / parts - begins, place = row + begins * s.y_stride[2];
          const Ending end_of{y + place, e.bias == nullptr ? nullptr : e.bias + first, nullptr, e.residual == nullptr ? nullptr : e.residual + place,
                              e.activation, e.alpha, static_cast<int>(p.channels)};
          const float* w = packed + first * s.terms();
          for (Index t = 0; t < taps; t += together, w += together * s.inputs * p.width)
            of[height](from + begins * distance, stretch_at + t, least(together, taps - t), s.inputs, w, {totals, y_at, t == 0, t + together >= taps},
                       end_of);
        }
      }
    }
  });
}

}  // namespace medtorch::MEDTORCH_ISA
