// What the elementwise family offers: functions of up to six arrays, number by number.
#pragma once

#include "family.hpp"

namespace medtorch {

constexpr int most_inputs = 6;
constexpr Index widest = 16;  // lanes of the widest kernel set

// y[i] = f(in[0][i], in[1][i], ...; numbers) for n numbers that lie one after the other. Where `still[k]`, in[k] is `widest`
// copies of one number that stands for all. Functions with a yes or no for an answer write 1 and 0.
using MapKernel = void (*)(const float* const* in, const bool* still, float* y, Index n, const float* numbers) noexcept;

// The order of this list is that of `map_infos`, and of the tables that kernels/elementwise.cpp builds.
enum class Map : int {
  add, sub, mul, div, maximum, minimum, fmax, fmin, eq, ne, lt, le, where,
  neg, abs, sqrt, rsqrt, rsqrt_of_sum, reciprocal, floor, ceil, trunc, round, sign, clamp, isnan, isinf, isfinite,
  exp, exp2, expm1, log, log1p, tanh, sigmoid, erf,
  relu, leaky_relu, elu, silu, mish, gelu, gelu_tanh, hardswish, hardsigmoid, softplus, logsigmoid, softshrink, hardshrink,
  threshold, binary_cross_entropy,
  exp_less, log_softmax_end, standardize_end, standardize_input_grad_end, scale_shift, identity, normalize_end, normalize_input_grad_end,
  relu_input_grad, leaky_relu_input_grad, sigmoid_input_grad, tanh_input_grad, silu_input_grad, gelu_input_grad,
  hardswish_input_grad, hardsigmoid_input_grad, clamp_input_grad,
  log2, log10, sin, cos, tan, asin, acos, atan, sinh, cosh, pow, atan2,
  count,
};

struct MapInfo {
  const char* name;
  int inputs, numbers;
  bool answers;   // yes or no, as bool
  bool chooses;   // the first input is bool
  bool costly;    // worth sharing among threads from a few thousand numbers on
};

// clang-format off
constexpr MapInfo map_infos[] = {
    {"add", 2, 0, false, false, false},        {"sub", 2, 0, false, false, false},       {"mul", 2, 0, false, false, false},
    {"div", 2, 0, false, false, false},        {"maximum", 2, 0, false, false, false},   {"minimum", 2, 0, false, false, false},
    {"fmax", 2, 0, false, false, false},       {"fmin", 2, 0, false, false, false},      {"eq", 2, 0, true, false, false},
    {"ne", 2, 0, true, false, false},          {"lt", 2, 0, true, false, false},         {"le", 2, 0, true, false, false},
    {"where", 3, 0, false, true, false},
    {"neg", 1, 0, false, false, false},        {"abs", 1, 0, false, false, false},       {"sqrt", 1, 0, false, false, false},
    {"rsqrt", 1, 0, false, false, false},      {"rsqrt_of_sum", 1, 1, false, false, false}, {"reciprocal", 1, 0, false, false, false},
    {"floor", 1, 0, false, false, false},
    {"ceil", 1, 0, false, false, false},       {"trunc", 1, 0, false, false, false},     {"round", 1, 0, false, false, false},
    {"sign", 1, 0, false, false, false},       {"clamp", 1, 2, false, false, false},     {"isnan", 1, 0, true, false, false},
    {"isinf", 1, 0, true, false, false},       {"isfinite", 1, 0, true, false, false},
    {"exp", 1, 0, false, false, true},         {"exp2", 1, 0, false, false, true},       {"expm1", 1, 0, false, false, true},
    {"log", 1, 0, false, false, true},         {"log1p", 1, 0, false, false, true},      {"tanh", 1, 0, false, false, true},
    {"sigmoid", 1, 0, false, false, true},     {"erf", 1, 0, false, false, true},
    {"relu", 1, 0, false, false, false},       {"leaky_relu", 1, 1, false, false, false}, {"elu", 1, 3, false, false, true},
    {"silu", 1, 0, false, false, true},        {"mish", 1, 0, false, false, true},       {"gelu", 1, 0, false, false, true},
    {"gelu_tanh", 1, 0, false, false, true},   {"hardswish", 1, 0, false, false, false}, {"hardsigmoid", 1, 0, false, false, false},
    {"softplus", 1, 2, false, false, true},    {"logsigmoid", 1, 0, false, false, true}, {"softshrink", 1, 1, false, false, false},
    {"hardshrink", 1, 1, false, false, false}, {"threshold", 1, 2, false, false, false},
    {"binary_cross_entropy", 2, 0, false, false, true},
    {"exp_less", 2, 0, false, false, true},    {"log_softmax_end", 3, 0, false, false, false},
    {"standardize_end", 3, 0, false, false, false}, {"standardize_input_grad_end", 6, 0, false, false, false},
    {"scale_shift", 3, 0, false, false, false}, {"identity", 1, 0, false, false, false},
    {"normalize_end", 5, 0, false, false, false}, {"normalize_input_grad_end", 6, 0, false, false, false},
    {"relu_input_grad", 2, 0, false, false, false}, {"leaky_relu_input_grad", 2, 1, false, false, false},
    {"sigmoid_input_grad", 2, 0, false, false, false}, {"tanh_input_grad", 2, 0, false, false, false},
    {"silu_input_grad", 2, 0, false, false, true}, {"gelu_input_grad", 2, 0, false, false, true},
    {"hardswish_input_grad", 2, 0, false, false, false}, {"hardsigmoid_input_grad", 2, 0, false, false, false},
    {"clamp_input_grad", 2, 2, false, false, false},
    {"log2", 1, 0, false, false, true},     {"log10", 1, 0, false, false, true},
    {"sin", 1, 0, false, false, true},      {"cos", 1, 0, false, false, true},
    {"tan", 1, 0, false, false, true},      {"asin", 1, 0, false, false, true},
    {"acos", 1, 0, false, false, true},     {"atan", 1, 0, false, false, true},
    {"sinh", 1, 0, false, false, true},     {"cosh", 1, 0, false, false, true},
    {"pow", 2, 0, false, false, true},      {"atan2", 2, 0, false, false, true},
};
// clang-format on
static_assert(sizeof map_infos / sizeof map_infos[0] == static_cast<int>(Map::count), "one line an entry of Map");

struct ElementwiseTable {
  const MapKernel* maps;  // as Map counts them
};

}  // namespace medtorch
