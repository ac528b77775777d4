// Pools over channels-last images: vectors run over channels, every result reads its box in row-major order.
//
// A sum is the sum of its rows: each row a chain of additions from 0, the rows added in order.
#include "../parallel.hpp"
#include "../simd.hpp"
#include "kernels.hpp"

namespace medtorch::MEDTORCH_ISA {
namespace {

struct Box {
  Index low[3], high[3];
};

Vec read(const float* p, int left) noexcept { return left == Vec::lanes ? Vec::load(p) : Vec::load(p, left); }

// Whether `value` takes the place of `best`: greater, or NaN.
Vec::Mask takes_over(Vec best, Vec value) noexcept { return either(less(best, value), is_nan(value)); }

// The greatest of `vectors` whole vectors of channels side by side.
template <int vectors>
void greatest_of(const Pool& p, const Box& b, const float* x, float* y) noexcept {
  Vec best[vectors];
  for (Vec& each : best) each = Vec::set(-__builtin_inff());
  for (Index i = b.low[0]; i < b.high[0]; i += p.step[0])
    for (Index j = b.low[1]; j < b.high[1]; j += p.step[1]) {
      const float* row = x + i * p.x_stride[0] + j * p.x_stride[1];
      for (Index k = b.low[2]; k < b.high[2]; k += p.step[2]) {
        const float* from = row + k * p.x_stride[2];
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) {
          const Vec value = Vec::load(from + v * Vec::lanes);
          best[v] = select(takes_over(best[v], value), value, best[v]);
        }
      }
    }
#pragma GCC unroll 4
  for (int v = 0; v < vectors; ++v) best[v].store(y + v * Vec::lanes);
}

void greatest(const Pool& p, const Box& b, const float* x, Index c, int left, float* y) noexcept {
  Vec best = Vec::set(-__builtin_inff());
  for (Index i = b.low[0]; i < b.high[0]; i += p.step[0])
    for (Index j = b.low[1]; j < b.high[1]; j += p.step[1])
      for (Index k = b.low[2]; k < b.high[2]; k += p.step[2]) {
        const Vec value = read(x + i * p.x_stride[0] + j * p.x_stride[1] + k * p.x_stride[2] + c, left);
        best = select(takes_over(best, value), value, best);
      }
  best.store(y, left);
}

void greatest_with_place(const Pool& p, const Box& b, const float* x, Index c, int left, float* y, std::int64_t* place) noexcept {
  Vec best = Vec::set(-__builtin_inff());
  IVec where = IVec::set(static_cast<std::int32_t>((b.low[0] * p.size[1] + b.low[1]) * p.size[2] + b.low[2]));
  for (Index i = b.low[0]; i < b.high[0]; i += p.step[0])
    for (Index j = b.low[1]; j < b.high[1]; j += p.step[1]) {
      const float* row = x + i * p.x_stride[0] + j * p.x_stride[1] + c;
      const Index first = (i * p.size[1] + j) * p.size[2];
      for (Index k = b.low[2]; k < b.high[2]; k += p.step[2]) {
        const Vec value = read(row + k * p.x_stride[2], left);
        const Vec::Mask better = takes_over(best, value);
        best = select(better, value, best);
        where = bits(select(better, floats(IVec::set(static_cast<std::int32_t>(first + k))), floats(where)));
      }
    }
  best.store(y, left);
  float found[Vec::lanes];
  floats(where).store(found);
  for (int l = 0; l < left; ++l) {
    std::int32_t bits_of;
    __builtin_memcpy(&bits_of, found + l, sizeof bits_of);
    place[l] = bits_of;
  }
}

template <bool shares>
void sum(const Pool& p, const Box& b, const float* x, Index c, int left, float divisor, float* y) noexcept {
  Vec total = Vec::zero();
  for (Index i = b.low[0]; i < b.high[0]; i += p.step[0])
    for (Index j = b.low[1]; j < b.high[1]; j += p.step[1]) {
      const float* row = x + i * p.x_stride[0] + j * p.x_stride[1] + c;
      Vec part = Vec::zero();
      for (Index k = b.low[2]; k < b.high[2]; k += p.step[2]) {
        Vec value = read(row + k * p.x_stride[2], left);
        if (shares) value = value / Vec::set(p.divisor[0][i] * p.divisor[1][j] * p.divisor[2][k]);
        part = part + value;
      }
      total = total + part;
    }
  if (!shares) total = total / Vec::set(divisor);
  total.store(y, left);
}

void run(const Pool& p) noexcept {
  const Index pixels = p.count[0] * p.count[1] * p.count[2], vectors = divide_up(p.channels, Vec::lanes);
  Index largest = 1;
  for (int d = 0; d < 3; ++d) largest *= most<Index>(1, p.count[d] == 0 ? 1 : (p.high[d][0] - p.low[d][0]) / p.step[d]);
  // Few results of large boxes are shared out by channels, too.
  const Index parts = p.n * pixels < 64 ? vectors : 1;
  parallel(p.n * pixels * parts, most<Index>(1, (1 << 15) / (largest * divide_up(p.channels, parts) + 1)), [&](Index begin, Index end) {
    for (Index at = begin; at < end; ++at) {
      const Index part = at % parts, pixel = at / parts % pixels, n = at / parts / pixels;
      const Index o[3] = {pixel / (p.count[1] * p.count[2]), pixel / p.count[2] % p.count[1], pixel % p.count[2]};
      Box b;
      Index to = n * p.y_image;
      float divisor = 1.0f;
      for (int d = 0; d < 3; ++d) {
        b.low[d] = p.low[d][o[d]];
        b.high[d] = p.high[d][o[d]];
        to += o[d] * p.y_stride[d];
        if (p.kind == PoolKind::mean) divisor *= p.divisor[d][o[d]];
      }
      const float* x = p.x + n * p.x_image;
      Index v = vectors * part / parts;
      const Index last = vectors * (part + 1) / parts;
      if (p.kind == PoolKind::max && p.place == nullptr)
        for (; v + 4 <= last && (v + 4) * Vec::lanes <= p.channels; v += 4) greatest_of<4>(p, b, x + v * Vec::lanes, p.y + to + v * Vec::lanes);
      for (; v < last; ++v) {
        const Index c = v * Vec::lanes;
        const int left = static_cast<int>(least<Index>(Vec::lanes, p.channels - c));
        if (p.kind == PoolKind::max && p.place == nullptr) greatest(p, b, x, c, left, p.y + to + c);
        else if (p.kind == PoolKind::max) greatest_with_place(p, b, x, c, left, p.y + to + c, p.place + to + c);
        else if (p.kind == PoolKind::mean) sum<false>(p, b, x, c, left, divisor, p.y + to + c);
        else sum<true>(p, b, x, c, left, 1.0f, p.y + to + c);
      }
    }
  });
}

// A few vectors of channels side by side, whole unless there is one: the place of each lane's maximum, then the gradient added
// there and zeros elsewhere, which change nothing: a sum that starts at +0 is never -0. Places outside of `band` are left alone.
// `alone`: no other box reaches these places, so that what is added up starts, and ends, here.
template <bool alone, int vectors>
void send_back(const Pool& p, const Box& b, const Box& band, const float* x, int left, const float* dy, float* dx, const Index* dx_stride) noexcept {
  Vec best[vectors], place[vectors], grad[vectors];
#pragma GCC unroll 4
  for (int v = 0; v < vectors; ++v) {
    best[v] = Vec::set(-__builtin_inff());
    place[v] = Vec::zero();
    grad[v] = read(dy + v * Vec::lanes, left);
  }
  float nr = 0.0f;
  for (Index i = b.low[0]; i < b.high[0]; i += p.step[0])
    for (Index j = b.low[1]; j < b.high[1]; j += p.step[1]) {
      const float* row = x + i * p.x_stride[0] + j * p.x_stride[1];
      for (Index k = b.low[2]; k < b.high[2]; k += p.step[2], nr += 1.0f) {
        const float* from = row + k * p.x_stride[2];
        const Vec here = Vec::set(nr);
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) {
          const Vec value = read(from + v * Vec::lanes, left);
          const Vec::Mask better = takes_over(best[v], value);
          best[v] = select(better, value, best[v]);
          place[v] = select(better, here, place[v]);
        }
      }
    }
  nr = 0.0f;
  for (Index i = b.low[0]; i < b.high[0]; i += p.step[0])
    for (Index j = b.low[1]; j < b.high[1]; j += p.step[1]) {
      const bool inside = alone || (i >= band.low[0] && i < band.high[0] && j >= band.low[1] && j < band.high[1]);
      float* row = dx + i * dx_stride[0] + j * dx_stride[1];
      for (Index k = b.low[2]; k < b.high[2]; k += p.step[2], nr += 1.0f) {
        if (!inside) continue;
        float* to = row + k * dx_stride[2];
        const Vec here = Vec::set(nr);
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) {
          const Vec sent = select(equal(place[v], here), grad[v], Vec::zero());
          const Vec sum = (alone ? Vec::zero() : read(to + v * Vec::lanes, left)) + sent;
          if (left == Vec::lanes) sum.store(to + v * Vec::lanes);
          else sum.store(to + v * Vec::lanes, left);
        }
      }
    }
}

