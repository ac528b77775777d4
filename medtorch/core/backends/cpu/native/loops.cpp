#include "loops.hpp"

#include <algorithm>

#include "float_environment.hpp"
#include "parallel.hpp"

namespace medtorch {
namespace {

constexpr Index piece = 512;            // numbers that are gathered at a time
constexpr Index share = Index{1} << 14;  // numbers that a thread takes at a time

// One input within a row: read where it is, or brought into a line first.
struct RowInput {
  const char* data;
  Index step;
  bool is_bool, in_place, still;
  alignas(64) float line[piece];

  void start(const LoopInput& from, const char* at, Index inner) noexcept {
    data = at;
    step = inner;
    is_bool = from.is_bool;
    still = inner == 0;
    in_place = inner == 1 && !is_bool;
    if (still) std::fill(line, line + widest, number(0));
  }

  float number(Index i) const noexcept {
    return is_bool ? static_cast<float>(data[i * step]) : reinterpret_cast<const float*>(data)[i * step];
  }

  const float* numbers(Index from, Index n) noexcept {
    if (in_place) return reinterpret_cast<const float*>(data) + from;
    if (still) return line;
    if (is_bool && step == 1) {
      for (Index i = 0; i < n; ++i) line[i] = static_cast<float>(data[from + i]);
    } else if (is_bool) {
      for (Index i = 0; i < n; ++i) line[i] = static_cast<float>(data[(from + i) * step]);
    } else {
      const float* x = reinterpret_cast<const float*>(data) + from * step;
      for (Index i = 0; i < n; ++i) line[i] = x[i * step];
    }
    return line;
  }
};

void run_row(const Loop& loop, MapKernel kernel, RowInput* rows, char* y, Index n) noexcept {
  bool direct = !loop.answers;
  const float* in[most_inputs];
  bool still[most_inputs];
  for (int k = 0; k < loop.inputs; ++k) {
    still[k] = rows[k].still;
    direct = direct && (rows[k].in_place || rows[k].still);
  }
  const Index step = direct ? n : piece;
  for (Index from = 0; from < n; from += step) {
    const Index now = std::min(step, n - from);
    for (int k = 0; k < loop.inputs; ++k) in[k] = rows[k].numbers(from, now);
    if (!loop.answers) {
      kernel(in, still, reinterpret_cast<float*>(y) + from, now, loop.numbers);
    } else {
      alignas(64) float line[piece];
      kernel(in, still, line, now, loop.numbers);
      for (Index i = 0; i < now; ++i) y[from + i] = static_cast<char>(line[i] != 0.0f);
    }
  }
}

// Rows [begin, end), each `n` numbers from `offset` in the innermost dim on.
void run_rows(const Loop& loop, MapKernel kernel, Index begin, Index end, Index offset, Index n) noexcept {
  const FloatEnvironment environment;
  const int last = loop.ndim - 1;
  RowInput rows[most_inputs];
  Index at[most_dims];
  Index rest = begin;
  for (int d = last - 1; d >= 0; --d) {
    at[d] = rest % loop.size[d];
    rest /= loop.size[d];
  }
  const Index width = loop.answers ? 1 : static_cast<Index>(sizeof(float));
  for (Index row = begin; row < end; ++row) {
    for (int k = 0; k < loop.inputs; ++k) {
      const LoopInput& from = loop.in[k];
      Index place = offset * from.step[last];
      for (int d = 0; d < last; ++d) place += at[d] * from.step[d];
      rows[k].start(from, from.data + place * (from.is_bool ? 1 : static_cast<Index>(sizeof(float))), from.step[last]);
    }
    run_row(loop, kernel, rows, loop.y + (row * loop.size[last] + offset) * width, n);
    for (int d = last - 1; d >= 0 && ++at[d] == loop.size[d]; --d) at[d] = 0;
  }
}

}  // namespace

void Loop::join_dims() noexcept {
  int kept = 0;
  for (int d = 0; d < ndim; ++d) {
    if (size[d] == 1) continue;
    bool even = kept > 0;
    for (int k = 0; k < inputs && even; ++k) even = in[k].step[kept - 1] == in[k].step[d] * size[d];
    if (!even) ++kept;
    size[kept - 1] = even ? size[kept - 1] * size[d] : size[d];
    for (int k = 0; k < inputs; ++k) in[k].step[kept - 1] = in[k].step[d];
  }
  if (kept == 0) {
    size[0] = 1;
    for (int k = 0; k < inputs; ++k) in[k].step[0] = in[k].is_bool ? 0 : 1;
    kept = 1;
  }
  ndim = kept;
}

Index Loop::count() const noexcept {
  Index n = 1;
  for (int d = 0; d < ndim; ++d) n *= size[d];
  return n;
}

void Loop::run(MapKernel kernel, bool threads) const noexcept {
  const Index inner = size[ndim - 1], rows = count() / inner;
  if (!threads) return run_rows(*this, kernel, 0, rows, 0, inner);
  if (rows == 1)
    parallel(inner, share, [&](Index begin, Index end) { run_rows(*this, kernel, 0, 1, begin, end - begin); });
  else
    parallel(rows, std::max<Index>(1, share / inner), [&](Index begin, Index end) { run_rows(*this, kernel, begin, end, 0, inner); });
}

}  // namespace medtorch
