// What the recurrence family offers: the elementwise part of one step of an LSTM, and its gradient.
#pragma once

#include "family.hpp"

namespace medtorch {

// `rows` of `width`: given, own and gates have four blocks of `width` a row (take, keep, candidate, show). Rows lie side by side
// but for the states before the step, which may be part of something larger.
struct LstmStep {
  Index rows, width;
  const float *given, *own, *before;
  Index before_row;
  float *hidden, *cell, *gates;
};

struct LstmStepGrad {
  Index rows, width;
  const float *d_hidden, *d_cell, *extra;  // extra: of the gates as results; or null
  const float *before, *cell, *gates;
  Index before_row;
  float *d_given, *d_before;
};

struct RecurrenceTable {
  void (*lstm)(const LstmStep&, Index begin, Index end) noexcept;  // rows from begin on, up to end
  void (*lstm_grad)(const LstmStepGrad&, Index begin, Index end) noexcept;
};

}  // namespace medtorch
