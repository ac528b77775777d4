"""`x[key] = value`: the one use of a key that changes a tensor in place.

Source    semantics of torch.Tensor.__setitem__
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from medtorch.core import inplace
from medtorch.core.ops.indexing import Index, IndexPut, beside, joined, read_key
from medtorch.core.shapes import Shape

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor


def setitem(input: Tensor, key: Any, value: Any) -> None:
    """`input[key] = value`, in place. The value, a number or a tensor, stretches to what the key names.

    Raises    as getitem; ShapeError where the value does not stretch; DtypeError where tensors index and dtypes differ
    """
    found = read_key(input, key)
    part = input if found.basic is None else found.basic(input)
    if not found.tensors:
        inplace.overwrite(part, _shortened(value, part.shape), "setitem")
        return
    places, index = joined(found.tensors, part)
    inplace.guard(part, "setitem")
    wanted = Index(places).result(part.shape, index.shape[1:])
    inplace.assign(part, IndexPut(places)(part, index, _shortened(beside(part, value), wanted)), "setitem")


def _shortened(value: Any, wanted: Shape) -> Any:
    """Sizes of 1 in front of a value that has more dims than the place it goes to do not matter."""
    if not hasattr(value, "_run") or value.ndim <= len(wanted):
        return value
    extra = value.ndim - len(wanted)
    if any(size != 1 for size in value.shape[:extra]):
        return value
    return value.reshape(value.shape[extra:])
