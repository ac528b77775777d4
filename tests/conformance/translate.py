"""Arguments of PyTorch's samples as medtorch's, and results of both as NumPy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

import medtorch
from medtorch import nn


class Refused(Exception):
    """A value that has no counterpart here."""


def translated(value: Any) -> Any:
    """`value` with everything of PyTorch's in it replaced by its counterpart."""
    if isinstance(value, torch.Tensor):
        return _tensor(value)
    if isinstance(value, torch.dtype):
        return getattr(medtorch, str(value).removeprefix("torch."))
    if isinstance(value, torch.device):
        return str(value)
    if isinstance(value, (torch.memory_format, torch.layout)):
        return str(value).removeprefix("torch.")
    if isinstance(value, torch.nn.Module):
        return getattr(nn, type(value).__name__)()
    name = getattr(value, "__name__", "")
    if name and value is getattr(torch.nn.functional, name, None):
        return getattr(nn.functional, name)
    if isinstance(value, dict):
        return {k: translated(v) for k, v in value.items()}
    if isinstance(value, torch.Size):
        return tuple(value)
    if type(value) in (list, tuple):
        return type(value)(translated(v) for v in value)
    return value


def _tensor(value: torch.Tensor) -> medtorch.Tensor:
    """The same numbers, strides included, in memory of their own."""
    if value.is_complex() or value.layout is not torch.strided:
        raise Refused("complex or sparse input")
    if value.dtype is torch.bfloat16:
        return medtorch.from_numpy(value.detach().float().numpy().copy()).to(medtorch.bfloat16)
    array = value.detach().numpy()
    dense = torch.empty_like(value).copy_(value.detach()).detach().numpy() if array.size else array.copy()
    return medtorch.from_numpy(dense).requires_grad_(value.requires_grad)


def flat(value: Any) -> list[Any]:
    """Everything in nested lists, tuples and dicts, in order."""
    if isinstance(value, dict):
        value = list(value.values())
    return [part for v in value for part in flat(v)] if isinstance(value, (list, tuple)) else [value]


def numbers(value: Any) -> np.ndarray[Any, Any]:
    """The numbers of a tensor of either kind, in float64."""
    plain = value.detach()
    if str(plain.dtype).endswith("bfloat16"):
        plain = plain.float()
    return np.asarray(plain.numpy(force=True)).astype(np.float64)
