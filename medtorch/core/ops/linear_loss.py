"""Cross-entropy of what a linear layer gives.

Source    semantics of torch.nn.functional.linear_cross_entropy
Requires  REQ-F-OPS-108
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from medtorch.core.ops.linear import linear
from medtorch.core.ops.loss import cross_entropy
from medtorch.core.ops.op import require
from medtorch.errors import ArgumentError, ShapeError, UnsupportedError

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor

_NAME = "linear_cross_entropy"


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    linear_bias: Tensor | None,
    weight: Tensor | None,
    reduction: str,
    ignore_index: int | None,
    label_smoothing: float,
    options: object,
) -> Tensor:
    """cross_entropy(linear(input, linear_weight, linear_bias), target): see medtorch.nn.functional."""
    if options is not None:
        raise UnsupportedError("linear_cross_entropy: options are not supported; all classes are computed at once")
    classes, *out = linear_weight.shape[:-1] if linear_weight.ndim > 1 else (0,)
    given = {"input": input.spec, "linear_weight": linear_weight.spec, "target": target.spec}
    require(linear_weight.ndim >= 2, ShapeError, _NAME, "linear_weight must have 2 dims or more", **given)
    require(input.ndim in (1, 2), ShapeError, _NAME, f"expected input with 1 or 2 dims, got {input.ndim}", **given)
    features = (input.shape[-1], linear_weight.shape[-1])
    text = f"expected equal input and linear_weight last dimensions (in_features), got {features[0]} and {features[1]}"
    require(features[0] == features[1], ShapeError, _NAME, f"{text}, respectively", **given)
    require(input.ndim == 2 or not out, ShapeError, _NAME, "K-dimensional loss requires batched input", **given)
    if linear_bias is not None:
        text = f"expected linear_bias shape {(classes, *out)}, got {tuple(linear_bias.shape)}"
        require(tuple(linear_bias.shape) == (classes, *out), ShapeError, _NAME, text, **given)
    shape = (*input.shape[:-1], classes, *out)
    text = "ignore_index cannot be specified when target contains probabilities"
    require(ignore_index is None or tuple(target.shape) != shape, ArgumentError, _NAME, text, **given)
    rows = math.prod(out, start=classes)
    bias = None if linear_bias is None else linear_bias.reshape(rows)
    scores = linear(input, linear_weight.reshape(rows, features[1]), bias).reshape(shape)
    ignored = -100 if ignore_index is None else ignore_index
    return cross_entropy(
        scores, target, weight, ignore_index=ignored, reduction=reduction, label_smoothing=label_smoothing
    )
