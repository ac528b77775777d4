"""Gradients kept from growing too large.

Source    Pascanu et al. 2013, arXiv:1211.5063; semantics of torch.nn.utils.clip_grad_norm_, clip_grad_value_
Requires  REQ-F-NN-009
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from medtorch.core.devices import CPU
from medtorch.core.modes import no_grad
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, TrainingError, UnsupportedError


def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of all numbers of `tensors`, as if they were one vector.

    Math      (sum |x|^p)^(1/p); max |x| for p = inf; the norm of the tensors' own norms, added in float64
    Raises    TrainingError if it is nan or infinite and `error_if_nonfinite`
    """
    if foreach:
        raise UnsupportedError("get_total_norm: foreach=True is not supported")
    every = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    p = float(norm_type)
    if not every:
        return Tensor._from_array(np.zeros((), np.float32), CPU)
    with no_grad():
        norms = [_norm(tensor, p) for tensor in every]
    total = _combined(norms, p)
    if error_if_nonfinite and not math.isfinite(total):
        raise TrainingError(
            f"The total norm of order {p} for gradients is {total}, so it cannot be clipped. To disable this error and "
            "scale the gradients by the non-finite norm anyway, set `error_if_nonfinite=False`"
        )
    return every[0].new_tensor(total)


def _norm(tensor: Tensor, p: float) -> float:
    if tensor.numel() == 0:
        return 0.0
    size = tensor.detach().abs()
    if math.isinf(p):
        return float((size.amax() if p > 0 else size.amin()).item())
    if p == 0:
        return float((size != 0).sum().item())
    largest = float(size.amax().item())
    if largest == 0 or not math.isfinite(largest):
        return largest
    # Divided by the largest first: its power would overflow long before the norm does.
    return _root(largest, float(((size / largest) ** p).double().sum().item()), p)


def _combined(norms: list[float], p: float) -> float:
    if any(math.isnan(norm) for norm in norms):
        return math.nan
    if math.isinf(p):
        return max(norms) if p > 0 else min(norms)
    if p == 0:
        return float(sum(norm != 0 for norm in norms))
    largest = max(norms)
    if largest == 0 or math.isinf(largest):
        return largest
    return _root(largest, math.fsum((norm / largest) ** p for norm in norms), p)


def _root(scale: float, total: float, p: float) -> float:
    return scale * math.pow(total, 1.0 / p)


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients of `parameters` down so that their norm is at most `max_norm`; give back what it was.

    Math      g <- g * min(1, max_norm / (norm + 1e-6))
    Raises    TrainingError if the norm is nan or infinite and `error_if_nonfinite`
    """
    grads = _gradients(parameters)
    total = get_total_norm(grads, norm_type, error_if_nonfinite, foreach)
    _scale(grads, max_norm, total)
    return total


def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scale all gradients of `parameters` as clip_grad_norm_ does, by a norm that is known already."""
    if foreach:
        raise UnsupportedError("clip_grads_with_norm_: foreach=True is not supported")
    _scale(_gradients(parameters), max_norm, total_norm)


def _scale(grads: list[Tensor], max_norm: float, total_norm: Tensor) -> None:
    factor = float(max_norm) / (float(total_norm.item()) + 1e-6)
    # A nan norm makes every gradient nan, as in torch: nothing is hidden.
    factor = factor if math.isnan(factor) else min(factor, 1.0)
    with no_grad():
        for grad in grads:
            grad.mul_(factor)


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None) -> None:
    """Cut every gradient off to [-clip_value, clip_value]."""
    if foreach:
        raise UnsupportedError("clip_grad_value_: foreach=True is not supported")
    if clip_value < 0:
        raise ArgumentError(f"clip_grad_value_: clip_value must not be negative, got {clip_value}")
    with no_grad():
        for grad in _gradients(parameters):
            grad.clamp_(-float(clip_value), float(clip_value))


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    every = [parameters] if isinstance(parameters, Tensor) else parameters
    return [parameter.grad for parameter in every if parameter.grad is not None]
