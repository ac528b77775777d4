"""The keywords that every function that makes tensors takes.

Source    semantics of torch.zeros and its kin
Requires  REQ-F-CPT-005
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

from medtorch.errors import DtypeError, ShapeError, UnsupportedError

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor

F = TypeVar("F", bound=Callable[..., Any])


def factory(function: F) -> F:
    """Adds `size=` for sizes given one by one, `out=`, `layout="strided"`, `pin_memory=False`, `memory_format=`.

    Raises    UnsupportedError for another layout and for pinned memory; ShapeError, DtypeError for an `out` that does
              not fit
    """
    taken = inspect.signature(function).parameters
    sizes = any(p.kind is p.VAR_POSITIONAL for p in taken.values())

    @functools.wraps(function)
    def made(
        *args: Any, out: Tensor | None = None, layout: Any = None, pin_memory: bool | None = False, **options: Any
    ) -> Any:
        if layout not in (None, "strided"):
            raise UnsupportedError(f"{function.__name__}: layout={layout!r}: only 'strided' is supported")
        if pin_memory:
            raise UnsupportedError(f"{function.__name__}: pin_memory=True: page-locked memory is not offered")
        order = options.pop("memory_format", None) if "memory_format" not in taken else None
        if sizes and "size" in options:
            args = (*args, options.pop("size"))
        if out is not None and options.get("dtype") is None and "dtype" in taken:
            options["dtype"] = out.dtype
        found = function(*args, **options)
        if order not in (None, "preserve_format"):
            found = found.contiguous(order)
        return found if out is None else _into(out, found, function.__name__)

    return cast("F", made)


def _into(out: Tensor, found: Tensor, name: str) -> Tensor:
    if tuple(out.shape) != tuple(found.shape):
        raise ShapeError(f"{name}: out has the shape {tuple(out.shape)}, the result {tuple(found.shape)}")
    if out.dtype is not found.dtype:
        raise DtypeError(f"{name}: out is {out.dtype.name}, the result {found.dtype.name}")
    return out.copy_(found)
