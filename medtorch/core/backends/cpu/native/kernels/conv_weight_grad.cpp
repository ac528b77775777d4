// The gradient of a convolution's weights: sums over all places of all images.
//
// Every element is a chain of chains: the places of an image, in order, are cut into blocks of 64; a block is a chain of fused
// multiply-adds from 0; the blocks are added in order, image after image. Threads share out elements, never places.
//
// Both arrays are copied, image by image, into panels: a few channels of x side by side with a border of zeros written out, so that
// a place at another tap is the same place at a fixed distance; and the channels that a tile of dw is wide, of dy.
#include "../parallel.hpp"
#include "tile.hpp"

namespace medtorch::MEDTORCH_ISA {
namespace {

constexpr int rows = 8;  // channels of x in a tile of dw; its columns are `panel` channels of dy

struct Padded {
  Index before[3], size[3], pixels;

  explicit Padded(const ConvShape& s) noexcept : before{}, size{}, pixels(1) {
    for (int d = 0; d < 3; ++d) {
      const Index reach = (s.count[d] - 1) * s.stride[d] + (s.kernel[d] - 1) * s.dilation[d] + 1;
      before[d] = most<Index>(0, s.before[d]);
      size[d] = most(before[d] + s.size[d], before[d] - s.before[d] + reach);
      pixels *= size[d];
    }
  }
};

// How the copies of one image are laid out, and what a tile works on.
struct Plan {
  bool depthwise, joined;      // joined: few channels, so that a row of the kernel counts as channels (see below)
  Index x_width, dy_width;     // channels side by side in the copies
  Index x_blocks, dy_blocks;   // of a group; of all channels where depthwise
  Index x_block, dy_block;     // floats from one block to the next
  Index x_step;                // floats from one place to the next
  Index taps, tile_size;       // floats of dw in one tile and tap
  Index x_size, dy_size, dw_size;
  Padded padded;

