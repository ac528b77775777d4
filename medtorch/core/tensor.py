"""Tensor: an array, the device it lies on, and its place on the tape.

The methods are the functions of medtorch/core/ops, bound here by name, one line each: to see what `Tensor.softmax`
does, open `softmax` in its family's file. Only what belongs to the tensor itself is written out below.

Source    semantics of torch.Tensor
Requires  REQ-F-TEN-005
"""

from __future__ import annotations

import math
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from typing import Any, Self

import numpy as np

from medtorch.core import assignment, autograd, dtypes, fills, forward, members, overrides, printing, resize, shapes
from medtorch.core.backends import kernels_for, move
from medtorch.core.devices import as_device, device
from medtorch.core.dtypes import DType
from medtorch.core.factory import factory
from medtorch.core.handles import RemovableHandle
from medtorch.core.inplace import inplace, overwrite, refresh_view
from medtorch.core.modes import STATE
from medtorch.core.ops import (
    arithmetic,
    bits,
    combining,
    comparison,
    elementwise,
    extremes,
    factor,
    gathering,
    histogram,
    householder,
    index_reduce,
    indexing,
    least_squares,
    linalg,
    matrix_exp,
    moments,
    reduction,
    scan,
    sorting,
    stacking,
    statistics,
    strided,
    svd,
    transcendental,
    triangles,
    view_copies,
)
from medtorch.core.ops import complex as complex_ops
from medtorch.core.ops import (
    matmul as matmul_ops,
)
from medtorch.core.ops import shape as shape_ops
from medtorch.core.ops import softmax as softmax_ops
from medtorch.core.ops.copy import Cast, Clone, Move
from medtorch.core.ops.op import Op
from medtorch.core.spec import Spec, describe
from medtorch.errors import ArgumentError, AutogradError, DeviceError, DtypeError, ShapeError, UnsupportedError


class Size(tuple[int, ...]):
    """A shape; a tuple that prints as torch's does and counts its elements."""

    def numel(self) -> int:
        return math.prod(self)

    def __repr__(self) -> str:
        return f"medtorch.Size({list(self)})"


