"""Tensors that a module takes in by assignment: what is learned, and what is only carried along.

Source    semantics of torch.nn.Parameter, torch.nn.Buffer
Requires  REQ-F-NN-001
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from medtorch.core import dtypes
from medtorch.core.devices import CPU
from medtorch.core.overrides import plainly
from medtorch.core.tensor import Tensor
from medtorch.errors import DtypeError


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


class UninitializedParameter(Parameter):
    """Known by name so that `isinstance` can ask for it; nothing makes one, as lazy modules are not supported."""
