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

// Small whole numbers as floats.
Vec whole(IVec n) noexcept {
  const Vec magic = Vec::set(0x1.8p23f);
  return floats(bits(magic) + n) - magic;
}

void greatest(const Pool& p, const Box& b, const float* x, Index c, int left, float* y, std::int64_t* place) noexcept {
  Vec best = Vec::set(-__builtin_inff());
  IVec where = IVec::set(static_cast<std::int32_t>((b.low[0] * p.size[1] + b.low[1]) * p.size[2] + b.low[2]));
  for (Index i = b.low[0]; i < b.high[0]; i += p.step[0])
    for (Index j = b.low[1]; j < b.high[1]; j += p.step[1]) {
      const float* row = x + i * p.x_stride[0] + j * p.x_stride[1] + c;
      const Index first = (i * p.size[1] + j) * p.size[2];
      for (Index k = b.low[2]; k < b.high[2]; k += p.step[2]) {
        const Vec value = read(row + k * p.x_stride[2], left);
        const Vec::Mask better = either(less(best, value), is_nan(value));
        best = select(better, value, best);
        if (place != nullptr) where = bits(select(better, floats(IVec::set(static_cast<std::int32_t>(first + k))), floats(where)));
      }
    }
  best.store(y, left);
  if (place != nullptr) {
    float found[Vec::lanes];
    floats(where).store(found);
    for (int l = 0; l < left; ++l) {
      std::int32_t bits_of;
      __builtin_memcpy(&bits_of, found + l, sizeof bits_of);
      place[l] = bits_of;
    }
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
      for (Index v = vectors * part / parts; v < vectors * (part + 1) / parts; ++v) {
        const Index c = v * Vec::lanes;
        const int left = static_cast<int>(least<Index>(Vec::lanes, p.channels - c));
        if (p.kind == PoolKind::max) greatest(p, b, x, c, left, p.y + to + c, p.place == nullptr ? nullptr : p.place + to + c);
        else if (p.kind == PoolKind::mean) sum<false>(p, b, x, c, left, divisor, p.y + to + c);
        else sum<true>(p, b, x, c, left, 1.0f, p.y + to + c);
      }
    }
  });
}

// Vector by vector of channels: the place of each lane's maximum, then the gradient added there and zeros elsewhere, which
// change nothing: a sum that starts at +0 is never -0.
void send_back(const Pool& p, const Box& b, const float* x, Index c, int left, const float* dy, float* dx, const Index* dx_stride) noexcept {
  Vec best = Vec::set(-__builtin_inff());
  IVec where = IVec::set(0);
  std::int32_t nr = 0;
  for (Index i = b.low[0]; i < b.high[0]; i += p.step[0])
    for (Index j = b.low[1]; j < b.high[1]; j += p.step[1])
      for (Index k = b.low[2]; k < b.high[2]; k += p.step[2], ++nr) {
        const Vec value = read(x + i * p.x_stride[0] + j * p.x_stride[1] + k * p.x_stride[2] + c, left);
        const Vec::Mask better = either(less(best, value), is_nan(value));
        best = select(better, value, best);
        where = bits(select(better, floats(IVec::set(nr)), floats(where)));
      }
  const Vec grad = read(dy + c, left), place = whole(where);
  nr = 0;
  for (Index i = b.low[0]; i < b.high[0]; i += p.step[0])
    for (Index j = b.low[1]; j < b.high[1]; j += p.step[1])
      for (Index k = b.low[2]; k < b.high[2]; k += p.step[2], ++nr) {
        float* to = dx + i * dx_stride[0] + j * dx_stride[1] + k * dx_stride[2] + c;
        const Vec sent = select(equal(place, Vec::set(static_cast<float>(nr))), grad, Vec::zero());
        (read(to, left) + sent).store(to, left);
      }
}

void max_input_grad(const Pool& p, float* dx, Index dx_image, const Index* dx_stride) noexcept {
  const Index vectors = divide_up(p.channels, Vec::lanes), pixels = p.count[0] * p.count[1] * p.count[2];
  const Index parts = p.n >= 8 ? 1 : least<Index>(vectors, 8);  // images, and channels where images are few
  parallel(p.n * parts, 1, [&](Index begin, Index end) {
    for (Index at = begin; at < end; ++at) {
      const Index part = at % parts, n = at / parts, first = vectors * part / parts, last = vectors * (part + 1) / parts;
      float* to = dx + n * dx_image;
      const float* x = p.x + n * p.x_image;
      const Index low = first * Vec::lanes, high = least(p.channels, last * Vec::lanes);
      for (Index i = 0; i < p.size[0]; ++i)
        for (Index j = 0; j < p.size[1]; ++j)
          for (Index k = 0; k < p.size[2]; ++k) {
            float* row = to + i * dx_stride[0] + j * dx_stride[1] + k * dx_stride[2];
            for (Index c = low; c < high; ++c) row[c] = 0.0f;
          }
      for (Index pixel = 0; pixel < pixels; ++pixel) {
        const Index o[3] = {pixel / (p.count[1] * p.count[2]), pixel / p.count[2] % p.count[1], pixel % p.count[2]};
        Box b;
        const float* dy = p.y + n * p.y_image;
        for (int d = 0; d < 3; ++d) {
          b.low[d] = p.low[d][o[d]];
          b.high[d] = p.high[d][o[d]];
          dy += o[d] * p.y_stride[d];
        }
        for (Index v = first; v < last; ++v) {
          const Index c = v * Vec::lanes;
          send_back(p, b, x, c, static_cast<int>(least<Index>(Vec::lanes, p.channels - c)), dy, to, dx_stride);
        }
      }
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
