// Copies that change the order of memory.
#include "../parallel.hpp"
#include "../transpose.hpp"
#include "kernels.hpp"

namespace medtorch::MEDTORCH_ISA {
namespace {

void clear(float* to, Index count) noexcept {
  for (Index i = 0; i < count; ++i) to[i] = 0.0f;
}

// As below, for `K` channels whose places lie side by side: a number of steps that the compiler knows, so that it shuffles vectors.
template <int K>
void interleave(const float* from, Index channel, Index count, float* __restrict to) noexcept {
  const float* __restrict of[K];
  for (int k = 0; k < K; ++k) of[k] = from + k * channel;
  for (Index x = 0; x < count; ++x)
    for (int k = 0; k < K; ++k) to[x * K + k] = of[k][x];
}

// One row of `count` places: (channel, place) -> (place, channel).
void copy_row(const ImageCopy& c, const float* from, Index step, Index count, float* to) noexcept {
  constexpr Index lanes = Vec::lanes;
  if (step == c.channels && c.from_channel == 1) {  // in order already
    const Index all = count * c.channels;
    for (Index i = 0; i < all; ++i) to[i] = from[i];
    return;
  }
  if (step == 1 && c.channels == 2) return interleave<2>(from, c.from_channel, count, to);
  if (step == 1 && c.channels == 3) return interleave<3>(from, c.from_channel, count, to);
  if (step != 1 || c.channels < 4) {
    for (Index x = 0; x < count; ++x)
      for (Index k = 0; k < c.channels; ++k) to[x * c.channels + k] = from[x * step + k * c.from_channel];
    return;
  }
  for (Index x = 0; x < count; x += lanes)
    for (Index k = 0; k < c.channels; k += lanes)
      transpose_block<false>(from + x + k * c.from_channel, c.from_channel, static_cast<int>(least(lanes, c.channels - k)),
                             static_cast<int>(least(lanes, count - x)), to + x * c.channels + k, c.channels);
}

void copy_dense(const ImageCopy& c) noexcept {
  const Index places = c.size[0] * c.size[1] * c.size[2], part = 256, parts = divide_up(places, part);
  parallel(c.n * parts, most<Index>(1, 16384 / (least(part, places) * c.channels + 1)), [&](Index begin, Index end) {
    for (Index at = begin; at < end; ++at) {
      const Index n = at / parts, first = at % parts * part;
      copy_row(c, c.from + n * c.from_image + first, 1, least(part, places - first), c.to + (n * places + first) * c.channels);
    }
  });
}

void to_channels_last(const ImageCopy& c) noexcept {
  bool dense = c.from_stride[2] == 1;
  for (int d = 0; d < 3; ++d) dense = dense && c.padded[d] == c.size[d];
  dense = dense && (c.size[1] == 1 || c.from_stride[1] == c.size[2]);
  dense = dense && (c.size[0] == 1 || c.from_stride[0] == c.size[1] * c.size[2]);
  if (dense) return copy_dense(c);
  const Index rows = c.padded[0] * c.padded[1], length = c.padded[2] * c.channels;
  parallel(c.n * rows, most<Index>(1, 16384 / (length + 1)), [&](Index begin, Index end) {
    for (Index at = begin; at < end; ++at) {
      const Index n = at / rows, z = at % rows / c.padded[1] - c.before[0], y = at % c.padded[1] - c.before[1];
      float* to = c.to + at * length;
      if (z < 0 || z >= c.size[0] || y < 0 || y >= c.size[1]) {
        clear(to, length);
        continue;
      }
      const float* from = c.from + n * c.from_image + z * c.from_stride[0] + y * c.from_stride[1];
      const Index left = c.before[2] * c.channels, inside = c.size[2] * c.channels;
      clear(to, left);
      copy_row(c, from, c.from_stride[2], c.size[2], to + left);
      clear(to + left + inside, length - left - inside);
    }
  });
}

void transpose_all(const float* from, Index from_row, Index rows, Index columns, float* to, Index to_row) noexcept {
  constexpr Index lanes = Vec::lanes;
  for (Index i = 0; i < rows; i += lanes)
    for (Index j = 0; j < columns; j += lanes)
      transpose_block<false>(from + i * from_row + j, from_row, static_cast<int>(least(lanes, rows - i)), static_cast<int>(least(lanes, columns - j)),
                             to + j * to_row + i, to_row);
}

}  // namespace

LayoutTable layout_table() noexcept { return {to_channels_last, transpose_all}; }

}  // namespace medtorch::MEDTORCH_ISA
