"""Nested state as JSON and tensors, exactly: what goes in comes out, with the same types.

Lists, tuples and dicts are written with their kind, dicts as pairs, so that keys keep their type; a float that
JSON has not (inf, nan) is written as text; a tensor is a name in the safetensors file beside the JSON.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from medtorch.core.tensor import Tensor
from medtorch.errors import FormatError, SaveError

Plain = Any


def flatten(value: Any, place: str = "state") -> tuple[Plain, dict[str, Tensor]]:
    """Plain JSON and the tensors in it by name. Raises SaveError naming the place of what is neither."""
    tensors: dict[str, Tensor] = {}
    return _flat(value, place, tensors), tensors


def unflatten(plain: Plain, tensors: dict[str, Tensor]) -> Any:
    """The value that `flatten` took. Raises FormatError for anything else."""
    if plain is None or isinstance(plain, (bool, int, float, str)):
        return plain
    if isinstance(plain, dict) and len(plain) == 1:
        kind, content = next(iter(plain.items()))
        if kind == "tensor" and content in tensors:
            return tensors[content]
        if kind == "float":
            return float(content)
        if kind == "list":
            return [unflatten(part, tensors) for part in content]
        if kind == "tuple":
            return tuple(unflatten(part, tensors) for part in content)
        if kind in ("dict", "counter"):
            pairs = {unflatten(key, tensors): unflatten(part, tensors) for key, part in content}
            return Counter(pairs) if kind == "counter" else pairs
    raise FormatError(f"not a state that was saved: {plain!r}"[:200])


def _flat(value: Any, place: str, tensors: dict[str, Tensor]) -> Plain:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": repr(value)}
    if isinstance(value, Tensor):
        tensors[place] = value.detach().cpu()
        return {"tensor": place}
    if isinstance(value, (list, tuple)):
        parts = [_flat(part, f"{place}.{index}", tensors) for index, part in enumerate(value)]
        return {"tuple" if isinstance(value, tuple) else "list": parts}
    if isinstance(value, dict):
        pairs = [[_key(key, place), _flat(part, f"{place}.{key}", tensors)] for key, part in value.items()]
        return {"counter" if isinstance(value, Counter) else "dict": pairs}
    raise SaveError(f"{place}: a {type(value).__name__} cannot be saved in a checkpoint")


def _key(key: Any, place: str) -> Plain:
    if isinstance(key, (int, str)):
        return key
    raise SaveError(f"{place}: a key that is a {type(key).__name__} cannot be saved in a checkpoint")
