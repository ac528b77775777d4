// exp, log, tanh, sigmoid, erf and their like on one vector, from +, -, *, /, fma and whole-number steps alone: the same bits on every set.
//
// The polynomials are minimax fits in the relative error of the result (Lawson's reweighting of least squares, coefficients
// rounded to float32 one after the other and the rest refitted); the error of each fit stands beside it.
#pragma once

#include "simd.hpp"

namespace medtorch::MEDTORCH_ISA {

template <int n>
inline Vec polynomial(const float (&c)[n], Vec x) noexcept {  // coefficients from the lowest power up
  Vec out = Vec::set(c[n - 1]);
  for (int i = n - 2; i >= 0; --i) out = fma(out, x, Vec::set(c[i]));
  return out;
}

inline Vec with_sign_of(Vec size, Vec sign) noexcept { return floats(bits(size) | (bits(sign) & IVec::set(INT32_MIN))); }

// 2^n as a float, for n in [-126, 127].
inline Vec power_of_two(IVec n) noexcept { return floats(shift_left<23>(n + IVec::set(127))); }

// x = n ln 2 + r with |r| <= ln(2)/2, for x in [-104, 89].
struct Exponent {
  IVec n;
  Vec whole, r;  // whole: n as a float
};

inline Exponent exponent_of(Vec x) noexcept {
  const Vec magic = Vec::set(0x1.8p23f);  // adding it leaves the nearest whole number in the low bits
  const Vec t = fma(x, Vec::set(0x1.715476p0f), magic);
  const Vec whole = t - magic;
  Vec r = fnma(whole, Vec::set(0x1.62e4p-1f), x);  // ln 2 in two parts, the first with few digits
  r = fnma(whole, Vec::set(0x1.7f7d1cp-20f), r);
  return {bits(t) - bits(magic), whole, r};
}

// e^r - 1 for |r| <= ln(2)/2 (3.7e-9 of e^r).
inline Vec exp_near_0(Vec r) noexcept {
  static constexpr float c[] = {0x1.fffffcp-2f, 0x1.555484p-3f, 0x1.5558b2p-5f, 0x1.12445p-7f, 0x1.6a5e74p-10f};
  return fma(polynomial(c, r), r * r, r);
}

// y 2^n, rounded once where it is below the smallest normal number. `whole` is n.
#if defined(MEDTORCH_AVX512)
inline Vec scaled(Vec y, IVec, Vec whole) noexcept { return {_mm512_scalef_ps(y.v, whole.v)}; }
#else
inline Vec scaled(Vec y, IVec n, Vec) noexcept {  // by two factors, of which the first is exact
  const IVec half = shift_right<1>(n);
  return y * power_of_two(half) * power_of_two(n - half);
}
#endif

inline Vec exp(Vec x) noexcept {
  const Exponent e = exponent_of(min_nan(max_nan(x, Vec::set(-104.0f)), Vec::set(89.0f)));
  return scaled(Vec::set(1.0f) + exp_near_0(e.r), e.n, e.whole);
}

inline Vec exp2(Vec x) noexcept {
  const Vec inside = min_nan(max_nan(x, Vec::set(-151.0f)), Vec::set(129.0f));
  const Vec magic = Vec::set(0x1.8p23f), t = inside + magic;
  const Vec whole = t - magic, r = inside - whole;  // exact
  return scaled(Vec::set(1.0f) + exp_near_0(r * Vec::set(0x1.62e43p-1f)), bits(t) - bits(magic), whole);
}

// 2^n p + (2^n - 1) with p = e^r - 1, halved on the way so that 2^128 never stands alone.
inline Vec expm1(Vec x) noexcept {
  const Exponent e = exponent_of(min_nan(max_nan(x, Vec::set(-20.0f)), Vec::set(89.0f)));
  const Vec half = power_of_two(e.n - IVec::set(1));
  const Vec y = fma(exp_near_0(e.r), half, half - Vec::set(0.5f));
  return select(equal(x, Vec::zero()), x, y + y);
}

// log(1 + f) + k ln 2 for 1 + f in [sqrt(1/2), sqrt(2)), by a polynomial in f (7.7e-10); k whole.
inline Vec log_near_1(Vec f, Vec k) noexcept {
  static constexpr float c[] = {0x1.555548p-2f,  -0x1.000006p-2f, 0x1.99a478p-3f,  -0x1.555c4ep-3f, 0x1.233b78p-3f,
                                -0x1.fc26acp-4f, 0x1.e6c03ep-4f,  -0x1.de1004p-4f, 0x1.1484e8p-4f};
  const Vec square = f * f;
  Vec rest = fma(polynomial(c, f) * f, square, k * Vec::set(0x1.7f7d1cp-20f));
  rest = fma(Vec::set(-0.5f), square, rest);
  return fma(k, Vec::set(0x1.62e4p-1f), f + rest);
}

// x = m 2^k with m in [sqrt(1/2), sqrt(2)), for positive normal x.
struct Mantissa {
  Vec m;
  IVec k;
};

inline Mantissa mantissa_of(Vec x) noexcept {
  const IVec k = shift_right<23>(bits(x) - IVec::set(0x3f3504f3));  // sqrt(1/2)
  return {floats(bits(x) - shift_left<23>(k)), k};
}

inline Vec whole_number(IVec k) noexcept {  // |k| < 2^22
  const Vec magic = Vec::set(0x1.8p23f);
  return floats(bits(magic) + k) - magic;
}

// The logarithm of x + shift, of which y is what the formula gives: what it does not cover is put in.
inline Vec with_log_edges(Vec y, Vec x, Vec zero_at) noexcept {
  const Vec infinite = floats(IVec::set(0x7f800000)), none = floats(IVec::set(0x7fc00000));
  const Vec positive = select(equal(x, infinite), x, y);
  const Vec not_negative = select(equal(x, zero_at), -infinite, positive);
  return select(is_nan(x), x, select(less(x, zero_at), none, not_negative));
}

inline Vec log(Vec x) noexcept {
  const Vec::Mask tiny = less(x, Vec::set(0x1p-126f));
  const Mantissa from = mantissa_of(select(tiny, x * Vec::set(0x1p23f), x));
  const Vec k = whole_number(from.k) - select(tiny, Vec::set(23.0f), Vec::zero());
  return with_log_edges(log_near_1(from.m - Vec::set(1.0f), k), x, Vec::zero());
}

// As log of u = 1 + x, with what u lost in rounding put back; where u is near 1 that is x itself.
inline Vec log1p(Vec x) noexcept {
  const Vec one = Vec::set(1.0f), u = one + x;
  const Vec lost = select(less(one, x), one - (u - x), x - (u - one));
  const Mantissa from = mantissa_of(u);
  const Vec near = fma(lost, power_of_two(IVec::set(0) - from.k), from.m - one);
  const Vec f = select(less(Vec::set(0x1p100f), u), from.m - one, near);  // where 2^-k is no float nothing was lost
  const Vec y = select(equal(x, Vec::zero()), x, log_near_1(f, whole_number(from.k)));
  return with_log_edges(y, x, Vec::set(-1.0f));
}

// e^-|x|, with few steps that wait for each other: 2^f by a polynomial (3.0e-9) for what the power of two leaves, |f| <= 1/2.
inline Vec exp_minus_size(Vec x) noexcept {
  const Vec one = Vec::set(1.0f), magic = Vec::set(0x1.8p23f), log2_e = Vec::set(0x1.715476p0f);
  const Vec inside = max(Vec::set(-104.0f), floats(bits(x) | IVec::set(INT32_MIN)));
  const Vec t = fma(inside, log2_e, magic), whole = t - magic;
  const Vec f = fma(inside, Vec::set(0x1.4ae0c0p-26f), fma(inside, log2_e, -whole)), square = f * f;
  const Vec low = fma(Vec::set(0x1.ebfbdcp-3f), f, Vec::set(0x1.62e430p-1f)), middle = fma(Vec::set(0x1.3b2dd2p-7f), f, Vec::set(0x1.c6af7ap-5f));
  const Vec high = fma(Vec::set(0x1.417a9ap-13f), f, Vec::set(0x1.5f0948p-10f));
  return scaled(fma(fma(fma(high, square, middle), square, low), f, one), bits(t) - bits(magic), whole);
}

// 1 / (1 + e^-x), with e^-|x| so that nothing overflows.
inline Vec sigmoid(Vec x) noexcept {
  const Vec small = exp_minus_size(x), one = Vec::set(1.0f);
  return select(is_nan(x), x, select(less(x, Vec::zero()), small, one) / (one + small));
}

// x / 6: the quotient's two parts as floats.
inline Vec sixth(Vec x) noexcept { return fma(x, Vec::set(0x1.555556p-3f), x * Vec::set(-0x1.555556p-28f)); }

// Near 0 a polynomial in x^2 (4.5e-9), so that sign and tiny numbers are kept; elsewhere 1 - 2 / (e^2|x| + 1).
inline Vec tanh(Vec x) noexcept {
  static constexpr float c[] = {-0x1.555532p-2f, 0x1.1107p-3f, -0x1.b837e2p-5f, 0x1.520c42p-6f, -0x1.7575b2p-8f};
  const Vec size = abs(x), one = Vec::set(1.0f), z = x * x;
  const Vec near = with_sign_of(fma(polynomial(c, z) * z, x, x), x);  // the sum loses that of -0
  const Vec far = one - Vec::set(2.0f) / (exp(size + size) + one);
  return select(is_nan(x), x, select(less(size, Vec::set(0.625f)), near, with_sign_of(far, x)));
}

// Up to 1 x plus x times a polynomial in x^2 (1.4e-9); beyond, 1 - e^q(|x|) with q = log erfc (5.8e-11 of 1); from 4 on 1.
inline Vec erf(Vec x) noexcept {
  static constexpr float near_c[] = {0x1.06eba8p-3f,  -0x1.81273ep-2f,  0x1.ce2ce6p-4f, -0x1.b7f71ap-6f,
                                     0x1.53f224p-8f, -0x1.a3515ep-11f, 0x1.4771fcp-14f};
  static constexpr float far_c[] = {0x1.65ae8cp-13f, -0x1.212698p+0f, -0x1.444b44p-1f, -0x1.bb563p-4f,
                                    0x1.9b1904p-6f,  -0x1.10a9b2p-8f, 0x1.c54d7ap-12f, -0x1.5ed0acp-16f};
  const Vec size = abs(x), one = Vec::set(1.0f);
  const Vec near = fma(polynomial(near_c, x * x), x, x);
  const Vec tail = exp(polynomial(far_c, min(Vec::set(4.0f), size)));
  const Vec far = select(less(size, Vec::set(4.0f)), one - tail, one);
  return select(is_nan(x), x, select(less(size, one), near, with_sign_of(far, x)));
}

// erf for those who add 1 to it or multiply it: a quotient of polynomials in x^2 (2.5e-8), from 4 on 1. Half the work of erf, and
// no relative accuracy to speak of where erf + 1 is small, which rounding takes from the other, too.
inline Vec erf_share(Vec x) noexcept {
  static constexpr float over[] = {0x1.20dd74p+0f, 0x1.8c6294p-3f, 0x1.b3030ap-5f, 0x1.fd027ep-9f, 0x1.2a63cap-12f, 0x1.0aa836p-19f};
  static constexpr float under[] = {1.0f, 0x1.027cfp-1f, 0x1.d87a3cp-4f, 0x1.f25142p-7f, 0x1.36cba6p-10f, 0x1.39e692p-15f};
  const Vec size = abs(x), most = Vec::set(4.0f), inside = with_sign_of(select(less(most, size), most, size), x), square = inside * inside;
  const Vec near = inside * (polynomial(over, square) / polynomial(under, square));
  return select(less(size, most), near, select(is_nan(x), x, with_sign_of(Vec::set(1.0f), x)));
}

// log(1 + e^x) without overflow.
inline Vec softplus(Vec x) noexcept { return max_nan(x, Vec::zero()) + log1p(exp(-abs(x))); }

// To whole numbers, halves to even; numbers from 2^23 on are whole.
inline Vec round(Vec x) noexcept {
  const Vec magic = Vec::set(0x1p23f), size = abs(x);
  return select(less(size, magic), with_sign_of((size + magic) - magic, x), x);
}

inline Vec floor(Vec x) noexcept {
  const Vec near = round(x);
  return with_sign_of(abs(select(less(x, near), near - Vec::set(1.0f), near)), x);
}

inline Vec ceil(Vec x) noexcept { return -floor(-x); }
inline Vec trunc(Vec x) noexcept { return with_sign_of(floor(abs(x)), x); }

}  // namespace medtorch::MEDTORCH_ISA
