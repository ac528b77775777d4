"""Small members of torch.Tensor, and functions of their names: questions about a tensor, and changes of its shape.

Source    semantics of torch.Tensor's members
Requires  REQ-F-TEN-005
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from medtorch.core import dtypes, inplace
from medtorch.core.devices import as_device
from medtorch.core.modes import STATE
from medtorch.core.ops import shape as shape_ops
from medtorch.core.spec import describe
from medtorch.errors import ArgumentError, DtypeError, ShapeError, UnsupportedError

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor

T = TypeVar("T", bound="Tensor")


def construct(self: Tensor, *data: Any, device: Any = None) -> None:
    """`Tensor()`, `Tensor(2, 3)`, `Tensor([1, 2])`, `Tensor(other)`: the constructor of before `torch.tensor`.

    Sizes give numbers that are all zero. A tensor of the default dtype is shared, other data are copied to that dtype.

    Raises    DtypeError for a tensor of another dtype
    """
    if hasattr(self, "_array"):  # made already: by a subclass's __new__, which is given the same arguments
        return
    place, wanted = as_device(device), dtypes.get_default_dtype()
    if len(data) == 1 and hasattr(data[0], "_run"):
        _share(self, data[0], wanted)
        return
    is_sizes = all(isinstance(n, (int, np.integer)) for n in data) or _is_size(data)
    sizes = tuple(int(n) for n in (data[0] if _is_size(data) else data)) if is_sizes else None
    if sizes is None and len(data) != 1:
        raise ArgumentError(f"Tensor: takes sizes, or one sequence of numbers, got {len(data)} arguments")
    array = np.zeros(sizes if data else (0,), wanted.numpy) if sizes is not None else _numbers(data[0], wanted)
    made = type(self)._made(array, as_device("cpu")).to(place)
    self._array, self._device, self._counter = made._array, made._device, [0]


def _is_size(data: tuple[Any, ...]) -> bool:
    return len(data) == 1 and type(data[0]).__name__ == "Size"


def _numbers(data: Any, wanted: dtypes.DType) -> np.ndarray[Any, Any]:
    values = [v.tolist() if hasattr(v, "_run") else v for v in data] if isinstance(data, (list, tuple)) else data
    return np.array(values, dtype=wanted.numpy)


def _share(self: Tensor, other: Tensor, wanted: dtypes.DType) -> None:
    if other.dtype is not wanted:
        raise DtypeError(f"Tensor: takes tensors of {wanted.name}; use to()")
    self._array, self._device, self._counter = other._array, other._device, other._counter
    self._shared = other._shared = True


def as_subclass(self: Tensor, cls: type[T]) -> T:
    """The same numbers as an instance of a subclass; gradients go through.

    What ops make of it are plain tensors: a subclass's `__torch_function__` is not called.
    """
    if not (isinstance(cls, type) and issubclass(cls, _tensor_kind(self))):
        raise ArgumentError(f"as_subclass: {cls!r} is not a subclass of Tensor")
    out = cls.__new__(cls) if cls.__new__ is object.__new__ else object.__new__(cls)
    out._array, out._device, out._counter = self._array, self._device, self._counter
    out._inference = self._inference
    self._shared = out._shared = True
    if STATE.grad and self.requires_grad:
        node = self.view_as(self)
        out._base, out._view_ops = node._base, node._view_ops
        out._set_node(node.grad_fn, node._output_nr)
    return out


def _tensor_kind(tensor: Tensor) -> type[Tensor]:
    return next(k for k in type(tensor).__mro__ if k.__module__ == "medtorch.core.tensor" and k.__name__ == "Tensor")


# -- questions --------------------------------------------------------------------------------------------------------


def is_nonzero(input: Tensor) -> bool:
    """Whether the one number in it is not zero. Raises ShapeError for several."""
    if input.numel() != 1:
        raise ShapeError(f"is_nonzero: only a tensor of one element has a truth{describe(input=input.spec)}")
    return bool(input.item())


def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether the shapes are the same."""
    return tuple(input.shape) == tuple(other.shape)


def is_floating_point(input: Tensor) -> bool:
    """Whether its numbers are floating-point ones."""
    return input.is_floating_point()


def is_complex(input: Tensor) -> bool:
    """Whether its numbers are complex."""
    return input.is_complex()


