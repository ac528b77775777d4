"""Samples to a batch: arrays and numbers become tensors with a batch axis in front.

Source    semantics of torch.utils.data.default_collate and default_convert
Requires  REQ-F-DAT-011
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from medtorch.core.creation import from_numpy, tensor
from medtorch.core.dtypes import float64
from medtorch.core.ops.shape import stack
from medtorch.core.tensor import Tensor
from medtorch.errors import DataError


def default_collate(batch: Sequence[Any]) -> Any:
    """Stack samples of the same structure.

    Tensors and arrays are stacked, numbers become a tensor (floats float64, whole numbers int64), strings stay a list,
    mappings and sequences are collated entry by entry.

    Raises    DataError naming the shapes that differ, the lengths that differ, or the type that cannot be stacked
    """
    first = batch[0]
    if isinstance(first, Tensor | np.ndarray):
        return _stacked(batch)
    if isinstance(first, bool | np.bool_ | int | np.integer):
        return tensor(list(batch)) if not isinstance(first, np.generic) else from_numpy(np.array(batch))
    if isinstance(first, np.floating):
        return from_numpy(np.array(batch))
    if isinstance(first, float):
        return tensor(list(batch), dtype=float64)
    if isinstance(first, str | bytes):
        return list(batch)
    if isinstance(first, Mapping):
        return _of_mappings(batch)
    if isinstance(first, Sequence):
        return _of_sequences(batch)
    raise DataError(f"default_collate: cannot make a batch of {type(first).__name__}: give a collate_fn")


def default_convert(sample: Any) -> Any:
    """Turn the arrays of one sample into tensors, for loading without batches."""
    if isinstance(sample, np.ndarray) and sample.dtype.kind in "buif":
        return from_numpy(np.ascontiguousarray(sample))
    if isinstance(sample, Mapping):
        return {key: default_convert(value) for key, value in sample.items()}
    if isinstance(sample, tuple) and hasattr(sample, "_fields"):
        return type(sample)(*(default_convert(value) for value in sample))
    if isinstance(sample, list | tuple):
        return type(sample)(default_convert(value) for value in sample)
    return sample


def _stacked(batch: Sequence[Any]) -> Tensor:
    shapes = [tuple(item.shape) for item in batch]
    if len(set(shapes)) > 1:
        raise DataError(f"default_collate: samples of one batch must have the same shape, not {_listed(shapes)}")
    if isinstance(batch[0], Tensor):
        return stack(list(batch))
    if batch[0].dtype.kind not in "buif":
        raise DataError(f"default_collate: cannot make a tensor of an array of {batch[0].dtype}")
    return from_numpy(np.stack(batch))


def _listed(shapes: list[tuple[int, ...]]) -> str:
    different = sorted(set(shapes))
    return ", ".join(map(str, different[:4])) + (" ..." if len(different) > 4 else "")


def _of_mappings(batch: Sequence[Mapping[Any, Any]]) -> dict[Any, Any]:
    keys = list(batch[0])
    if any(set(item) != set(keys) for item in batch):
        raise DataError("default_collate: samples of one batch must have the same keys")
    return {key: default_collate([item[key] for item in batch]) for key in keys}


def _of_sequences(batch: Sequence[Sequence[Any]]) -> Any:
    first = batch[0]
    lengths = {len(item) for item in batch}
    if len(lengths) > 1:
        raise DataError(f"default_collate: samples of one batch must have the same length, not {sorted(lengths)}")
    columns = [default_collate(list(column)) for column in zip(*batch, strict=True)]
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*columns)
    return tuple(columns) if isinstance(first, tuple) else columns
