// Copies between arrays of one shape and dtype, and one number everywhere.
#include <cstring>

#include "../copies.hpp"
#include "../launch.hpp"
#include "bindings.hpp"

namespace medtorch {
namespace {

class AnyBuffer {
 public:
  AnyBuffer(nb::handle array, int flags) noexcept { found_ = PyObject_GetBuffer(array.ptr(), &view, flags) == 0; if (!found_) PyErr_Clear(); }
  ~AnyBuffer() { if (found_) PyBuffer_Release(&view); }
  AnyBuffer(const AnyBuffer&) = delete;
  AnyBuffer& operator=(const AnyBuffer&) = delete;
  explicit operator bool() const noexcept { return found_; }
  Py_buffer view{};

 private:
  bool found_ = false;
};

Access touch(const Py_buffer& a, bool writes) noexcept {
  char* const at = static_cast<char*>(a.buf);
  Index low = 0, high = a.itemsize;
  for (int d = 0; d < a.ndim; ++d) {
    if (a.shape[d] == 0) return {at, at, at, writes};
    const Index reach = (a.shape[d] - 1) * a.strides[d];
    (reach < 0 ? low : high) += reach;
  }
  return {at, at + low, at + high, writes};
}

// Accesses: out, x.
struct CopyCall {
  KernelSet set;
  Copy copy;
  void operator()(char* const* at) const {
    Copy c = copy;
    c.to = at[0];
    c.from = at[1];
    c.run(set->layout);
  }
};

// The numbers of x into out. False where shapes, dtypes or alignments do not fit, or out cannot be written: nothing is done then.
bool copy_into(const KernelSet& set, nb::handle x, nb::handle out) {
  const AnyBuffer from(x, PyBUF_STRIDES | PyBUF_FORMAT), to(out, PyBUF_STRIDES | PyBUF_FORMAT | PyBUF_WRITABLE);
  if (!from || !to) return false;
  const Py_buffer &a = from.view, &b = to.view;
  if (a.ndim != b.ndim || a.itemsize != b.itemsize || a.format == nullptr || b.format == nullptr || std::strcmp(a.format, b.format) != 0) return false;
  if (std::strlen(a.format) != 1 || std::strchr("fdeilqhbBHILQ?", a.format[0]) == nullptr) return false;
  Copy c{static_cast<const char*>(a.buf), static_cast<char*>(b.buf), a.ndim, a.itemsize, {}, {}, {}};
  Index count = 1;
  for (int d = 0; d < a.ndim; ++d) {
    if (a.shape[d] != b.shape[d]) return false;
    if (b.strides[d] < 0 || (b.strides[d] == 0 && b.shape[d] > 1)) return false;
    c.size[d] = a.shape[d];
    c.from_step[d] = a.strides[d];
    c.to_step[d] = b.strides[d];
    count *= a.shape[d];
  }
  const auto aligned = [&](const void* p) { return reinterpret_cast<std::uintptr_t>(p) % static_cast<std::uintptr_t>(c.width) == 0; };
  if (!aligned(a.buf) || !aligned(b.buf)) return false;
  if (count == 0) return true;
  c.prepare();
  launch({touch(b, true), touch(a, false)}, count >= (Index{1} << 13), CopyCall{set, c});
  return true;
}

// Accesses: out.
struct FillCall {
  KernelSet set;
  Copy copy;
  float value;
  void operator()(char* const* at) const {
    Copy c = copy;
    c.to = at[0];
    c.from = reinterpret_cast<const char*>(&value);
    c.run(set->layout);
  }
};

// One number everywhere in out, which may have gaps. False where out is not float32 or cannot be written: nothing is done then.
bool fill_into(const KernelSet& set, nb::handle out, float value) {
  const AnyBuffer to(out, PyBUF_STRIDES | PyBUF_FORMAT | PyBUF_WRITABLE);
  if (!to) return false;
  const Py_buffer& b = to.view;
  if (b.format == nullptr || std::strcmp(b.format, "f") != 0 || reinterpret_cast<std::uintptr_t>(b.buf) % sizeof(float) != 0) return false;
  Copy c{nullptr, static_cast<char*>(b.buf), b.ndim, b.itemsize, {}, {}, {}};
  Index count = 1;
  for (int d = 0; d < b.ndim; ++d) {
    if (b.strides[d] < 0 || (b.strides[d] == 0 && b.shape[d] > 1)) return false;
    c.size[d] = b.shape[d];
    c.to_step[d] = b.strides[d];
    count *= b.shape[d];
  }
  if (count == 0) return true;
  c.prepare();
  launch({touch(b, true)}, count >= (Index{1} << 13), FillCall{set, c, value});
  return true;
}

}  // namespace

void bind_copy(KernelSetClass& set) {
  set.def("copy_into", &copy_into, nb::arg("x"), nb::arg("out"));
  set.def("fill_into", &fill_into, nb::arg("out"), nb::arg("value"));
}

}  // namespace medtorch
