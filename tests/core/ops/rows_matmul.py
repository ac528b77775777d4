"""Products of matrices in the op catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import medtorch
from medtorch.errors import ArgumentError, DimError, DtypeError, ShapeError
from tests.core.ops.catalogue import Generator, OpRow, Refusal, Sample, call, spread

NO_SCALAR = "matrices and vectors have dims"
A, B = np.ones((2, 3)), np.ones((4, 5))


def _pairs(*shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> Any:
    def samples(rng: Generator) -> Iterator[Sample]:
        for a, b in shapes:
            yield call(spread(rng, *a), spread(rng, *b))

    return samples


def products(rng: Generator) -> Iterator[Sample]:
    """Every way in which two inputs broadcast."""
    shapes = [
        ((3,), (3,)),
        ((2, 3), (3,)),
        ((3,), (3, 4)),
        ((2, 3), (3, 4)),
        ((5, 2, 3), (3,)),
        ((3,), (5, 3, 4)),
        ((5, 2, 3), (3, 4)),
        ((2, 3), (5, 3, 4)),
        ((5, 2, 3), (5, 3, 4)),
        ((1, 2, 3), (5, 3, 4)),
        ((2, 1, 2, 3), (3, 3, 4)),
        ((0, 3), (3, 4)),
        ((2, 0), (0, 4)),
        ((5, 2, 0), (0, 4)),
        ((0, 2, 3), (3, 4)),
        ((0,), (0,)),
    ]
    for a, b in shapes:
        yield call(spread(rng, *a), spread(rng, *b))
    yield call(np.arange(6).reshape(2, 3), np.arange(12).reshape(3, 4))


def blended(*shapes: tuple[int, ...]) -> Any:
    """beta * input + alpha * product, with inputs that stretch."""

    def samples(rng: Generator) -> Iterator[Sample]:
        first, a, b = shapes
        yield call(*(spread(rng, *s) for s in shapes))
        yield call(spread(rng, *first[-1:]), spread(rng, *a), spread(rng, *b), beta=0.5, alpha=-2.0)
        yield call(np.asarray(0.25), spread(rng, *a), spread(rng, *b), beta=2)
        yield call(np.full(first, np.nan), spread(rng, *a), spread(rng, *b), beta=0)
        yield call(np.zeros(first), np.zeros((*a[:-1], 0)), np.zeros((*b[:-2], 0, b[-1]) if len(b) > 1 else (0,)))

    return samples


def einsums(rng: Generator) -> Iterator[Sample]:
    x, y = spread(rng, 2, 3), spread(rng, 3, 4)
    yield call("ij,jk->ik", x, y)
    yield call("ij,jk", x, y)
    yield call("ij->ji", x)
    yield call("ba", x)
    yield call("ij->", x)
    yield call("ij->j", x)
    yield call("ii->i", spread(rng, 3, 3))
    yield call("ii", spread(rng, 3, 3))
    yield call("iij->j", spread(rng, 3, 3, 2))
    yield call("i,j->ij", spread(rng, 2), spread(rng, 3))
    yield call("i,i->", spread(rng, 3), spread(rng, 3))
    yield call("ij,ij->ij", x, spread(rng, 2, 3))
    yield call("bij,bjk->bik", spread(rng, 2, 3, 4), spread(rng, 2, 4, 2))
    yield call("...ij,...jk->...ik", spread(rng, 5, 1, 2, 3), spread(rng, 4, 3, 2))
    yield call("...ij,jk", spread(rng, 2, 2, 3), y)
    yield call("b...,...->b", spread(rng, 2, 3, 4), spread(rng, 3, 4))
    yield call("i...->...", spread(rng, 2, 3, 4))
    yield call("bn,anm,bm->ba", spread(rng, 2, 3), spread(rng, 4, 3, 2), spread(rng, 2, 2))
    yield call("ij , jk -> k i", x, y)
    yield call("bhqd,bhkd->bhqk", spread(rng, 2, 2, 3, 4), spread(rng, 2, 2, 2, 4))
    yield call("ij,kl->ik", x, y)
    yield call("i,->i", spread(rng, 3), np.asarray(1.5))
    yield call(",", np.asarray(0.5), np.asarray(1.5))
    yield call("ij,jk->ik", np.zeros((0, 3)), y)
    yield call("ij,jk->ik", np.zeros((2, 0)), np.zeros((0, 4)))


def sublists(rng: Generator) -> Iterator[Sample]:
    x, y = spread(rng, 2, 3), spread(rng, 3, 4)
    yield call(x, [0, 1], y, [1, 2], [0, 2])
    yield call(x, [0, 1], y, [1, 2])
    yield call(spread(rng, 5, 2, 3), [..., 0, 1], spread(rng, 3, 2), [1, 7], [..., 0, 7])
    yield call(np.asarray(2.0), [])
    yield call(np.zeros((0, 2)), [0, 1], [1])


def dotted(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 2, 3, 4), spread(rng, 3, 4, 2))
    yield call(spread(rng, 2, 3), spread(rng, 3, 2), 1)
    yield call(spread(rng, 2), spread(rng, 3), 0)
    yield call(spread(rng, 2, 3, 4), spread(rng, 4, 5, 2), ([0, 2], [2, 0]))
    yield call(np.asarray(2.0), spread(rng, 2), 0)
    yield call(np.zeros((2, 0)), np.zeros((0, 3)), 1)


def distances(rng: Generator) -> Iterator[Sample]:
    for p in (2.0, 1.0, 3.0, float("inf"), 0.0):
        yield call(spread(rng, 3, 4), spread(rng, 2, 4), p)
    yield call(spread(rng, 2, 3, 4), spread(rng, 2, 4))
    yield call(np.zeros((0, 4)), spread(rng, 2, 4))
    yield call(np.zeros((3, 0)), np.zeros((2, 0)))


MEET = Refusal((A, B), ShapeError, r"3 columns meet 4 rows\n  input  \(2, 3\)  float64  cpu\n  \w+ +\(4, 5\)")
MIXED = Refusal((A, np.ones((3, 2), np.int64)), DtypeError, "inputs must have one dtype")


def _blended(kind: str) -> Any:
    def formula(x: Any, a: Any, b: Any, beta: float = 1, alpha: float = 1) -> Any:
        product = {"mm": lambda: a @ b, "addbmm": lambda: (a @ b).sum(0), "addr": lambda: np.outer(a, b)}[kind]()
        return alpha * product + (0 if beta == 0 else beta * x)

    return formula


ROWS = [
    OpRow(
        "matmul",
        medtorch.matmul,
        products,
        oracle=np.matmul,
        torch="matmul",
        no_zero_dim=NO_SCALAR,
        refusals=[
            MEET,
            MIXED,
            Refusal((np.asarray(1.0), A), ShapeError, r"^matmul: both inputs need at least 1 dim\n  input  \(\)  "),
            Refusal((np.ones((2, 2, 3)), np.ones((3, 3, 4))), ShapeError, "^matmul: leading dims do not broadcast"),
            Refusal((A > 0, (A > 0).T), DtypeError, "^matmul: takes numbers, not bool"),
        ],
    ),
    OpRow(
        "mm",
        medtorch.mm,
        _pairs(((2, 3), (3, 4)), ((0, 3), (3, 2)), ((2, 0), (0, 2))),
        oracle=np.matmul,
        torch="mm",
        no_zero_dim=NO_SCALAR,
        refusals=[MEET, MIXED, Refusal((A, np.ones(3)), ShapeError, "^mm: mat2 needs 2 dims, has 1")],
    ),
    OpRow(
        "bmm",
        medtorch.bmm,
        _pairs(((2, 3, 4), (2, 4, 2)), ((0, 3, 4), (0, 4, 2)), ((2, 3, 0), (2, 0, 2))),
        oracle=np.matmul,
        torch="bmm",
        no_zero_dim=NO_SCALAR,
        refusals=[
            Refusal((np.ones((2, 2, 3)), np.ones((1, 3, 2))), ShapeError, "^bmm: 2 matrices meet 1"),
            Refusal((A, A), ShapeError, "^bmm: input needs 3 dims, has 2"),
        ],
    ),
    OpRow(
        "mv",
        medtorch.mv,
        _pairs(((2, 3), (3,)), ((0, 3), (3,)), ((2, 0), (0,))),
        oracle=np.matmul,
        torch="mv",
        no_zero_dim=NO_SCALAR,
        refusals=[Refusal((A, A), ShapeError, "^mv: vec needs 1 dims")],
    ),
    OpRow(
        "dot",
        medtorch.dot,
        _pairs(((4,), (4,)), ((0,), (0,))),
        oracle=np.dot,
        torch="dot",
        no_zero_dim=NO_SCALAR,
        refusals=[Refusal((np.ones(2), np.ones(3)), ShapeError, "^dot: 2 columns meet 3 rows")],
    ),
    OpRow(
        "vdot",
        medtorch.vdot,
        _pairs(((4,), (4,)), ((0,), (0,))),
        oracle=np.dot,
        torch="vdot",
        no_zero_dim=NO_SCALAR,
        refusals=[Refusal((A, A), ShapeError, "^dot: input needs 1 dims")],
    ),
    OpRow(
        "outer",
        medtorch.outer,
        _pairs(((3,), (4,)), ((0,), (2,))),
        oracle=np.outer,
        torch="outer",
        no_zero_dim=NO_SCALAR,
        refusals=[Refusal((A, A), ShapeError, "^outer: input needs 1 dims")],
    ),
    OpRow(
        "inner",
        medtorch.inner,
        _pairs(((3,), (3,)), ((2, 3), (4, 3)), ((), (2,)), ((2, 0), (3, 0))),
        oracle=np.inner,
        torch="inner",
        refusals=[Refusal((A, B), ShapeError, "^inner: last dims differ")],
    ),
    OpRow(
        "addmm",
        medtorch.addmm,
        blended((2, 4), (2, 3), (3, 4)),
        oracle=_blended("mm"),
        torch="addmm",
        gradient_tolerance=1e-7,
        refusals=[
            Refusal((A, A, B), ShapeError, "^addmm: 3 columns meet 4 rows"),
            Refusal((np.ones(7), A, A.T), ShapeError, "^addmm: input does not stretch"),
            Refusal(
                (np.ones((2, 2), int), A.astype(int), A.T.astype(int)),
                ArgumentError,
                "^addmm: beta must be a whole number",
                {"beta": 0.5},
            ),
        ],
    ),
    OpRow(
        "addmv",
        medtorch.addmv,
        blended((2,), (2, 3), (3,)),
        oracle=_blended("mm"),
        torch="addmv",
        refusals=[Refusal((A, A, B), ShapeError, "^mv: vec needs 1 dims")],
    ),
    OpRow(
        "baddbmm",
        medtorch.baddbmm,
        blended((2, 3, 4), (2, 3, 2), (2, 2, 4)),
        oracle=_blended("mm"),
        torch="baddbmm",
        refusals=[Refusal((A, A, B), ShapeError, "^bmm: input needs 3 dims")],
    ),
    OpRow(
        "addbmm",
        medtorch.addbmm,
        blended((3, 4), (2, 3, 2), (2, 2, 4)),
        oracle=_blended("addbmm"),
        torch="addbmm",
        refusals=[Refusal((A, A, B), ShapeError, "^bmm: input needs 3 dims")],
    ),
    OpRow(
        "addr",
        medtorch.addr,
        lambda rng: [
            call(spread(rng, 2, 3), spread(rng, 2), spread(rng, 3)),
            call(np.asarray(0.5), spread(rng, 2), spread(rng, 3), beta=2.0, alpha=0.5),
            call(np.zeros((0, 2)), np.zeros(0), np.ones(2)),
        ],
        oracle=_blended("addr"),
        torch="addr",
        refusals=[Refusal((A, A, B), ShapeError, "^outer: input needs 1 dims")],
    ),
    OpRow(
        "einsum",
        medtorch.einsum,
        einsums,
        torch="einsum",
        refusals=[
            Refusal(
                ("ij,jk->ik", A, B),
                ShapeError,
                r"^einsum: 'j' is 3 in one place and 4 in another\n  operands\[0\]  \(2, 3\)",
            ),
            Refusal(("ijk->i", A), DimError, r"^einsum: 'ijk' does not name the 2 dims of operand 0"),
            Refusal(("ij,jk->ik", A), ArgumentError, r"^einsum: 'ij,jk->ik' names 2 operands, got 1"),
            Refusal(("ij->ik", A), ArgumentError, "^einsum: 'k' of the result appears in no operand"),
            Refusal(("ij->ii", A), ArgumentError, "^einsum: 'i' appears twice in the result"),
            Refusal(("i!->i", A), ArgumentError, "^einsum: '!' in 'i!->i' is neither a letter nor an ellipsis"),
            Refusal(("ii->i", A), ShapeError, "^einsum: 'i' is 2 in one place and 3 in another"),
            Refusal(("ij,jk", A, A.T.astype(np.int64)), DtypeError, "^einsum: inputs must have one dtype"),
        ],
    ),
    OpRow(
        "einsum of sublists",
        medtorch.einsum,
        sublists,
        torch="einsum",
        same_strides=True,
        refusals=[Refusal((A, [0, 77]), ArgumentError, "^einsum: a sublist holds numbers from 0 to 51")],
    ),
    OpRow(
        "tensordot",
        medtorch.tensordot,
        dotted,
        oracle=np.tensordot,
        torch="tensordot",
        refusals=[
            Refusal((A, B, 1), ShapeError, r"^tensordot: sizes \[3\] meet sizes \[4\]"),
            Refusal((A, B, 5), ArgumentError, "^tensordot: dims must be 0 to 2"),
            Refusal((A, B, ([7], [0])), DimError, "^tensordot: dim 7"),
        ],
    ),
    OpRow(
        "kron",
        medtorch.kron,
        _pairs(((2, 3), (3, 2)), ((2,), (2, 3)), ((2, 1, 2), (2,)), ((), (3,)), ((0, 2), (2, 2))),
        oracle=np.kron,
        torch="kron",
        no_refusal="any two tensors have a Kronecker product",
    ),
    OpRow(
        "chain_matmul",
        medtorch.chain_matmul,
        lambda rng: [
            call(spread(rng, 2, 5), spread(rng, 5, 3), spread(rng, 3, 4), spread(rng, 4, 2)),
            call(spread(rng, 2, 5)),
            call(np.zeros((0, 2)), np.ones((2, 3))),
        ],
        oracle=lambda *m: np.linalg.multi_dot(m) if len(m) > 1 else m[0],
        no_zero_dim=NO_SCALAR,
        refusals=[
            Refusal((A, B), ShapeError, "^chain_matmul: 3 columns meet 4 rows"),
            Refusal((), ArgumentError, "^chain_matmul: needs at least one"),
        ],
    ),
    OpRow(
        "cdist",
        medtorch.cdist,
        distances,
        oracle=lambda a, b, p=2.0: (
            np.linalg.norm(a[..., :, None, :] - b[..., None, :, :], p, axis=-1)
            if a.shape[-1]
            else np.zeros((a.shape[0], b.shape[0]))
        ),
        torch="cdist",
        no_zero_dim=NO_SCALAR,
        half=8.0,
        refusals=[
            Refusal((A, B), ShapeError, "^cdist: rows differ in length"),
            Refusal((A, A, -1.0), ArgumentError, "^cdist: p must not be negative"),
        ],
    ),
    OpRow(
        "trace",
        medtorch.trace,
        lambda rng: [
            call(spread(rng, 3, 4)),
            call(spread(rng, 2, 2)),
            call(np.zeros((0, 0))),
            call(np.arange(6).reshape(2, 3)),
        ],
        oracle=np.trace,
        torch="trace",
        no_zero_dim=NO_SCALAR,
        refusals=[Refusal((np.ones(2),), ShapeError, "^trace: input needs 2 dims")],
    ),
]
