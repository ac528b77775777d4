"""How inputs of different dtypes, and plain numbers, meet before an op runs.

Math      tensors with dims decide, then 0-d tensors, then Python numbers; a lower rank counts only where it brings a
          higher category (bool < whole < floating < complex)
Source    semantics of torch.result_type
Requires  REQ-F-TEN-002
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from medtorch.core import dtypes
from medtorch.core.dtypes import dtype
from medtorch.errors import ArgumentError

if TYPE_CHECKING:
    from medtorch.core.ops.op import Op
    from medtorch.core.tensor import Tensor


def result_type(*values: Any) -> dtype:
    """The dtype that tensors and numbers meet in."""
    ranks: tuple[list[dtype], list[dtype], list[dtype]] = ([], [], [])
    for value in values:
        if hasattr(value, "_run"):
            ranks[0 if value.ndim else 1].append(value.dtype)
        else:
            ranks[2].append(dtypes.of_scalar(value))
    found: dtype | None = None
    for rank in ranks:
        if not rank:
            continue
        own = _together(rank)
        if found is None:
            found = own
        elif own.category > found.category:
            # a complex number of a lower rank makes floating ones complex without widening them
            known = own.is_complex and found.is_floating_point
            found = dtypes.promote_types(found, dtypes.complex64) if known else own
    if found is None:
        raise ArgumentError("result_type: needs at least one tensor or number")
    return found


def _together(many: Iterable[dtype]) -> dtype:
    first, *rest = many
    for other in rest:
        first = dtypes.promote_types(first, other)
    return first


def _meet_already(op: Op, inputs: Sequence[Any]) -> bool:
    """Whether all are tensors of the dtype that the op computes in."""
    own: dtype | None = None
    for value in inputs:
        if not hasattr(value, "_run"):
            return False
        if own is None:
            own = value.dtype
        elif value.dtype is not own:
            return False
    return own is not None and (op.promotes != "float" or own.is_differentiable)


def promote(op: Op, inputs: Sequence[Any]) -> tuple[Tensor | None, ...]:
    """All inputs as tensors; of one dtype where the op promotes."""
    if op.promotes == "none" or _meet_already(op, inputs):
        return tuple(inputs)
    wanted = result_type(*(v for v in inputs if v is not None))
    if op.promotes == "float" and not wanted.is_differentiable:
        wanted = dtypes.get_default_dtype()
    like = next(v for v in inputs if hasattr(v, "_run"))
    return tuple(
        v
        if v is None
        else (v if v.dtype is wanted else v.to(wanted))
        if hasattr(v, "_run")
        else like._scalar(v, wanted)
        for v in inputs
    )