  explicit Plan(const ConvShape& s) noexcept : padded(s) {
    depthwise = s.inputs == 1 && s.outputs == 1 && s.groups > 1;
    joined = !depthwise && s.groups == 1 && s.inputs < rows && s.kernel[2] > 1 && s.dilation[2] == 1;
    const Index pixels = s.pixels();
    if (depthwise) {
      x_width = dy_width = Vec::lanes;
      x_blocks = dy_blocks = divide_up(s.groups, Vec::lanes);
      tile_size = Vec::lanes;
    } else {
      x_width = joined ? s.inputs : Index{rows};
      dy_width = panel;
      x_blocks = joined ? divide_up(s.inputs * s.kernel[2], rows) : divide_up(s.inputs, rows);
      dy_blocks = divide_up(s.outputs, panel);
      tile_size = rows * panel;
    }
    x_step = x_width;
    x_block = joined ? Index{rows} : padded.pixels * x_width;
    dy_block = pixels * dy_width;
    taps = joined ? s.kernel[0] * s.kernel[1] : s.taps();
    const Index groups = depthwise ? 1 : s.groups;
    x_size = round_up((joined ? padded.pixels * x_width : groups * x_blocks * x_block) + 2 * rows, 16);
    dy_size = groups * dy_blocks * dy_block;
    dw_size = groups * (depthwise ? 1 : x_blocks) * dy_blocks * taps * tile_size;
  }
};

// Channels [first, first + width) of one image, place by place, with zeros for what is not there.
void copy_channels(const float* from, Index step, Index count, Index there, Index width, float* to) noexcept {
  constexpr Index lanes = Vec::lanes;
  for (Index i = 0; i < count; ++i, from += step, to += width) {
    Index c = 0;
    for (; c + lanes <= there; c += lanes) Vec::load(from + c).store(to + c);
    for (; c < there; ++c) to[c] = from[c];
    for (; c < width; ++c) to[c] = 0.0f;
  }
}

void clear(float* to, Index count) noexcept {
  for (Index i = 0; i < count; ++i) to[i] = 0.0f;
}

void pack_x(const ConvShape& s, const Plan& p, const float* image, float* to) noexcept {
  const Index groups = p.depthwise ? 1 : s.groups, channels = p.depthwise ? s.groups : s.inputs;
  const Index blocks = p.joined ? 1 : p.x_blocks, lines = p.padded.size[0] * p.padded.size[1], length = p.padded.size[2] * p.x_width;
  parallel(groups * blocks * lines, most<Index>(1, 8192 / (length + 1)), [&](Index begin, Index end) {
    for (Index at = begin; at < end; ++at) {
      const Index block = at % blocks, line = at / blocks % lines, group = at / blocks / lines, first = block * p.x_width;
      const Index z = line / p.padded.size[1] - p.padded.before[0], y = line % p.padded.size[1] - p.padded.before[1];
      float* row = to + (group * blocks + block) * p.padded.pixels * p.x_width + line * length;
      if (z < 0 || z >= s.size[0] || y < 0 || y >= s.size[1]) {
        clear(row, length);
        continue;
      }
      const Index left = p.padded.before[2] * p.x_width, inside = s.size[2] * p.x_width;
      const float* from = image + group * s.inputs + first + z * s.x_stride[0] + y * s.x_stride[1];
      clear(row, left);
      copy_channels(from, s.x_stride[2], s.size[2], least(p.x_width, channels - first), p.x_width, row + left);
      clear(row + left + inside, length - left - inside);
    }
  });
}

void pack_dy(const ConvShape& s, const Plan& p, const float* image, float* to) noexcept {
  const Index groups = p.depthwise ? 1 : s.groups, channels = p.depthwise ? s.groups : s.outputs;
  const Index lines = s.count[0] * s.count[1], length = s.count[2] * p.dy_width;
  parallel(groups * p.dy_blocks * lines, most<Index>(1, 8192 / (length + 1)), [&](Index begin, Index end) {
    for (Index at = begin; at < end; ++at) {
      const Index block = at % p.dy_blocks, line = at / p.dy_blocks % lines, group = at / p.dy_blocks / lines, first = block * p.dy_width;
      const float* from = image + group * s.outputs + first + line / s.count[1] * s.y_stride[0] + line % s.count[1] * s.y_stride[1];
      copy_channels(from, s.y_stride[2], s.count[2], least(p.dy_width, channels - first), p.dy_width,
                    to + (group * p.dy_blocks + block) * p.dy_block + line * length);
    }
  });
}

// Where the windows of all places begin in the copy of x.
void find_places(const ConvShape& s, const Plan& p, Index* at) noexcept {
  const Index pixels = s.pixels();
  Index place[3] = {0, 0, 0};
  for (Index i = 0; i < pixels; ++i) {
    Index offset = 0;
    for (int d = 0; d < 3; ++d) offset = offset * p.padded.size[d] + p.padded.before[d] + place[d] * s.stride[d] - s.before[d];
    at[i] = offset * p.x_step;
    if (++place[2] == s.count[2]) {
      place[2] = 0;
      if (++place[1] == s.count[1]) {
        place[1] = 0;
        ++place[0];
      }
    }
  }
}

// From a window's first place to the place at a tap; taps counted as Plan does.
Index tap_distance(const ConvShape& s, const Plan& p, Index tap) noexcept {
  const Index width = p.joined ? 1 : s.kernel[2];
  const Index a = tap / (s.kernel[1] * width), b = tap / width % s.kernel[1], c = tap % width;
  return ((a * s.dilation[0] * p.padded.size[1] + b * s.dilation[1]) * p.padded.size[2] + c * s.dilation[2]) * p.x_step;
}

// One block of places into one tile of dw.
void add_tile(const float* x, const Index* places, Index count, const float* dy, float* dw) noexcept {
  constexpr int lanes = Vec::lanes;
#if defined(MEDTORCH_AVX2)
  constexpr int height = 4;  // 8 sums of 16 registers
#else
  constexpr int height = rows;
#endif
  for (int top = 0; top < rows; top += height) {
    Vec sum[height][2];
#pragma GCC unroll 8
    for (int r = 0; r < height; ++r) sum[r][0] = sum[r][1] = Vec::zero();
    const float* d = dy;
    for (Index i = 0; i < count; ++i, d += panel) {
      const float* a = x + places[i] + top;
      const Vec d0 = Vec::load(d), d1 = Vec::load(d + lanes);
#pragma GCC unroll 8
      for (int r = 0; r < height; ++r) {
        const Vec v = Vec::set(a[r]);
        sum[r][0] = fma(v, d0, sum[r][0]);
        sum[r][1] = fma(v, d1, sum[r][1]);
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < height; ++r) {
      float* to = dw + (top + r) * panel;
      (Vec::load(to) + sum[r][0]).store(to);
      (Vec::load(to + lanes) + sum[r][1]).store(to + lanes);
    }
  }
}

// One block of places, `T` taps at once, into a vector of channels of dw.
template <int T>
void add_taps(const float* x, const Index* distance, const Index* places, Index count, const float* dy, float* dw) noexcept {
  constexpr int lanes = Vec::lanes;
  Vec sum[T];
#pragma GCC unroll 8
  for (int t = 0; t < T; ++t) sum[t] = Vec::zero();
  for (Index i = 0; i < count; ++i) {
    const Vec d = Vec::load(dy + i * lanes);
    const float* a = x + places[i];
#pragma GCC unroll 8
    for (int t = 0; t < T; ++t) sum[t] = fma(Vec::load(a + distance[t]), d, sum[t]);
  }
#pragma GCC unroll 8
  for (int t = 0; t < T; ++t) (Vec::load(dw + t * lanes) + sum[t]).store(dw + t * lanes);
}

constexpr Index most_taps = 8;
using AddTaps = void (*)(const float*, const Index*, const Index*, Index, const float*, float*) noexcept;
constexpr AddTaps add_so_many[most_taps + 1] = {nullptr,     add_taps<1>, add_taps<2>, add_taps<3>, add_taps<4>,
                                                add_taps<5>, add_taps<6>, add_taps<7>, add_taps<8>};

void add_image(const ConvShape& s, const Plan& p, const Index* all_places, const float* x, const float* dy, float* dw) noexcept {
  const Index pixels = s.pixels(), groups = p.depthwise ? 1 : s.groups, across = p.depthwise ? 1 : p.x_blocks;
  const Index tiles = groups * p.dy_blocks * across;
  const Index parts = least(p.taps, tiles < 32 ? divide_up(32, most<Index>(1, tiles)) : 1);  // of the taps
  parallel(tiles * parts, most<Index>(1, (1 << 15) / (pixels * p.tile_size * divide_up(p.taps, parts) + 1)), [&](Index begin, Index end) {
    for (Index at = begin; at < end; ++at) {
      const Index part = at % parts, tile = at / parts, column = tile / across % p.dy_blocks, group = tile / across / p.dy_blocks;
      const Index row = p.depthwise ? column : tile % across;
      const float* x_from = x + (p.joined ? 0 : group * p.x_blocks * p.x_block) + row * p.x_block;
      const float* dy_from = dy + (group * p.dy_blocks + column) * p.dy_block;
      float* to = dw + tile * p.taps * p.tile_size;
      const Index from = p.taps * part / parts, until = p.taps * (part + 1) / parts;
      for (Index first = 0; first < pixels; first += block_terms) {
        const Index count = least(block_terms, pixels - first);
        const Index* places = all_places + first;
        const float* d = dy_from + first * p.dy_width;
        if (!p.depthwise) {
          for (Index t = from; t < until; ++t) add_tile(x_from + tap_distance(s, p, t), places, count, d, to + t * p.tile_size);
          continue;
        }
        const Index runs = divide_up(until - from, most_taps);  // of nearly equal length: a short one waits for its own sums
        for (Index r = 0; r < runs; ++r) {
          const Index t = from + (until - from) * r / runs, taps = from + (until - from) * (r + 1) / runs - t;
          Index distance[most_taps];
          for (Index i = 0; i < taps; ++i) distance[i] = tap_distance(s, p, t + i);
          add_so_many[taps](x_from, distance, places, count, d, to + t * p.tile_size);
        }
      }
    }
  });
}

// Tiles of dw to (output, input, tap).
void spread(const ConvShape& s, const Plan& p, const float* tiles, float* dw) noexcept {
  const Index taps = s.taps(), all = s.groups * s.outputs;
  parallel(all, most<Index>(1, 8192 / (s.inputs * taps + 1)), [&](Index begin, Index end) {
    for (Index o = begin; o < end; ++o) {
      float* to = dw + o * s.inputs * taps;
      if (p.depthwise) {
        const float* from = tiles + o / Vec::lanes * taps * Vec::lanes + o % Vec::lanes;
        for (Index t = 0; t < taps; ++t) to[t] = from[t * Vec::lanes];
        continue;
      }
      const Index group = o / s.outputs, column = o % s.outputs / panel, lane = o % s.outputs % panel;
      const float* from = tiles + (group * p.dy_blocks + column) * p.x_blocks * p.taps * p.tile_size + lane;
      for (Index c = 0; c < s.inputs; ++c)
        for (Index t = 0; t < taps; ++t) {
          const Index channel = p.joined ? t % s.kernel[2] * s.inputs + c : c, tap = p.joined ? t / s.kernel[2] : t;
          *to++ = from[(channel / rows * p.taps + tap) * p.tile_size + channel % rows * panel];
        }
    }
  });
}

Index scratch_size(const ConvWeightGrad& g) noexcept {
  const Plan p(g.shape);
  return round_up(p.x_size + p.dy_size + p.dw_size, 16) + 2 * g.shape.pixels();  // an Index takes two floats
}

void run(const ConvWeightGrad& g, float* scratch) noexcept {
  const ConvShape& s = g.shape;
  const Plan p(s);
  float* x = scratch;
  float* dy = x + p.x_size;
  float* dw = dy + p.dy_size;
  Index* places = reinterpret_cast<Index*>(scratch + round_up(p.x_size + p.dy_size + p.dw_size, 16));
  find_places(s, p, places);
  clear(x + p.x_size - 2 * rows - 16, 2 * rows + 16);  // joined tiles read a little past the last place
  clear(dw, p.dw_size);
  for (Index n = 0; n < s.n; ++n) {
    pack_x(s, p, g.x + n * s.x_image, x);
    pack_dy(s, p, g.dy + n * s.y_image, dy);
    add_image(s, p, places, x, dy, dw);
  }
  spread(s, p, dw, g.dw);
}

}  // namespace

ConvWeightGradTable conv_weight_grad_table() noexcept { return {scratch_size, run}; }

}  // namespace medtorch::MEDTORCH_ISA
