// Convolution in groups of few channels: vectors run over the outputs of groups side by side, each lane with the inputs of its own group.
//
// The order of sums is that of tile.hpp. Images are read where they are; places outside of them are read from a line of zeros.
#include "../activations.hpp"
#include "../parallel.hpp"
#include "tile.hpp"

namespace medtorch::MEDTORCH_ISA {
namespace {

constexpr Index lanes = Vec::lanes;
constexpr int together = 8;              // results side by side: as many chains as keep two multipliers busy
constexpr Index weight_floats = 6144;    // of the channels that are done together: 24 KB
alignas(64) constexpr float zeros[64]{};  // as many inputs as a group has at most (convolution.cpp)

Index vectors_of(const ConvShape& s) noexcept { return divide_up(s.groups * s.outputs, lanes); }

// Vector after vector of outputs; of each, term after term.
Index packed_size(const ConvShape& s) noexcept { return vectors_of(s) * s.terms() * lanes; }

void pack(const ConvShape& s, const ConvWeight& weight, float* packed) noexcept {
  const Index channels = s.groups * s.outputs;
  parallel(vectors_of(s), most<Index>(1, 4096 / (s.terms() * lanes + 1)), [&](Index begin, Index end) {
    for (Index vector = begin; vector < end; ++vector)
      for (Index lane = 0; lane < lanes; ++lane) {
        const Index channel = vector * lanes + lane;
        const float* from = weight.first + channel / s.outputs * weight.group + channel % s.outputs * weight.output;
        float* to = packed + vector * s.terms() * lanes + lane;
        for (Index a = 0; a < s.kernel[0]; ++a)
          for (Index b = 0; b < s.kernel[1]; ++b)
            for (Index c = 0; c < s.kernel[2]; ++c)
              for (Index i = 0; i < s.inputs; ++i, to += lanes)
                *to = channel < channels ? from[a * weight.tap[0] + b * weight.tap[1] + c * weight.tap[2] + i * weight.input] : 0.0f;
      }
  });
}

bool packs_itself(const ConvShape&, int) noexcept { return false; }

Index scratch_size(const ConvShape&, int, bool) noexcept { return 0; }

// What all tiles of a convolution share.
struct Grouping {
  const ConvShape& s;
  Index block_rows;  // rows of the kernel that are one block of terms
  Index x_tap[3], x_step, reach;  // of x: from tap to tap, from result to result; how many floats a vector's groups read of a place
  std::int32_t own[lanes];  // the first input of each lane's group
  bool spread;  // whether a vector has several groups

  explicit Grouping(const ConvShape& shape) noexcept : s(shape) {
    const Index row = s.kernel[2] * s.inputs;
    block_rows = most<Index>(1, block_terms / most<Index>(1, row));
    for (int d = 0; d < 3; ++d) x_tap[d] = s.dilation[d] * s.x_stride[d];
    x_step = s.stride[2] * s.x_stride[2];
    spread = s.outputs < lanes;
    reach = spread ? lanes / s.outputs * s.inputs : s.inputs;
    for (Index lane = 0; lane < lanes; ++lane) own[lane] = static_cast<std::int32_t>(lane / s.outputs * s.inputs);
  }

  // Where the inputs of a vector of outputs begin.
  Index first_input(Index vector) const noexcept { return vector * lanes / s.outputs * s.inputs; }
};

// Results side by side: the place of the first one's window in the image, which may lie outside, and that of the result in y.
struct Tile {
  const float* image;
  Index start[3], y;
  bool inside;  // all columns of all windows
};

inline bool within(Index place, Index size) noexcept { return place >= 0 && place < size; }

// `R` results of one vector of outputs, `left` of them.
template <int R, bool Spread>
inline __attribute__((always_inline)) void run_vector(const Grouping& g, const Tile& t, Index vector, int left, const float* w, const Epilogue& e,
                                                      float* y) noexcept {
  const ConvShape& s = g.s;
  const Index inputs = s.inputs, channel = vector * lanes;
  const float* image = t.image + g.first_input(vector);
  const int there = static_cast<int>(least(g.reach, s.groups * inputs - g.first_input(vector)));
  const IVec own = IVec::load(g.own), one = IVec::set(1);
  const Vec bias = e.bias == nullptr ? Vec::zero() : Vec::load(e.bias + channel, left);
  Vec sum[R], total[R];
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) {
    sum[i] = Vec::zero();
    total[i] = bias;
  }
  for (Index row = 0; row < s.kernel[0] * s.kernel[1]; ++row) {
    const Index a = row / s.kernel[1], b = row % s.kernel[1];
    if (row > 0 && row % g.block_rows == 0) {
#pragma GCC unroll 8
      for (int i = 0; i < R; ++i) {
        total[i] = total[i] + sum[i];
        sum[i] = Vec::zero();
      }
    }
    const bool line = within(t.start[0] + a * s.dilation[0], s.size[0]) && within(t.start[1] + b * s.dilation[1], s.size[1]);
    for (Index c = 0; c < s.kernel[2]; ++c) {
      const float* from[R];
      const float* at = image + a * g.x_tap[0] + b * g.x_tap[1] + c * g.x_tap[2];
      const Index column = t.start[2] + c * s.dilation[2];
#pragma GCC unroll 8
      for (int i = 0; i < R; ++i) from[i] = line && (t.inside || within(column + i * s.stride[2], s.size[2])) ? at + i * g.x_step : zeros;
      if constexpr (Spread) {
        Vec x[R];
#pragma GCC unroll 8
        for (int i = 0; i < R; ++i) x[i] = Vec::load(from[i], there);
        IVec index = own;
        for (Index k = 0; k < inputs; ++k, w += lanes, index = index + one) {
          const Vec v = Vec::load(w);
#pragma GCC unroll 8
          for (int i = 0; i < R; ++i) sum[i] = fma(spread(x[i], index), v, sum[i]);
        }
      } else {
        for (Index k = 0; k < inputs; ++k, w += lanes) {
          const Vec v = Vec::load(w);
#pragma GCC unroll 8
          for (int i = 0; i < R; ++i) sum[i] = fma(Vec::set(from[i][k]), v, sum[i]);
        }
      }
    }
  }
  const Cut cut(e.activation);
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) {
    const Index place = t.y + i * s.y_stride[2] + channel;
    Vec value = total[i] + sum[i];
    if (e.residual != nullptr) value = value + Vec::load(e.residual + place, left);
    cut(value).store(y + place, left);
  }
}

