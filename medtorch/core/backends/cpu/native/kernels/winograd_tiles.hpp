// Winograd's tiles: where each lies in an image, and their transform. Tiles begin at the image's first result, so nothing depends on the
// batch. Dilated by d, an image is as many images without dilation as there are phases, places at one distance of d.
#pragma once

#include "winograd.hpp"

namespace medtorch::MEDTORCH_ISA {

constexpr Index plane_gap = 16;  // floats between planes: planes of a power of two would share their places in the cache

// Tiles of M results along one dim, phase after phase where results that belong together lie `step` apart.
template <int M>
struct Line {
  Index count, step, longer;  // results; so many phases have one result more than the others
  Index of_long, of_short;    // tiles of such a phase

  Line(Index count_, Index step_) noexcept
      : count(count_), step(step_), longer(count % step), of_long(divide_up(count / step + 1, M)), of_short(divide_up(count / step, M)) {}

  Index tiles() const noexcept { return longer * of_long + (step - longer) * of_short; }
  Index first(Index tile) const noexcept {
    if (tile < longer * of_long) return tile / of_long + tile % of_long * M * step;
    const Index rest = tile - longer * of_long;
    return longer + rest / of_short + rest % of_short * M * step;
  }
  // The first result of the next tile; 0 after the last one.
  Index next(Index first) const noexcept {
    first += M * step;
    if (first < count) return first;
    const Index phase = first % step + 1;
    return phase < least(step, count) ? phase : 0;
  }
};

// The tiles of one image: of all its slices, or, where they are counted elsewhere, of one.
template <int M>
struct Tiles {
  static constexpr int N = M + 2, planes = N * N;

  Line<M> down, across;
  Index slices, of_image;

  Tiles(const ConvShape& s, Index slices_) noexcept
      : down(s.count[1], s.dilation[1]), across(s.count[2], s.dilation[2]), slices(slices_), of_image(slices * down.tiles() * across.tiles()) {}
};

// Tiles one after the other, and where the first result of each lies.
template <int M>
struct Place {
  const Tiles<M>& tiles;
  Index image, z, y, x;

  Place(const Tiles<M>& t, Index tile) noexcept : tiles(t), image(tile / t.of_image) {
    const Index in_image = tile % t.of_image, across = t.across.tiles(), line = in_image / across, down = t.down.tiles();
    z = line / down;
    y = t.down.first(line % down);
    x = t.across.first(in_image % across);
  }
  void next() noexcept {
    if ((x = tiles.across.next(x)) != 0) return;
    if ((y = tiles.down.next(y)) != 0) return;
    if (++z < tiles.slices) return;
    z = 0;
    ++image;
  }
};

// Where a transformed tile goes: its first channels, and how many floats further the next 64 channels and the next plane are.
struct TileRow {
  float* first;
  Index part, plane;
};

// A tile whose places lie at at(line, column).
template <int M, typename At>
void transform_tile(Index inputs, const At& at, const TileRow& row) noexcept {
  constexpr int N = Tiles<M>::N, lanes = Vec::lanes;
  for (Index c = 0; c < inputs; c += lanes) {
    const int left = static_cast<int>(least<Index>(lanes, inputs - c));
    Vec half[N][N];
#pragma GCC unroll 6
    for (int i = 0; i < N; ++i) {
      Vec d[N];
      if (left == lanes) {
#pragma GCC unroll 6
        for (int j = 0; j < N; ++j) d[j] = Vec::load(at(i, j) + c);
      } else {
#pragma GCC unroll 6
        for (int j = 0; j < N; ++j) d[j] = Vec::load(at(i, j) + c, left);
      }
      Winograd<M>::input(d, half[i]);
    }
    float* to = row.first + c / block_terms * row.part + c % block_terms;
#pragma GCC unroll 6
    for (int j = 0; j < N; ++j) {
      Vec d[N], out[N];
#pragma GCC unroll 6
      for (int i = 0; i < N; ++i) d[i] = half[i][j];
      Winograd<M>::input(d, out);
#pragma GCC unroll 6
      for (int i = 0; i < N; ++i) out[i].store(to + (i * N + j) * row.plane);
    }
  }
}

// The tile at `place` in slice `z` of the image. `zeros` is what padding reads.
template <int M>
void read_tile(const ConvShape& s, const float* x, const float* zeros, const Place<M>& place, Index z, const TileRow& row) noexcept {
  constexpr int N = Tiles<M>::N;
  const Index top = place.y - s.before[1], left_edge = place.x - s.before[2], down = s.dilation[1], across = s.dilation[2];
  const Index next_line = down * s.x_stride[1], next = across * s.x_stride[2];
  const float* corner = x + place.image * s.x_image + z * s.x_stride[0] + top * s.x_stride[1] + left_edge * s.x_stride[2];
  const bool slice = z >= 0 && z < s.size[0];
  if (slice && top >= 0 && top + (N - 1) * down < s.size[1] && left_edge >= 0 && left_edge + (N - 1) * across < s.size[2])
    return transform_tile<M>(s.inputs, [&](int i, int j) { return corner + i * next_line + j * next; }, row);
  const float* from[N][N];
  for (int i = 0; i < N; ++i)
    for (int j = 0; j < N; ++j) {
      const Index y = top + i * down, column = left_edge + j * across;
      const bool inside = slice && y >= 0 && y < s.size[1] && column >= 0 && column < s.size[2];
      from[i][j] = inside ? corner + i * next_line + j * next : zeros;
    }
  transform_tile<M>(s.inputs, [&](int i, int j) { return from[i][j]; }, row);
}

}  // namespace medtorch::MEDTORCH_ISA
