"""`view` of a tensor whose memory a backend laid out in an order of its own.

In torch an op's result lies in memory in the order of its dims, and `view` may count on that. Here the order is the
backend's private matter (a convolution leaves its channels innermost), so a tensor that nobody else looks at is put in
the order of its dims when a view needs it. One that others look at cannot be moved: its view is a copy, and as the two
would drift apart, changing that copy in place, or using it after its origin changed, is an error.

Source    semantics of torch.Tensor.view
Requires  REQ-F-CPT-006
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from medtorch.core import shapes
from medtorch.core.backends import kernels_for
from medtorch.core.devices import CPU
from medtorch.core.modes import STATE
from medtorch.core.spec import describe
from medtorch.errors import ModifiedError, UnsupportedError

if TYPE_CHECKING:
    from medtorch.core.shapes import Shape
    from medtorch.core.tensor import Tensor


def can_move(tensor: Tensor) -> bool:
    """Whether no other tensor or array was made over this one's memory, and no compiler follows its array."""
    return tensor._base is None and not tensor._shared and STATE.capture is None


def put_in_order(tensor: Tensor) -> None:
    """The same numbers in memory in the order of the dims."""
    array = tensor._array
    tensor._array = array.copy(order="C") if isinstance(array, np.ndarray) else array.copy("C")


def is_view_in_torch(tensor: Tensor, wanted: Shape) -> bool:
    """Whether `view(wanted)` could share memory if every op's result lay in the order of its dims."""
    base = tensor._base
    if base is None:
        return True
    array = np.empty(base.shape, np.int8)  # never touched: its strides are what is asked
    for op, nr in tensor._view_ops:
        found = op.forward(kernels_for(CPU), array)
        array = found[nr] if isinstance(found, tuple) else found
    strides = tuple(int(s) for s in array.strides)
    return math.prod(array.shape) == 0 or shapes.view_strides(array.shape, strides, wanted) is not None


def mark_as_copy(copy: Tensor, of: Tensor) -> None:
    """Remember that `copy` stands for a view of `of`."""
    copy._copy_of = (of._counter, of._counter[0])
    if copy._base is not None:
        copy._base._copy_of = copy._copy_of


def refuse_change(tensor: Tensor, name: str) -> None:
    """Raise UnsupportedError for a change in place that a view's origin would not see."""
    owner = tensor if tensor._base is None else tensor._base
    if owner._copy_of is not None:
        raise UnsupportedError(
            f"{name}: the tensor came from view(), which had to copy here, so its origin would not change with it; "
            f"use reshape() or clone(){describe(tensor=tensor.spec)}"
        )


def refuse_stale(tensor: Tensor, name: str) -> None:
    """Raise ModifiedError where the origin of a copied view was changed since."""
    if tensor._copy_of is not None and tensor._copy_of[0][0] != tensor._copy_of[1]:
        raise ModifiedError(
            f"{name}: the tensor came from view(), which had to copy here, and its origin was changed in place since; "
            f"make the view after the change{describe(tensor=tensor.spec)}"
        )