// The vectors [first, last) of outputs of one tile.
template <int R>
void run_tile(const Grouping& g, const Tile& t, Index first, Index last, const float* packed, const Epilogue& e, float* y) noexcept {
  const Index terms = g.s.terms(), channels = g.s.groups * g.s.outputs;
  for (Index vector = first; vector < last; ++vector) {
    const int left = static_cast<int>(least(lanes, channels - vector * lanes));
    const float* w = packed + vector * terms * lanes;
    if (g.spread) run_vector<R, true>(g, t, vector, left, w, e, y);
    else run_vector<R, false>(g, t, vector, left, w, e, y);
  }
  if (only_cuts(e.activation)) return;
  Index places[R];
  for (int i = 0; i < R; ++i) places[i] = i * g.s.y_stride[2];
  activate_rows(y + t.y + first * lanes, places, R, least(last * lanes, channels) - first * lanes, e.activation, e.alpha);
}

using RunTile = void (*)(const Grouping&, const Tile&, Index, Index, const float*, const Epilogue&, float*) noexcept;
constexpr RunTile tiles[together] = {run_tile<1>, run_tile<2>, run_tile<3>, run_tile<4>, run_tile<5>, run_tile<6>, run_tile<7>, run_tile<8>};

void run(const ConvShape& s, const float* x, const ConvWeights& weights, const Epilogue& e, float* y, const ConvScratch&) noexcept {
  if (s.pixels() == 0 || s.groups * s.outputs == 0) return;
  const Grouping g(s);
  const Index vectors = vectors_of(s), wanted = most<Index>(1, weight_floats / most<Index>(1, s.terms() * lanes)), chunks = divide_up(vectors, wanted);
  const Index pieces = divide_up(s.count[2], Index{together});  // of a line, of nearly equal length
  const Index work = most<Index>(1, s.terms() * divide_up(vectors, chunks) * lanes * s.count[2]);
  const Index lines = most<Index>(1, least(s.count[1], (Index{1} << 19) / work)), strips = divide_up(s.count[1], lines);
  parallel(s.n * s.count[0] * chunks * strips, 1, [&](Index begin, Index end) {
    for (Index nr = begin; nr < end; ++nr) {
      const Index strip = nr % strips, chunk = nr / strips % chunks, z = nr / strips / chunks % s.count[0], n = nr / strips / chunks / s.count[0];
      const Index first = vectors * chunk / chunks, last = vectors * (chunk + 1) / chunks;
      for (Index line = strip * lines; line < least(s.count[1], (strip + 1) * lines); ++line)
        for (Index piece = 0; piece < pieces; ++piece) {
          const Index result = s.count[2] * piece / pieces, results = s.count[2] * (piece + 1) / pieces - result;
          Tile t{};
          t.start[0] = z * s.stride[0] - s.before[0];
          t.start[1] = line * s.stride[1] - s.before[1];
          t.start[2] = result * s.stride[2] - s.before[2];
          t.inside = t.start[2] >= 0 && t.start[2] + (results - 1) * s.stride[2] + (s.kernel[2] - 1) * s.dilation[2] < s.size[2];
          t.image = x + n * s.x_image + t.start[0] * s.x_stride[0] + t.start[1] * s.x_stride[1] + t.start[2] * s.x_stride[2];
          t.y = n * s.y_image + z * s.y_stride[0] + line * s.y_stride[1] + result * s.y_stride[2];
          tiles[results - 1](g, t, first, last, weights.packed, e, y);
        }
    }
  });
}

}  // namespace

ConvTable grouped_table() noexcept { return {packed_size, pack, packs_itself, scratch_size, run}; }

}  // namespace medtorch::MEDTORCH_ISA
