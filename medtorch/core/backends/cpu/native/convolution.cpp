#include "convolution.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "parallel.hpp"

namespace medtorch {
namespace {

constexpr Index fewest_channels = 16, fewest_results = 36;
constexpr Index fewest_places = 384;  // of all images together, for a gradient of weights
constexpr Index shortest_line = 24;  // shorter ones would waste rows of the micro-kernel

// Few channels make short rows of the kernel. In a copy with its border written out a row of the kernel is one stretch of
// memory: (kernel width) x (channels) inputs of a kernel one place wide. The sums keep their order.
bool joins_rows(const ConvShape& s) {
  const bool few = s.inputs <= 8 || (s.inputs == 16 && s.stride[2] == 1);
  return few && s.groups == 1 && s.taps() > 0 && s.kernel[2] > 1 && s.dilation[2] == 1 && s.inputs * s.kernel[2] <= 64;
}

// A copy with its border written out is worth its time where every number would be copied many times otherwise, into windows.
bool pads(const ConvShape& s) {
  return s.groups == 1 && (s.inputs == 32 || s.inputs == 64) && s.stride[2] == 1 && s.taps() >= 9 && s.taps() <= 64 && s.kernel[2] > 1;
}

// Kernels of one place read pixels that lie side by side where they are.
bool reads_in_place(const ConvShape& s) {
  bool plain = s.gate == nullptr && s.groups == 1 && s.taps() == 1 && (s.inputs == 16 || s.inputs == 32 || s.inputs == 64) && s.x_stride[2] == s.inputs;
  for (int d = 0; d < 3; ++d) plain = plain && s.stride[d] == 1 && s.before[d] == 0 && s.count[d] <= s.size[d];
  return plain && s.count[2] >= shortest_line;
}

// Reads the images so and tells the shape that `run` sees then.
ConvShape with_border(const KernelSet& set, const ImageCopy& images, const ConvShape& given, Images& x) {
  ConvShape s = given;
  ImageCopy c = images;
  for (int d = 0; d < 3; ++d) {
    const Index reach = (s.count[d] - 1) * s.stride[d] + (s.kernel[d] - 1) * s.dilation[d] + 1;
    c.before[d] = std::max<Index>(0, s.before[d]);
    c.padded[d] = std::max(c.before[d] + c.size[d], c.before[d] - s.before[d] + reach);
    s.before[d] -= c.before[d];
  }
  copy_images(set, c, x);
  s.x_image = x.image;
  for (int d = 0; d < 3; ++d) {
    s.size[d] = x.size[d];
    s.x_stride[d] = x.stride[d];
  }
  s.stretches = true;
  if (!joins_rows(given)) return s;
  s.size[2] -= s.kernel[2] - 1;
  s.inputs *= s.kernel[2];
  s.kernel[2] = 1;
  return s;
}

void run(const KernelSet& set, const ConvTable& table, const Convolution& c, unsigned char* unsure) {
  Images x;
  ConvShape s = c.shape;
  const bool copied = &table == &set->conv && (joins_rows(s) || pads(s));
  if (copied) {
    describe_images(c.x, x);
    s = with_border(set, c.x, s, x);
  } else {
    read_images(set, c.x, x);
    s.x_image = x.image;
    for (int d = 0; d < 3; ++d) {
      s.size[d] = x.size[d];
      s.x_stride[d] = x.stride[d];
    }
    s.stretches = &table == &set->conv && reads_in_place(s);
  }
  const int threads = thread_count();
  std::optional<Scratch> packed;
  ConvWeights weights{c.packed, c.weight};
  if (weights.packed == nullptr && (copied || !table.packs_itself(s, threads))) {
    packed.emplace(table.packed_size(c.shape));
    table.pack(c.shape, c.weight, packed->data());
    weights.packed = packed->data();
  }
  const Scratch scratch(table.scratch_size(s, threads, weights.packed != nullptr));
  table.run(s, x.data, weights, c.end, c.y, {scratch.data(), threads, unsure});
}

// The images in which a result is not finite, one after the other, so that exactly those windows are spoilt that see what spoils them.
void repeat_unsure(const KernelSet& set, const Convolution& c, const std::vector<unsigned char>& unsure) {
  std::optional<Scratch> packed;
  for (std::size_t n = 0; n < unsure.size(); ++n) {
    if (unsure[n] == 0) continue;
    if (!packed) {
      packed.emplace(set->conv.packed_size(c.shape));
      set->conv.pack(c.shape, c.weight, packed->data());
    }
    const Index i = static_cast<Index>(n);
    Convolution one = c;
    one.packed = packed->data();
    one.x.n = one.shape.n = 1;
    one.x.from += i * c.x.from_image;
    one.y += i * c.shape.y_image;
    if (one.end.residual != nullptr) one.end.residual += i * c.shape.y_image;
    run(set, set->conv, one, nullptr);
  }
}

// Tiles of `side` x `side` results in a slice: those of each phase of a dilated convolution begin anew.
Index tiles_of(const ConvShape& s, Index side) noexcept {
  Index tiles = 1;
  for (int d = 1; d < 3; ++d) {
    const Index whole = s.count[d] / s.dilation[d], longer = s.count[d] % s.dilation[d];
    tiles *= longer * ((whole + side) / side) + (s.dilation[d] - longer) * ((whole + side - 1) / side);
  }
  return tiles;
}

// Phases of a few places fill tiles badly, while direct sums skip padding: those then need hardly more products.
bool wastes_tiles(const ConvShape& s) noexcept {
  if (s.dilation[1] == 1 && s.dilation[2] == 1) return false;
  return 16 * tiles_of(s, 2) * 4 > s.products(1) * s.products(2) * 3;
}

// Groups whose outputs fill a vector of 16 or a part of it: their sums have blocks of whole rows of the kernel.
bool has_small_groups(const ConvShape& s) noexcept {
  const bool parts = s.groups > 1 && s.outputs > 0 && 16 % s.outputs == 0 && s.inputs > 0 && s.inputs <= s.outputs;
  return parts && s.kernel[2] * s.inputs <= 64 && s.taps() > 0 && s.kernel[0] * s.kernel[1] <= 64;
}

// Outputs that would leave half of a vector or more empty. What a line of results reads must fit the caches.
bool has_few_outputs(const ConvShape& s) noexcept {
  return s.groups == 1 && s.outputs > 0 && s.outputs <= 8 && s.inputs > 0 && s.taps() > 0 && s.kernel[0] * s.kernel[1] * s.inputs <= 1024;
}

// Whether every result sees some place of the image.
bool sees_image(const ConvShape& s) {
  for (int d = 0; d < 3; ++d)
    for (Index i = 0; i < s.count[d]; ++i) {
      bool sees = false;
      for (Index k = 0; k < s.kernel[d] && !sees; ++k) sees = s.first_inside(d, k) <= i && i < s.last_inside(d, k);
      if (!sees) return false;
    }
  return true;
}

// Floats from the first result to the last, of all images.
Index extent(const ConvShape& s) {
  Index last = (s.n - 1) * s.y_image + s.groups * s.outputs;
  for (int d = 0; d < 3; ++d) last += (s.count[d] - 1) * s.y_stride[d];
  return last;
}

}  // namespace

ConvAlgorithm conv_algorithm(const ConvShape& s, Algorithms allowed) noexcept {
  if (allowed == Algorithms::direct || s.groups != 1 || s.inputs < fewest_channels || s.outputs < fewest_channels) return ConvAlgorithm::direct;
  if (s.kernel[1] != 3 || s.kernel[2] != 3 || s.stride[0] != 1 || s.stride[1] != 1 || s.stride[2] != 1) return ConvAlgorithm::direct;
  if (s.kernel[0] < 1 || (s.kernel[0] == 1 && (s.before[0] != 0 || s.count[0] != s.size[0]))) return ConvAlgorithm::direct;
  if (s.count[1] * s.count[2] < fewest_results || wastes_tiles(s)) return ConvAlgorithm::direct;
  const bool large = allowed == Algorithms::fast && tiles_of(s, 4) >= 16 && s.kernel[0] * s.inputs * s.outputs <= 65536;
  return large ? ConvAlgorithm::winograd4 : ConvAlgorithm::winograd2;
}

const ConvTable& conv_table(const KernelSet& set, const ConvShape& s, ConvAlgorithm algorithm) noexcept {
  if (algorithm == ConvAlgorithm::winograd2) return set->winograd2;
  if (algorithm == ConvAlgorithm::winograd4) return set->winograd4;
  if (s.groups > 1 && s.inputs == 1 && s.outputs == 1) return set->depthwise;
  if (has_few_outputs(s)) return set->few_outputs;
  return has_small_groups(s) ? set->grouped : set->conv;
}

void convolve(const KernelSet& set, const Convolution& given) {
  if (given.shape.n == 0 || given.shape.pixels() == 0) return;
  Convolution c = given;
  const ConvTable& table = conv_table(set, c.shape, c.algorithm);
  if (c.algorithm == ConvAlgorithm::direct) return run(set, table, c, nullptr);
  std::optional<Scratch> residual;
  if (c.end.residual == c.y) {  // an image may be computed twice
    residual.emplace(extent(c.shape));
    std::memcpy(residual->data(), c.y, static_cast<std::size_t>(extent(c.shape)) * sizeof(float));
    c.end.residual = residual->data();
  }
  std::vector<unsigned char> unsure(static_cast<std::size_t>(c.shape.n), 0);
  run(set, table, c, unsure.data());
  repeat_unsure(set, c, unsure);
}

void convolve_weight_grad(const KernelSet& set, const ConvWeightGrad& g, Algorithms allowed) {
  const ConvShape& s = g.shape;
  const auto run_by = [&](const ConvWeightGradTable& table) {
    unsigned char unsure = 0;
    const Scratch scratch(table.scratch_size(g));
    table.run(g, scratch.data(), &unsure);
    return unsure == 0;
  };
  // Transforms cost digits that sums of few terms have left, and would be most of the work.
  const bool many = s.n * s.pixels() >= fewest_places;
  if (many && conv_algorithm(s, allowed) != ConvAlgorithm::direct && run_by(set->winograd_weight_grad)) return;
  // A gradient that only padding sees would be left out, where the formula multiplies it by zero.
  const bool depthwise = s.inputs == 1 && s.outputs == 1 && s.groups > 1 && sees_image(s);
  if (depthwise && run_by(set->depthwise_weight_grad)) return;
  run_by(set->conv_weight_grad);
}

}  // namespace medtorch
