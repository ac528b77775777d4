// Functions of arrays that broadcast. The result lies in memory in the order of the first input of numbers that has its shape.
#include <algorithm>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "bindings.hpp"
#include "buffers.hpp"

namespace medtorch {
namespace {

// A few thousand numbers are done before a second thread has woken up.
constexpr Index enough_for_threads = Index{1} << 16, enough_if_costly = Index{1} << 14;
constexpr Index enough_to_release = Index{1} << 13;  // Python's lock: letting go and taking it back is not free

struct Shape {
  int ndim = 0;
  Index size[most_dims];
};

Shape broadcast(const std::optional<Buffer>* in, int inputs) {
  Shape out;
  for (int k = 0; k < inputs; ++k) out.ndim = std::max(out.ndim, in[k]->ndim());
  std::fill(out.size, out.size + out.ndim, 1);
  for (int k = 0; k < inputs; ++k) {
    const int lead = out.ndim - in[k]->ndim();
    for (int d = 0; d < in[k]->ndim(); ++d) {
      const Index n = in[k]->size(d);
      Index& have = out.size[lead + d];
      require(n == 1 || have == 1 || n == have, "elementwise: shapes do not broadcast");
      if (n != 1) have = n;
    }
  }
  return out;
}

bool fills(const Buffer& x, const Shape& shape) {
  if (x.ndim() != shape.ndim) return false;
  for (int d = 0; d < shape.ndim; ++d)
    if (x.size(d) != shape.size[d] || (x.size(d) > 1 && x.step(d) == 0)) return false;
  return true;
}

// Dims from the outermost in memory of the first input of numbers that has the whole shape; dims of size 1 stay where they are.
void order_dims(const std::optional<Buffer>* in, int inputs, const Shape& shape, int* order) {
  for (int d = 0; d < shape.ndim; ++d) order[d] = d;
  for (int k = 0; k < inputs; ++k) {
    if (in[k]->is_bool() || !fills(*in[k], shape)) continue;
    for (int d = 1; d < shape.ndim; ++d) {
      if (shape.size[d] == 1) continue;
      int place = d;
      for (int e = d - 1; e >= 0; --e) {
        if (shape.size[order[e]] == 1) continue;
        if (std::abs(in[k]->step(order[e])) >= std::abs(in[k]->step(order[place]))) break;
        std::swap(order[e], order[place]);
        place = e;
      }
    }
    return;
  }
}

void fill_loop(Loop& loop, const std::optional<Buffer>* in, const Shape& shape, const int* order) {
  loop.ndim = shape.ndim;
  Index step = 1;
  for (int d = shape.ndim - 1; d >= 0; --d) {
    loop.size[d] = shape.size[order[d]];
    loop.y_step[d] = step;
    step *= loop.size[d];
  }
  for (int k = 0; k < loop.inputs; ++k) {
    loop.in[k].is_bool = in[k]->is_bool();
    const int lead = shape.ndim - in[k]->ndim();
    for (int d = 0; d < shape.ndim; ++d) loop.in[k].step[d] = order[d] < lead ? 0 : in[k]->step(order[d] - lead);
  }
}

int number_of(const char* name) {
  static const auto* const numbers = [] {
    auto* found = new std::unordered_map<std::string_view, int>;  // kept for good: threads may end after statics do
    for (const MapInfo& info : map_infos) found->emplace(info.name, static_cast<int>(&info - map_infos));
    return found;
  }();
  const auto place = numbers->find(name);
  require(place != numbers->end(), "map: no such function");
  return place->second;
}

// Accesses: y, inputs.
struct MapCall {
  Loop loop;
  MapKernel kernel;
  bool threads;
  void operator()(char* const* at) const { loop.run(kernel, threads, at + 1, at[0]); }
};
static_assert(most_inputs == 6, "as many accesses as inputs");

// map(name, arrays..., numbers...): None where an array is of another dtype, or lies crookedly in memory.
nb::object map(const KernelSet& set, const char* name, nb::args arguments) {
  const int nr = number_of(name);
  const MapInfo& info = map_infos[nr];
  require(static_cast<int>(arguments.size()) == info.inputs + info.numbers, "map: wrong number of arguments");
  std::optional<Buffer> in[most_inputs];
  for (int k = 0; k < info.inputs; ++k) {
    in[k].emplace(arguments[static_cast<std::size_t>(k)]);
    if (k == 0 && info.chooses ? !in[k]->is_bool() : !in[k]->is_float()) return nb::none();
  }
  MapCall call;
  Loop& loop = call.loop;
  loop.inputs = info.inputs;
  loop.answers = info.answers;
  for (int p = 0; p < 3; ++p)
    loop.numbers[p] = p < info.numbers ? static_cast<float>(nb::cast<double>(arguments[static_cast<std::size_t>(info.inputs + p)])) : 0.0f;
  const Shape shape = broadcast(in, info.inputs);
  int order[most_dims];
  order_dims(in, info.inputs, shape, order);
  NewArray out = new_array(shape.ndim, shape.size, order, info.answers);
  fill_loop(loop, in, shape, order);
  const Index count = loop.count();
  if (count == 0) return out.array;
  loop.join_dims();
  call.kernel = set->elementwise.maps[nr];
  call.threads = count >= (info.costly ? enough_if_costly : enough_for_threads);
  const auto touches = [&](int k) { return k < info.inputs ? reads(*in[k]) : nothing(); };
  launch({writes(out), touches(0), touches(1), touches(2), touches(3), touches(4), touches(5)}, count >= enough_to_release, call);
  return out.array;
}

// Dims from the outermost in the memory of y; false where none of them lies without gaps.
bool order_by(const Buffer& y, int* order) {
  for (int d = 0; d < y.ndim(); ++d) order[d] = d;
  std::stable_sort(order, order + y.ndim(), [&](int a, int b) { return (y.size(a) == 1 ? 0 : y.step(a)) > (y.size(b) == 1 ? 0 : y.step(b)); });
  std::stable_partition(order, order + y.ndim(), [&](int d) { return y.size(d) == 1; });
  return y.ndim() == 0 || y.size(order[y.ndim() - 1]) == 1 || y.step(order[y.ndim() - 1]) == 1;
}

// map_into(y, name, arrays, numbers, then, then_numbers): f(arrays...) into y, which may be one of them, then `then` of that, if any.
// False where an array is of another dtype, or lies crookedly in memory.
bool map_into(const KernelSet& set, nb::handle y, const char* name, nb::tuple arrays, nb::tuple numbers, const char* then, nb::tuple then_numbers) {
  const int nr = number_of(name), after = *then == '\0' ? -1 : number_of(then);
  const MapInfo& info = map_infos[nr];
  require(static_cast<int>(arrays.size()) == info.inputs && static_cast<int>(numbers.size()) == info.numbers && !info.answers && !info.chooses,
          "map_into: wrong number of arguments");
  require(after < 0 ? then_numbers.size() == 0 : map_infos[after].inputs == 1 && !map_infos[after].answers && static_cast<int>(then_numbers.size()) == map_infos[after].numbers,
          "map_into: what comes then takes other arguments");
  const Buffer y_(y);
  std::optional<Buffer> in[most_inputs];
  bool usable = y_.is_float();
  for (int k = 0; k < info.inputs; ++k) {
    in[k].emplace(arrays[static_cast<std::size_t>(k)]);
    usable = usable && in[k]->is_float();
  }
  int order[most_dims];
  if (!usable || !order_by(y_, order)) return false;
  const Shape shape = broadcast(in, info.inputs);
  require(shape.ndim == y_.ndim(), "map_into: y has another shape");
  for (int d = 0; d < shape.ndim; ++d) require(shape.size[d] == y_.size(d) && (y_.size(d) == 1 || y_.step(d) > 0), "map_into: y has another shape");
  MapCall call;
  Loop& loop = call.loop;
  loop.inputs = info.inputs;
  loop.answers = false;
  for (std::size_t p = 0; p < 3; ++p) {
    loop.numbers[p] = p < numbers.size() ? static_cast<float>(nb::cast<double>(numbers[p])) : 0.0f;
    loop.then_numbers[p] = p < then_numbers.size() ? static_cast<float>(nb::cast<double>(then_numbers[p])) : 0.0f;
  }
  fill_loop(loop, in, shape, order);
  for (int d = 0; d < shape.ndim; ++d) loop.y_step[d] = y_.step(order[d]);
  const Index count = loop.count();
  if (count == 0) return true;
  loop.join_dims();
  call.kernel = set->elementwise.maps[nr];
  if (after >= 0) loop.then = set->elementwise.maps[after];
  const bool costly = info.costly || (after >= 0 && map_infos[after].costly);
  call.threads = count >= (costly ? enough_if_costly : enough_for_threads);
  const auto touches = [&](int k) { return k < info.inputs ? reads(*in[k]) : nothing(); };
  launch({writes(y_), touches(0), touches(1), touches(2), touches(3), touches(4), touches(5)}, count >= enough_to_release, call);
  return true;
}

}  // namespace

void bind_elementwise(KernelSetClass& set) {
  set.def("map", &map, nb::arg("name"), nb::arg("arguments"));
  set.def("map_into", &map_into, nb::arg("y"), nb::arg("name"), nb::arg("arrays"), nb::arg("numbers"), nb::arg("then"), nb::arg("then_numbers"));
}

}  // namespace medtorch
