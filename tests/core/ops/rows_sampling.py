"""Sampling at places, memory read by strides, reflections, exponentials of matrices, in the op catalogue."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

import medtorch
import medtorch.nn.functional as F
from medtorch.errors import ArgumentError, DtypeError, ShapeError
from tests.core.ops.catalogue import Generator, OpRow, Refusal, Sample, call, spread

PICTURE, GRID = np.ones((1, 2, 3, 3)), np.zeros((1, 2, 2, 2))
NO_0D = "takes pictures"


def pictures(rng: Generator) -> Iterator[Sample]:
    modes, paddings = ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection")
    for mode, padding, aligned in itertools.product(modes, paddings, (True, False)):
        yield call(spread(rng, 2, 2, 4, 3), spread(rng, 2, 3, 2, 2, low=-1.7, high=1.7), mode, padding, aligned)
    for mode, padding in itertools.product(("bilinear", "nearest"), paddings):
        yield call(spread(rng, 1, 2, 3, 2, 4), spread(rng, 1, 2, 1, 2, 3, low=-1.4, high=1.4), mode, padding, False)
    yield call(spread(rng, 1, 1, 1, 1), spread(rng, 1, 2, 1, 2), "bilinear", "reflection", True)
    yield call(np.zeros((0, 2, 3, 3)), np.zeros((0, 2, 2, 2)), "bilinear", "zeros", False)


def sampled_in_a_loop(input: Any, grid: Any, mode: str, padding: str, aligned: bool) -> Any:
    """Bilinear and nearest sampling of pictures with zeros outside, one place at a time; else nothing is said."""
    out = np.zeros((*input.shape[:2], *grid.shape[1:3]))
    height, width = input.shape[2:]
    for n, i, j in np.ndindex(*grid.shape[:3]):
        ends = [
            (g + 1) * (s - 1) / 2 if aligned else ((g + 1) * s - 1) / 2
            for g, s in zip(grid[n, i, j], (width, height), strict=True)
        ]
        for row, column in np.ndindex(height, width):
            near = [
                np.round(e) == at if mode == "nearest" else max(0.0, 1 - abs(e - at))
                for e, at in zip(ends, (column, row), strict=True)
            ]
            out[n, :, i, j] += float(near[0]) * float(near[1]) * input[n, :, row, column]
    return out


def affine(rng: Generator) -> Iterator[Sample]:
    for aligned in (True, False):
        yield call(spread(rng, 2, 2, 3), (2, 1, 3, 4), aligned)
        yield call(spread(rng, 1, 3, 4), (1, 1, 2, 1, 3), aligned)


def memories(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 3, 4), (2, 2), (1, 3), 1)
    yield call(spread(rng, 6), (2, 3), (1, 1), 2)
    yield call(spread(rng, 6), (3, 2), (0, 2))
    yield call(np.asarray(0.5), (2,), (0,))
    yield call(np.zeros(0), (0, 3), (3, 1))


def strided_oracle(input: Any, size: Any, stride: Any, storage_offset: int = 0) -> Any:
    flat, out = input.reshape(-1), np.zeros(size)
    for at in np.ndindex(*size):
        out[at] = flat[storage_offset + sum(a * s for a, s in zip(at, stride, strict=True))]
    return out


def reflections(rng: Generator) -> Iterator[Sample]:
    for shape, scales in (((4, 3), (3,)), ((3, 3), (2,)), ((2, 4, 2), (2, 2)), ((3, 2), (0,))):
        yield call(spread(rng, *shape), spread(rng, *scales))


def exponents(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 3, 3))
    yield call(spread(rng, 2, 2, 2, low=-9, high=9))
    yield call(np.stack([np.eye(2) * 0.01, np.eye(2) * 30 - 25]))
    yield call(np.zeros((0, 2, 2)))


def exponential_series(a: Any) -> Any:
    """The power series of e^(a / 2^10), squared ten times."""
    term = total = np.broadcast_to(np.eye(a.shape[-1]), a.shape)
    for n in range(1, 25):
        term = term @ (a / 1024) / n
        total = total + term
    for _ in range(10):
        total = total @ total
    return total


def every_pair(x: Any, p: float = 2.0) -> Any:
    pairs = [(i, j) for i in range(len(x)) for j in range(i + 1, len(x))]
    return np.asarray([(np.abs(x[i] - x[j]) ** p).sum() ** (1 / p) for i, j in pairs])


ROWS = [
    OpRow(
        "grid_sample",
        F.grid_sample,
        pictures,
        torch="nn.functional.grid_sample",
        half=None,
        no_zero_dim=NO_0D,
        refusals=[
            Refusal((PICTURE, GRID, "cubic"), ArgumentError, "^grid_sample: mode must be one of bilinear"),
            Refusal(
                (PICTURE, GRID, "nearest", "wrap"), ArgumentError, "^grid_sample: padding_mode must be one of zeros"
            ),
            Refusal((PICTURE, np.zeros((2, 2, 2, 2))), ShapeError, r"^grid_sample: grid must be \(N, ..., 2\)"),
            Refusal((PICTURE[0], GRID), ShapeError, "^grid_sample: input must have 4 or 5 dims, has 3"),
            Refusal((PICTURE, GRID.astype(np.float32)), DtypeError, "^grid_sample: input and grid must have one dtype"),
            Refusal(
                (np.ones((1, 1, 2, 2, 2)), np.zeros((1, 1, 1, 1, 3)), "bicubic"), ArgumentError, "^grid_sample: bicubic"
            ),
        ],
        float32_tolerance=2e-4,
    ),
    OpRow(
        "grid_sample with zeros outside",
        F.grid_sample,
        lambda rng: [
            s for s in pictures(rng) if s.args[0].ndim == 4 and s.args[2] != "bicubic" and s.args[3] == "zeros"
        ],
        oracle=sampled_in_a_loop,
        gradient=False,
        half=None,
        no_zero_dim=NO_0D,
        no_refusal="as grid_sample",
    ),
    OpRow(
        "affine_grid",
        F.affine_grid,
        affine,
        torch="nn.functional.affine_grid",
        no_empty="sizes are positive",
        no_zero_dim="takes matrices",
        refusals=[
            Refusal(
                (np.ones((1, 2, 3)), (2, 1, 3, 3)), ShapeError, r"^affine_grid: theta must have the shape \(2, 2, 3\)"
            ),
            Refusal((np.ones((1, 2, 3)), (1, 1, 0, 3)), ArgumentError, "^affine_grid: size must be positive"),
        ],
    ),
    OpRow(
        "as_strided",
        medtorch.as_strided,
        memories,
        oracle=strided_oracle,
        torch="as_strided",
        same_strides=False,
        refusals=[
            Refusal((np.ones(3), (2, 2), (2, 1)), ShapeError, "leave the memory of 3 elements"),
            Refusal((np.ones(3), (2,), (-1,)), ArgumentError, "none may be negative"),
            Refusal((np.ones(3), (2,), (1, 1)), ArgumentError, "differ in length"),
        ],
    ),
    OpRow(
        "as_strided_scatter",
        medtorch.as_strided_scatter,
        lambda rng: [
            call(spread(rng, 3, 4), spread(rng, 2, 2), (2, 2), (1, 3), 1),
            call(spread(rng, 4), np.asarray(2.0), (), (), 1),
            call(spread(rng, 4), np.zeros((0,)), (0,), (1,)),
        ],
        refusals=[
            Refusal((np.ones(3), np.ones(2), (3,), (1,)), ShapeError, "^as_strided_scatter: src must have the shape"),
            Refusal(
                (np.ones(3), np.ones(2), (2,), (3,)), ShapeError, "^as_strided_scatter: size, stride and offset leave"
            ),
        ],
    ),
    OpRow(
        "linalg.householder_product",
        medtorch.linalg.householder_product,
        reflections,
        torch="linalg.householder_product",
        half=None,
        no_zero_dim="takes matrices",
        refusals=[
            Refusal((np.ones((2, 3)), np.ones(2)), ShapeError, "A must not be wider than high"),
            Refusal((np.ones((3, 2)), np.ones(3)), ShapeError, "tau must hold at most one scale for each column"),
        ],
    ),
    OpRow(
        "ormqr",
        medtorch.ormqr,
        lambda rng: [
            call(spread(rng, 3, 2), spread(rng, 2), spread(rng, 3, 4)),
            call(spread(rng, 3, 2), spread(rng, 2), spread(rng, 4, 3), False, True),
            call(spread(rng, 2, 3, 3), spread(rng, 2, 3), spread(rng, 2, 3, 1), True, True),
            call(np.zeros((0, 3, 2)), np.zeros((0, 2)), np.zeros((0, 3, 1))),
        ],
        torch="ormqr",
        half=None,
        no_zero_dim="takes matrices",
        refusals=[Refusal((np.ones((3, 2)), np.ones(2), np.ones((2, 2))), ShapeError, "^ormqr: other must fit Q")],
    ),
    OpRow(
        "geqrf",
        lambda a: tuple(medtorch.geqrf(a)),
        lambda rng: [call(spread(rng, 4, 3)), call(spread(rng, 2, 2, 3)), call(np.zeros((0, 2, 2)))],
        torch="geqrf",
        gradient=False,
        half=None,
        no_zero_dim="takes matrices",
        refusals=[Refusal((np.ones(3),), ShapeError, "^geqrf: ")],
    ),
    OpRow(
        "matrix_exp",
        medtorch.matrix_exp,
        exponents,
        oracle=exponential_series,
        torch="matrix_exp",
        half=None,
        no_zero_dim="takes matrices",
        refusals=[Refusal((np.ones((2, 3)),), ShapeError, "^linalg.matrix_exp: needs square matrices")],
        float32_tolerance=1e-4,
        gradient_tolerance=1e-6,
    ),
    OpRow(
        "pdist",
        F.pdist,
        lambda rng: [
            call(spread(rng, 4, 3)),
            call(spread(rng, 3, 2), 1.0),
            call(spread(rng, 3, 2), 3.5),
            call(np.zeros((0, 2))),
        ],
        oracle=every_pair,
        half=None,
        no_zero_dim="takes rows",
        refusals=[
            Refusal((np.ones((2, 3)), -1.0), ArgumentError, "^pdist: p must not be negative"),
            Refusal((np.ones(3),), ShapeError, "^pdist"),
        ],
    ),
    OpRow(
        "norm nuc",
        lambda x, *args, **kwargs: medtorch.norm(x, "nuc", *args, **kwargs),
        lambda rng: [call(spread(rng, 3, 2)), call(spread(rng, 2, 3, 2), (2, 0), True), call(np.zeros((0, 2)))],
        torch=lambda torch, x, *args, **kwargs: torch.norm(x, "nuc", *args, **kwargs),
        second_order=False,
        half=None,
        no_zero_dim="takes matrices",
        refusals=[Refusal((np.ones((2, 2, 2)),), ShapeError, "^norm: the nuclear norm needs two dims")],
    ),
    OpRow(
        "native_layer_norm",
        lambda *args: medtorch.native_layer_norm(*args),
        lambda rng: [
            call(spread(rng, 2, 3, 4), (3, 4), spread(rng, 3, 4), spread(rng, 3, 4), 0.1),
            call(np.zeros((0, 3)), (3,), None, None, 1e-5),
        ],
        torch="native_layer_norm",
        gradient=False,
        half=None,
        no_zero_dim="takes rows",
        refusals=[Refusal((np.ones((2, 3)), (2,), None, None, 1e-5), ShapeError, "^layer_norm: ")],
    ),
    OpRow(
        "native_group_norm",
        medtorch.native_group_norm,
        lambda rng: [call(spread(rng, 2, 4, 3), spread(rng, 4), spread(rng, 4), 2, 4, 3, 2, 0.1)],
        torch="native_group_norm",
        gradient=False,
        half=None,
        no_empty="torch's moments of nothing are not numbers",
        no_zero_dim="takes channels",
        refusals=[
            Refusal(
                (np.ones((2, 4, 3)), None, None, 2, 4, 5, 2, 0.1), ShapeError, "^native_group_norm: N=2, C=4, HxW=5"
            )
        ],
    ),
    OpRow(
        "native_batch_norm",
        lambda x, w, b: medtorch.native_batch_norm(x, w, b, None, None, True, 0.1, 1e-3),
        lambda rng: [call(spread(rng, 3, 2, 2), spread(rng, 2), spread(rng, 2))],
        torch=lambda torch, x, w, b: torch.native_batch_norm(x, w, b, None, None, True, 0.1, 1e-3),
        gradient=False,
        half=None,
        no_empty="torch's moments of nothing are not numbers",
        no_zero_dim="takes channels",
        refusals=[Refusal((np.ones(2), None, None), ShapeError, "^batch_norm: ")],
    ),
]
