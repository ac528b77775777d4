// The gradient of a convolution's weights: sums over all places of all images, as products of matrices. Rows are places; on the left side
// lies what a tap sees of x at each, on the right side dy. Few channels are joined: all taps, or all of a row of the kernel, are columns of
// one product, where each tap has a product of its own otherwise.
//
// The order of sums: places of all images in order, cut into chunks by the shape alone; chunks into blocks as in cross.hpp; chunks are
// added in order. Threads share out copies of places, then taps, channels and panels to multiply, never terms.
#include "../parallel.hpp"
#include "../transpose.hpp"
#include "cross.hpp"
#include "dense.hpp"

namespace medtorch::MEDTORCH_ISA {
namespace {

constexpr Index chunk_floats = Index{1} << 19, join_below = 8;

Index joined_taps(const ConvShape& s) noexcept {
  if (s.groups > 1 || s.taps() == 0) return 1;
  if (s.taps() * s.inputs <= block_terms) return s.taps();
  return s.inputs < join_below ? s.kernel[2] : 1;
}

struct Plan {
  const ConvShape& s;
  Index joined, products;  // taps of a product, products of a group
  Cross cross;
  Index pixels, all;       // places of an image, and of all images
  Index rows;              // places of a chunk

  explicit Plan(const ConvShape& shape) noexcept
      : s(shape), joined(joined_taps(s)), products(s.taps() / joined), cross(s.inputs * joined, s.outputs), pixels(s.pixels()), all(s.n * pixels) {
    const Index row = s.groups * (products * cross.parts * cross.width + round_up(s.outputs, 16));
    const Index most_rows = round_up(most<Index>(1, chunk_floats / most<Index>(1, row)), block_terms);
    rows = all == 0 ? 0 : round_up(divide_up(all, divide_up(all, most_rows)), block_terms);
    rows = least(rows, all);
  }

  Index planes() const noexcept { return s.groups * products; }
  Index a_plane() const noexcept { return cross.a_floats(rows); }
  Index b_plane() const noexcept { return cross.b_floats(rows); }
  Index m_plane() const noexcept { return cross.m_floats(); }
  Index floats() const noexcept { return planes() * (a_plane() + m_plane()) + s.groups * b_plane(); }
};

// Some results side by side in one line of an image.
struct Run {
  Index image, place[3], count;