class Tensor(overrides.Attributed, metaclass=overrides.TensorKind):
    """An n-dimensional array with gradients. Made by `medtorch.tensor`, `zeros`, `from_numpy`, ..."""

    _array: Any
    _device: device
    _counter: list[int]
    grad: Tensor | None = None
    _leaf_requires_grad = False
    _grad_fn: autograd.Node | None = None
    _output_nr = 0
    _base: Tensor | None = None
    _view_ops: tuple[tuple[Op, int], ...] = ()
    _view_version = 0
    _view_kind: str | None = None
    _accumulator: weakref.ref[autograd.Node] | None = None
    _inference = False
    _shared = False  # whether other tensors or arrays were made over its memory
    _copy_of: tuple[list[int], int] | None = None  # what a view that had to copy was made of, and its version then
    _tangents: dict[int, Tensor] | None = None
    _tangents_version = 0
    _depth = 0
    __array_priority__ = 1000  # so that ndarray + Tensor asks the tensor

    # -- subclasses (overrides.py) --------------------------------------------------------------------------------

    _asks = False

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        overrides.install(cls, Tensor)

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        """Carry out a call of a subclass's method; tensors of the result become instances of the subclass."""
        # where a function of another library comes back to ask, there is nothing more to say
        return NotImplemented if overrides.STATE.off else overrides.call(cls, func, args, kwargs)

    # -- made by its constructor, and by the core -----------------------------------------------------------------

    def __init__(self, *data: Any, device: Any = None) -> None:
        """`Tensor()`, `Tensor(2, 3)`, `Tensor([1, 2])`, `Tensor(other)`: what there was before `medtorch.tensor`."""
        members.construct(self, *data, device=device)

    @classmethod
    def _from_array(cls, array: Any, place: device) -> Self:
        """A tensor over `array`, sharing its memory."""
        self = object.__new__(cls)
        self._array = array
        self._device = place
        self._counter = [0]
        if STATE.inference:
            self._inference = True
        return self

    @staticmethod
    def _made(array: Any, place: device) -> Tensor:
        """A plain tensor over a kernel's result; NumPy hands out scalars where a 0-d array is meant."""
        return Tensor._from_array(array if hasattr(array, "__setitem__") else np.asarray(array), place)

    def _scalar(self, value: Any, wanted: DType) -> Tensor:
        """A number as a 0-d tensor beside this one."""
        return Tensor._from_array(move(dtypes.number(value, wanted), self._device), self._device)

    _run = staticmethod(autograd.run)

    def _become_view(self, source: Tensor, op: Op, nr: int) -> None:
        self._counter = source._counter
        self._inference = source._inference
        self._base = source if source._base is None else source._base
        self._base._shared = True
        self._view_version = self._counter[0]
        self._view_kind = source._view_kind if STATE.grad else "while recording was off"
        self._view_ops = (*source._view_ops, (op, nr))

    def _set_node(self, node: autograd.Node | None, nr: int) -> None:
        self._grad_fn, self._output_nr = node, nr
        self._leaf_requires_grad = False
        self._view_version = self._counter[0]

    def _attached(self, node: autograd.Node, nr: int) -> Tensor:
        """This tensor's numbers as output `nr` of `node`."""
        out = Tensor._from_array(self._array, self._device)
        out._counter = self._counter
        out._depth = self._depth
        out._tangents, out._tangents_version = self._tangents, self._tangents_version
        if out.dtype.is_differentiable:
            out._set_node(node, nr)
        return out

    # -- what it is -----------------------------------------------------------------------------------------------

    @property
    def shape(self) -> Size:
        return Size(self._array.shape)

    @property
    def dtype(self) -> DType:
        return dtypes.from_numpy(self._array.dtype)

    @property
    def device(self) -> device:
        return self._device

    @property
    def spec(self) -> Spec:
        return Spec(self._array.shape, dtypes.from_numpy(self._array.dtype), self._device)

    @property
    def ndim(self) -> int:
        return int(self._array.ndim)

    @property
    def is_cuda(self) -> bool:
        return self._device.type == "cuda"

    @property
    def itemsize(self) -> int:
        return int(self._array.itemsize)

    @property
    def nbytes(self) -> int:
        return self.numel() * self.itemsize

    @property
    def _version(self) -> int:
        return self._counter[0]

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of one dim."""
        return self.shape if dim is None else self.shape[shapes.normalize_dim(dim, self.ndim, op="size")]

    def dim(self) -> int:
        return self.ndim

    ndimension = dim

    def numel(self) -> int:
        return int(self._array.size)

    nelement = numel

    def stride(self, dim: int | None = None) -> Any:
        """Steps between neighbours, counted in elements."""
        steps = tuple(s // self.itemsize for s in self._array.strides)
        return steps if dim is None else steps[shapes.normalize_dim(dim, self.ndim, op="stride")]

    def element_size(self) -> int:
        return self.itemsize

    def data_ptr(self) -> int:
        return int(self._array.ctypes.data) if isinstance(self._array, np.ndarray) else int(self._array.data.ptr)

    def is_floating_point(self) -> bool:
        return self.dtype.is_floating_point

    def is_complex(self) -> bool:
        return self.dtype.is_complex

    def is_signed(self) -> bool:
        return self.dtype.is_signed

    def is_contiguous(self, memory_format: str = "contiguous_format") -> bool:
        """Whether the elements lie without gaps in the order of `memory_format`."""
        order = shapes.memory_order(self.ndim, memory_format)
        at = self._array
        ordered, strides = [at.shape[d] for d in order], [at.strides[d] for d in order]
        return shapes.is_contiguous(tuple(ordered), tuple(strides), self.itemsize)

    def get_device(self) -> int:
        return -1 if self._device.index is None else self._device.index

    # -- on the tape ----------------------------------------------------------------------------------------------

    @property
    def grad_fn(self) -> autograd.Node | None:
        if self._base is not None and self._view_version != self._counter[0]:
            refresh_view(self)
        return self._grad_fn

    @property
    def requires_grad(self) -> bool:
        return self._leaf_requires_grad or self.grad_fn is not None

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        self.requires_grad_(wanted)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Ask for gradients of this leaf. Raises AutogradError for a computed tensor, DtypeError for whole numbers."""
        if self.grad_fn is not None:
            if not requires_grad:
                raise AutogradError("requires_grad can be changed for leaves only; use detach() to leave the graph")
            return self
        if requires_grad and not self.dtype.is_differentiable:
            raise DtypeError(
                "requires_grad_: only floating-point and complex tensors can require gradients"
                f"{describe(tensor=self.spec)}"
            )
        if requires_grad and self._inference and not STATE.inference:
            raise AutogradError(
                "requires_grad_: an inference tensor cannot require gradients; make a normal one with clone()"
            )
        self._leaf_requires_grad = bool(requires_grad)
        if STATE.batches:
            self._depth = STATE.batches[-1].number
        return self

    @property
    def is_leaf(self) -> bool:
        return self.grad_fn is None

    @property
    def output_nr(self) -> int:
        return self._output_nr

    def is_inference(self) -> bool:
        return self._inference

    @property
    def retains_grad(self) -> bool:
        node = self.grad_fn
        return node is not None and self._output_nr in node.retaining

    def retain_grad(self) -> None:
        """Keep `.grad` of a tensor that is computed, too."""
        if not self.requires_grad:
            raise AutogradError("retain_grad: the tensor does not require grad")
        if self.grad_fn is not None:
            self.grad_fn.retaining[self._output_nr] = weakref.ref(self)

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
        """Call `hook` with the gradient of this tensor; what it returns takes the gradient's place."""
        edge = autograd.edge_of(self)
        if edge is None:
            raise AutogradError("register_hook: the tensor does not require grad")
        if self.grad_fn is None:
            self._kept_accumulator = edge[0]  # the hook lives on the node, which only a graph would keep alive
        return RemovableHandle(edge[0].hooks.setdefault(edge[1], {}), hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> RemovableHandle:
        """Call `hook` with this leaf each time its `.grad` has been added to."""
        edge = autograd.edge_of(self)
        if edge is None or not isinstance(edge[0], autograd.AccumulateGrad):
            raise AutogradError("register_post_accumulate_grad_hook: only for leaves that require grad")
        self._kept_accumulator = edge[0]
        return RemovableHandle(edge[0].after, hook)

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Tensor | Sequence[Tensor] | None = None,
    ) -> None:
        """Add the gradient of this tensor to the `.grad` of the leaves it came from."""
        autograd.backward(self, None if gradient is None else (gradient,), retain_graph, create_graph, inputs)

    def detach(self) -> Tensor:
        """The same memory, outside the graph."""
        out = self._alias()
        self._shared = out._shared = True
        return out

    def _alias(self) -> Tensor:
        """As `detach`, for the tape, which only reads."""
        out = Tensor._from_array(self._array, self._device)
        out._counter = self._counter
        out._inference = self._inference
        return out

    def detach_(self) -> Self:
        """Leave the graph in place. Raises AutogradError for a view, which its base would pull back in."""
        if self._base is not None:
            raise AutogradError("detach_: a view cannot leave the graph in place; use detach()")
        self._grad_fn, self._output_nr, self._leaf_requires_grad = None, 0, False
        return self

    @property
    def data(self) -> Tensor:
        """The same memory, outside the graph, with a version count of its own."""
        out = Tensor._from_array(self._array, self._device)
        self._shared = out._shared = True
        return out

    @data.setter
    def data(self, new: Tensor) -> None:
        if STATE.capture is not None:
            STATE.capture.saw_write(self, new, "data")
        new._shared = self._shared = True
        self._array, self._device = new._array, new._device
        self._counter = [0]

    # -- copies, casts, moves -------------------------------------------------------------------------------------

    def clone(self, *, memory_format: str = "preserve_format") -> Tensor:
        """The same numbers in memory of their own."""
        return Clone(memory_format)(self)  # type: ignore[no-any-return]

    def contiguous(self, memory_format: str = "contiguous_format") -> Tensor:
        """This tensor if its elements lie in the order of `memory_format`, else a copy in which they do."""
        return self if self.is_contiguous(memory_format) else self.clone(memory_format=memory_format)

    def to(self, *args: Any, **kwargs: Any) -> Tensor:
        """`to(dtype)`, `to(device, dtype)`, `to(other)`, with non_blocking=, copy=, memory_format= as in torch."""
        wanted, place, copy, layout = _to_arguments(self, *args, **kwargs)
        out = self
        if place != self._device:
            out = _moved(out, place)
        if wanted is not out.dtype:
            if out.dtype.is_complex and not wanted.is_complex:
                warnings.warn("a cast from complex to real numbers drops the imaginary parts", stacklevel=2)
            out = Cast(wanted)(out)
        if copy and out is self:
            out = out.clone()
        return out if layout is None or out.is_contiguous(layout) else out.clone(memory_format=layout)

    def cpu(self) -> Tensor:
        return self.to("cpu")

    def cuda(self, device: Any = None, non_blocking: bool = False) -> Tensor:
        return self.to(as_device("cuda" if device is None else device), non_blocking=non_blocking)

    def type(self, dtype: Any = None, non_blocking: bool = False) -> Any:
        """torch's name of its type ("torch.FloatTensor"), or this tensor cast to a dtype, or a type of such a name."""
        if dtype is None:
            return dtypes.type_name(self.dtype, cuda=self.is_cuda)
        place = as_device("cuda") if isinstance(dtype, str) and dtype.startswith("torch.cuda.") else self._device
        return self.to(place, dtypes.as_dtype(getattr(dtype, "dtype", dtype)), non_blocking=non_blocking)

    def type_as(self, other: Tensor) -> Tensor:
        return self.to(other.dtype)

    def float(self, memory_format: str = "preserve_format") -> Tensor:
        return self.to(dtypes.float32, memory_format=memory_format)

    def double(self, memory_format: str = "preserve_format") -> Tensor:
        return self.to(dtypes.float64, memory_format=memory_format)

    def half(self, memory_format: str = "preserve_format") -> Tensor:
        return self.to(dtypes.float16, memory_format=memory_format)

    def bfloat16(self, memory_format: str = "preserve_format") -> Tensor:
        return self.to(dtypes.bfloat16, memory_format=memory_format)

    def cfloat(self, memory_format: str = "preserve_format") -> Tensor:
        return self.to(dtypes.complex64, memory_format=memory_format)

    def cdouble(self, memory_format: str = "preserve_format") -> Tensor:
        return self.to(dtypes.complex128, memory_format=memory_format)

    def long(self, memory_format: str = "preserve_format") -> Tensor:
        return self.to(dtypes.int64, memory_format=memory_format)

    def int(self, memory_format: str = "preserve_format") -> Tensor:
        return self.to(dtypes.int32, memory_format=memory_format)

    def short(self, memory_format: str = "preserve_format") -> Tensor:
        return self.to(dtypes.int16, memory_format=memory_format)

    def char(self, memory_format: str = "preserve_format") -> Tensor:
        return self.to(dtypes.int8, memory_format=memory_format)

    def byte(self, memory_format: str = "preserve_format") -> Tensor:
        return self.to(dtypes.uint8, memory_format=memory_format)

    def bool(self, memory_format: str = "preserve_format") -> Tensor:
        return self.to(dtypes.bool_, memory_format=memory_format)

    def __copy__(self) -> Tensor:
        return self.detach().requires_grad_(self.requires_grad)

    def __deepcopy__(self, memo: dict[Any, Any]) -> Tensor:
        """A leaf of its own. Raises AutogradError for a tensor that is computed."""
        if not self.is_leaf:
            raise AutogradError("deepcopy: only leaves can be copied deeply; use clone()")
        _tell_reading(self, "deepcopy")
        if id(self) not in memo:
            out = type(self)._from_array(self._array.copy(), self._device)
            seen = self.__dict__ if self._asks else _said(self.__dict__)
            out.__dict__.update({k: deepcopy(v, memo) if self._asks else v for k, v in seen.items()})
            out._leaf_requires_grad = self._leaf_requires_grad
            out.grad = None if self.grad is None else self.grad.detach().clone()
            memo[id(self)] = out
        return memo[id(self)]  # type: ignore[no-any-return]

    # -- to and from Python and NumPy -----------------------------------------------------------------------------

    def numpy(self, *, force: Any = False) -> np.ndarray[Any, Any]:
        """The same memory as a NumPy array; with `force` detached and brought to the CPU first."""
        _tell_reading(self, "numpy")
        if force:
            return np.asarray(move(self._array, as_device("cpu")))
        if self.requires_grad:
            raise AutogradError("numpy: the tensor requires grad; use detach().numpy()")
        if self.is_cuda:
            raise DeviceError(f"numpy: the tensor is on {self._device}; use cpu() first")
        self._shared = True
        return self._array  # type: ignore[no-any-return]

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray[Any, Any]:
        if copy is False and dtype is not None and np.dtype(dtype) != self._array.dtype:
            raise ArgumentError(f"__array__: {dtype} needs a copy, which copy=False forbids")
        found = self.numpy() if dtype is None else self.numpy().astype(dtype, copy=False)
        return found.copy() if copy else found

    def __dlpack__(self, **kwargs: Any) -> Any:
        if self.requires_grad:
            raise BufferError("a tensor that requires grad cannot be exported; use detach()")
        _tell_reading(self, "__dlpack__")
        self._shared = True
        return self._array.__dlpack__(**kwargs)

    def __dlpack_device__(self) -> Any:
        return self._array.__dlpack_device__()

    def item(self) -> Any:
        """The one number in this tensor, as a Python number."""
        if self.numel() != 1:
            raise ShapeError(f"item: only a tensor of one element becomes a number{describe(tensor=self.spec)}")
        _tell_reading(self, "item")
        value = move(self._array, as_device("cpu")).reshape(()).item()
        return float(value) if self.dtype.is_floating_point else value

    def tolist(self) -> Any:
        _tell_reading(self, "tolist")
        host = move(self._array, as_device("cpu"))
        return host.astype(np.float32).tolist() if self.dtype is dtypes.bfloat16 else host.tolist()

    def __len__(self) -> int:  # type: ignore[valid-type]
        if self.ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    def __bool__(self) -> bool:  # type: ignore[valid-type]
        if self.numel() != 1:
            raise ShapeError(
                f"bool: the truth of several elements is ambiguous; use any() or all(){describe(tensor=self.spec)}"
            )
        return bool(self.item())

    def __float__(self) -> float:  # type: ignore[valid-type]
        return float(self.item())

    def __complex__(self) -> complex:
        return complex(self.item())

    def __int__(self) -> int:  # type: ignore[valid-type]
        return int(self.item())

    def __index__(self) -> int:  # type: ignore[valid-type]
        value = self.item()
        if self.dtype.is_floating_point:
            raise TypeError("only tensors of whole numbers can be an index")
        return int(value)

    def __contains__(self, value: Any) -> bool:  # type: ignore[valid-type]
        return bool(self.eq(value).any().item())

    def __hash__(self) -> int:  # type: ignore[valid-type]
        return id(self)

    def __repr__(self) -> str:
        _tell_reading(self, "repr")
        return printing.text(self)

    def __format__(self, form: str) -> str:
        return format(self.item(), form) if self.ndim == 0 and form else object.__format__(self, "")

    def __reduce__(self) -> Any:
        """Travel between processes as an array. Raises AutogradError for a tensor that is computed."""
        if not self.is_leaf:
            raise AutogradError("only leaves can be sent to another process; use detach()")
        _tell_reading(self, "pickle")
        return _rebuild, (
            type(self),
            np.asarray(move(self._array, as_device("cpu"))),
            str(self._device),
            self._leaf_requires_grad,
        )

    # -- new tensors like this one --------------------------------------------------------------------------------

    @factory
    def new_tensor(self, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: Any = False) -> Tensor:
        wanted = self.dtype if dtype is None else dtypes.as_dtype(dtype)
        if hasattr(data, "batched"):
            array = data.astype(wanted.numpy)
        else:
            array = np.array(data.numpy(force=True) if isinstance(data, Tensor) else data, wanted.numpy)
        place = self._device if device is None else as_device(device)
        return Tensor._from_array(move(array, place), place).requires_grad_(requires_grad)

    @factory
    def new_full(
        self, size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: Any = False
    ) -> Tensor:
        wanted = self.dtype if dtype is None else dtypes.as_dtype(dtype)
        place = self._device if device is None else as_device(device)
        lengths = (size,) if isinstance(size, (int, np.integer)) else tuple(size)
        array = kernels_for(place).full(lengths, fill_value, wanted)
        return Tensor._from_array(array, place).requires_grad_(requires_grad)

    @factory
    def new_zeros(self, *size: Any, **options: Any) -> Tensor:
        return self.new_full(_sizes(size), 0, **options)

    @factory
    def new_ones(self, *size: Any, **options: Any) -> Tensor:
        return self.new_full(_sizes(size), 1, **options)

    @factory
    def new_empty(self, *size: Any, **options: Any) -> Tensor:
        return self.new_full(_sizes(size), 0, **options)

    # -- in place -------------------------------------------------------------------------------------------------

    def copy_(self, src: Any, non_blocking: Any = False) -> Self:
        return overwrite(self, src, "copy_")  # type: ignore[return-value]

    def fill_(self, value: Any) -> Self:
        return overwrite(self, value, "fill_")  # type: ignore[return-value]

    def zero_(self) -> Self:
        return overwrite(self, 0, "zero_")  # type: ignore[return-value]

    uniform_ = fills.uniform_
    normal_ = fills.normal_
    bernoulli_ = fills.bernoulli_
    random_ = fills.random_
    exponential_ = fills.exponential_

    # -- arithmetic (ops/arithmetic.py) ---------------------------------------------------------------------------

    add = __add__ = __radd__ = arithmetic.add
    sub = subtract = __sub__ = arithmetic.sub
    __rsub__ = arithmetic.rsub
    mul = multiply = __mul__ = __rmul__ = arithmetic.mul
    div = divide = true_divide = __truediv__ = arithmetic.div
    __rtruediv__ = arithmetic.rdiv
    floor_divide = __floordiv__ = arithmetic.floor_divide
    __rfloordiv__ = arithmetic.rfloordiv
    remainder = __mod__ = arithmetic.remainder
    __rmod__ = arithmetic.rmod
    fmod = arithmetic.fmod
    pow = __pow__ = arithmetic.pow
    __rpow__ = arithmetic.rpow
    atan2 = arctan2 = arithmetic.atan2
    maximum = arithmetic.maximum
    minimum = arithmetic.minimum
    fmax = arithmetic.fmax
    fmin = arithmetic.fmin
    addcmul = arithmetic.addcmul
    addcdiv = arithmetic.addcdiv
    lerp = arithmetic.lerp
    bitwise_and = __and__ = __rand__ = arithmetic.bitwise_and
    bitwise_or = __or__ = __ror__ = arithmetic.bitwise_or
    bitwise_xor = __xor__ = __rxor__ = arithmetic.bitwise_xor
    bitwise_not = __invert__ = arithmetic.bitwise_not
    __lshift__ = bitwise_left_shift = arithmetic.bitwise_left_shift
    __rshift__ = bitwise_right_shift = arithmetic.bitwise_right_shift

    add_ = __iadd__ = inplace(arithmetic.add)
    sub_ = __isub__ = inplace(arithmetic.sub)
    mul_ = __imul__ = inplace(arithmetic.mul)
    div_ = __itruediv__ = inplace(arithmetic.div)
    floor_divide_ = __ifloordiv__ = inplace(arithmetic.floor_divide)
    remainder_ = __imod__ = inplace(arithmetic.remainder)
    pow_ = __ipow__ = inplace(arithmetic.pow)
    addcmul_ = inplace(arithmetic.addcmul)
    addcdiv_ = inplace(arithmetic.addcdiv)
    lerp_ = inplace(arithmetic.lerp)
    __iand__ = inplace(arithmetic.bitwise_and)
    __ior__ = inplace(arithmetic.bitwise_or)
    __ixor__ = inplace(arithmetic.bitwise_xor)

    # -- one number at a time (ops/elementwise.py) ----------------------------------------------------------------

    neg = negative = __neg__ = elementwise.neg
    abs = absolute = __abs__ = elementwise.abs
    exp = elementwise.exp
    exp2 = elementwise.exp2
    expm1 = elementwise.expm1
    log = elementwise.log
    log2 = elementwise.log2
    log10 = elementwise.log10
    log1p = elementwise.log1p
    sqrt = elementwise.sqrt
    rsqrt = elementwise.rsqrt
    square = elementwise.square
    reciprocal = elementwise.reciprocal
    sin = elementwise.sin
    cos = elementwise.cos
    tan = elementwise.tan
    asin = arcsin = elementwise.asin
    acos = arccos = elementwise.acos
    atan = arctan = elementwise.atan
    sinh = elementwise.sinh
    cosh = elementwise.cosh
    tanh = elementwise.tanh
    sigmoid = elementwise.sigmoid
    erf = elementwise.erf
    erfc = elementwise.erfc
    erfinv = elementwise.erfinv
    floor = elementwise.floor
    ceil = elementwise.ceil
    round = elementwise.round
    trunc = fix = elementwise.trunc
    frac = elementwise.frac
    sign = elementwise.sign
    relu = elementwise.relu
    clamp = clip = elementwise.clamp
    clamp_min = elementwise.clamp_min
    clamp_max = elementwise.clamp_max
    nan_to_num = elementwise.nan_to_num
    __pos__ = elementwise.positive

    neg_ = negative_ = inplace(elementwise.neg)
    acos_ = arccos_ = inplace(elementwise.acos)
    asin_ = arcsin_ = inplace(elementwise.asin)
    atan_ = arctan_ = inplace(elementwise.atan)
    cos_ = inplace(elementwise.cos)
    cosh_ = inplace(elementwise.cosh)
    erf_ = inplace(elementwise.erf)
    erfc_ = inplace(elementwise.erfc)
    exp2_ = inplace(elementwise.exp2)
    expm1_ = inplace(elementwise.expm1)
    frac_ = inplace(elementwise.frac)
    log10_ = inplace(elementwise.log10)
    log1p_ = inplace(elementwise.log1p)
    log2_ = inplace(elementwise.log2)
    nan_to_num_ = inplace(elementwise.nan_to_num)
    sin_ = inplace(elementwise.sin)
    sinh_ = inplace(elementwise.sinh)
    square_ = inplace(elementwise.square)
    tan_ = inplace(elementwise.tan)
    trunc_ = fix_ = inplace(elementwise.trunc)
    abs_ = inplace(elementwise.abs)
    exp_ = inplace(elementwise.exp)
    log_ = inplace(elementwise.log)
    sqrt_ = inplace(elementwise.sqrt)
    rsqrt_ = inplace(elementwise.rsqrt)
    reciprocal_ = inplace(elementwise.reciprocal)
    tanh_ = inplace(elementwise.tanh)
    sigmoid_ = inplace(elementwise.sigmoid)
    erfinv_ = inplace(elementwise.erfinv)
    floor_ = inplace(elementwise.floor)
    ceil_ = inplace(elementwise.ceil)
    round_ = inplace(elementwise.round)
    relu_ = inplace(elementwise.relu)
    clamp_ = clip_ = inplace(elementwise.clamp)
    clamp_min_ = inplace(elementwise.clamp_min)
    clamp_max_ = inplace(elementwise.clamp_max)

    # -- comparing (ops/comparison.py) ----------------------------------------------------------------------------

    eq = comparison.eq
    ne = not_equal = comparison.ne
    lt = less = __lt__ = comparison.lt
    le = less_equal = __le__ = comparison.le
    gt = greater = __gt__ = comparison.gt
    ge = greater_equal = __ge__ = comparison.ge
    __eq__ = comparison.eq  # type: ignore[assignment]
    __ne__ = comparison.ne  # type: ignore[assignment]
    isnan = comparison.isnan
    isinf = comparison.isinf
    isfinite = comparison.isfinite
    logical_and = comparison.logical_and
    logical_or = comparison.logical_or
    logical_xor = comparison.logical_xor
    logical_not = comparison.logical_not
    where = comparison.where_method
    masked_fill = comparison.masked_fill
    isclose = comparison.isclose
    allclose = comparison.allclose
    equal = comparison.equal

    masked_fill_ = inplace(comparison.masked_fill)
    logical_not_ = inplace(comparison.logical_not)

    # -- shapes (ops/shape.py) ------------------------------------------------------------------------------------

    view = shape_ops.view
    view_as = shape_ops.view_as
    reshape = shape_ops.reshape
    reshape_as = shape_ops.reshape_as
    flatten = shape_ops.flatten
    unflatten = shape_ops.unflatten
    permute = shape_ops.permute
    transpose = swapaxes = swapdims = shape_ops.transpose
    t = shape_ops.t
    movedim = moveaxis = shape_ops.movedim
    squeeze = shape_ops.squeeze
    unsqueeze = shape_ops.unsqueeze
    expand = shape_ops.expand
    expand_as = shape_ops.expand_as
    sum_to_size = shape_ops.sum_to_size
    repeat = shape_ops.repeat
    tile = shape_ops.tile
    flip = shape_ops.flip
    roll = shape_ops.roll
    narrow = shape_ops.narrow
    select = shape_ops.select
    split = shape_ops.split
    chunk = shape_ops.chunk
    unbind = shape_ops.unbind
    diagonal = shape_ops.diagonal
    unfold = shape_ops.unfold
    as_strided = strided.as_strided
    as_strided_scatter = strided.as_strided_scatter
    resize_ = resize.resize_
    resize_as_ = resize.resize_as_

    T = property(shape_ops.reversed_dims)
    mT = property(shape_ops.matrix_transpose)  # noqa: N815  the public name is torch's
    H = property(complex_ops.adjoint_of_matrix)
    mH = property(complex_ops.adjoint)  # noqa: N815  the public name is torch's
    adjoint = complex_ops.adjoint

    # -- many to one (ops/reduction.py, extremes.py, moments.py) --------------------------------------------------

    sum = reduction.sum
    mean = reduction.mean
    prod = reduction.prod
    nansum = reduction.nansum
    nanmean = reduction.nanmean
    any = reduction.any
    all = reduction.all
    count_nonzero = reduction.count_nonzero
    amax = extremes.amax
    amin = extremes.amin
    aminmax = extremes.aminmax
    argmax = extremes.argmax
    argmin = extremes.argmin
    max = extremes.max
    min = extremes.min
    median = extremes.median
    nanmedian = extremes.nanmedian
    mode = extremes.mode
    quantile = extremes.quantile
    nanquantile = extremes.nanquantile
    var = moments.var
    std = moments.std
    norm = moments.norm
    dist = moments.dist
    logsumexp = moments.logsumexp

    # -- products of matrices (ops/matmul.py) ---------------------------------------------------------------------

    matmul = __matmul__ = matmul_ops.matmul
    mm = matmul_ops.mm
    bmm = matmul_ops.bmm
    mv = matmul_ops.mv
    dot = matmul_ops.dot
    vdot = matmul_ops.vdot
    outer = ger = matmul_ops.outer
    inner = matmul_ops.inner
    addmm = matmul_ops.addmm
    addmv = matmul_ops.addmv
    addr = matmul_ops.addr
    baddbmm = matmul_ops.baddbmm
    addbmm = matmul_ops.addbmm
    kron = matmul_ops.kron
    trace = matmul_ops.trace
    det = linalg.det
    logdet = linalg.logdet
    slogdet = linalg.slogdet
    inverse = linalg.inv
    matrix_power = linalg.matrix_power
    cross = linalg.cross_by_default

    addmm_ = inplace(matmul_ops.addmm)
    addmv_ = inplace(matmul_ops.addmv)
    addr_ = inplace(matmul_ops.addr)
    baddbmm_ = inplace(matmul_ops.baddbmm)
    addbmm_ = inplace(matmul_ops.addbmm)

    # -- places (ops/indexing.py, gathering.py, triangles.py) -----------------------------------------------------

    __getitem__ = indexing.getitem
    __setitem__ = assignment.setitem
    index_put = indexing.index_put
    index_select = indexing.index_select
    index_add = indexing.index_add
    index_copy = indexing.index_copy
    index_fill = indexing.index_fill
    take = indexing.take
    put = indexing.put
    masked_select = indexing.masked_select
    masked_scatter = indexing.masked_scatter
    nonzero = indexing.nonzero
    argwhere = indexing.argwhere
    gather = gathering.gather
    scatter = gathering.scatter
    scatter_add = gathering.scatter_add
    scatter_reduce = gathering.scatter_reduce
    take_along_dim = gathering.take_along_dim
    tril = triangles.tril
    triu = triangles.triu
    diag = triangles.diag
    diag_embed = triangles.diag_embed
    diagflat = triangles.diagflat
    diagonal_scatter = triangles.diagonal_scatter
    select_scatter = triangles.select_scatter
    slice_scatter = triangles.slice_scatter

    index_put_ = inplace(indexing.index_put)
    index_add_ = inplace(indexing.index_add)
    index_copy_ = inplace(indexing.index_copy)
    index_fill_ = inplace(indexing.index_fill)
    put_ = inplace(indexing.put)
    masked_scatter_ = inplace(indexing.masked_scatter)
    scatter_ = inplace(gathering.scatter)
    scatter_add_ = inplace(gathering.scatter_add)
    scatter_reduce_ = inplace(gathering.scatter_reduce)
    tril_ = inplace(triangles.tril)
    triu_ = inplace(triangles.triu)

    ravel = stacking.ravel
    rot90 = stacking.rot90
    vsplit = stacking.vsplit
    hsplit = stacking.hsplit
    dsplit = stacking.dsplit

    # -- order (ops/sorting.py) -----------------------------------------------------------------------------------

    sort = sorting.sort
    argsort = sorting.argsort
    msort = sorting.msort
    topk = sorting.topk
    kthvalue = sorting.kthvalue
    unique = sorting.unique
    unique_consecutive = sorting.unique_consecutive
    bincount = sorting.bincount
    histc = sorting.histc

    # -- running sums (ops/scan.py) -------------------------------------------------------------------------------

    cumsum = scan.cumsum
    cumprod = scan.cumprod
    logcumsumexp = scan.logcumsumexp
    cummax = scan.cummax
    cummin = scan.cummin
    diff = scan.diff

    cumsum_ = inplace(scan.cumsum)
    cumprod_ = inplace(scan.cumprod)

    # -- probabilities (ops/softmax.py) ----------------------------------------------------------------------------

    softmax = softmax_ops.softmax
    log_softmax = softmax_ops.log_softmax

    # -- beyond the usual functions (ops/transcendental.py, bits.py) -----------------------------------------------

    acosh = arccosh = transcendental.acosh
    asinh = arcsinh = transcendental.asinh
    atanh = arctanh = transcendental.atanh
    copysign = transcendental.copysign
    deg2rad = transcendental.deg2rad
    rad2deg = transcendental.rad2deg
    digamma = transcendental.digamma
    float_power = transcendental.float_power
    hypot = transcendental.hypot
    i0 = transcendental.i0
    igamma = transcendental.igamma
    igammac = transcendental.igammac
    ldexp = transcendental.ldexp
    lgamma = transcendental.lgamma
    logaddexp = transcendental.logaddexp
    logaddexp2 = transcendental.logaddexp2
    logit = transcendental.logit
    mvlgamma = transcendental.mvlgamma
    polygamma = transcendental.polygamma_method
    sinc = transcendental.sinc
    xlogy = transcendental.xlogy
    angle = complex_ops.angle
    conj = conj_physical = complex_ops.conj
    resolve_conj = complex_ops.resolve_conj
    resolve_neg = complex_ops.resolve_neg
    conj_physical_ = inplace(complex_ops.conj_physical)
    is_conj = complex_ops.is_conj
    is_neg = complex_ops.is_neg
    frexp = bits.frexp
    gcd = bits.gcd
    lcm = bits.lcm
    heaviside = bits.heaviside
    isneginf = bits.isneginf
    isposinf = bits.isposinf
    isreal = complex_ops.isreal
    nextafter = bits.nextafter
    sgn = complex_ops.sgn
    signbit = bits.signbit
    real = property(complex_ops.real, complex_ops.set_real)
    imag = property(complex_ops.imag, complex_ops.set_imag)

    histogram = histogram.histogram
    index_reduce = index_reduce.index_reduce
    nonzero_static = combining.nonzero_static
    corrcoef = statistics.corrcoef
    cov = statistics.cov
    renorm = statistics.renorm
    split_with_sizes = view_copies.split_with_sizes
    unsafe_chunk = view_copies.unsafe_chunk
    unsafe_split = view_copies.unsafe_split

    cholesky = factor.cholesky_by_default
    cholesky_inverse = factor.cholesky_inverse
    cholesky_solve = factor.cholesky_solve
    geqrf = householder.geqrf
    orgqr = householder.householder_product
    ormqr = householder.ormqr
    matrix_exp = matrix_exp.matrix_exp
    lu = factor.lu_by_default
    lu_solve = factor.lu_solve_by_default
    qr = factor.qr_by_default
    triangular_solve = factor.triangular_solve
    pinverse = least_squares.pinverse
    svd = svd.svd_by_default

    index_reduce_ = inplace(index_reduce)
    renorm_ = inplace(statistics.renorm)
    acosh_ = arccosh_ = inplace(transcendental.acosh)
    asinh_ = arcsinh_ = inplace(transcendental.asinh)
    atanh_ = arctanh_ = inplace(transcendental.atanh)
    copysign_ = inplace(transcendental.copysign)
    deg2rad_ = inplace(transcendental.deg2rad)
    rad2deg_ = inplace(transcendental.rad2deg)
    digamma_ = inplace(transcendental.digamma)
    float_power_ = inplace(transcendental.float_power)
    hypot_ = inplace(transcendental.hypot)
    i0_ = inplace(transcendental.i0)
    igamma_ = inplace(transcendental.igamma)
    igammac_ = inplace(transcendental.igammac)
    ldexp_ = inplace(transcendental.ldexp)
    lgamma_ = inplace(transcendental.lgamma)
    logit_ = inplace(transcendental.logit)
    mvlgamma_ = inplace(transcendental.mvlgamma)
    polygamma_ = inplace(transcendental.polygamma_method)
    sinc_ = inplace(transcendental.sinc)
    xlogy_ = inplace(transcendental.xlogy)
    gcd_ = inplace(bits.gcd)
    lcm_ = inplace(bits.lcm)
    heaviside_ = inplace(bits.heaviside)
    nextafter_ = inplace(bits.nextafter)
    sgn_ = inplace(complex_ops.sgn)
    sign_ = inplace(elementwise.sign)

    # -- questions, copies, other names (members.py) --------------------------------------------------------------

    is_cpu = property(lambda self: self._device.type == "cpu")
    is_meta = is_mkldnn = is_mps = is_mtia = is_nested = is_quantized = is_sparse = is_sparse_csr = False
    is_vulkan = is_xla = is_xpu = is_ipu = is_maia = False
    layout = "strided"
    name: str | None = None
    is_nonzero = members.is_nonzero
    is_same_size = members.is_same_size
    storage_offset = members.storage_offset
    as_subclass = members.as_subclass
    new = members.new
    apply_ = members.apply_
    fill_diagonal_ = members.fill_diagonal_
    unsqueeze_ = members.unsqueeze_
    squeeze_ = members.squeeze_
    transpose_ = swapaxes_ = swapdims_ = members.transpose_
    t_ = members.t_
    broadcast_to = shape_ops.broadcast_to
    repeat_interleave = shape_ops.repeat_interleave
    tensor_split = shape_ops.tensor_split
    fliplr = shape_ops.fliplr
    flipud = shape_ops.flipud
    narrow_copy = view_copies.narrow_copy
    positive = elementwise.positive

    absolute_ = inplace(elementwise.abs)
    atan2_ = arctan2_ = inplace(arithmetic.atan2)
    subtract_ = inplace(arithmetic.sub)
    multiply_ = inplace(arithmetic.mul)
    divide_ = true_divide_ = inplace(arithmetic.div)
    fmod_ = inplace(arithmetic.fmod)
    bitwise_and_ = inplace(arithmetic.bitwise_and)
    bitwise_or_ = inplace(arithmetic.bitwise_or)
    bitwise_xor_ = inplace(arithmetic.bitwise_xor)
    bitwise_not_ = inplace(arithmetic.bitwise_not)
    bitwise_left_shift_ = __ilshift__ = inplace(arithmetic.bitwise_left_shift)
    bitwise_right_shift_ = __irshift__ = inplace(arithmetic.bitwise_right_shift)
    eq_ = inplace(comparison.eq)
    ne_ = not_equal_ = inplace(comparison.ne)
    lt_ = less_ = inplace(comparison.lt)
    le_ = less_equal_ = inplace(comparison.le)
    gt_ = greater_ = inplace(comparison.gt)
    ge_ = greater_equal_ = inplace(comparison.ge)
    logical_and_ = inplace(comparison.logical_and)
    logical_or_ = inplace(comparison.logical_or)
    logical_xor_ = inplace(comparison.logical_xor)


