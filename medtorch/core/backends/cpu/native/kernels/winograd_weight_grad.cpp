// The gradient of the weights of a 3x3 convolution with stride 1 by Winograd's algorithm: the adjoint of F(2x2, 3x3).
//
// dw = G^T (sum over tiles of (B^T x B) * (A dy A^T)) G: 16 products of matrices, each of which sums over the tiles of all images, where the
// direct algorithm needs 36. Both sides of a chunk of tiles are transformed, then multiplied plane by plane; at last all sums are
// transformed back. Dilation and slices of volumes are as in winograd.cpp.
//
// The order of sums: chunks follow from the shape alone; tiles of a chunk in order, slice by slice, in blocks as in cross.hpp; chunks are
// added in order. Threads share out tiles to transform and planes, channels and panels to multiply, never terms.
//
// A result that is not finite is reported (`unsure`): the caller computes the gradient anew by the direct algorithm.
#include "../parallel.hpp"
#include "../transpose.hpp"
#include "cross.hpp"
#include "winograd_tiles.hpp"

namespace medtorch::MEDTORCH_ISA {
namespace {

constexpr int N = Tiles<2>::N, planes = Tiles<2>::planes;
constexpr Index chunk_floats = Index{1} << 20;

struct Plan {
  const ConvShape& s;
  Cross cross;
  Tiles<2> tiles;           // of one slice where the kernel has several slices, else of all
  Index slices;             // that chunks are cut from
  Index run, strip;         // tiles and slices of a chunk
  Index zeros;

  explicit Plan(const ConvShape& shape) noexcept
      : s(shape), cross(s.inputs, s.outputs), tiles(s, s.kernel[0] > 1 ? 1 : s.count[0]), slices(s.kernel[0] > 1 ? s.count[0] : 1),
        zeros(round_up(most(s.inputs, s.outputs), 16)) {
    const Index room = round_up(most<Index>(1, chunk_floats / (planes * cross.row_floats())), block_terms), all = s.n * tiles.of_image;
    strip = most<Index>(1, least(slices, room / block_terms));
    strip = divide_up(slices, divide_up(slices, strip));
    const Index most_tiles = room / strip;
    run = divide_up(all, divide_up(all, most_tiles));
    if (slices == 1) run = least(all, round_up(run, block_terms));
  }

  Index runs() const noexcept { return divide_up(s.n * tiles.of_image, run); }
  Index strips() const noexcept { return divide_up(slices, strip); }
  Index v_rows() const noexcept { return (strip + (s.kernel[0] - 1) * s.dilation[0]) * run; }
  Index d_rows() const noexcept { return strip * run; }
  Index v_plane() const noexcept { return cross.a_floats(v_rows()) + plane_gap; }
  Index d_plane() const noexcept { return cross.b_floats(d_rows()) + plane_gap; }
  Index m_plane() const noexcept { return cross.m_floats() + plane_gap; }
  Index floats() const noexcept { return zeros + planes * (v_plane() + d_plane() + s.kernel[0] * m_plane()); }
};

// Tiles [first, first + count) in results of the slices [z, z + slices).
struct Chunk {
  Index first, count, z, slices;

  Chunk(const Plan& p, Index number) noexcept
      : first(number / p.strips() * p.run), count(least(p.run, p.s.n * p.tiles.of_image - first)), z(number % p.strips() * p.strip),
        slices(least(p.strip, p.slices - z)) {}

