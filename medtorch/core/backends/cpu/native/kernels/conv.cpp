// Convolution as a product of matrices: rows are the windows of a few places, copied; see tile.hpp for the order of sums.
#include "dense.hpp"
#include "packing.hpp"
#include "skipping.hpp"
#include "stretches.hpp"

namespace medtorch::MEDTORCH_ISA {
namespace {

Index packed_weights(const ConvShape& s) noexcept { return s.groups * packed_group(s.outputs, s.terms()); }

Index packed_size(const ConvShape& s) noexcept { return packed_weights(s) + signs(s); }

// Whether products of zeros may be left out: where many are, and no weight makes them other than zero.
bool skips_padding(const ConvShape& s, const float* packed) noexcept {
  if (packed == nullptr || !skips(s)) return false;
  const float* finite = packed + packed_weights(s);
  for (Index i = 0; i < panels_of(s.outputs); ++i)
    if (finite[i] == 0.0f) return false;
  return true;
}

void pack(const ConvShape& s, const ConvWeight& weight, float* packed) noexcept {
  const Index panels = panels_of(s.outputs), terms = s.terms(), group_size = packed_group(s.outputs, terms);
  parallel(s.groups * panels, most<Index>(1, 16384 / (panel * terms + 1)), [&](Index begin, Index end) {
    for (Index at = begin; at < end; ++at) {
      const Index group = at / panels, number = at % panels;
      const Panel p(s.outputs, number);
      float* to = packed + group * group_size + number * panel * terms;
      pack_panel(s, weight, group, number * panel, p, to);
      if (may_skip(s)) packed[packed_weights(s) + number] = all_finite(to, p.width * terms) ? 1.0f : 0.0f;
    }
  });
}

// The window at places `start` of an image, into a row of the left side: `to`, and from block to block `step` further.
void copy_window(const ConvShape& s, const Blocks& blocks, const float* image, const Index (&start)[3], float* to, Index step) noexcept {
  const bool by_rows = blocks.per_unit == 1 && blocks.unit != s.inputs;  // a block is one or more rows of the kernel
  const Index row = s.kernel[2] * s.inputs;
  Index in_block = 0;
  for (Index a = 0; a < s.kernel[0]; ++a) {
    const Index z = start[0] + a * s.dilation[0];
    for (Index b = 0; b < s.kernel[1]; ++b) {
      const Index y = start[1] + b * s.dilation[1];
      const bool line = z >= 0 && z < s.size[0] && y >= 0 && y < s.size[1];
      const float* from = image + z * s.x_stride[0] + y * s.x_stride[1];
      for (Index c = 0; c < s.kernel[2]; ++c) {
        const Index x = start[2] + c * s.dilation[2];
        const bool inside = line && x >= 0 && x < s.size[2];
        const float* pixel = from + x * s.x_stride[2];
        for (Index i = 0; i < s.inputs; i += block_terms) {
          const Index count = least(block_terms, s.inputs - i);
          float* part = by_rows ? to + in_block + c * s.inputs : to;
          if (inside) copy_floats(pixel + i, count, part);
          else
            for (Index k = 0; k < count; ++k) part[k] = 0.0f;
          if (!by_rows) to += step;
        }
      }
      in_block += row;
      if (by_rows && in_block + row > blocks.unit) {
        in_block = 0;
        to += step;
      }
    }
  }
}

// `count` floats times others.
void copy_products(const float* from, const float* by, Index count, float* to) noexcept {
  constexpr Index lanes = Vec::lanes;
  Index i = 0;
  for (; i + lanes <= count; i += lanes) (Vec::load(from + i) * Vec::load(by + i)).store(to + i);
  const int left = static_cast<int>(count - i);
  if (left > 0) (Vec::load(from + i, left) * Vec::load(by + i, left)).store(to + i, left);
}

// Whether windows are single places, none of them outside of the image.
bool reads_points(const ConvShape& s) noexcept {
  bool points = s.taps() == 1;
  for (int d = 0; d < 3; ++d) points = points && s.before[d] == 0 && (s.count[d] - 1) * s.stride[d] < s.size[d];
  return points;
}

struct Windows {
  const ConvShape& s;
  const Dense& d;
  bool points;

