// Folds over neighbouring dims of an array.
#include <algorithm>
#include <optional>
#include <string_view>

#include "../folds.hpp"
#include "bindings.hpp"
#include "buffers.hpp"

namespace medtorch {
namespace {

constexpr Index enough_to_release = Index{1} << 13;

int fold_number(std::string_view name) {
  for (int nr = 0; nr < static_cast<int>(Fold::count); ++nr)
    if (name == fold_names[nr]) return nr;
  throw std::invalid_argument("fold: no such fold");
}

// The dims first..last-1 of x become the terms; false where they do not lie evenly in memory.
bool read_terms(const Buffer& a, int first, int last, Index terms, FoldInput& in) {
  in.data = a.floats();
  in.term_step = 0;
  Index walked = 1;
  for (int d = last - 1; d >= first; --d) {
    if (a.size(d) == 1) continue;
    if (walked == 1) in.term_step = a.step(d);
    if (a.step(d) != in.term_step * walked) return false;
    walked *= a.size(d);
  }
  return walked == terms || terms == 0;
}

void read_kept(const Buffer& a, int first, int last, FoldInput& in) {
  int kept = 0;
  for (int d = 0; d < a.ndim(); ++d)
    if (d < first || d >= last) in.step[kept++] = a.step(d);
}

struct Request {
  FoldPlan plan;
  int kept;
  Index shape[most_dims], kept_shape[most_dims];  // of the result, with the reduced dims as 1 and without
  Index numbers;                                  // that are read
};

// False where the arrays have to be copied first.
bool describe(const Buffer& x, const Buffer* g, const Buffer* mean, const Buffer* scale, int first, int last, Request& r) {
  require(0 <= first && first < last && last <= x.ndim(), "fold: no such dims");
  FoldPlan& p = r.plan;
  p = FoldPlan{};
  p.divisor = 1.0;
  p.terms = 1;
  r.numbers = 1;
  for (int d = 0; d < x.ndim(); ++d) {
    const bool reduced = d >= first && d < last;
    r.shape[d] = reduced ? 1 : x.size(d);
    r.numbers *= x.size(d);
    if (reduced) p.terms *= x.size(d);
    else p.size[p.ndim++] = x.size(d);
    require(g == nullptr || (g->ndim() == x.ndim() && g->size(d) == x.size(d)), "fold: g has another shape than x");
    for (const Buffer* small : {mean, scale})
      require(small == nullptr || (small->ndim() == x.ndim() && (small->size(d) == 1 || (!reduced && small->size(d) == x.size(d)))),
              "fold: mean or scale does not fit x");
  }
  r.kept = p.ndim;
  std::copy(p.size, p.size + p.ndim, r.kept_shape);
  Index step = 1;
  for (int d = p.ndim - 1; d >= 0; --d) {
    p.y_step[d] = step;
    step *= p.size[d];
  }
  read_kept(x, first, last, p.in[FoldPlan::x]);
  if (!read_terms(x, first, last, p.terms, p.in[FoldPlan::x])) return false;
  if (g != nullptr) {
    read_kept(*g, first, last, p.in[FoldPlan::g]);
    if (!read_terms(*g, first, last, p.terms, p.in[FoldPlan::g])) return false;
  }
  const Buffer* const small[] = {mean, scale};
  for (int k = 0; k < 2; ++k) {
    if (small[k] == nullptr) continue;
    FoldInput& in = p.in[FoldPlan::mean + k];
    in.data = small[k]->floats();
    read_kept(*small[k], first, last, in);
  }
  return p.prepare();
}

void order_of(int ndim, int* order) {
  for (int d = 0; d < ndim; ++d) order[d] = d;
}

// fold(name, x, first, last, keepdim, divisor, g, mean, scale). None where x or g must be copied first, or is not float32.
nb::object fold(const KernelSet& set, const char* name, nb::handle x, int first, int last, bool keepdim, double divisor, nb::handle g,
                nb::handle mean, nb::handle scale) {
  const int nr = fold_number(name);
  const bool gaps = nr == static_cast<int>(Fold::sum_square_gaps) || nr == static_cast<int>(Fold::sum_exp_gaps);
  const bool standardized = nr == static_cast<int>(Fold::sum_standardized);
  require(g.is_none() != standardized && scale.is_none() != standardized && mean.is_none() != (gaps || standardized), "fold: arrays missing or too many");
  const Buffer x_(x);
  std::optional<Buffer> g_, mean_, scale_;
  if (!g.is_none()) g_.emplace(g);
  if (!mean.is_none()) mean_.emplace(mean);
  if (!scale.is_none()) scale_.emplace(scale);
  const Buffer* const all[] = {&x_, g_ ? &*g_ : nullptr, mean_ ? &*mean_ : nullptr, scale_ ? &*scale_ : nullptr};
  for (const Buffer* b : all)
    if (b != nullptr && !b->is_float()) return nb::none();
  Request r;
  if (!describe(x_, all[1], all[2], all[3], first, last, r)) return nb::none();
  int order[most_dims];
  order_of(x_.ndim(), order);
  NewArray y = keepdim ? new_array(x_.ndim(), r.shape, order, false) : new_array(r.kept, r.kept_shape, order, false);
  r.plan.divisor = divisor;
  const FoldKernels& kernels = set->reduction.folds[nr];
  if (r.plan.outputs() == 0) return y.array;
  const auto touches = [](const Buffer* b) { return b == nullptr ? nothing() : reads(*b); };
  launch({reads(x_), touches(all[1]), touches(all[2]), touches(all[3]), writes(y)}, r.numbers >= enough_to_release,
         [plan = r.plan, &kernels](char* const* at) {
           FoldPlan placed = plan;
           for (int k = 0; k < FoldPlan::inputs; ++k) placed.in[k].data = numbers_at(at[k]);
           placed.run(kernels, numbers_at(at[FoldPlan::inputs]));
         });
  return y.array;
}

// gradient_sums(x, g, first, last, mean, scale): the sums of g and of ((x - mean) scale) g in one walk, dims kept; None as above.
nb::object gradient_sums(const KernelSet& set, nb::handle x, nb::handle g, int first, int last, nb::handle mean, nb::handle scale) {
  const Buffer x_(x), g_(g), mean_(mean), scale_(scale);
  Request r;
  const Buffer* const all[] = {&x_, &g_, &mean_, &scale_};
  for (const Buffer* b : all)
    if (!b->is_float()) return nb::none();
  if (!describe(x_, &g_, &mean_, &scale_, first, last, r)) return nb::none();
  int order[most_dims];
  order_of(x_.ndim(), order);
  NewArray total = new_array(x_.ndim(), r.shape, order, false), along = new_array(x_.ndim(), r.shape, order, false);
  const nb::object both = nb::make_tuple(total.array, along.array);
  if (r.plan.outputs() == 0) return both;
  const FoldKernels &plain = set->reduction.folds[static_cast<int>(Fold::sum)], &standardized = set->reduction.folds[static_cast<int>(Fold::sum_standardized)];
  launch({reads(x_), reads(g_), reads(mean_), reads(scale_), writes(total), writes(along)}, r.numbers >= enough_to_release,
         [plan = r.plan, &plain, &standardized](char* const* at) {
           FoldPlan placed = plan;
           for (int k = 0; k < FoldPlan::inputs; ++k) placed.in[k].data = numbers_at(at[k]);
           placed.run(standardized, numbers_at(at[FoldPlan::inputs + 1]), &plain, numbers_at(at[FoldPlan::inputs]));
         });
  return both;
}

// place(x, dim, greatest): where the extreme along a dim lies, as int32 within float32 (to be looked at as such); None as above.
nb::object place(const KernelSet& set, nb::handle x, int dim, bool greatest) {
  const Buffer x_(x);
  if (!x_.is_float()) return nb::none();
  Request r;
  if (!describe(x_, nullptr, nullptr, nullptr, dim, dim + 1, r) || r.plan.terms >= INT32_MAX) return nb::none();
  require(r.plan.terms > 0, "place: no numbers");
  int order[most_dims];
  order_of(x_.ndim(), order);
  NewArray y = new_array(x_.ndim(), r.shape, order, false);
  if (r.plan.outputs() == 0) return y.array;
  launch({reads(x_), writes(y)}, true, [plan = r.plan, &kernels = set->reduction, greatest](char* const* at) {
    FoldPlan placed = plan;
    placed.in[FoldPlan::x].data = numbers_at(at[0]);
    placed.places(kernels, greatest, reinterpret_cast<std::int32_t*>(at[1]));
  });
  return y.array;
}

}  // namespace

void bind_reduction(KernelSetClass& set) {
  set.def("fold", &fold, nb::arg("name"), nb::arg("x"), nb::arg("first"), nb::arg("last"), nb::arg("keepdim"), nb::arg("divisor") = 1.0, nb::arg("g") = nb::none(), nb::arg("mean") = nb::none(),
          nb::arg("scale") = nb::none());
  set.def("gradient_sums", &gradient_sums, nb::arg("x"), nb::arg("g"), nb::arg("first"), nb::arg("last"), nb::arg("mean"), nb::arg("scale"));
  set.def("place", &place, nb::arg("x"), nb::arg("dim"), nb::arg("greatest"));
}

}  // namespace medtorch