  Run(const ConvShape& s, Index first, Index left) noexcept {
    place[2] = first % s.count[2];
    place[1] = first / s.count[2] % s.count[1];
    place[0] = first / s.count[2] / s.count[1] % s.count[0];
    image = first / s.pixels();
    count = least(left, s.count[2] - place[2]);
  }
};

// `count` channels of `rows` pixels, from column `column` of the rows at `to` on. Columns of a part lie side by side.
void copy_columns(const Cross& c, const float* from, Index step, Index count, Index rows, Index column, Index capacity, float* to) noexcept {
  const Index part_step = capacity * c.width;
  for (Index i = 0; i < rows; ++i, from += step, to += c.width)
    for (Index done = 0; done < count;) {
      const Index at = column + done, now = least(count - done, block_terms - at % block_terms);
      copy_floats(from + done, now, to + at / block_terms * part_step + at % block_terms);
      done += now;
    }
}

void clear_columns(const Cross& c, Index count, Index rows, Index column, Index capacity, float* to) noexcept {
  for (Index i = 0; i < count; ++i, ++column) {
    float* row = to + column / block_terms * capacity * c.width + column % block_terms;
    for (Index r = 0; r < rows; ++r) row[r * c.width] = 0.0f;
  }
}

// What one row of the kernel sees of x: into columns [column, ...) of the rows at `to`, or, where taps have products of their own, `next`
// floats further for each.
void copy_kernel_row(const Plan& p, const Run& run, const float* line, Index column, Index next, float* to) noexcept {
  const ConvShape& s = p.s;
  const Index start = run.place[2] * s.stride[2] - s.before[2], step = s.stride[2] * s.x_stride[2];
  const bool joined = p.joined > 1 || s.kernel[2] == 1;
  // Pixels side by side are one piece, wherever the whole row lies inside of the image.
  const bool dense = joined && s.dilation[2] == 1 && s.x_stride[2] == s.inputs && line != nullptr;
  const Index first = dense ? least(run.count, s.first_inside(2, 0) > run.place[2] ? s.first_inside(2, 0) - run.place[2] : Index{0}) : 0;
  const Index last = dense ? most(first, least(run.count, s.last_inside(2, s.kernel[2] - 1) - run.place[2])) : 0;
  if (last > first)
    copy_columns(p.cross, line + (start + first * s.stride[2]) * s.inputs, step, s.kernel[2] * s.inputs, last - first, column, p.rows,
                 to + first * p.cross.width);
  const auto piece = [&](Index tap, Index from, Index until) {
    if (from >= until) return;
    float* at = to + (joined ? 0 : tap * next) + from * p.cross.width;
    const Index c = joined ? column + tap * s.inputs : column;
    const Index low = line == nullptr ? until : least(until, most(from, s.first_inside(2, tap) - run.place[2]));
    const Index high = line == nullptr ? until : least(until, most(low, s.last_inside(2, tap) - run.place[2]));
    clear_columns(p.cross, s.inputs, low - from, c, p.rows, at);
    if (high > low)
      copy_columns(p.cross, line + (start + tap * s.dilation[2]) * s.x_stride[2] + low * step, step, s.inputs, high - low, c, p.rows,
                   at + (low - from) * p.cross.width);
    clear_columns(p.cross, s.inputs, until - high, c, p.rows, at + (high - from) * p.cross.width);
  };
  for (Index tap = 0; tap < s.kernel[2]; ++tap) {
    piece(tap, 0, first);
    piece(tap, last, run.count);
  }
}

// The gradients of one result in all panels.
void copy_gradient(const Plan& p, const float* dy, Index row, float* b) noexcept {
  constexpr Index lanes = Vec::lanes;
  const Index outputs = p.s.outputs, whole = outputs / panel * panel;
  for (Index o = 0; o < whole; o += panel) {
    float* to = b + o * p.rows + row * panel;
    Vec::load(dy + o).store(to);
    Vec::load(dy + o + lanes).store(to + lanes);
  }
  if (whole == outputs) return;
  const Panel last(outputs, whole / panel);
  for (Index o = 0; o < last.width; o += lanes)
    Vec::load(dy + whole + o, static_cast<int>(most<Index>(0, least(lanes, last.channels - o)))).store(b + whole * p.rows + row * last.width + o);
}

void copy_run(const Plan& p, const Run& run, const ConvWeightGrad& g, Index row, float* a, float* b) noexcept {
  const ConvShape& s = p.s;
  for (Index group = 0; group < s.groups; ++group) {
    const float* image = g.x + run.image * s.x_image + group * s.inputs;
    for (Index kernel_row = 0; kernel_row < s.kernel[0] * s.kernel[1]; ++kernel_row) {
      const Index z = run.place[0] * s.stride[0] - s.before[0] + kernel_row / s.kernel[1] * s.dilation[0];
      const Index y = run.place[1] * s.stride[1] - s.before[1] + kernel_row % s.kernel[1] * s.dilation[1];
      const bool inside = z >= 0 && z < s.size[0] && y >= 0 && y < s.size[1];
      const float* line = inside ? image + z * s.x_stride[0] + y * s.x_stride[1] : nullptr;
      const Index tap = kernel_row * s.kernel[2];
      copy_kernel_row(p, run, line, tap % p.joined * s.inputs, p.a_plane(),
                      a + (group * p.products + tap / p.joined) * p.a_plane() + row * p.cross.width);
    }
    const float* dy = g.dy + run.image * s.y_image + group * s.outputs + run.place[0] * s.y_stride[0] + run.place[1] * s.y_stride[1] +
                      run.place[2] * s.y_stride[2];
    float* to = b + group * p.b_plane();
    for (Index i = 0; i < run.count; ++i, dy += s.y_stride[2]) copy_gradient(p, dy, row + i, to);
  }
}

void copy_chunk(const Plan& p, Index first, Index count, const ConvWeightGrad& g, float* a, float* b) noexcept {
  const Index floats = p.s.groups * (p.s.inputs * p.s.taps() + p.s.outputs);
  parallel(count, most<Index>(16, 32768 / (floats + 1)), [&](Index begin, Index end) {
    for (Index row = begin; row < end;) {
      const Run run(p.s, first + row, end - row);
      copy_run(p, run, g, row, a, b);
      row += run.count;
    }
  });
}

void multiply_chunk(const Plan& p, Index count, const float* a, const float* b, float* m, bool first) noexcept {
  const Index each = p.cross.parts * p.cross.panels;
  parallel(p.planes() * each, 1, [&](Index begin, Index end) {
    for (Index at = begin; at < end; ++at) {
      const Index plane = at / each, part = at % each / p.cross.panels, number = at % p.cross.panels;
      cross_panel(p.cross, part, number, a + plane * p.a_plane(), p.rows, b + plane / p.products * p.b_plane(), p.rows, count, m + plane * p.m_plane(),
                  first);
    }
  });
}

// All sums to (output, input, tap).
void write(const Plan& p, const float* m, float* dw) noexcept {
  constexpr Index lanes = Vec::lanes;
  const ConvShape& s = p.s;
  const Index taps = s.taps(), terms = s.inputs * taps, vectors = divide_up(s.outputs, lanes);
  const Index together = 8 * lanes, runs = divide_up(terms, together);
  parallel(s.groups * vectors * runs, 1, [&](Index begin, Index end) {
    float block[lanes * lanes];
    for (Index at = begin; at < end; ++at) {
      const Index group = at / runs / vectors, o = at / runs % vectors * lanes, number = o / panel, until = least(terms, (at % runs + 1) * together);
      const Panel of(s.outputs, number);
      const float* from = m + group * p.products * p.m_plane() + number * p.cross.inputs * panel + o % panel;
      for (Index first = at % runs * together; first < until; first += lanes) {
        const Index count = least(lanes, until - first);
        for (Index i = 0; i < count; ++i) {
          const Index input = (first + i) / taps, tap = (first + i) % taps;
          Vec::load(from + tap / p.joined * p.m_plane() + (tap % p.joined * s.inputs + input) * of.width).store(block + i * lanes);
        }
        transpose_block<false>(block, lanes, static_cast<int>(count), static_cast<int>(least(lanes, s.outputs - o)),
                               dw + (group * s.outputs + o) * terms + first, terms);
      }
    }
  });
}

Index scratch_size(const ConvWeightGrad& g) noexcept { return Plan(g.shape).floats(); }

void run(const ConvWeightGrad& g, float* scratch, unsigned char*) noexcept {
  const Plan p(g.shape);
  float* a = scratch;
  float* b = a + p.planes() * p.a_plane();
  float* m = b + p.s.groups * p.b_plane();
  if (p.all == 0)
    for (Index i = 0; i < p.planes() * p.m_plane(); ++i) m[i] = 0.0f;
  for (Index first = 0; first < p.all; first += p.rows) {
    const Index count = least(p.rows, p.all - first);
    copy_chunk(p, first, count, g, a, b);
    multiply_chunk(p, count, a, b, m, first == 0);
  }
  write(p, m, g.dw);
}

}  // namespace

ConvWeightGradTable conv_weight_grad_table() noexcept { return {scratch_size, run}; }

}  // namespace medtorch::MEDTORCH_ISA
