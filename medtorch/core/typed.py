"""torch.FloatTensor and its kin: constructors of one dtype, and questions for `isinstance`.

Source    semantics of torch.FloatTensor, torch.LongTensor, ...
Requires  REQ-F-TEN-005
"""

from __future__ import annotations

from typing import Any

import numpy as np

from medtorch.core import dtypes
from medtorch.core.devices import CPU
from medtorch.core.dtypes import DType
from medtorch.core.tensor import Tensor
from medtorch.errors import DtypeError


class _Kind(type):
    """A type of CPU tensors of one dtype."""

    dtype: DType

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, Tensor) and value.dtype is cls.dtype and not value.is_cuda

    def __call__(cls, *data: Any) -> Tensor:
        """Sizes give zeros; one sequence, array or tensor gives its numbers in the dtype.

        Raises    DtypeError for a tensor of another dtype
        """
        if len(data) == 1 and isinstance(data[0], Tensor):
            if data[0].dtype is not cls.dtype:
                raise DtypeError(f"{cls.__name__}: got a tensor of {data[0].dtype.name}; use to({cls.dtype.name})")
            return data[0].detach()
        sizes = len(data) != 1 or isinstance(data[0], (int, np.integer)) or type(data[0]).__name__ == "Size"
        empty = Tensor._from_array(np.zeros(0, cls.dtype.numpy), CPU)
        if not data:
            return empty
        return empty.new_zeros(*data) if sizes else empty.new_tensor(data[0])


class FloatTensor(metaclass=_Kind):
    """float32."""

    dtype = dtypes.float32


class DoubleTensor(metaclass=_Kind):
    """float64."""

    dtype = dtypes.float64


class HalfTensor(metaclass=_Kind):
    """float16."""

    dtype = dtypes.float16


class BFloat16Tensor(metaclass=_Kind):
    """bfloat16."""

    dtype = dtypes.bfloat16


class ByteTensor(metaclass=_Kind):
    """uint8."""

    dtype = dtypes.uint8


class CharTensor(metaclass=_Kind):
    """int8."""

    dtype = dtypes.int8


class ShortTensor(metaclass=_Kind):
    """int16."""

    dtype = dtypes.int16


class IntTensor(metaclass=_Kind):
    """int32."""

    dtype = dtypes.int32


class LongTensor(metaclass=_Kind):
    """int64."""

    dtype = dtypes.int64


class BoolTensor(metaclass=_Kind):
    """bool."""

    dtype = dtypes.bool_
