// Functions of one or several arrays, number by number: each is a small struct, and `run` is the loop around them all.
#include "../activations.hpp"
#include "../families/elementwise.hpp"
#include "../functions.hpp"
#include "../simd.hpp"
#include "../wide.hpp"
#include "kernels.hpp"

namespace medtorch::MEDTORCH_ISA {
namespace {

template <int n>
struct Inputs {
  static constexpr int inputs = n;
};

inline Vec answer(Vec::Mask m) noexcept { return select(m, Vec::set(1.0f), Vec::zero()); }
inline Vec::Mask none_of(Vec::Mask m) noexcept { return equal(answer(m), Vec::zero()); }

// clang-format off
struct Add : Inputs<2> { static Vec of(const Vec* v, const Vec*) noexcept { return v[0] + v[1]; } };
struct Sub : Inputs<2> { static Vec of(const Vec* v, const Vec*) noexcept { return v[0] - v[1]; } };
struct Mul : Inputs<2> { static Vec of(const Vec* v, const Vec*) noexcept { return v[0] * v[1]; } };
struct Div : Inputs<2> { static Vec of(const Vec* v, const Vec*) noexcept { return v[0] / v[1]; } };
struct Maximum : Inputs<2> { static Vec of(const Vec* v, const Vec*) noexcept { return max_nan(v[0], v[1]); } };
struct Minimum : Inputs<2> { static Vec of(const Vec* v, const Vec*) noexcept { return min_nan(v[0], v[1]); } };
struct Fmax : Inputs<2> { static Vec of(const Vec* v, const Vec*) noexcept { return select(is_nan(v[1]), v[0], max(v[0], v[1])); } };
struct Fmin : Inputs<2> { static Vec of(const Vec* v, const Vec*) noexcept { return select(is_nan(v[1]), v[0], min(v[0], v[1])); } };
struct Eq : Inputs<2> { static Vec of(const Vec* v, const Vec*) noexcept { return answer(equal(v[0], v[1])); } };
struct Ne : Inputs<2> { static Vec of(const Vec* v, const Vec*) noexcept { return answer(none_of(equal(v[0], v[1]))); } };
struct Lt : Inputs<2> { static Vec of(const Vec* v, const Vec*) noexcept { return answer(less(v[0], v[1])); } };
struct Le : Inputs<2> { static Vec of(const Vec* v, const Vec*) noexcept { return answer(less_equal(v[0], v[1])); } };
struct Where : Inputs<3> { static Vec of(const Vec* v, const Vec*) noexcept { return select(less(Vec::zero(), v[0]), v[1], v[2]); } };

struct Neg : Inputs<1> { static Vec of(const Vec* v, const Vec*) noexcept { return -v[0]; } };
struct Abs : Inputs<1> { static Vec of(const Vec* v, const Vec*) noexcept { return abs(v[0]); } };
struct Sqrt : Inputs<1> { static Vec of(const Vec* v, const Vec*) noexcept { return sqrt(v[0]); } };
struct Rsqrt : Inputs<1> { static Vec of(const Vec* v, const Vec*) noexcept { return Vec::set(1.0f) / sqrt(v[0]); } };
struct RsqrtOfSum : Inputs<1> { static Vec of(const Vec* v, const Vec* p) noexcept { return Vec::set(1.0f) / sqrt(v[0] + p[0]); } };
struct Reciprocal : Inputs<1> { static Vec of(const Vec* v, const Vec*) noexcept { return Vec::set(1.0f) / v[0]; } };
struct Floor : Inputs<1> { static Vec of(const Vec* v, const Vec*) noexcept { return floor(v[0]); } };
struct Ceil : Inputs<1> { static Vec of(const Vec* v, const Vec*) noexcept { return ceil(v[0]); } };
struct Trunc : Inputs<1> { static Vec of(const Vec* v, const Vec*) noexcept { return trunc(v[0]); } };
struct Round : Inputs<1> { static Vec of(const Vec* v, const Vec*) noexcept { return round(v[0]); } };
struct Sign : Inputs<1> {  // 0 for NaN, as torch
  static Vec of(const Vec* v, const Vec*) noexcept { return answer(less(Vec::zero(), v[0])) - answer(less(v[0], Vec::zero())); }
};
struct Clamp : Inputs<1> { static Vec of(const Vec* v, const Vec* p) noexcept { return min_nan(max_nan(v[0], p[0]), p[1]); } };
struct IsNan : Inputs<1> { static Vec of(const Vec* v, const Vec*) noexcept { return answer(is_nan(v[0])); } };
struct IsInf : Inputs<1> {
  static Vec of(const Vec* v, const Vec*) noexcept { return answer(equal(abs(v[0]), floats(IVec::set(0x7f800000)))); }
};
struct IsFinite : Inputs<1> {
  static Vec of(const Vec* v, const Vec*) noexcept { return answer(less(abs(v[0]), floats(IVec::set(0x7f800000)))); }
};

struct Exp : Inputs<1> { static Vec of(const Vec* v, const Vec*) noexcept { return exp(v[0]); } };
struct Exp2 : Inputs<1> { static Vec of(const Vec* v, const Vec*) noexcept { return exp2(v[0]); } };
struct Expm1 : Inputs<1> { static Vec of(const Vec* v, const Vec*) noexcept { return expm1(v[0]); } };
struct Log : Inputs<1> { static Vec of(const Vec* v, const Vec*) noexcept { return log(v[0]); } };
struct Log1p : Inputs<1> { static Vec of(const Vec* v, const Vec*) noexcept { return log1p(v[0]); } };
struct Tanh : Inputs<1> { static Vec of(const Vec* v, const Vec*) noexcept { return tanh(v[0]); } };
struct Sigmoid : Inputs<1> { static Vec of(const Vec* v, const Vec*) noexcept { return sigmoid(v[0]); } };
struct Erf : Inputs<1> { static Vec of(const Vec* v, const Vec*) noexcept { return erf(v[0]); } };
struct Log2 : Inputs<1> { static Vec of(const Vec* v, const Vec*) noexcept { return each_wide<wide::log2>(v[0]); } };
struct Log10 : Inputs<1> { static Vec of(const Vec* v, const Vec*) noexcept { return each_wide<wide::log10>(v[0]); } };
struct Sin : Inputs<1> { static Vec of(const Vec* v, const Vec*) noexcept { return each_wide<wide::sin>(v[0]); } };
struct Cos : Inputs<1> { static Vec of(const Vec* v, const Vec*) noexcept { return each_wide<wide::cos>(v[0]); } };
struct Tan : Inputs<1> { static Vec of(const Vec* v, const Vec*) noexcept { return each_wide<wide::tan>(v[0]); } };
struct Asin : Inputs<1> { static Vec of(const Vec* v, const Vec*) noexcept { return each_wide<wide::asin>(v[0]); } };
struct Acos : Inputs<1> { static Vec of(const Vec* v, const Vec*) noexcept { return each_wide<wide::acos>(v[0]); } };
struct Atan : Inputs<1> { static Vec of(const Vec* v, const Vec*) noexcept { return each_wide<wide::atan>(v[0]); } };
struct Sinh : Inputs<1> { static Vec of(const Vec* v, const Vec*) noexcept { return each_wide<wide::sinh>(v[0]); } };
struct Cosh : Inputs<1> { static Vec of(const Vec* v, const Vec*) noexcept { return each_wide<wide::cosh>(v[0]); } };
struct Pow : Inputs<2> { static Vec of(const Vec* v, const Vec*) noexcept { return each_wide<wide::pow>(v[0], v[1]); } };
struct Atan2 : Inputs<2> { static Vec of(const Vec* v, const Vec*) noexcept { return each_wide<wide::atan2>(v[0], v[1]); } };

struct Relu : Inputs<1> { static Vec of(const Vec* v, const Vec*) noexcept { return relu(v[0]); } };
struct LeakyRelu : Inputs<1> { static Vec of(const Vec* v, const Vec* p) noexcept { return leaky_relu(v[0], p[0]); } };
struct Elu : Inputs<1> { static Vec of(const Vec* v, const Vec* p) noexcept { return elu(v[0], p[0], p[1], p[2]); } };
struct Silu : Inputs<1> { static Vec of(const Vec* v, const Vec*) noexcept { return silu(v[0]); } };
struct Mish : Inputs<1> { static Vec of(const Vec* v, const Vec*) noexcept { return mish(v[0]); } };
struct Gelu : Inputs<1> { static Vec of(const Vec* v, const Vec*) noexcept { return gelu(v[0]); } };
struct GeluTanh : Inputs<1> { static Vec of(const Vec* v, const Vec*) noexcept { return gelu_tanh(v[0]); } };
struct Hardswish : Inputs<1> { static Vec of(const Vec* v, const Vec*) noexcept { return hardswish(v[0]); } };
struct Hardsigmoid : Inputs<1> { static Vec of(const Vec* v, const Vec*) noexcept { return hardsigmoid(v[0]); } };
struct Softplus : Inputs<1> {  // beta, threshold
  static Vec of(const Vec* v, const Vec* p) noexcept {
    const Vec t = v[0] * p[0];
    return select(less(p[1], t), v[0], softplus(t) / p[0]);
  }
};
struct Logsigmoid : Inputs<1> { static Vec of(const Vec* v, const Vec*) noexcept { return logsigmoid(v[0]); } };
struct Softshrink : Inputs<1> {
  static Vec of(const Vec* v, const Vec* p) noexcept {
    const Vec moved = select(less(Vec::zero(), v[0]), v[0] - p[0], v[0] + p[0]);
    return select(less_equal(abs(v[0]), p[0]), Vec::zero(), moved);
  }
};
struct Hardshrink : Inputs<1> {
  static Vec of(const Vec* v, const Vec* p) noexcept { return select(less_equal(abs(v[0]), p[0]), Vec::zero(), v[0]); }
};
struct Threshold : Inputs<1> { static Vec of(const Vec* v, const Vec* p) noexcept { return select(less_equal(v[0], p[0]), p[1], v[0]); } };
struct BinaryCrossEntropy : Inputs<2> {
  static Vec of(const Vec* v, const Vec*) noexcept {
    const Vec least = Vec::set(-100.0f), yes = max_nan(log(v[0]), least), no = max_nan(log1p(-v[0]), least);
    return (v[1] - Vec::set(1.0f)) * no - v[1] * yes;
  }
};

struct ExpLess : Inputs<2> { static Vec of(const Vec* v, const Vec*) noexcept { return exp(v[0] - v[1]); } };
struct LogSoftmaxEnd : Inputs<3> { static Vec of(const Vec* v, const Vec*) noexcept { return (v[0] - v[1]) - v[2]; } };  // x, max, log sum
struct StandardizeEnd : Inputs<3> { static Vec of(const Vec* v, const Vec*) noexcept { return (v[0] - v[1]) * v[2]; } };  // x, mean, rstd
struct StandardizeInputGradEnd : Inputs<6> {  // grad, x, mean, rstd, mean of grad, mean of grad times y
  static Vec of(const Vec* v, const Vec*) noexcept { return ((v[0] - v[4]) - ((v[1] - v[2]) * v[3]) * v[5]) * v[3]; }
};
struct ScaleShift : Inputs<3> { static Vec of(const Vec* v, const Vec*) noexcept { return v[0] * v[1] + v[2]; } };  // two roundings
struct Identity : Inputs<1> { static Vec of(const Vec* v, const Vec*) noexcept { return v[0]; } };
struct NormalizeEnd : Inputs<5> {  // x, mean, rstd, weight, bias
  static Vec of(const Vec* v, const Vec*) noexcept { return ((v[0] - v[1]) * v[2]) * v[3] + v[4]; }
};
struct NormalizeInputGradEnd : Inputs<6> {  // grad, x, mean, mean of grad, rstd times mean of grad times the standardized x, rstd times weight
  static Vec of(const Vec* v, const Vec*) noexcept { return ((v[0] - v[3]) - (v[1] - v[2]) * v[4]) * v[5]; }
};

// Gradients of activations: of grad, then of what the activation read (x) or made (y). The formulas and their roundings are the ops'.
struct ReluInputGrad : Inputs<2> { static Vec of(const Vec* v, const Vec*) noexcept { return select(less_equal(v[1], Vec::zero()), Vec::zero(), v[0]); } };
struct LeakyReluInputGrad : Inputs<2> {
  static Vec of(const Vec* v, const Vec* p) noexcept { return select(less(Vec::zero(), v[1]), v[0], v[0] * p[0]); }
};
struct SigmoidInputGrad : Inputs<2> { static Vec of(const Vec* v, const Vec*) noexcept { return v[0] * (v[1] * (Vec::set(1.0f) - v[1])); } };
struct TanhInputGrad : Inputs<2> { static Vec of(const Vec* v, const Vec*) noexcept { return v[0] * (Vec::set(1.0f) - v[1] * v[1]); } };
struct SiluInputGrad : Inputs<2> {
  static Vec of(const Vec* v, const Vec*) noexcept {
    const Vec s = sigmoid(v[1]), one = Vec::set(1.0f);
    return v[0] * (s * (v[1] * (one - s) + one));
  }
};
struct GeluInputGrad : Inputs<2> {
  static Vec of(const Vec* v, const Vec*) noexcept {
    const Vec share = (erf(v[1] * Vec::set(0x1.6a09e6p-1f)) + Vec::set(1.0f)) * Vec::set(0.5f);
    const Vec density = exp(v[1] * v[1] * Vec::set(-0.5f)) * Vec::set(0x1.988454p-2f);  // 1 / sqrt(2 pi)
    return v[0] * (share + v[1] * density);
  }
};
struct HardswishInputGrad : Inputs<2> {
  static Vec of(const Vec* v, const Vec*) noexcept {
    const Vec three = Vec::set(3.0f);
    const Vec inside = select(less(v[1], three), v[0] * (v[1] / three + Vec::set(0.5f)), v[0]);
    return select(less_equal(v[1], -three), Vec::zero(), inside);
  }
};
struct HardsigmoidInputGrad : Inputs<2> {
  static Vec of(const Vec* v, const Vec*) noexcept {
    const Vec three = Vec::set(3.0f);
    return select(either(less_equal(v[1], -three), less_equal(three, v[1])), Vec::zero(), v[0] / Vec::set(6.0f));
  }
};
struct ClampInputGrad : Inputs<2> {  // nothing from the bounds on
  static Vec of(const Vec* v, const Vec* p) noexcept {
    return select(either(less_equal(v[1], p[0]), less_equal(p[1], v[1])), Vec::zero(), v[0]);
  }
};
// clang-format on

template <typename F>
void run(const float* const* in, const bool* still, float* y, Index n, const float* numbers) noexcept {
  constexpr int most_numbers = 3;
  const Vec p[most_numbers] = {Vec::set(numbers[0]), Vec::set(numbers[1]), Vec::set(numbers[2])};
  Index step[F::inputs];
  for (int k = 0; k < F::inputs; ++k) step[k] = still[k] ? 0 : 1;
  Vec v[F::inputs];
  Index i = 0;
  for (; i + Vec::lanes <= n; i += Vec::lanes) {
#pragma GCC unroll 6
    for (int k = 0; k < F::inputs; ++k) v[k] = Vec::load(in[k] + i * step[k]);
    F::of(v, p).store(y + i);
  }
  if (i < n) {
    const int left = static_cast<int>(n - i);
    for (int k = 0; k < F::inputs; ++k) v[k] = Vec::load(in[k] + i * step[k], left);
    F::of(v, p).store(y + i, left);
  }
}

constexpr MapKernel maps[] = {
    run<Add>,        run<Sub>,      run<Mul>,        run<Div>,       run<Maximum>,    run<Minimum>,    run<Fmax>,
    run<Fmin>,       run<Eq>,       run<Ne>,         run<Lt>,        run<Le>,         run<Where>,      run<Neg>,
    run<Abs>,        run<Sqrt>,     run<Rsqrt>,      run<RsqrtOfSum>, run<Reciprocal>, run<Floor>,     run<Ceil>,       run<Trunc>,
    run<Round>,      run<Sign>,     run<Clamp>,      run<IsNan>,     run<IsInf>,      run<IsFinite>,   run<Exp>,
    run<Exp2>,       run<Expm1>,    run<Log>,        run<Log1p>,     run<Tanh>,       run<Sigmoid>,    run<Erf>,
    run<Relu>,       run<LeakyRelu>, run<Elu>,       run<Silu>,      run<Mish>,       run<Gelu>,       run<GeluTanh>,
    run<Hardswish>,  run<Hardsigmoid>, run<Softplus>, run<Logsigmoid>, run<Softshrink>, run<Hardshrink>, run<Threshold>,
    run<BinaryCrossEntropy>, run<ExpLess>, run<LogSoftmaxEnd>, run<StandardizeEnd>, run<StandardizeInputGradEnd>, run<ScaleShift>, run<Identity>,
    run<NormalizeEnd>, run<NormalizeInputGradEnd>, run<ReluInputGrad>, run<LeakyReluInputGrad>, run<SigmoidInputGrad>, run<TanhInputGrad>,
    run<SiluInputGrad>, run<GeluInputGrad>, run<HardswishInputGrad>, run<HardsigmoidInputGrad>, run<ClampInputGrad>,
    run<Log2>, run<Log10>, run<Sin>, run<Cos>, run<Tan>, run<Asin>, run<Acos>, run<Atan>, run<Sinh>, run<Cosh>, run<Pow>, run<Atan2>,
};
static_assert(sizeof maps / sizeof maps[0] == static_cast<int>(Map::count), "one kernel an entry of Map");

}  // namespace

ElementwiseTable elementwise_table() noexcept { return {maps}; }

}  // namespace medtorch::MEDTORCH_ISA
