// Convolution as a product of matrices whose left side is read straight out of the image: see tile.hpp for the order of sums.
#include "../parallel.hpp"
#include "packing.hpp"
#include "windows.hpp"

namespace medtorch::MEDTORCH_ISA {
namespace {

// One panel over the pixels [begin, end) of an image.
void run_panel(const ConvShape& s, const Source& source, const Panel& p, Index begin, Index end, const float* w, const Result& out) noexcept {
  const Index tiles = divide_up(end - begin, p.rows);
  Windows windows;
  for (Index t = 0; t < tiles; ++t) {  // of nearly equal height: a thin last one would wait for its own sums
    const Index pixel = begin + (end - begin) * t / tiles, height = begin + (end - begin) * (t + 1) / tiles - pixel;
    find_windows(s, pixel, height, windows);
    p.tile(height)(source, windows, w, out);
  }
}

Index packed_size(const ConvShape& s) noexcept {
  return s.groups * packed_group(s.outputs, s.terms()) + round_up(s.inputs, 16);  // and zeros for the padding to read
}

void pack(const ConvShape& s, const ConvWeight& weight, float* packed) noexcept {
  const Index panels = panels_of(s.outputs), terms = s.terms(), group_size = packed_group(s.outputs, terms);
  parallel(s.groups * panels, most<Index>(1, 16384 / (panel * terms + 1)), [&](Index begin, Index end) {
    for (Index at = begin; at < end; ++at) {
      const Index group = at / panels, number = at % panels;
      pack_panel(s, weight, group, number * panel, Panel(s.outputs, number), packed + group * group_size + number * panel * terms);
    }
  });
  float* zeros = packed + s.groups * group_size;
  for (Index i = 0; i < round_up(s.inputs, 16); ++i) zeros[i] = 0.0f;
}

Index scratch_size(const ConvShape&, int) noexcept { return 0; }

void run(const ConvShape& given, const float* x, const float* packed, const Epilogue& e, float* y, const ConvScratch&) noexcept {
  const ConvShape s = is_flat(given) ? flattened(given) : given;
  const Index pixels = s.pixels(), terms = s.terms(), panels = panels_of(s.outputs), group_size = packed_group(s.outputs, terms);
  const float* zeros = packed + s.groups * group_size;
  // Few weights stay in the second-level cache: then all panels of a stretch of pixels, so that the image is read once.
  // Many do not: then all pixels of a panel, so that each weight is read once.
  const bool few_weights = group_size <= (1 << 17);
  const Index panel_parts = few_weights ? 1 : panels;
  const Index work = most<Index>(1, pixels * terms * (few_weights ? s.outputs : panel));  // multiply-adds of one image and group
  const Index wanted = least(most<Index>(divide_up(work, Index{1} << 21), divide_up(16, s.groups * s.n * panel_parts)), most<Index>(1, work >> 16));
  const Index stretches = most<Index>(1, least(wanted, divide_up(pixels, 4 * most_rows)));
  const Index one_item = most<Index>(1, (Index{1} << 16) / most<Index>(1, work / stretches));
  parallel(s.groups * panel_parts * s.n * stretches, one_item, [&](Index begin, Index end) {
    for (Index at = begin; at < end; ++at) {
      const Index stretch = at % stretches, n = at / stretches % s.n, part = at / stretches / s.n % panel_parts, group = at / stretches / s.n / panel_parts;
      const Source source = source_of(s, x + n * s.x_image + group * s.inputs, zeros);
      const Index from = pixels * stretch / stretches, until = pixels * (stretch + 1) / stretches;
      for (Index number = few_weights ? 0 : part; number < (few_weights ? panels : part + 1); ++number) {
        const Panel p(s.outputs, number);
        const Index first = group * s.outputs + number * panel, place = n * s.y_image + first;
        const Result out{y + place, e.bias == nullptr ? nullptr : e.bias + first, nullptr, e.residual == nullptr ? nullptr : e.residual + place,
                         e.activation, e.alpha, static_cast<int>(p.channels)};
        run_panel(s, source, p, from, until, packed + group * group_size + number * panel * terms, out);
      }
    }
  });
}

}  // namespace

ConvTable conv_table() noexcept { return {packed_size, pack, scratch_size, run}; }

}  // namespace medtorch::MEDTORCH_ISA
