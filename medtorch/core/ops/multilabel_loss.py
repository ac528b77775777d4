"""The margin between every label that is true and every one that is not.

Source    semantics of torch.nn.functional.multilabel_margin_loss
Requires  REQ-F-OPS-108
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from medtorch.core.autocasting import wide
from medtorch.core.dtypes import int64
from medtorch.core.ops.loss import reduced, reduction_of
from medtorch.core.ops.op import require
from medtorch.errors import ArgumentError, DtypeError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor

_NAME = "multilabel_margin_loss"


@wide
def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The sum over labels y and other classes i of max(0, 1 - (x_y - x_i)), over the number of classes.

    Shapes    input (N, C) or (C), target of the same shape: labels, up to the first -1  ->  (N), or one number
    Raises    ArgumentError for a label out of range; ShapeError, DtypeError
    """
    how = reduction_of(_NAME, size_average, reduce, reduction)
    given = {"input": input.spec, "target": target.spec}
    require(input.ndim in (1, 2), ShapeError, _NAME, f"input must have 1 or 2 dims, has {input.ndim}", **given)
    require(target.shape == input.shape, ShapeError, _NAME, "inconsistent target size: must be input's", **given)
    require(target.dtype is int64, DtypeError, _NAME, "target must be int64", **given)
    classes = input.shape[-1]
    in_range = not bool(((target < -1) | (target >= classes)).any().item()) if target.numel() else True
    require(in_range, ArgumentError, _NAME, f"labels must lie between -1 and {classes - 1}", **given)
    listed = (target >= 0).to(int64).cumprod(-1)
    labels = target * listed
    is_label = input.new_zeros(input.shape).scatter_add(-1, labels, listed.to(input.dtype)) > 0
    gaps = 1 - input.gather(-1, labels).unsqueeze(-1) + input.unsqueeze(-2)
    counted = (listed > 0).unsqueeze(-1) & ~is_label.unsqueeze(-2)
    loss = gaps.clamp(min=0).masked_fill(~counted, 0).sum((-2, -1)) / classes
    return reduced(loss, how)
