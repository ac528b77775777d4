// Steps of optimizers over all parameters in one call.
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "../float_environment.hpp"
#include "../parallel.hpp"
#include "bindings.hpp"
#include "buffers.hpp"

namespace medtorch {
namespace {

constexpr Index stretch = Index{1} << 14;  // numbers that a thread takes at a time

bool is_writable_float(const Buffer& a) noexcept { return a.is_float() && a.is_writable(); }

Index count_of(const Buffer& a) noexcept {
  Index n = 1;
  for (int d = 0; d < a.ndim(); ++d) n *= a.size(d);
  return n;
}

// Whether the numbers of `a` fill a stretch of memory, in whatever order of dims.
bool is_dense(const Buffer& a) noexcept {
  Index last = 0;
  for (int d = 0; d < a.ndim(); ++d) {
    if (a.size(d) > 1 && a.step(d) <= 0) return false;
    last += a.size(d) > 1 ? (a.size(d) - 1) * a.step(d) : 0;
  }
  if (last + 1 != count_of(a)) return false;
  for (int d = 0; d < a.ndim(); ++d)  // no two numbers share a place: a larger step passes over all that smaller ones reach
    for (int e = 0; e < a.ndim(); ++e)
      if (a.size(d) > 1 && a.size(e) > 1 && d != e && a.step(e) >= a.step(d) && a.step(e) < a.step(d) * a.size(d)) return false;
  return true;
}

bool lie_alike(const Buffer& a, const Buffer& b) noexcept {
  if (a.ndim() != b.ndim()) return false;
  for (int d = 0; d < a.ndim(); ++d)
    if (a.size(d) != b.size(d) || a.step(d) != b.step(d)) return false;
  return true;
}

// A parameter, its gradient and its states, in the order in which the rule names them.
using Row = std::vector<std::unique_ptr<Buffer>>;

// The rows that a rule can take as they lie in memory; `left` gets the numbers of the others.
std::vector<Row> read_rows(const std::vector<nb::tuple>& rows, std::size_t arrays, std::vector<int>& left) {
  std::vector<Row> out;
  for (std::size_t nr = 0; nr < rows.size(); ++nr) {
    require(rows[nr].size() == arrays, "optimizer: a row has not the arrays of its rule");
    Row row;
    bool fits = true;
    for (std::size_t k = 0; k < arrays; ++k) {
      row.push_back(std::make_unique<Buffer>(rows[nr][k]));
      fits = fits && (k == 1 ? row[k]->is_float() : is_writable_float(*row[k])) && lie_alike(*row[0], *row[k]);
    }
    if (fits && is_dense(*row[0])) out.push_back(std::move(row));
    else left.push_back(static_cast<int>(nr));
  }
  return out;
}

struct Stretch {
  const Row* row;
  Index from, n;
};

template <typename F>
void each_stretch(const std::vector<Row>& rows, const F& f) {
  std::vector<Stretch> work;
  for (const Row& row : rows)
    for (Index n = count_of(*row[0]), from = 0; from < n; from += stretch) work.push_back({&row, from, std::min(stretch, n - from)});
  const nb::gil_scoped_release released;
  parallel(static_cast<Index>(work.size()), 1, [&](Index begin, Index end) {
    const FloatEnvironment environment;
    for (Index at = begin; at < end; ++at) f(work[static_cast<std::size_t>(at)]);
  });
}

float* at(const Stretch& s, std::size_t k) noexcept { return (*s.row)[k]->floats() + s.from; }

// Rows (param, grad) or (param, grad, buffer). Gives the numbers of the rows that do not lie alike and without gaps, untouched.
std::vector<int> sgd_step(const KernelSet& set, const std::vector<nb::tuple>& rows, bool has_buffer, double lr, double momentum, double dampening,
                          double weight_decay, bool nesterov, bool maximize, bool first) {
  std::vector<int> left;
  const std::vector<Row> taken = read_rows(rows, has_buffer ? 3 : 2, left);
  const SgdRule rule{static_cast<float>(-lr), static_cast<float>(momentum), static_cast<float>(1 - dampening), static_cast<float>(weight_decay),
                     nesterov, maximize, weight_decay != 0, first};
  each_stretch(taken, [&](const Stretch& s) { set->optimizer.sgd({at(s, 0), at(s, 1), has_buffer ? at(s, 2) : nullptr, s.n}, rule); });
  return left;
}

// Rows (param, grad, mean, square) or with the largest square behind. `rate` and `root` are those of this step.
std::vector<int> adam_step(const KernelSet& set, const std::vector<nb::tuple>& rows, bool amsgrad, double lr, double beta1, double beta2, double eps,
                           double weight_decay, double rate, double root, bool decoupled, bool maximize) {
  std::vector<int> left;
  const std::vector<Row> taken = read_rows(rows, amsgrad ? 5 : 4, left);
  AdamRule rule{};
  rule.weight_decay = static_cast<float>(weight_decay);
  rule.shrink = static_cast<float>(1 - lr * weight_decay);
  rule.to_grad = static_cast<float>(1 - beta1);
  rule.to_mean = static_cast<float>(1 - (1 - beta1));
  rule.keep = static_cast<float>(beta2);
  rule.to_square = static_cast<float>(1 - beta2);
  rule.root = static_cast<float>(root);
  rule.eps = static_cast<float>(eps);
  rule.rate = static_cast<float>(rate);
  rule.near = 1 - beta1 < 0.5;
  rule.maximize = maximize;
  rule.decays = weight_decay != 0;
  rule.decoupled = decoupled;
  each_stretch(taken, [&](const Stretch& s) {
    set->optimizer.adam({at(s, 0), at(s, 1), at(s, 2), at(s, 3), amsgrad ? at(s, 4) : nullptr, s.n}, rule);
  });
  return left;
}

}  // namespace

void bind_optimizer(KernelSetClass& set) {
  set.def("sgd_step", &sgd_step, nb::arg("rows"), nb::arg("has_buffer"), nb::arg("lr"), nb::arg("momentum"), nb::arg("dampening"), nb::arg("weight_decay"),
          nb::arg("nesterov"), nb::arg("maximize"), nb::arg("first"));
  set.def("adam_step", &adam_step, nb::arg("rows"), nb::arg("amsgrad"), nb::arg("lr"), nb::arg("beta1"), nb::arg("beta2"), nb::arg("eps"),
          nb::arg("weight_decay"), nb::arg("rate"), nb::arg("root"), nb::arg("decoupled"), nb::arg("maximize"));
}

}  // namespace medtorch