// Whether every place of the input belongs to one box and no more.
bool are_tiles(const Pool& p) noexcept {
  for (int d = 0; d < 3; ++d) {
    if (p.count[d] == 0 || p.low[d][0] != 0 || p.high[d][p.count[d] - 1] != p.size[d]) return false;
    for (Index o = 0; o < p.count[d]; ++o) {
      if (p.step[d] != 1 && p.high[d][o] - p.low[d][o] > 1) return false;
      if (o > 0 && p.low[d][o] != p.high[d][o - 1]) return false;
    }
  }
  return true;
}

// One image, the rows of `band` along the outermost dim that has any: boxes in order, each from every vector of channels.
template <bool alone>
void band_input_grad(const Pool& p, Index n, const Box& band, int cut, float* dx, const Index* dx_stride) noexcept {
  const float* x = p.x + n * p.x_image;
  if (!alone)
    for (Index i = band.low[0]; i < band.high[0]; ++i)
      for (Index j = band.low[1]; j < band.high[1]; ++j)
        for (Index k = 0; k < p.size[2]; ++k) {
          float* row = dx + i * dx_stride[0] + j * dx_stride[1] + k * dx_stride[2];
          for (Index c = 0; c < p.channels; ++c) row[c] = 0.0f;
        }
  for (Index o0 = 0; o0 < p.count[0]; ++o0)
    for (Index o1 = 0; o1 < p.count[1]; ++o1) {
      const Index o = cut == 0 ? o0 : o1;
      if (p.low[cut][o] >= band.high[cut] || p.high[cut][o] <= band.low[cut]) continue;
      for (Index o2 = 0; o2 < p.count[2]; ++o2) {
        const Box b = {{p.low[0][o0], p.low[1][o1], p.low[2][o2]}, {p.high[0][o0], p.high[1][o1], p.high[2][o2]}};
        const float* dy = p.y + n * p.y_image + o0 * p.y_stride[0] + o1 * p.y_stride[1] + o2 * p.y_stride[2];
        Index c = 0;
        for (; c + 4 * Vec::lanes <= p.channels; c += 4 * Vec::lanes)
          send_back<alone, 4>(p, b, band, x + c, Vec::lanes, dy + c, dx + c, dx_stride);
        for (; c < p.channels; c += Vec::lanes)
          send_back<alone, 1>(p, b, band, x + c, static_cast<int>(least<Index>(Vec::lanes, p.channels - c)), dy + c, dx + c, dx_stride);
      }
    }
}