  // The places [first, first + count), line by line.
  void copy_points(const float* image, const float* gate, Index first, Index count, Index row, float* left, Index* at) const noexcept {
    const Index step = s.stride[2] * s.x_stride[2], width = d.blocks.width;
    for (Index done = 0; done < count;) {
      const Index x = (first + done) % s.count[2], y = (first + done) / s.count[2] % s.count[1], z = (first + done) / s.count[2] / s.count[1];
      const Index length = least(count - done, s.count[2] - x), place = z * s.y_stride[0] + y * s.y_stride[1] + x * s.y_stride[2];
      const float* from = image + z * s.stride[0] * s.x_stride[0] + y * s.stride[1] * s.x_stride[1] + x * step;
      for (Index block = 0; block < d.blocks.count; ++block) {
        const Index depth = d.blocks.depth(block);
        const float* part = from + d.blocks.first(block);
        float* to = left + block * d.block_step() + (row + done) * width;
        if (gate == nullptr)
          for (Index i = 0; i < length; ++i) copy_floats(part + i * step, depth, to + i * width);
        else
          for (Index i = 0; i < length; ++i) copy_products(part + i * step, gate + d.blocks.first(block), depth, to + i * width);
      }
      for (Index i = 0; i < length; ++i) at[row + done + i] = place + i * s.y_stride[2];
      done += length;
    }
  }

  // The windows of places [first, first + count).
  void copy(const float* image, const float* gate, Index first, Index count, Index row, float* left, Index* at) const noexcept {
    if (points) return copy_points(image, gate, first, count, row, left, at);
    Index place[3] = {first / (s.count[1] * s.count[2]), first / s.count[2] % s.count[1], first % s.count[2]};
    for (Index i = 0; i < count; ++i) {
      const Index start[3] = {place[0] * s.stride[0] - s.before[0], place[1] * s.stride[1] - s.before[1], place[2] * s.stride[2] - s.before[2]};
      at[row + i] = place[0] * s.y_stride[0] + place[1] * s.y_stride[1] + place[2] * s.y_stride[2];
      float* to = left + (row + i) * d.blocks.width;
      copy_window(s, d.blocks, image, start, to, d.block_step());
      if (++place[2] == s.count[2]) {
        place[2] = 0;
        if (++place[1] == s.count[1]) {
          place[1] = 0;
          ++place[0];
        }
      }
    }
  }
};

Blocks blocks_of(const ConvShape& s) noexcept {
  const Index row = s.kernel[2] * s.inputs, taps = s.taps();
  const bool by_rows = taps > 1 && row > 0 && row <= block_terms;
  return {s.terms(), by_rows ? block_terms / row * row : s.inputs};
}

Dense dense_of(const ConvShape& s, int threads) noexcept { return Dense(s.n * s.groups, s.pixels(), s.outputs, blocks_of(s), threads); }

bool packs_itself(const ConvShape& s, int threads) noexcept {
  const Dense d = dense_of(s, threads);
  return !s.stretches && !skips(s) && s.n == 1 && d.by_panels && d.chunks == 1;
}

Index scratch_size(const ConvShape& s, int threads, bool packed) noexcept {
  const Index dense = dense_of(s, threads).scratch(threads, packed);
  return skips(s) ? most(dense, Skipping(s, threads).scratch(threads)) : dense;
}

void run(const ConvShape& s, const float* x, const ConvWeights& weights, const Epilogue& e, float* y, const ConvScratch& scratch) noexcept {
  if (s.pixels() == 0 || s.outputs == 0) return;
  if (reads_stretches(s)) return run_stretches(s, x, weights.packed, e, y, blocks_of(s).unit);
  if (skips_padding(s, weights.packed)) return run_skipping(s, x, weights.packed, e, y, scratch.data, scratch.threads);
  const Dense d = dense_of(s, scratch.threads);
  const Windows windows{s, d, reads_points(s)};
  const Index terms = s.terms(), group_size = packed_group(s.outputs, terms);
  const auto copy = [&](Index matrix, Index row, Index count, Index from_row, float* left, Index* at) {
    const Index n = matrix / s.groups;
    windows.copy(x + n * s.x_image + matrix % s.groups * s.inputs, s.gate == nullptr ? nullptr : s.gate + n * s.gate_image, row, count, from_row, left, at);
  };
  const auto ending = [&](Index matrix, Index number, const Panel& p) {
    const Index first = matrix % s.groups * s.outputs + number * panel, place = matrix / s.groups * s.y_image + first;
    return Ending{y + place, e.bias == nullptr ? nullptr : e.bias + first, nullptr, e.residual == nullptr ? nullptr : e.residual + place, e.activation,
                  e.alpha, static_cast<int>(p.channels)};
  };
  const auto packed = [&](Index matrix, Index number) {
    return weights.packed == nullptr ? nullptr : weights.packed + matrix % s.groups * group_size + number * panel * terms;
  };
  const auto pack_one = [&](Index matrix, Index number, const Panel& p, float* to) {
    pack_panel(s, weights.plain, matrix % s.groups, number * panel, p, to);
  };
  run_dense(d, copy, ending, packed, pack_one, scratch.data, scratch.threads);
}

}  // namespace

ConvTable conv_table() noexcept { return {packed_size, pack, packs_itself, scratch_size, run}; }

}  // namespace medtorch::MEDTORCH_ISA
