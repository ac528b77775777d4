// NumPy arrays by their buffers, for kernels of short calls: a fraction of a microsecond each.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstdint>

#include "../loops.hpp"
#include "../memory.hpp"

namespace medtorch {

namespace nb = nanobind;

// A float32 or bool array that one can read, or that nothing can be done with (`usable`).
class Buffer {
 public:
  explicit Buffer(nb::handle array) noexcept {
    if (PyObject_GetBuffer(array.ptr(), &view_, PyBUF_STRIDES | PyBUF_FORMAT) != 0) {
      PyErr_Clear();
      view_.obj = nullptr;
      return;
    }
    const char kind = view_.format != nullptr && view_.format[1] == '\0' ? view_.format[0] : '\0';
    is_bool_ = kind == '?';
    usable_ = (kind == 'f' || is_bool_) && reinterpret_cast<std::uintptr_t>(view_.buf) % static_cast<std::uintptr_t>(width()) == 0;
    for (int d = 0; d < view_.ndim && usable_; ++d) usable_ = view_.strides[d] % width() == 0;
  }
  ~Buffer() {
    if (view_.obj != nullptr) PyBuffer_Release(&view_);
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  bool is_float() const noexcept { return usable_ && !is_bool_; }
  bool is_writable() const noexcept { return usable_ && view_.readonly == 0; }
  bool is_bool() const noexcept { return usable_ && is_bool_; }
  int ndim() const noexcept { return view_.ndim; }
  Index size(int d) const noexcept { return view_.shape[d]; }
  Index step(int d) const noexcept { return view_.shape[d] == 1 ? 0 : view_.strides[d] / width(); }  // in elements
  char* data() const noexcept { return static_cast<char*>(view_.buf); }
  float* floats() const noexcept { return static_cast<float*>(view_.buf); }

 private:
  Index width() const noexcept { return is_bool_ ? 1 : static_cast<Index>(sizeof(float)); }

  Py_buffer view_{};
  bool usable_ = false, is_bool_ = false;
};

struct NewArray {
  nb::object array;
  char* data;
  Index bytes;
};

// Memory of the pool for an array, which `owner` gives back; mere addresses while a recorder describes jobs.
void* memory_for_array(std::size_t bytes, nb::capsule& owner);

// An array of floats or bools with memory of its own, its dims ordered in memory as `order` says (outermost first).
NewArray new_array(int ndim, const Index* size, const int* order, bool is_bool);

}  // namespace medtorch
