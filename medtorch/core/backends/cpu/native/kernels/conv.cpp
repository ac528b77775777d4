// Convolution as a product of matrices whose left side is read straight out of the image: see tile.hpp for the order of sums.
#include "../parallel.hpp"
#include "packing.hpp"
#include "slots.hpp"
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

// How the work is shared out.
struct Shares {
  Index panels, panel_parts, stretches, grain;
  bool few_weights;

  explicit Shares(const ConvShape& s) noexcept : panels(panels_of(s.outputs)) {
    const Index pixels = s.pixels(), terms = s.terms();
    // Few weights stay in the second-level cache: then all panels of a stretch of pixels, so that the image is read once.
    // Many do not: then all pixels of a panel, so that each weight is read once.
    few_weights = packed_group(s.outputs, terms) <= (1 << 17);
    panel_parts = few_weights ? 1 : panels;
    const Index work = most<Index>(1, pixels * terms * (few_weights ? s.outputs : panel));  // multiply-adds of one image and group
    const Index wanted = least(most<Index>(divide_up(work, Index{1} << 21), divide_up(16, s.groups * s.n * panel_parts)), most<Index>(1, work >> 16));
    stretches = most<Index>(1, least(wanted, divide_up(pixels, 4 * most_rows)));
    grain = most<Index>(1, (Index{1} << 16) / most<Index>(1, work / stretches));
  }
};

Index panel_size(const ConvShape& s) noexcept { return panel * s.terms() + 16; }

bool packs_itself(const ConvShape& s, int) noexcept {
  const Shares shares(s);
  return !shares.few_weights && s.n == 1 && shares.stretches == 1;
}

Index scratch_size(const ConvShape& s, int threads, bool packed) noexcept {
  return packed ? 0 : Slots::floats(panel_size(s), threads) + round_up(s.inputs, 16);
}

void run(const ConvShape& given, const float* x, const ConvWeights& weights, const Epilogue& e, float* y, const ConvScratch& scratch) noexcept {
  const ConvShape s = is_flat(given) ? flattened(given) : given;
  const Shares shares(s);
  const Index pixels = s.pixels(), terms = s.terms(), panels = shares.panels, group_size = packed_group(s.outputs, terms);
  const bool plain = weights.packed == nullptr;
  Slots slots(plain ? scratch.data + round_up(s.inputs, 16) : nullptr, panel_size(s), scratch.threads);
  if (plain)
    for (Index i = 0; i < s.inputs; ++i) scratch.data[i] = 0.0f;
  const float* zeros = plain ? scratch.data : weights.packed + s.groups * group_size;
  parallel(s.groups * shares.panel_parts * s.n * shares.stretches, shares.grain, [&](Index begin, Index end) {
    int slot = 0;
    float* const own = plain ? slots.take(slot) : nullptr;
    for (Index at = begin; at < end; ++at) {
      const Index stretch = at % shares.stretches, n = at / shares.stretches % s.n, part = at / shares.stretches / s.n % shares.panel_parts;
      const Index group = at / shares.stretches / s.n / shares.panel_parts;
      const Source source = source_of(s, x + n * s.x_image + group * s.inputs, zeros);
      const Index from = pixels * stretch / shares.stretches, until = pixels * (stretch + 1) / shares.stretches;
      for (Index number = shares.few_weights ? 0 : part; number < (shares.few_weights ? panels : part + 1); ++number) {
        const Panel p(s.outputs, number);
        const Index first = group * s.outputs + number * panel, place = n * s.y_image + first;
        if (plain) pack_panel(given, weights.plain, group, number * panel, p, own);
        const Result out{y + place, e.bias == nullptr ? nullptr : e.bias + first, nullptr, e.residual == nullptr ? nullptr : e.residual + place,
                         e.activation, e.alpha, static_cast<int>(p.channels)};
        run_panel(s, source, p, from, until, plain ? own : weights.packed + group * group_size + number * panel * terms, out);
      }
    }
    if (plain) slots.give(slot);
  });
}

}  // namespace

ConvTable conv_table() noexcept { return {packed_size, pack, packs_itself, scratch_size, run}; }

}  // namespace medtorch::MEDTORCH_ISA
