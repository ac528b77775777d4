"""All parameters as one vector and back.

Source    semantics of torch.nn.utils.parameters_to_vector, vector_to_parameters
Requires  REQ-F-NN-009
"""

from __future__ import annotations

from collections.abc import Iterable

from medtorch.core.ops.shape import cat
from medtorch.core.tensor import Tensor
from medtorch.errors import ModuleTypeError, ShapeError


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """The numbers of all `parameters`, one after the other."""
    return cat([parameter.reshape(-1) for parameter in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Put the numbers of `vec` in the place of those of `parameters`. Raises ShapeError unless they are as many."""
    if not isinstance(vec, Tensor):
        raise ModuleTypeError(f"vector_to_parameters: expected a tensor, got {type(vec).__name__}")
    every = list(parameters)
    total = sum(parameter.numel() for parameter in every)
    if vec.numel() != total:
        raise ShapeError(f"vector_to_parameters: {vec.numel()} numbers for parameters of {total}")
    start = 0
    for parameter in every:
        parameter.data = vec[start : start + parameter.numel()].detach().reshape(parameter.shape)
        start += parameter.numel()
