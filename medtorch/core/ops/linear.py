"""Matrix products as layers.

Source    semantics of torch.nn.functional.linear, bilinear
Requires  REQ-F-OPS-112
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from medtorch.core.autocasting import narrow, unchanged
from medtorch.core.ops.op import require
from medtorch.errors import DtypeError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor


@narrow
def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input weight^T + bias.

    Shapes    input (*, I), weight (O, I), bias (O)  ->  (*, O);  weight (I), bias ()  ->  (*)
    Raises    ShapeError where the sizes do not fit; DtypeError for different dtypes
    """
    given = {"input": input.spec, "weight": weight.spec, **({} if bias is None else {"bias": bias.spec})}
    require(input.ndim >= 1, ShapeError, "linear", "input must have 1 dim or more", **given)
    require(weight.ndim in (1, 2), ShapeError, "linear", f"weight must have 1 or 2 dims, has {weight.ndim}", **given)
    text = f"input has {input.shape[-1]} features, weight expects {weight.shape[-1]}"
    require(input.shape[-1] == weight.shape[-1], ShapeError, "linear", text, **given)
    require(input.dtype is weight.dtype, DtypeError, "linear", "input and weight must have the same dtype", **given)
    out = input.matmul(weight.t())
    if bias is None:
        return out
    fits = bias.ndim <= 1 and bias.numel() in (1, out.shape[-1] if weight.ndim == 2 else 1)
    require(fits, ShapeError, "linear", f"bias must have {weight.shape[0]} elements", **given)
    require(input.dtype is bias.dtype, DtypeError, "linear", "input and bias must have the same dtype", **given)
    return out + bias


@unchanged
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y[o] = input1^T weight[o] input2 + bias[o].

    Shapes    input1 (*, I), input2 (*, J), weight (O, I, J), bias (O)  ->  (*, O)
    Raises    ShapeError where the sizes do not fit
    """
    given = {"input1": input1.spec, "input2": input2.spec, "weight": weight.spec}
    require(weight.ndim == 3, ShapeError, "bilinear", f"weight must have 3 dims, has {weight.ndim}", **given)
    fits = input1.ndim >= 1 and input1.ndim == input2.ndim and input1.shape[:-1] == input2.shape[:-1]
    require(fits, ShapeError, "bilinear", "input1 and input2 must be alike but for their last dim", **given)
    outputs, first, second = weight.shape
    sizes = (input1.shape[-1], input2.shape[-1])
    text = f"inputs have {sizes} features, weight expects {(first, second)}"
    require(sizes == (first, second), ShapeError, "bilinear", text, **given)
    half = input2.matmul(weight.reshape(outputs * first, second).t()).reshape(*input1.shape[:-1], outputs, first)
    out = half.matmul(input1.unsqueeze(-1)).squeeze(-1)
    return out if bias is None else out + bias
