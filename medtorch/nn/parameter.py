"""Tensors that a module takes in by assignment: what is learned, and what is only carried along.

Source    semantics of torch.nn.Parameter, torch.nn.Buffer
Requires  REQ-F-NN-001
"""

from __future__ import annotations

from typing import Any, Self, TypeGuard

import numpy as np

from medtorch.core import dtypes
from medtorch.core.backends import kernels_for
from medtorch.core.devices import CPU, as_device
from medtorch.core.overrides import plainly
from medtorch.core.tensor import Tensor
from medtorch.errors import DtypeError, ModuleError


class Parameter(Tensor):
    """A leaf that a module learns: assigned to a module, it is found by `parameters()`.

    Shares the memory of `data`; without `data` it is empty.

    Raises    DtypeError if `data` is not a tensor, or is of whole numbers and `requires_grad` is asked for
    """

    __torch_function__ = staticmethod(plainly)

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Self:
        if data is None:
            return (
                super()
                .__new__(cls)
                ._over(Tensor._from_array(np.empty(0, dtypes.get_default_dtype().numpy), CPU), requires_grad)
            )
        if not isinstance(data, Tensor):
            raise DtypeError(f"{cls.__name__}: expected a tensor, got {type(data).__name__}")
        return super().__new__(cls)._over(data, requires_grad)

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        """Nothing is left to do: __new__ took `data` over."""

    def _over(self, data: Tensor, requires_grad: bool) -> Self:
        self._array, self._device, self._counter = data._array, data._device, data._counter
        self._shared = data._shared = True
        self.requires_grad_(requires_grad)
        return self

    @classmethod
    def _from_array(cls, array: Any, place: Any) -> Self:
        """A parameter over an array that the core hands in (copying deeply, coming from another process)."""
        return cls(Tensor._from_array(array, place), requires_grad=False)


class Buffer(Tensor):
    """A tensor that a module carries along without learning it: assigned to a module, it is found by `buffers()`.

    `persistent` says whether it belongs to the state_dict.
    """

    persistent: bool
    __torch_function__ = staticmethod(plainly)

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Self:
        source = (
            Tensor._from_array(np.empty(0, dtypes.get_default_dtype().numpy), CPU) if data is None else data.detach()
        )
        self = super().__new__(cls)
        self._array, self._device, self._counter = source._array, source._device, source._counter
        self.persistent = persistent
        return self

    def __init__(self, data: Tensor | None = None, *, persistent: bool = True) -> None:
        """Nothing is left to do: __new__ took `data` over."""

    @classmethod
    def _from_array(cls, array: Any, place: Any) -> Self:
        return cls(Tensor._from_array(array, place))


_NOT_YET = (
    "Can't access the {what} of an uninitialized parameter or buffer. This error usually happens in `load_state_dict` "
    "when trying to load an uninitialized parameter into an initialized one. Call `forward` to initialize the "
    "parameters before accessing their attributes."
)


class UninitializedTensorMixin:
    """What a lazy module holds before its first call: a dtype and a device, but no shape.

    Raises    ModuleError for its shape, or in any op
    """

    cls_to_become: type[Tensor]
    data: Any
    requires_grad: Any

    def materialize(self, shape: tuple[int, ...], device: Any = None, dtype: Any = None) -> None:
        """Become a tensor of zeros of this shape, for an initialiser to fill or a state to be loaded into."""
        empty = self.data
        self.data = empty.new_zeros(shape, device=device or empty.device, dtype=dtype or empty.dtype)
        self.__class__ = self.cls_to_become  # type: ignore[assignment]

    @property
    def shape(self) -> Any:
        raise ModuleError(_NOT_YET.format(what="shape"))

    def _run(self, op: Any, inputs: Any) -> Any:
        raise ModuleError(f"{op.name}: " + _NOT_YET.format(what="numbers"))

    def detach(self) -> Self:
        """Itself: there is nothing to detach from."""
        return self

    def to(self, *args: Any, **kwargs: Any) -> Tensor:
        """The dtype and the device to come."""
        out: Tensor = self.data.to(*args, **kwargs)
        return out

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        own = self.data
        copied = memo[id(self)] = type(self)(self.requires_grad, own.device, own.dtype)  # type: ignore[call-arg]
        return copied


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A parameter of a lazy module, whose shape its first input decides."""

    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Self:
        return super().__new__(cls, _empty(device, dtype), requires_grad)

    def __init__(self, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> None:
        """Nothing is left to do: __new__ took dtype and device over."""


class UninitializedBuffer(UninitializedTensorMixin, Buffer):
    """A buffer of a lazy module, whose shape its first input decides."""

    cls_to_become = Buffer

    def __new__(
        cls, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True
    ) -> Self:
        return super().__new__(cls, _empty(device, dtype), persistent=persistent)

    def __init__(
        self, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True
    ) -> None:
        """Nothing is left to do: __new__ took dtype and device over."""


def is_lazy(value: object) -> TypeGuard[UninitializedTensorMixin]:
    """Whether a parameter or a buffer has no shape yet."""
    return isinstance(value, UninitializedTensorMixin)


def _empty(device: Any, dtype: Any) -> Tensor:
    place = as_device(device)
    kernels = kernels_for(place)
    return Tensor._from_array(kernels.full((0,), 0, dtype or dtypes.get_default_dtype()), place)
