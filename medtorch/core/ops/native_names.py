"""torch's names for what normalisation layers and padding call underneath: the same numbers, with the moments.

Source    semantics of torch.native_layer_norm, native_group_norm, native_batch_norm, constant_pad_nd
Requires  REQ-F-OPS-104
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from medtorch.core.ops.norm import Standardize, batch_norm, group_norm, layer_norm
from medtorch.core.ops.op import require
from medtorch.core.ops.pad import pad as pad_by_mode
from medtorch.errors import ShapeError

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor

Moments = tuple["Tensor", "Tensor", "Tensor"]


def constant_pad_nd(input: Tensor, pad: Sequence[int], value: float = 0) -> Tensor:
    """`value` around the last dims, as nn.functional.pad with mode="constant"."""
    return pad_by_mode(input, pad, "constant", value)


def native_layer_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None, bias: Tensor | None, eps: float
) -> Moments:
    """layer_norm, the means, and 1 / sqrt(variance + eps)."""
    out = layer_norm(input, normalized_shape, weight, bias, eps)
    _, mean, var = Standardize(tuple(range(input.ndim - len(normalized_shape), input.ndim)), eps)(input.detach())
    return out, mean, (var + eps).rsqrt()


def native_group_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, N: int, C: int, HxW: int, group: int, eps: float
) -> Moments:
    """group_norm, the means, and 1 / sqrt(variance + eps), each (N, group).

    Raises    ShapeError if N, C and HxW are not those of input
    """
    told = input.ndim >= 2 and (N, C, HxW) == (input.shape[0], input.shape[1], math.prod(input.shape[2:]))
    require(told, ShapeError, "native_group_norm", f"N={N}, C={C}, HxW={HxW} are not input's", input=input.spec)
    out = group_norm(input, group, weight, bias, eps)
    _, mean, var = Standardize((2,), eps)(input.reshape(N, group, C // group * HxW))
    return out, mean.squeeze(2), (var + eps).rsqrt().squeeze(2)


def native_batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
) -> Moments:
    """batch_norm; in training with the means and 1 / sqrt(variance + eps) of each channel, else with empty tensors."""
    out = batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
    if not training:
        return out, input.new_empty(0), input.new_empty(0)
    _, mean, var = Standardize((0, *range(2, input.ndim)), eps)(input.detach())
    return out, mean.reshape(-1), (var + eps).rsqrt().reshape(-1)
