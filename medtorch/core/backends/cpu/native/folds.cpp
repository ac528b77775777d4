#include "folds.hpp"

#include <algorithm>
#include <optional>

#include "float_environment.hpp"
#include "memory.hpp"
#include "parallel.hpp"

namespace medtorch {
namespace {

constexpr Index share = Index{1} << 14;  // numbers that a thread takes at a time

// Jobs are walked through in the order (outer dims, block, group of outputs side by side), the last fastest.
class Walk {
 public:
  Index block, outputs, y;
  Index start[FoldPlan::inputs];

  Walk(const FoldPlan& plan, Index blocks, Index nr) noexcept : plan_(plan), blocks_(blocks), groups_(groups_of(plan)) {
    group_ = nr % groups_;
    block = nr / groups_ % blocks;
    Index rest = nr / groups_ / blocks;
    for (int d = plan.ndim - 1; d >= 0; --d) {
      at_[d] = d == plan.side ? 0 : rest % plan.size[d];
      if (d != plan.side) rest /= plan.size[d];
    }
    settle();
  }

  static Index groups_of(const FoldPlan& p) noexcept { return p.side < 0 ? 1 : (p.size[p.side] + most_outputs - 1) / most_outputs; }

  static Index count(const FoldPlan& p, Index blocks) noexcept {
    Index n = groups_of(p) * blocks;
    for (int d = 0; d < p.ndim; ++d) n *= d == p.side ? 1 : p.size[d];
    return n;
  }

  void next() noexcept {
    if (plan_.side < 0 && block + 1 < blocks_) {
      ++block;
      return;
    }
    if (++group_ == groups_) {
      group_ = 0;
      if (++block == blocks_) {
        block = 0;
        for (int d = plan_.ndim - 1; d >= 0; --d) {
          if (d == plan_.side) continue;
          if (++at_[d] < plan_.size[d]) break;
          at_[d] = 0;
        }
      }
    }
    settle();
  }

 private:
  void settle() noexcept {
    if (plan_.side >= 0) at_[plan_.side] = group_ * most_outputs;
    outputs = plan_.side < 0 ? 1 : std::min<Index>(most_outputs, plan_.size[plan_.side] - at_[plan_.side]);
    y = 0;
    for (Index& s : start) s = 0;
    for (int d = 0; d < plan_.ndim; ++d) {
      for (int k = 0; k < FoldPlan::inputs; ++k) start[k] += at_[d] * plan_.in[k].step[d];
      y += at_[d] * plan_.y_step[d];
    }
  }