  // Slices of the image that it sees.
  Index seen(const ConvShape& s) const noexcept { return slices + (s.kernel[0] - 1) * s.dilation[0]; }
};

// A d: the gradients of two results to those of four sums. The last one's sign is turned, as it is in output() below.
inline void spread_pair(const Vec& a, const Vec& b, Vec (&to)[N]) noexcept {
  to[0] = a;
  to[1] = a + b;
  to[2] = a - b;
  to[3] = b;
}

// The tile of dy at `place` in slice `z`, into row `row` of D.
void read_gradient(const Plan& p, const float* dy, const float* zeros, const Place<2>& place, Index z, Index row, float* d) noexcept {
  constexpr int lanes = Vec::lanes;
  const ConvShape& s = p.s;
  const float* corner = dy + place.image * s.y_image + z * s.y_stride[0] + place.y * s.y_stride[1] + place.x * s.y_stride[2];
  const Index down = s.dilation[1] * s.y_stride[1], across = s.dilation[2] * s.y_stride[2], plane = p.d_plane();
  const bool below = place.y + s.dilation[1] < s.count[1], beside = place.x + s.dilation[2] < s.count[2];
  const float* from[2][2] = {{corner, beside ? corner + across : zeros}, {below ? corner + down : zeros, below && beside ? corner + down + across : zeros}};
  for (Index c = 0; c < s.outputs; c += lanes) {
    const Index number = c / panel;
    const int left = static_cast<int>(least<Index>(lanes, s.outputs - c));
    Vec half[2][N];
    for (int i = 0; i < 2; ++i) spread_pair(Vec::load(from[i][0] + c, left), Vec::load(from[i][1] + c, left), half[i]);
    float* to = d + number * p.d_rows() * panel + row * Panel(s.outputs, number).width + c % panel;
#pragma GCC unroll 4
    for (int j = 0; j < N; ++j) {
      Vec out[N];
      spread_pair(half[0][j], half[1][j], out);
#pragma GCC unroll 4
      for (int i = 0; i < N; ++i) out[i].store(to + (i * N + j) * plane);
    }
  }
}

void read_chunk(const Plan& p, const Chunk& chunk, const ConvWeightGrad& g, const float* zeros, float* v, float* d) noexcept {
  const ConvShape& s = p.s;
  parallel(chunk.seen(s) * chunk.count, most<Index>(1, 4096 / (s.inputs + s.outputs)), [&](Index begin, Index end) {
    for (Index row = begin; row < end;) {
      const Index slice = row / chunk.count, until = least(end, (slice + 1) * chunk.count);
      for (Place<2> at(p.tiles, chunk.first + row % chunk.count); row < until; ++row, at.next()) {
        const Index z = at.z + chunk.z + slice;
        read_tile(s, g.x, zeros, at, z - s.before[0], {v + row * p.cross.width, p.v_rows() * p.cross.width, p.v_plane()});
        if (slice < chunk.slices) read_gradient(p, g.dy, zeros, at, z, row, d);
      }
    }
  });
}

void multiply_chunk(const Plan& p, const Chunk& chunk, const float* v, const float* d, float* m, bool first) noexcept {
  const Index taps = p.s.kernel[0], step = p.s.dilation[0] * chunk.count * p.cross.width, each = p.cross.parts * p.cross.panels;
  parallel(planes * taps * each, 1, [&](Index begin, Index end) {
    for (Index at = begin; at < end; ++at) {
      const Index plane = at / each / taps, tap = at / each % taps, part = at % each / p.cross.panels, number = at % p.cross.panels;
      cross_panel(p.cross, part, number, v + plane * p.v_plane() + tap * step, p.v_rows(), d + plane * p.d_plane(), p.d_rows(),
                  chunk.slices * chunk.count, m + (tap * planes + plane) * p.m_plane(), first);
    }
  });
}

// G^T m.
inline void output(const Vec (&m)[N], Vec (&y)[3]) noexcept {
  const Vec half = Vec::set(0.5f), even = (m[1] + m[2]) * half;
  y[0] = m[0] + even;
  y[1] = (m[1] - m[2]) * half;
  y[2] = even - m[3];
}

// The nine sums of an input channel, for a vector of outputs, one after the other.
Vec transform_back(const float* m, Index plane, float* to) noexcept {
  Vec half[3][N], doubt = Vec::zero();
#pragma GCC unroll 4
  for (int j = 0; j < N; ++j) {
    Vec column[N], out[3];
#pragma GCC unroll 4
    for (int i = 0; i < N; ++i) column[i] = Vec::load(m + (i * N + j) * plane);
    output(column, out);
#pragma GCC unroll 3
    for (int i = 0; i < 3; ++i) half[i][j] = out[i];
  }
#pragma GCC unroll 3
  for (int i = 0; i < 3; ++i) {
    Vec out[3];
    output(half[i], out);
#pragma GCC unroll 3
    for (int j = 0; j < 3; ++j) {
      out[j].store(to + (i * 3 + j) * Vec::lanes);
      doubt = doubt + (out[j] - out[j]);  // 0 where finite, else NaN
    }
  }
  return doubt;
}

// All sums to (output, input, tap).
void write(const Plan& p, const float* m, float* dw, unsigned char* unsure) noexcept {
  constexpr Index lanes = Vec::lanes, together = 16;
  const ConvShape& s = p.s;
  const Index slices = s.kernel[0], taps = 9 * slices, runs = divide_up(s.inputs, together), vectors = divide_up(s.outputs, lanes);
  parallel(vectors * runs, 1, [&](Index begin, Index end) {
    float nine[9 * together * lanes];
    Vec doubt = Vec::zero();
    for (Index at = begin; at < end; ++at) {
      const Index o = at / runs * lanes, first = at % runs * together, number = o / panel, count = least(together, s.inputs - first);
      const Panel width(s.outputs, number);
      const int outputs = static_cast<int>(least(lanes, s.outputs - o));
      float* to = dw + (o * s.inputs + first) * taps;
      for (Index tap = 0; tap < slices; ++tap, to += 9) {
        const float* from = m + tap * planes * p.m_plane() + number * s.inputs * panel + first * width.width + o % panel;
        for (Index c = 0; c < count; ++c) doubt = doubt + transform_back(from + c * width.width, p.m_plane(), nine + c * 9 * lanes);
        // Inputs lie side by side where the kernel has one slice.
        const Index rows = slices == 1 ? 9 * count : 9, pieces = slices == 1 ? 1 : count;
        for (Index piece = 0; piece < pieces; ++piece)
          for (Index row = 0; row < rows; row += lanes)
            transpose_block<false>(nine + (piece * 9 + row) * lanes, lanes, static_cast<int>(least(lanes, rows - row)), outputs, to + piece * taps + row,
                                   s.inputs * taps);
      }
    }
    if (!all_zero(doubt)) __atomic_store_n(unsure, static_cast<unsigned char>(1), __ATOMIC_RELAXED);
  });
}

Index scratch_size(const ConvWeightGrad& g) noexcept { return Plan(g.shape).floats(); }

void run(const ConvWeightGrad& g, float* scratch, unsigned char* unsure) noexcept {
  const Plan p(g.shape);
  float* zeros = scratch;
  float* v = zeros + p.zeros;
  float* d = v + planes * p.v_plane();
  float* m = d + planes * p.d_plane();
  for (Index i = 0; i < p.zeros; ++i) zeros[i] = 0.0f;
  for (Index number = 0; number < p.runs() * p.strips(); ++number) {
    const Chunk chunk(p, number);
    read_chunk(p, chunk, g, zeros, v, d);
    multiply_chunk(p, chunk, v, d, m, number == 0);
  }
  write(p, m, g.dw, unsure);
}

}  // namespace

ConvWeightGradTable winograd_weight_grad_table() noexcept { return {scratch_size, run}; }

}  // namespace medtorch::MEDTORCH_ISA
