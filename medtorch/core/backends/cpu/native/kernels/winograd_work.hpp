// How Winograd's convolutions are cut into pieces of work: chunks of tiles, and blocks of terms.
#pragma once

#include "winograd_tiles.hpp"

namespace medtorch::MEDTORCH_ISA {

// What is worked on together is a chunk: a run of tiles side by side, in a strip of slices where the kernel has several.
template <int M>
struct Work {
  static constexpr int N = Tiles<M>::N, planes = Tiles<M>::planes;

  const ConvShape& s;
  Tiles<M> tiles;             // of one slice where the kernel has several slices, else of all
  Index parts, width;         // of input channels; floats of a row of V in a part
  Index together, blocks;     // slices of the kernel in a block; blocks of terms
  Index panels;
  Index run, strip;           // tiles and slices of a chunk
  bool shared;                // by all threads, or each thread has a chunk of its own

  Work(const ConvShape& shape, int threads) noexcept
      : s(shape), tiles(s, volume() ? 1 : s.count[0]), parts(divide_up(s.inputs, block_terms)),
        width(s.inputs <= 32 ? 32 : block_terms), together(parts > 1 ? 1 : least(s.kernel[0], block_terms / s.inputs)),
        blocks(divide_up(s.kernel[0], together) * parts), panels(panels_of(s.outputs)) {
    const Index slices = volume() ? s.count[0] : 1, all = s.n * tiles.of_image * slices, weights = planes * s.kernel[0] * s.inputs * s.outputs;
    const Index tile_floats = planes * (parts * width + panels * panel);
    // Weights that a core's second-level cache holds may be read again for every chunk; others are read once for many tiles.
    const Index fits = most<Index>(product_rows, (Index{1} << 17) / tile_floats / product_rows * product_rows);
    shared = threads > 1 && (all < 2 * threads * least<Index>(fits, 8) || (weights > (Index{1} << 18) && all < threads * 3 * product_rows));
    if (!shared && weights > (Index{1} << 20)) shared = true;
    const Index room = shared ? most<Index>(product_rows, (Index{1} << 21) / tile_floats) : least<Index>(fits, (volume() ? 8 : 2) * product_rows);
    strip = most<Index>(1, least(slices, room / 8));
    strip = divide_up(slices, divide_up(slices, strip));
    const Index most_tiles = most<Index>(1, room / strip), rounds = divide_up(s.n * tiles.of_image, most_tiles);
    run = most<Index>(1, divide_up(s.n * tiles.of_image, shared || volume() ? rounds : round_up(rounds, threads)));
  }

  bool volume() const noexcept { return s.kernel[0] > 1; }
  Index runs() const noexcept { return divide_up(s.n * tiles.of_image, run); }
  Index strips() const noexcept { return volume() ? divide_up(s.count[0], strip) : 1; }
  Index v_rows() const noexcept { return (strip + (s.kernel[0] - 1) * s.dilation[0]) * run; }
  Index m_rows() const noexcept { return strip * run; }
  Index v_plane() const noexcept { return v_rows() * parts * width + plane_gap; }
  Index m_plane() const noexcept { return m_rows() * panels * panel + plane_gap; }
  Index floats() const noexcept { return planes * (v_plane() + m_plane()); }
  // Weights that are needed once, in one chunk, are transformed where they are read: a block of a panel at a time.
  bool one_chunk() const noexcept { return shared && runs() == 1 && strips() == 1; }
  Index u_plane() const noexcept { return panel * block_terms + plane_gap; }
};

// A block of terms: channels [channel, channel + depth) of each of `taps` slices of the kernel.
template <int M>
struct Block {
  Index part, channel, depth, tap, taps;

  Block(const Work<M>& work, Index number) noexcept
      : part(number % work.parts), channel(part * block_terms), depth(least(block_terms, work.s.inputs - channel)),
        tap(number / work.parts * work.together), taps(least(work.together, work.s.kernel[0] - tap)) {}

  Index term(const Work<M>& work) const noexcept { return tap * work.s.inputs + channel; }
};

// The tiles [first, first + count) in results of the slices [z, z + slices): a chunk, or what is left of it.
struct Chunk {
  Index first, count, z, slices;

  template <int M>
  Chunk(const Work<M>& work, Index number) noexcept
      : first(number / work.strips() * work.run), count(least(work.run, work.s.n * work.tiles.of_image - first)), z(number % work.strips() * work.strip),
        slices(work.volume() ? least(work.strip, work.s.count[0] - z) : 1) {}

  // Slices of the image that it sees.
  Index seen(const ConvShape& s) const noexcept { return slices + (s.kernel[0] - 1) * s.dilation[0]; }
};

}  // namespace medtorch::MEDTORCH_ISA
