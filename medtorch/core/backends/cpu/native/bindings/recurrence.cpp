// The elementwise part of one step of an LSTM over rows; false where an array is not float32 in rows, and nothing is done then.
#include <algorithm>

#include "../float_environment.hpp"
#include "../parallel.hpp"
#include "bindings.hpp"
#include "buffers.hpp"

namespace medtorch {
namespace {

constexpr Index enough_to_release = Index{1} << 12, share = Index{1} << 12;  // numbers of a state

bool is_rows(const Buffer& a, Index rows, Index width) noexcept {
  return a.is_float() && a.ndim() == 2 && a.size(0) == rows && a.size(1) == width && (width == 1 || a.step(1) == 1);
}

bool is_dense(const Buffer& a, Index rows, Index width) noexcept { return is_rows(a, rows, width) && (rows == 1 || a.step(0) == width); }

template <typename Step>
void in_rows(const Step& s, void (*kernel)(const Step&, Index, Index) noexcept) {
  parallel(s.rows, std::max<Index>(1, share / s.width), [&](Index begin, Index end) {
    const FloatEnvironment environment;
    kernel(s, begin, end);
  });
}

bool lstm_step(const KernelSet& set, nb::handle given, nb::handle own, nb::handle before, nb::handle hidden, nb::handle cell, nb::handle gates) {
  const Buffer given_(given), own_(own), before_(before), hidden_(hidden), cell_(cell), gates_(gates);
  if (!before_.is_float() || before_.ndim() != 2) return false;
  const Index rows = before_.size(0), width = before_.size(1);
  if (rows * width == 0 || !is_rows(before_, rows, width)) return false;
  for (const Buffer* wide : {&given_, &own_, &gates_})
    if (!is_dense(*wide, rows, 4 * width)) return false;
  for (const Buffer* state : {&hidden_, &cell_})
    if (!is_dense(*state, rows, width) || !state->is_writable()) return false;
  if (!gates_.is_writable()) return false;
  const LstmStep step{rows, width, nullptr, nullptr, nullptr, before_.step(0), nullptr, nullptr, nullptr};
  launch({reads(given_), reads(own_), reads(before_), writes(hidden_), writes(cell_), writes(gates_)}, rows * width >= enough_to_release,
         [step, kernel = set->recurrence.lstm](char* const* at) {
           LstmStep s = step;
           s.given = numbers_at(at[0]);
           s.own = numbers_at(at[1]);
           s.before = numbers_at(at[2]);
           s.hidden = numbers_at(at[3]);
           s.cell = numbers_at(at[4]);
           s.gates = numbers_at(at[5]);
           in_rows(s, kernel);
         });
  return true;
}

bool lstm_step_grad(const KernelSet& set, nb::handle d_hidden, nb::handle d_cell, nb::handle extra, nb::handle before, nb::handle cell, nb::handle gates,
                    nb::handle d_given, nb::handle d_before) {
  const Buffer d_hidden_(d_hidden), d_cell_(d_cell), before_(before), cell_(cell), gates_(gates), d_given_(d_given), d_before_(d_before);
  const bool has_extra = !extra.is_none();
  const Buffer extra_(has_extra ? extra : gates);
  if (!before_.is_float() || before_.ndim() != 2) return false;
  const Index rows = before_.size(0), width = before_.size(1);
  if (rows * width == 0 || !is_rows(before_, rows, width)) return false;
  for (const Buffer* wide : {&gates_, &d_given_, &extra_})
    if (!is_dense(*wide, rows, 4 * width)) return false;
  for (const Buffer* state : {&d_hidden_, &d_cell_, &cell_, &d_before_})
    if (!is_dense(*state, rows, width)) return false;
  if (!d_given_.is_writable() || !d_before_.is_writable()) return false;
  const LstmStepGrad step{rows, width, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, before_.step(0), nullptr, nullptr};
  launch({reads(d_hidden_), reads(d_cell_), has_extra ? reads(extra_) : nothing(), reads(before_), reads(cell_), reads(gates_), writes(d_given_), writes(d_before_)},
         rows * width >= enough_to_release, [step, kernel = set->recurrence.lstm_grad](char* const* at) {
           LstmStepGrad s = step;
           s.d_hidden = numbers_at(at[0]);
           s.d_cell = numbers_at(at[1]);
           s.extra = at[2] == nullptr ? nullptr : numbers_at(at[2]);
           s.before = numbers_at(at[3]);
           s.cell = numbers_at(at[4]);
           s.gates = numbers_at(at[5]);
           s.d_given = numbers_at(at[6]);
           s.d_before = numbers_at(at[7]);
           in_rows(s, kernel);
         });
  return true;
}

}  // namespace

void bind_recurrence(KernelSetClass& set) {
  set.def("lstm_step", &lstm_step, nb::arg("given"), nb::arg("own"), nb::arg("before"), nb::arg("hidden"), nb::arg("cell"), nb::arg("gates"));
  set.def("lstm_step_grad", &lstm_step_grad, nb::arg("d_hidden"), nb::arg("d_cell"), nb::arg("extra").none(), nb::arg("before"), nb::arg("cell"),
          nb::arg("gates"), nb::arg("d_given"), nb::arg("d_before"));
}

}  // namespace medtorch
