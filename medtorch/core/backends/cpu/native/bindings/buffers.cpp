#include "buffers.hpp"

#include "../launch.hpp"

namespace medtorch {
namespace {

constexpr Index worth_pooling = Index{1} << 15;  // bytes; below, NumPy's own small blocks are quicker

// Kept for good, as the modules they are of.
PyObject* numpy_function(const char* name) { return nb::object(nb::module_::import_("numpy").attr(name)).release().ptr(); }
PyObject* numpy_dtype(const char* name) { return nb::object(nb::module_::import_("numpy").attr("dtype")(name)).release().ptr(); }

nb::object small_array(int ndim, const Index* size, const int* order, bool in_order, bool is_bool) {
  static PyObject* const empty = numpy_function("empty");
  static PyObject* const dtypes[2] = {numpy_dtype("float32"), numpy_dtype("bool")};
  nb::object shape = nb::steal(PyTuple_New(ndim));
  for (int d = 0; d < ndim; ++d) PyTuple_SET_ITEM(shape.ptr(), d, PyLong_FromLongLong(size[order[d]]));
  PyObject* const arguments[] = {shape.ptr(), dtypes[is_bool ? 1 : 0]};
  nb::object array = nb::steal(PyObject_Vectorcall(empty, arguments, 2, nullptr));
  if (!array.is_valid()) throw nb::python_error();
  if (in_order) return array;
  nb::object back = nb::steal(PyTuple_New(ndim));
  for (int d = 0; d < ndim; ++d) PyTuple_SET_ITEM(back.ptr(), order[d], PyLong_FromLong(d));
  return array.attr("transpose")(back);
}

template <typename T>
NewArray pooled_array(int ndim, const Index* size, const Index* stride, Index bytes) {
  nb::capsule owner;
  void* memory = memory_for_array(static_cast<std::size_t>(bytes), owner);
  std::size_t shape[most_dims];
  for (int d = 0; d < ndim; ++d) shape[d] = static_cast<std::size_t>(size[d]);
  const nb::ndarray<nb::numpy, T> array(memory, static_cast<std::size_t>(ndim), shape, owner, stride);
  return {nb::cast(array, nb::rv_policy::reference), static_cast<char*>(memory), bytes};
}

}  // namespace

void* memory_for_array(std::size_t bytes, nb::capsule& owner) {
  if (Recorder* recorder = Recorder::describing()) {
    char* const found = recorder->addresses(bytes);
    owner = nb::capsule(new std::shared_ptr<Region>(recorder->regions().back()), [](void* p) noexcept { delete static_cast<std::shared_ptr<Region>*>(p); });
    return found;
  }
  void* const memory = take_memory(bytes);
  owner = nb::capsule(memory, [](void* p) noexcept { give_memory(p); });
  return memory;
}

NewArray new_array(int ndim, const Index* size, const int* order, bool is_bool) {
  Index stride[most_dims], bytes = is_bool ? 1 : static_cast<Index>(sizeof(float)), step = 1;
  bool in_order = true;
  for (int d = ndim - 1; d >= 0; --d) {
    stride[order[d]] = step;
    if (__builtin_mul_overflow(bytes, size[order[d]], &bytes)) throw std::bad_alloc();
    step *= size[order[d]];
    in_order = in_order && order[d] == d;
  }
  if (bytes >= worth_pooling || Recorder::describing() != nullptr) return is_bool ? pooled_array<bool>(ndim, size, stride, bytes) : pooled_array<float>(ndim, size, stride, bytes);
  nb::object array = small_array(ndim, size, order, in_order, is_bool);
  Py_buffer view;
  if (PyObject_GetBuffer(array.ptr(), &view, PyBUF_STRIDES | PyBUF_WRITABLE) != 0) throw nb::python_error();
  char* const data = static_cast<char*>(view.buf);
  PyBuffer_Release(&view);
  return {std::move(array), data, bytes};
}

}  // namespace medtorch