  const FoldPlan& plan_;
  Index blocks_, groups_, group_;
  Index at_[most_dims];
};

// One number an output of the job, in a line.
const float* line_of(const FoldPlan& p, const Walk& job, FoldPlan::Role role, float* line) noexcept {
  if (p.in[role].data == nullptr) return nullptr;
  const Index step = p.side < 0 ? 0 : p.in[role].step[p.side];
  for (Index i = 0; i < job.outputs; ++i) line[i] = p.in[role].data[job.start[role] + i * step];
  return line;
}

// One block of a job's outputs, to `to(place in y, result)`; with `of_g` those of g, which is then read as x.
template <typename F>
void fold_job(const FoldPlan& p, const FoldKernels& kernels, const Walk& job, bool of_g, const F& to) noexcept {
  float mean[most_outputs], scale[most_outputs];
  const Index from = job.block * block_length;
  const FoldInput &x = p.in[FoldPlan::x], &g = p.in[FoldPlan::g];
  Block block{x.data + job.start[FoldPlan::x] + from * x.term_step, nullptr, std::min(block_length, p.terms - from), x.term_step, g.term_step,
              line_of(p, job, FoldPlan::mean, mean), line_of(p, job, FoldPlan::scale, scale)};
  if (g.data != nullptr) block.g = g.data + job.start[FoldPlan::g] + from * g.term_step;
  if (of_g) {
    block.x = block.g;
    block.x_step = g.term_step;
  }
  if (p.side < 0) return to(job.y, kernels.along(block));
  double line[most_outputs];
  kernels.across(block, static_cast<int>(job.outputs), line);
  for (Index i = 0; i < job.outputs; ++i) to(job.y + i * p.y_step[p.side], line[i]);
}

}  // namespace

bool FoldPlan::prepare() noexcept {
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
  ndim = kept;
  const bool has_g = in[g].data != nullptr;
  if (terms <= 1) in[x].term_step = in[g].term_step = 1;
  side = -1;
  if (in[x].term_step == 1 && (!has_g || in[g].term_step == 1)) return true;
  for (int d = 0; d < ndim; ++d)
    if (in[x].step[d] == 1 && (!has_g || in[g].step[d] == 1)) side = d;
  return side >= 0;
}

Index FoldPlan::outputs() const noexcept {
  Index n = 1;
  for (int d = 0; d < ndim; ++d) n *= size[d];
  return n;
}

void FoldPlan::run(const FoldKernels& kernels, float* y, const FoldKernels* over_g, float* y_g) const {
  const Index blocks = std::max<Index>(1, (terms + block_length - 1) / block_length), count = outputs();
  const int folds = over_g == nullptr ? 1 : 2;
  const FoldKernels* const each[] = {&kernels, over_g};
  float* const to[] = {y, y_g};
  const double by[] = {divisor, 1.0};
  if (terms == 0) {
    for (int f = 0; f < folds; ++f) std::fill(to[f], to[f] + count, static_cast<float>(each[f]->start / by[f]));
    return;
  }
  std::optional<Scratch> partial;
  if (blocks > 1) partial.emplace(2 * blocks * count * folds);
  double* const rows = blocks > 1 ? reinterpret_cast<double*>(partial->data()) : nullptr;
  const Index numbers = std::min(terms, block_length) * (side < 0 ? 1 : std::min<Index>(most_outputs, size[side]));
  parallel(Walk::count(*this, blocks), std::max<Index>(1, share / numbers), [&](Index begin, Index end) {
    const FloatEnvironment environment;
    Walk job(*this, blocks, begin);
    for (Index nr = begin; nr < end; ++nr, job.next())
      for (int f = 0; f < folds; ++f) {
        if (rows != nullptr) {
          double* const row = rows + (f * blocks + job.block) * count;
          fold_job(*this, *each[f], job, f == 1, [row](Index place, double result) { row[place] = result; });
        } else {
          fold_job(*this, *each[f], job, f == 1, [&, f](Index place, double result) { to[f][place] = static_cast<float>(result / by[f]); });
        }
      }
  });
  if (rows == nullptr) return;
  const FloatEnvironment environment;
  for (int f = 0; f < folds; ++f) {
    double* const total = rows + f * blocks * count;
    for (Index b = 1; b < blocks; ++b)
      for (Index i = 0; i < count; ++i) total[i] = each[f]->join(total[i], total[b * count + i]);
    for (Index i = 0; i < count; ++i) to[f][i] = static_cast<float>(total[i] / by[f]);
  }
}

void FoldPlan::places(const ReductionTable& kernels, bool greatest, std::int32_t* y) const noexcept {
  const Index numbers = terms * (side < 0 ? 1 : std::min<Index>(most_outputs, size[side]));
  parallel(Walk::count(*this, 1), std::max<Index>(1, share / std::max<Index>(1, numbers)), [&](Index begin, Index end) {
    Walk job(*this, 1, begin);
    for (Index nr = begin; nr < end; ++nr, job.next()) {
      const float* from = in[x].data + job.start[x];
      if (side < 0) {
        y[job.y] = kernels.place_along(from, terms, greatest);
        continue;
      }
      std::int32_t line[most_outputs];
      kernels.place_across(from, terms, in[x].term_step, static_cast<int>(job.outputs), greatest, line);
      for (Index i = 0; i < job.outputs; ++i) y[job.y + i * y_step[side]] = line[i];
    }
  });
}

}  // namespace medtorch