def is_signed(input: Tensor) -> bool:
    """Whether its dtype has negative numbers."""
    return input.is_signed()


def is_inference(input: Tensor) -> bool:
    """Whether it was made in inference mode."""
    return input.is_inference()


def get_device(input: Tensor) -> int:
    """The number of its CUDA device; -1 on the CPU."""
    return input.get_device()


def storage_offset(input: Tensor) -> int:
    """How many elements its memory has before its first."""
    base = input._base
    return 0 if base is None else int((input.data_ptr() - base.data_ptr()) // input.itemsize)


def typename(obj: Any) -> str:
    """The name of a tensor's type, or of an object's class with its module."""
    if hasattr(obj, "_run"):
        return str(obj.type())
    kind = obj if isinstance(obj, type) else type(obj)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


# -- copies -----------------------------------------------------------------------------------------------------------


def clone(input: Tensor, *, memory_format: str = "preserve_format") -> Tensor:
    """The same numbers in memory of their own."""
    return input.clone(memory_format=memory_format)


def detach(input: Tensor) -> Tensor:
    """The same memory, outside the graph."""
    return input.detach()


def new(self: Tensor, *data: Any, device: Any = None) -> Tensor:
    """`x.new(2, 3)`, `x.new([1, 2])`: a tensor of its dtype on its device; sizes give zeros."""
    place = self.device if device is None else device
    if len(data) == 1 and (isinstance(data[0], (list, np.ndarray)) or hasattr(data[0], "_run")):
        return self.new_tensor(data[0], device=place)
    return self.new_zeros(*data, device=place) if data else self.new_zeros(0, device=place)


def apply_(self: Tensor, callable: Callable[[Any], Any]) -> Tensor:
    """Every number replaced by what a Python function makes of it. Raises UnsupportedError if a gradient is wanted."""
    if self.requires_grad:
        raise UnsupportedError("apply_: cannot be differentiated; use detach()")
    found = [callable(value) for value in self.reshape(-1).tolist()]
    return inplace.overwrite(self, self.new_tensor(found).reshape(self.shape), "apply_")


def fill_diagonal_(self: Tensor, fill_value: float, wrap: bool = False) -> Tensor:
    """`fill_value` on the main diagonal; of a tall matrix with `wrap` again after each square.

    Raises    ShapeError for fewer than two dims, or more than two of different lengths
    """
    inplace.guard(self, "fill_diagonal_")
    if self.ndim < 2 or (self.ndim > 2 and len(set(self.shape)) != 1):
        raise ShapeError(f"fill_diagonal_: needs a matrix, or dims of one length{describe(tensor=self.spec)}")
    mask = np.zeros(tuple(self.shape), bool)
    if self.ndim == 2:
        np.fill_diagonal(mask, val=True, wrap=wrap)
    else:
        mask[(np.arange(self.shape[0]),) * self.ndim] = True
    chosen = self.new_tensor(mask, dtype=dtypes.bool_)
    return inplace.assign(self, self.masked_fill(chosen, fill_value), "fill_diagonal_")


# -- another shape in place -------------------------------------------------------------------------------------------


def reshaped_in_place(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The in-place form of a view: the tensor itself takes the shape.

    Raises    UnsupportedError where other tensors look at its memory, whose shapes torch would leave as they are
    """

    name = function.__name__ + "_"

    @functools.wraps(function)
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if self._shared or self._base is not None:
            raise UnsupportedError(f"{name}: other tensors share its memory{describe(tensor=self.spec)}")
        if STATE.grad and self.requires_grad and self.is_leaf:
            inplace.guard(self, name)
        if STATE.capture is not None:
            raise UnsupportedError(f"{name}: a model that changes shapes in place cannot be compiled")
        found = function(self, *args, **kwargs)
        self._array, self._shared = found._array, False
        self._counter[0] += 1
        if found.grad_fn is not None:
            self._set_node(found._grad_fn, found._output_nr)
        return self

    method.__name__ = method.__qualname__ = name
    return method


unsqueeze_ = reshaped_in_place(shape_ops.unsqueeze)
squeeze_ = reshaped_in_place(shape_ops.squeeze)
transpose_ = reshaped_in_place(shape_ops.transpose)
t_ = reshaped_in_place(shape_ops.t)
