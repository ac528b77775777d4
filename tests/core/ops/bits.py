"""Digests of every row of the op catalogue in float32, by the kernels in force: `python -m tests.core.ops.bits`.

Run on two builds, or under two settings, lines that differ name ops that do not keep their bits.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

import medtorch
from tests.core.ops.catalogue import OpRow, Sample, mapped, tensors_out

FAMILIES = sorted(file.stem for file in Path(__file__).parent.glob("rows_*.py"))


def rows() -> list[OpRow]:
    return [row for family in FAMILIES for row in importlib.import_module(f"tests.core.ops.{family}").ROWS]


def digest(arrays: list[np.ndarray]) -> str:
    """Shapes, dtypes and bytes; every NaN as the same NaN, because which one comes out is no property of a kernel."""
    state = hashlib.sha256()
    for array in arrays:
        plain = np.ascontiguousarray(array)
        if plain.dtype.kind == "f":
            plain = np.where(np.isnan(plain), np.array(np.nan, plain.dtype), plain)
        state.update(f"{plain.shape} {plain.dtype.str}".encode() + plain.tobytes())
    return state.hexdigest()


def row_digest(row: OpRow) -> str:
    """All samples of a row: results, and gradients of their sums weighted by position."""
    return digest([array for sample in row.drawn() for array in _sample(row, sample)])


def _sample(row: OpRow, sample: Sample) -> list[np.ndarray]:
    medtorch.manual_seed(5)
    leaves: list[Any] = []

    def tensor(array: np.ndarray) -> Any:
        made = medtorch.from_numpy(array.copy())
        if array.dtype == np.float64:
            made = made.to(medtorch.float32)
            if row.gradient and array.size:
                leaves.append(made.requires_grad_())
        return made

    args = mapped(sample.args, tensor)
    kwargs = {key: mapped(value, tensor) for key, value in sample.kwargs.items()}
    results = list(tensors_out(row.function(*args, **kwargs)))
    found = [result.detach().numpy() for result in results]
    smooth = [r for r in results if r.requires_grad and r.numel()]
    if leaves and smooth:
        total = sum(((r * _weights(tuple(r.shape))).sum() for r in smooth), start=medtorch.tensor(0.0))
        total.backward()
        found += [leaf.grad.numpy() for leaf in leaves if leaf.grad is not None]
    return found


def _weights(shape: tuple[int, ...]) -> Any:
    count = int(np.prod(shape))
    return medtorch.from_numpy((0.5 + np.arange(count, dtype=np.float32) / max(count, 1)).reshape(shape))


if __name__ == "__main__":
    json.dump({row.name: row_digest(row) for row in rows()}, sys.stdout, indent=0)
