"""Probabilities and logits, one from the other.

Source    semantics of torch.distributions.utils
"""

from __future__ import annotations

from typing import Any

from medtorch.core.dtypes import finfo
from medtorch.core.tensor import Tensor
from medtorch.distributions.distribution import parameters as broadcast_all
from medtorch.errors import ArgumentError


def one_of_two(name: str, probs: Any, logits: Any) -> tuple[str, Any]:
    """Which of both is given. Raises ArgumentError unless it is one."""
    if (probs is None) == (logits is None):
        raise ArgumentError(f"{name}: give either probs or logits, not both")
    return ("probs", probs) if logits is None else ("logits", logits)


def clamp_probs(probs: Tensor) -> Tensor:
    """Probabilities kept off 0 and 1."""
    eps = finfo(probs.dtype).eps
    return probs.clamp(eps, 1 - eps)


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """Of one number each (sigmoid), or of all along the last dim together (softmax)."""
    return logits.sigmoid() if is_binary else logits.softmax(-1)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """ln p, or ln p - ln(1 - p) of two classes, of probabilities kept off 0 and 1."""
    kept = clamp_probs(probs)
    return kept.log() - (-kept).log1p() if is_binary else kept.log()


__all__ = ["broadcast_all", "clamp_probs", "logits_to_probs", "one_of_two", "probs_to_logits"]
