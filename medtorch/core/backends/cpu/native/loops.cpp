#include "loops.hpp"

#include <algorithm>

#include "float_environment.hpp"
#include "parallel.hpp"

namespace medtorch {
namespace {

constexpr Index piece = 1024;           // numbers that are gathered at a time
constexpr Index share = Index{1} << 14;  // numbers that a thread takes at a time

// One input over a tile of `rows` rows of `n` numbers: read where it is, one number for all, or brought into a line.
class TileInput {
 public:
  bool still() const noexcept { return still_; }
  bool direct() const noexcept { return still_ || in_place_; }

  void start(const LoopInput& from, const char* at, Index row_step, Index step, Index rows, Index n) noexcept {
    const bool same = at == data_ && rows <= rows_ && row_step == 0 && in_line_;  // a line that every tile reads
    data_ = at;
    row_step_ = row_step;
    step_ = step;
    n_ = n;
    is_bool_ = from.is_bool;
    still_ = step == 0 && (rows == 1 || row_step == 0);
    in_place_ = !is_bool_ && step == 1 && (rows == 1 || row_step == n);
    if (still_) std::fill(line_, line_ + widest, number(0));
    if (same) return;
    rows_ = rows;
    in_line_ = !direct() && rows * n <= piece;
    if (in_line_) gather_rows();
  }

  // Numbers [from, from + count) of the tile, row after row.
  const float* numbers(Index from, Index count) noexcept {
    if (in_place_) return reinterpret_cast<const float*>(data_) + from;
    if (still_) return line_;
    if (in_line_) return line_ + from;
    gather(data_ + from * step_ * width(), count, line_);
    return line_;
  }

 private:
  Index width() const noexcept { return is_bool_ ? 1 : static_cast<Index>(sizeof(float)); }
  float number(Index i) const noexcept { return is_bool_ ? static_cast<float>(data_[i]) : reinterpret_cast<const float*>(data_)[i]; }

  void gather_rows() noexcept {
    for (Index row = 0; row < rows_; ++row) gather(data_ + row * row_step_ * width(), n_, line_ + row * n_);
  }

  void gather(const char* from, Index count, float* line) const noexcept {
    const float* x = reinterpret_cast<const float*>(from);
    if (is_bool_)
      for (Index i = 0; i < count; ++i) line[i] = static_cast<float>(from[i * step_]);
    else if (step_ == 1)
      std::copy(x, x + count, line);
    else
      for (Index i = 0; i < count; ++i) line[i] = x[i * step_];
  }

