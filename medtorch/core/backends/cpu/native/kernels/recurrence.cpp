// Steps of an LSTM. Each product and sum is rounded once, in the order of the layer written with tensors: the same bits.
#include "../families/recurrence.hpp"
#include "../functions.hpp"
#include "../lanes.hpp"
#include "../simd.hpp"
#include "kernels.hpp"

namespace medtorch::MEDTORCH_ISA {
namespace {

template <typename F>
inline void each(Index n, const F& f) noexcept {
  Index i = 0;
  for (; i + Vec::lanes <= n; i += Vec::lanes) f(i, Vec::lanes);
  if (i < n) f(i, static_cast<int>(n - i));
}

void lstm(const LstmStep& s, Index begin, Index end) noexcept {
  const Index width = s.width;
  for (Index row = begin; row < end; ++row) {
    const float *given = s.given + row * 4 * width, *own = s.own + row * 4 * width, *before = s.before + row * s.before_row;
    float *gates = s.gates + row * 4 * width, *cell = s.cell + row * width, *hidden = s.hidden + row * width;
    each(width, [=](Index i, int left) {
      const auto total = [=](Index nr) { return read(given + nr * width + i, left) + read(own + nr * width + i, left); };
      const Vec take = sigmoid(total(0)), keep = sigmoid(total(1)), candidate = tanh(total(2)), shown = sigmoid(total(3));
      const Vec now = keep * read(before + i, left) + take * candidate;
      write(take, gates + i, left);
      write(keep, gates + width + i, left);
      write(candidate, gates + 2 * width + i, left);
      write(shown, gates + 3 * width + i, left);
      write(now, cell + i, left);
      write(shown * tanh(now), hidden + i, left);
    });
  }
}

void lstm_grad(const LstmStepGrad& s, Index begin, Index end) noexcept {
  const Index width = s.width;
  const Vec one = Vec::set(1.0f);
  for (Index row = begin; row < end; ++row) {
    const float *dh = s.d_hidden + row * width, *dc = s.d_cell + row * width, *before = s.before + row * s.before_row;
    const float *cell = s.cell + row * width, *gates = s.gates + row * 4 * width, *extra = s.extra == nullptr ? nullptr : s.extra + row * 4 * width;
    float *d_given = s.d_given + row * 4 * width, *d_before = s.d_before + row * width;
    each(width, [=](Index i, int left) {
      const auto gate = [=](Index nr) { return read(gates + nr * width + i, left); };
      const Vec take = gate(0), keep = gate(1), candidate = gate(2), shown = gate(3), seen = tanh(read(cell + i, left));
      const Vec h = read(dh + i, left), c = read(dc + i, left) + (h * shown) * (one - seen * seen);
      Vec raw[4] = {c * candidate, c * read(before + i, left), c * take, h * seen};
      if (extra != nullptr)
        for (Index nr = 0; nr < 4; ++nr) raw[nr] = raw[nr] + read(extra + nr * width + i, left);
      write(raw[0] * (take * (one - take)), d_given + i, left);
      write(raw[1] * (keep * (one - keep)), d_given + width + i, left);
      write(raw[2] * (one - candidate * candidate), d_given + 2 * width + i, left);
      write(raw[3] * (shown * (one - shown)), d_given + 3 * width + i, left);
      write(c * keep, d_before + i, left);
    });
  }
}

}  // namespace

RecurrenceTable recurrence_table() noexcept { return {lstm, lstm_grad}; }

}  // namespace medtorch::MEDTORCH_ISA