def _rebuild(kind: type[Tensor], array: Any, place: str, requires_grad: bool) -> Tensor:
    found = as_device(place)
    return kind._from_array(move(array, found), found).requires_grad_(requires_grad)


def _said(attributes: dict[str, Any]) -> dict[str, Any]:
    """What others put on a tensor, out of all its attributes."""
    return {k: v for k, v in attributes.items() if not k.startswith("_") and k != "grad"}


def _sizes(size: tuple[Any, ...]) -> Any:
    return size[0] if len(size) == 1 and not isinstance(size[0], (int, np.integer)) else size


def _tell_reading(tensor: Tensor, name: str) -> None:
    if hasattr(tensor._array, "batched"):
        raise UnsupportedError(f"vmap: {name}() of a batched tensor is not supported: its numbers differ by sample")
    if STATE.capture is not None:
        STATE.capture.saw_read(tensor, name)


def _moved(tensor: Tensor, place: device) -> Tensor:
    if STATE.capture is not None:
        STATE.capture.saw_move(tensor, place)
    out = Tensor._from_array(move(tensor._array, place), place)
    autograd.record(Move(place), (tensor,), (out,))
    if STATE.levels:
        forward.moved(tensor, out)
    return out


def _to_arguments(tensor: Tensor, *args: Any, **kwargs: Any) -> tuple[DType, device, bool, str | None]:
    """dtype, device, copy and layout out of the many ways that torch's `to` can be called."""
    wanted, place = tensor.dtype, tensor.device
    names = ["non_blocking", "copy"]
    options: dict[str, Any] = {"copy": False, "memory_format": None, "non_blocking": False}
    for position, value in enumerate(args):
        if isinstance(value, Tensor):
            wanted, place = value.dtype, value.device
        elif isinstance(value, DType) or value in (bool, int, float, complex):
            wanted = dtypes.as_dtype(value)
        elif isinstance(value, bool) and position:
            options[names.pop(0)] = value
        elif value is not None:
            place = as_device(value)
    for name, value in kwargs.items():
        if name == "dtype":
            wanted = wanted if value is None else dtypes.as_dtype(value)
        elif name == "device":
            place = place if value is None else as_device(value)
        elif name == "other":
            wanted, place = value.dtype, value.device
        elif name in options:
            options[name] = value
        else:
            raise ArgumentError(f"to: unknown argument {name!r}")
    layout = None if options["memory_format"] in (None, "preserve_format") else options["memory_format"]
    return wanted, place, bool(options["copy"]), layout