// Images are cut into bands, which threads share and which stay in a near cache from the zeros to the last gradient. The cuts
// change no bit: what is added up at a place, and in which order, is the same in every band.
void max_input_grad(const Pool& p, float* dx, Index dx_image, const Index* dx_stride) noexcept {
  const int cut = p.size[0] > 1 ? 0 : 1;
  const Index row = p.size[2] * p.channels * (cut == 0 ? p.size[1] : 1);
  const bool alone = are_tiles(p);
  // Tiles are cut between boxes, others anywhere.
  const Index units = alone ? p.count[cut] : p.size[cut], unit = alone ? row * p.size[cut] / most<Index>(1, p.count[cut]) : row;
  const Index height = most<Index>(alone ? 1 : 16, (1 << 15) / most<Index>(1, unit)), bands = divide_up(units, height);
  parallel(p.n * bands, 1, [&](Index begin, Index end) {
    for (Index at = begin; at < end; ++at) {
      const Index n = at / bands, first = at % bands * height, last = least(units, first + height);
      Box band = {{0, 0, 0}, {p.size[0], p.size[1], p.size[2]}};
      band.low[cut] = alone ? p.low[cut][first] : first;
      band.high[cut] = alone ? p.high[cut][last - 1] : last;
      if (alone) band_input_grad<true>(p, n, band, cut, dx + n * dx_image, dx_stride);
      else band_input_grad<false>(p, n, band, cut, dx + n * dx_image, dx_stride);
    }
  });
}

bool scatter(const PoolScatter& s) noexcept {
  const Index part = 16, parts = divide_up(s.channels, part);  // channels of one piece of work, the same on every set
  int wrong = 0;
  parallel(s.n * parts, 1, [&](Index begin, Index end) {
    for (Index at = begin; at < end; ++at) {
      const Index n = at / parts, first = at % parts * part, last = least(s.channels, first + part);
      float* dx = s.dx + n * s.area * s.channels;
      for (Index q = 0; q < s.area; ++q)
        for (Index c = first; c < last; ++c) dx[q * s.channels + c] = 0.0f;
      for (Index p = 0; p < s.pixels; ++p)
        for (Index c = first; c < last; ++c) {
          const std::int64_t q = s.place[n * s.place_image + c * s.place_channel + p * s.place_pixel];
          if (q < 0 || q >= s.area) {
            __atomic_store_n(&wrong, 1, __ATOMIC_RELAXED);
            continue;
          }
          dx[q * s.channels + c] += s.dy[(n * s.pixels + p) * s.channels + c];
        }
    }
  });
  return wrong == 0;
}

}  // namespace

PoolTable pool_table() noexcept { return {run, max_input_grad, scatter}; }

}  // namespace medtorch::MEDTORCH_ISA