  const char* data_ = nullptr;
  Index row_step_ = 0, step_ = 0, rows_ = 0, n_ = 0;
  bool is_bool_ = false, in_place_ = false, still_ = false, in_line_ = false;
  alignas(64) float line_[piece];
};

void run_tile(const Loop& loop, MapKernel kernel, TileInput* tiles, char* y, Index n) noexcept {
  bool direct = !loop.answers;
  const float* in[most_inputs];
  bool still[most_inputs];
  for (int k = 0; k < loop.inputs; ++k) {
    still[k] = tiles[k].still();
    direct = direct && tiles[k].direct();
  }
  const Index step = direct && loop.then == nullptr ? n : piece;
  for (Index from = 0; from < n; from += step) {
    const Index now = std::min(step, n - from);
    for (int k = 0; k < loop.inputs; ++k) in[k] = tiles[k].numbers(from, now);
    if (!loop.answers) {
      float* const out = reinterpret_cast<float*>(y) + from;
      kernel(in, still, out, now, loop.numbers);
      const bool moving = false;
      if (loop.then != nullptr) loop.then(&out, &moving, out, now, loop.then_numbers);
    } else {
      alignas(64) float line[piece];
      kernel(in, still, line, now, loop.numbers);
      for (Index i = 0; i < now; ++i) y[from + i] = static_cast<char>(line[i] != 0.0f);
    }
  }
}

// Rows of `n` floats that lie side by side to where they go, `step` floats apart.
void scatter_rows(const float* from, Index rows, Index n, char* to, Index step) noexcept {
  float* y = reinterpret_cast<float*>(to);
  for (Index row = 0; row < rows; ++row) std::copy(from + row * n, from + (row + 1) * n, y + row * step);
}

// Rows [begin, end), each `n` numbers from `offset` in the innermost dim on. Short rows are taken several at a time, and brought
// to their places afterwards where those are apart (channels of a larger array).
void run_rows(const Loop& loop, MapKernel kernel, const char* const* in, char* y, Index begin, Index end, Index offset, Index n) noexcept {
  const FloatEnvironment environment;
  const int last = loop.ndim - 1;
  TileInput tiles[most_inputs];
  Index at[most_dims];
  Index rest = begin;
  for (int d = last - 1; d >= 0; --d) {
    at[d] = rest % loop.size[d];
    rest /= loop.size[d];
  }
  const Index width = loop.answers ? 1 : static_cast<Index>(sizeof(float));
  const bool dense = n == loop.size[last] && last > 0 && loop.y_step[last - 1] == n;
  const bool apart = !dense && !loop.answers && n == loop.size[last] && last > 0 && 2 * n <= piece;
  const Index most_rows = dense || apart ? std::max<Index>(1, piece / n) : 1;
  alignas(64) float line[piece];
  for (Index row = begin; row < end;) {
    const Index rows = most_rows == 1 ? 1 : std::min({most_rows, loop.size[last - 1] - at[last - 1], end - row});
    for (int k = 0; k < loop.inputs; ++k) {
      const LoopInput& from = loop.in[k];
      Index place = offset * from.step[last];
      for (int d = 0; d < last; ++d) place += at[d] * from.step[d];
      const char* data = in[k] + place * (from.is_bool ? 1 : static_cast<Index>(sizeof(float)));
      tiles[k].start(from, data, last > 0 ? from.step[last - 1] : 0, from.step[last], rows, n);
    }
    Index place = offset;
    for (int d = 0; d < last; ++d) place += at[d] * loop.y_step[d];
    if (apart && rows > 1) {
      run_tile(loop, kernel, tiles, reinterpret_cast<char*>(line), rows * n);
      scatter_rows(line, rows, n, y + place * width, loop.y_step[last - 1]);
    } else {
      run_tile(loop, kernel, tiles, y + place * width, rows * n);
    }
    row += rows;
    if (last > 0) at[last - 1] += rows;
    for (int d = last - 1; d >= 0 && at[d] == loop.size[d]; --d) {
      at[d] = 0;
      if (d > 0) ++at[d - 1];
    }
  }
}

}  // namespace

void Loop::join_dims() noexcept {
  int kept = 0;
  for (int d = 0; d < ndim; ++d) {
    if (size[d] == 1) continue;
    bool even = kept > 0 && y_step[kept - 1] == y_step[d] * size[d];
    for (int k = 0; k < inputs && even; ++k) even = in[k].step[kept - 1] == in[k].step[d] * size[d];
    if (!even) ++kept;
    size[kept - 1] = even ? size[kept - 1] * size[d] : size[d];
    y_step[kept - 1] = y_step[d];
    for (int k = 0; k < inputs; ++k) in[k].step[kept - 1] = in[k].step[d];
  }
  if (kept == 0) {
    size[0] = y_step[0] = 1;
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

void Loop::run(MapKernel kernel, bool threads, const char* const* from, char* y) const noexcept {
  const Index inner = size[ndim - 1], rows = count() / inner;
  if (!threads) return run_rows(*this, kernel, from, y, 0, rows, 0, inner);
  if (rows == 1)
    parallel(inner, share, [&](Index begin, Index end) { run_rows(*this, kernel, from, y, 0, 1, begin, end - begin); });
  else
    parallel(rows, std::max<Index>(1, share / inner), [&](Index begin, Index end) { run_rows(*this, kernel, from, y, begin, end, 0, inner); });
}

}  // namespace medtorch
