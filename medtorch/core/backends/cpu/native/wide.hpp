// Sines, powers and their like: computed in float64 from +, -, *, /, square roots and whole-number steps alone, number by number,
// and rounded to float32 once. Every such step is exact by IEEE 754, so the bits are the same on every set; the error before the
// last rounding is a few 1e-15 of the result, so that it is the correctly rounded one but for about one number in 10^7.
//
// Series are those of Taylor, cut where the next term is below 2^-54 of the sum.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "simd.hpp"

namespace medtorch::MEDTORCH_ISA::wide {

constexpr double infinity = __builtin_inf(), nan = __builtin_nan("");

inline std::uint64_t bits_of(double x) noexcept {
  std::uint64_t b;
  std::memcpy(&b, &x, sizeof b);
  return b;
}

inline double of_bits(std::uint64_t b) noexcept {
  double x;
  std::memcpy(&x, &b, sizeof x);
  return x;
}

inline double size_of(double x) noexcept { return of_bits(bits_of(x) & ~(std::uint64_t{1} << 63)); }
inline bool is_negative(double x) noexcept { return bits_of(x) >> 63 != 0; }
inline double signed_as(double size, double sign) noexcept { return is_negative(sign) ? -size : size; }
inline double whole(double x) noexcept { return (x + 0x1.8p52) - 0x1.8p52; }  // the nearest, for |x| < 2^51
inline double root(double x) noexcept { return __builtin_sqrt(x); }

// 2^n for n in [-1022, 1023].
inline double power_of_two(std::int64_t n) noexcept { return of_bits(static_cast<std::uint64_t>(n + 1023) << 52); }

// The sum of c[i] x^i.
template <int n>
inline double series(const double (&c)[n], double x) noexcept {
  double out = c[n - 1];
  for (int i = n - 2; i >= 0; --i) out = out * x + c[i];
  return out;
}

// e^x - 1 for |x| <= 0.35.
inline double expm1_near_0(double x) noexcept {
  static constexpr double c[] = {1.0 / 2,       1.0 / 6,         1.0 / 24,         1.0 / 120,         1.0 / 720,          1.0 / 5040,
                                 1.0 / 40320,   1.0 / 362880,    1.0 / 3628800,    1.0 / 39916800,    1.0 / 479001600,    1.0 / 6227020800.0};
  return x + x * x * series(c, x);
}

// For |x| < 700.
inline double exp(double x) noexcept {
  const double k = whole(x * 0x1.71547652b82fep+0);
  const double r = (x - k * 0x1.62e42feep-1) - k * 0x1.a39ef35793c76p-33;
  return (1.0 + expm1_near_0(r)) * power_of_two(static_cast<std::int64_t>(k));
}

// Half of log m, with m in [sqrt(1/2), sqrt(2)): s + s^3 / 3 + s^5 / 5 + ... with s = (m - 1) / (m + 1).
inline double half_log(double m) noexcept {
  static constexpr double c[] = {1.0, 1.0 / 3, 1.0 / 5, 1.0 / 7, 1.0 / 9, 1.0 / 11, 1.0 / 13, 1.0 / 15, 1.0 / 17, 1.0 / 19, 1.0 / 21};
  const double s = (m - 1.0) / (m + 1.0);
  return s * series(c, s * s);
}

struct Log {
  double k, half;  // log x = k log 2 + 2 half
};

// For positive x that is a number.
inline Log log_of(double x) noexcept {
  const std::uint64_t b = bits_of(x);  // a float's value is never subnormal here
  const std::int64_t k = static_cast<std::int64_t>(b - 0x3fe6a09e667f3bcdu) >> 52;
  return {static_cast<double>(k), half_log(of_bits(b - (static_cast<std::uint64_t>(k) << 52)))};
}

inline double log_edge(double x) noexcept { return x != x ? x : x == 0.0 ? -infinity : x < 0.0 ? nan : x; }
inline bool has_log(double x) noexcept { return x > 0.0 && x < infinity; }

inline double log2(double x) noexcept {
  if (!has_log(x)) return log_edge(x);
  const Log l = log_of(x);
  return l.k + l.half * (2 * 0x1.71547652b82fep+0);
}

inline double log10(double x) noexcept {
  if (!has_log(x)) return log_edge(x);
  const Log l = log_of(x);
  return l.k * 0x1.34413509f79ffp-2 + l.half * (2 * 0x1.bcb7b1526e50ep-2);
}

// x = (4 n + quadrant) pi / 2 + r with |r| <= pi / 4.
struct Turned {
  int quadrant;
  double r;
};

// Where x has no digit below 1/16: the product of its 24 bits with those bits of 2 / pi that matter modulo 4.
inline Turned turn_far(double x) noexcept {
  static constexpr std::uint32_t bits[] = {0xa2f9836eu, 0x4e441529u, 0xfc2757d1u, 0xf534ddc0u, 0xdb629599u, 0x3c439041u, 0xfe5163abu, 0u, 0u};
  const std::uint64_t b = bits_of(x);
  const int e = static_cast<int>(b >> 52 & 0x7ff) - 1023 - 23;                          // x = m 2^e
  const std::uint64_t m = (b & 0xfffffffffffffu) >> 29 | std::uint64_t{1} << 23;
  unsigned __int128 window = 0;  // 2 / pi 2^e modulo 4, with 96 binary places
  for (int i = -1; i <= 96; ++i) {
    const int at = e + i - 1;  // bit 0 is the first behind the point
    const unsigned bit = at < 0 ? 0u : bits[at / 32] >> (31 - at % 32) & 1u;
    window = window << 1 | bit;
  }
  const unsigned __int128 mask = (static_cast<unsigned __int128>(1) << 98) - 1, product = window * m & mask;
  const unsigned __int128 nearest = product + (static_cast<unsigned __int128>(1) << 95);
  const int quadrant = static_cast<int>(nearest >> 96) & 3;
  const __int128 rest = static_cast<__int128>(nearest & ((static_cast<unsigned __int128>(1) << 96) - 1)) - (static_cast<__int128>(1) << 95);
  const double r = static_cast<double>(static_cast<std::int64_t>(rest >> 33)) * 0x1p-63;
  return {quadrant, r * 0x1.921fb54442d18p+0};
}

inline Turned turn(double size) noexcept {  // size >= 0
  if (size > 0x1p22) return turn_far(size);
  const double k = whole(size * 0x1.45f306dc9c883p-1);
  const double r = ((size - k * 0x1.921fb544p+0) - k * 0x1.0b4611ap-34) - k * 0x1.898cc51701b84p-64;
  return {static_cast<int>(static_cast<std::int64_t>(k) & 3), r};
}

inline double sin_near_0(double r) noexcept {
  static constexpr double c[] = {1.0,           -1.0 / 6,          1.0 / 120,            -1.0 / 5040,
                                 1.0 / 362880,  -1.0 / 39916800,   1.0 / 6227020800.0,   -1.0 / 1307674368000.0};
  return r * series(c, r * r);
}

inline double cos_near_0(double r) noexcept {
  static constexpr double c[] = {1.0,          -1.0 / 2,         1.0 / 24,          -1.0 / 720,         1.0 / 40320,
                                 -1.0 / 3628800, 1.0 / 479001600, -1.0 / 87178291200.0, 1.0 / 20922789888000.0};
  return series(c, r * r);
}

inline double sin(double x) noexcept {
  const double size = size_of(x);
  if (!(size < infinity)) return nan;
  const Turned t = turn(size);
  const double y = t.quadrant & 1 ? cos_near_0(t.r) : sin_near_0(t.r);
  return signed_as(t.quadrant & 2 ? -y : y, x);
}

inline double cos(double x) noexcept {
  const double size = size_of(x);
  if (!(size < infinity)) return nan;
  const Turned t = turn(size);
  const double y = t.quadrant & 1 ? sin_near_0(t.r) : cos_near_0(t.r);
  return ((t.quadrant + 1) & 2) != 0 ? -y : y;
}

inline double tan(double x) noexcept {
  const double size = size_of(x);
  if (!(size < infinity)) return nan;
  const Turned t = turn(size);
  const double s = sin_near_0(t.r), c = cos_near_0(t.r);
  return signed_as(t.quadrant & 1 ? -c / s : s / c, x);
}

// For t >= 0: atan t = atan(k / 8) + atan((t - k / 8) / (1 + t k / 8)), beyond 1 by the reciprocal.
inline double atan_up(double t) noexcept {
  static constexpr double at[] = {0.0,
                                  0x1.fd5ba9aac2f6ep-4,
                                  0x1.f5b75f92c80ddp-3,
                                  0x1.6f61941e4def1p-2,
                                  0x1.dac670561bb4fp-2,
                                  0x1.1e00babdefeb4p-1,
                                  0x1.4978fa3269ee1p-1,
                                  0x1.700a7c5784634p-1,
                                  0x1.921fb54442d18p-1};
  static constexpr double c[] = {1.0, -1.0 / 3, 1.0 / 5, -1.0 / 7, 1.0 / 9, -1.0 / 11, 1.0 / 13};
  const bool far = t > 1.0;
  const double inside = far ? 1.0 / t : t;
  const double k = whole(inside * 8.0), centre = k * 0.125;
  const double d = (inside - centre) / (1.0 + inside * centre);
  const double y = at[static_cast<int>(k)] + d * series(c, d * d);
  return far ? 0x1.921fb54442d18p+0 - y : y;
}

inline double atan(double x) noexcept { return x != x ? x : signed_as(atan_up(size_of(x)), x); }

inline double asin(double x) noexcept {
  const double size = size_of(x);
  if (!(size <= 1.0)) return nan;
  return signed_as(size == 1.0 ? 0x1.921fb54442d18p+0 : atan_up(size / root((1.0 - size) * (1.0 + size))), x);
}

inline double acos(double x) noexcept {
  if (!(size_of(x) <= 1.0)) return nan;
  const double up = root((1.0 - x) * (1.0 + x));
  const double pi = 0x1.921fb54442d18p+1;
  if (x > 0.0) return atan_up(up / x);
  return x < 0.0 ? pi - atan_up(up / -x) : pi / 2;
}

inline double atan2(double y, double x) noexcept {
  if (x != x || y != y) return nan;
  const double pi = 0x1.921fb54442d18p+1, wide_x = size_of(x), wide_y = size_of(y);
  double angle;
  if (wide_y == 0.0) angle = 0.0;
  else if (wide_x == wide_y) angle = pi / 4;  // also where both are infinite
  else angle = atan_up(wide_y / wide_x);      // x = 0 divides to infinity, whose arc is pi / 2
  return signed_as(is_negative(x) ? pi - angle : angle, y);
}

inline double sinh(double x) noexcept {
  static constexpr double c[] = {1.0,          1.0 / 6,         1.0 / 120,          1.0 / 5040,           1.0 / 362880,
                                 1.0 / 39916800, 1.0 / 6227020800.0, 1.0 / 1307674368000.0, 1.0 / 355687428096000.0};
  const double size = size_of(x);
  if (x != x) return x;
  if (size < 1.0) return x * series(c, x * x);
  if (size > 100.0) return signed_as(infinity, x);  // beyond float32
  const double e = exp(size);
  return signed_as((e - 1.0 / e) * 0.5, x);
}

inline double cosh(double x) noexcept {
  const double size = size_of(x);
  if (x != x) return x;
  if (size > 100.0) return infinity;
  const double e = exp(size);
  return (e + 1.0 / e) * 0.5;
}

inline bool is_whole(double x) noexcept { return size_of(x) >= 0x1p52 || whole(x) == x; }
inline bool is_odd(double x) noexcept { return size_of(x) < 0x1p53 && is_whole(x) && !is_whole(x * 0.5); }

// The edges are those of IEEE 754's pow.
inline double pow(double a, double b) noexcept {
  if (b == 0.0 || a == 1.0) return 1.0;
  if (a != a || b != b) return nan;
  const bool turns = is_negative(a) && is_odd(b);
  const double size = size_of(a);
  if (size == 0.0 || size == infinity) {
    const double y = (size == 0.0) == (b > 0.0) ? 0.0 : infinity;
    return turns ? -y : y;
  }
  if (size_of(b) == infinity) return size == 1.0 ? 1.0 : (size > 1.0) == (b > 0.0) ? infinity : 0.0;
  if (a < 0.0 && !is_whole(b)) return nan;
  const double power = b * log2(size);
  double y = power > 300.0 ? infinity : 0.0;  // both beyond float32
  if (power >= -300.0 && power <= 300.0) {
    const double k = whole(power);
    y = (1.0 + expm1_near_0((power - k) * 0x1.62e42fefa39efp-1)) * power_of_two(static_cast<std::int64_t>(k));
  }
  return turns ? -y : y;
}

}  // namespace medtorch::MEDTORCH_ISA::wide

namespace medtorch::MEDTORCH_ISA {

// f of each lane, in float64.
template <double f(double) noexcept>
inline Vec each_wide(Vec x) noexcept {
  float lane[Vec::lanes];
  x.store(lane);
  for (float& v : lane) v = static_cast<float>(f(static_cast<double>(v)));
  return Vec::load(lane);
}

template <double f(double, double) noexcept>
inline Vec each_wide(Vec a, Vec b) noexcept {
  float lane[Vec::lanes], other[Vec::lanes];
  a.store(lane);
  b.store(other);
  for (int i = 0; i < Vec::lanes; ++i) lane[i] = static_cast<float>(f(static_cast<double>(lane[i]), static_cast<double>(other[i])));
  return Vec::load(lane);
}

}  // namespace medtorch::MEDTORCH_ISA
