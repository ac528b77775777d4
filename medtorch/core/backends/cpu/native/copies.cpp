#include "copies.hpp"

#include <algorithm>
#include <cstring>

#include "parallel.hpp"

namespace medtorch {
namespace {

constexpr Index share = Index{1} << 16;   // bytes that a thread takes at a time
constexpr Index enough = Index{1} << 17;  // bytes from which on threads help

// Places in both arrays of one index over the first `dims` dims.
struct Place {
  const char* from;
  char* to;
};

Place place_of(const Copy& c, int dims, Index nr) noexcept {
  Place p{c.from, c.to};
  for (int d = dims - 1; d >= 0; --d) {
    const Index at = nr % c.size[d];
    nr /= c.size[d];
    p.from += at * c.from_step[d];
    p.to += at * c.to_step[d];
  }
  return p;
}

template <typename T>
void copy_steps(const Place& p, Index n, Index from_step, Index to_step) noexcept {
  for (Index i = 0; i < n; ++i) std::memcpy(p.to + i * to_step, p.from + i * from_step, sizeof(T));
}

void copy_row(const Copy& c, const Place& p, Index n) noexcept {
  const Index from = c.from_step[c.ndim - 1], to = c.to_step[c.ndim - 1];
  if (from == c.width && to == c.width) {
    std::memcpy(p.to, p.from, static_cast<std::size_t>(n * c.width));
    return;
  }
  if (from == 0 && to == c.width && c.width == sizeof(float)) {  // one number everywhere
    float number;
    std::memcpy(&number, p.from, sizeof number);
    std::fill_n(reinterpret_cast<float*>(p.to), n, number);
    return;
  }
  switch (c.width) {
    case 1:
      return copy_steps<std::uint8_t>(p, n, from, to);
    case 2:
      return copy_steps<std::uint16_t>(p, n, from, to);
    case 4:
      return copy_steps<std::uint32_t>(p, n, from, to);
    case 8:
      return copy_steps<std::uint64_t>(p, n, from, to);
    default:
      for (Index i = 0; i < n; ++i) std::memcpy(p.to + i * to, p.from + i * from, static_cast<std::size_t>(c.width));
  }
}

template <typename F>
void each(Index count, Index bytes_each, Index total, const F& f) noexcept {
  if (total < enough) f(0, count);
  else parallel(count, std::max<Index>(1, share / std::max<Index>(1, bytes_each)), f);
}

void copy_rows(const Copy& c) noexcept {
  const int last = c.ndim - 1;
  Index rows = 1;
  for (int d = 0; d < last; ++d) rows *= c.size[d];
  const Index piece = std::min(c.size[last], std::max<Index>(1, share / c.width)), pieces = (c.size[last] + piece - 1) / piece;
  each(rows * pieces, piece * c.width, rows * c.size[last] * c.width, [&](Index begin, Index end) {
    for (Index nr = begin; nr < end; ++nr) {
      Place p = place_of(c, last, nr / pieces);
      const Index first = nr % pieces * piece;
      p.from += first * c.from_step[last];
      p.to += first * c.to_step[last];
      copy_row(c, p, std::min(piece, c.size[last] - first));
    }
  });
}

// Dim `side` lies side by side in `from`, the last dim in `to`: blocks turned over in registers.
void transpose(const Copy& given, int side, const LayoutTable& kernels) noexcept {
  Copy c = given;
  const int last = c.ndim - 1;
  for (int d = side; d < last - 1; ++d) {  // `side` next to the last
    std::swap(c.size[d], c.size[d + 1]);
    std::swap(c.from_step[d], c.from_step[d + 1]);
    std::swap(c.to_step[d], c.to_step[d + 1]);
  }
  const Index columns = c.size[last - 1], rows = c.size[last], piece = 64, pieces = (columns + piece - 1) / piece;
  Index count = pieces;
  for (int d = 0; d < last - 1; ++d) count *= c.size[d];
  each(count, std::min(piece, columns) * rows * c.width, count * std::min(piece, columns) * rows * c.width, [&](Index begin, Index end) {
    for (Index nr = begin; nr < end; ++nr) {
      const Index first = nr % pieces * piece;
      Place p = place_of(c, last - 1, nr / pieces);
      p.from += first * c.from_step[last - 1];
      p.to += first * c.to_step[last - 1];
      kernels.transpose(reinterpret_cast<const float*>(p.from), c.from_step[last] / c.width, rows, std::min(piece, columns - first),
                        reinterpret_cast<float*>(p.to), c.to_step[last - 1] / c.width);
    }
  });
}

}  // namespace

void Copy::prepare() noexcept {
  int order[most_dims];
  for (int d = 0; d < ndim; ++d) order[d] = d;
  std::stable_sort(order, order + ndim, [this](int a, int b) { return std::abs(to_step[a]) > std::abs(to_step[b]); });
  Index sizes[most_dims], froms[most_dims], tos[most_dims];
  int kept = 0;
  for (int k = 0; k < ndim; ++k) {
    const int d = order[k];
    if (size[d] == 1) continue;
    const bool even = kept > 0 && tos[kept - 1] == to_step[d] * size[d] && froms[kept - 1] == from_step[d] * size[d];
    if (!even) ++kept;
    sizes[kept - 1] = even ? sizes[kept - 1] * size[d] : size[d];
    froms[kept - 1] = from_step[d];
    tos[kept - 1] = to_step[d];
  }
  if (kept == 0) {
    sizes[0] = 1;
    froms[0] = tos[0] = width;
    kept = 1;
  }
  ndim = kept;
  std::copy(sizes, sizes + kept, size);
  std::copy(froms, froms + kept, from_step);
  std::copy(tos, tos + kept, to_step);
}

void Copy::run(const LayoutTable& kernels) const noexcept {
  const int last = ndim - 1;
  if (width == 4 && to_step[last] == width && from_step[last] != width && from_step[last] % width == 0)
    for (int d = 0; d < last; ++d)
      if (from_step[d] == width && to_step[d] % width == 0 && size[d] >= 4 && size[last] >= 4) return transpose(*this, d, kernels);
  copy_rows(*this);
}

}  // namespace medtorch
