"""Linear layers, lookups and attention in the op catalogue. Oracles are loops and formulas in float64."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from medtorch.core.ops import attention, embedding, linear
from medtorch.errors import ArgumentError, DimError, DtypeError, ShapeError, UnsupportedError
from tests.core.ops.catalogue import Generator, OpRow, Refusal, Sample, call, spread

Array = np.ndarray[Any, Any]


def _linear(x: Array, weight: Array, bias: Array | None = None) -> Array:
    out = np.zeros((*x.shape[:-1], weight.shape[0]))
    for at in np.ndindex(*out.shape):
        out[at] = sum(x[(*at[:-1], i)] * weight[at[-1], i] for i in range(weight.shape[1]))
    return out if bias is None else out + bias


def linears(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 2, 3), spread(rng, 4, 3), spread(rng, 4))
    yield call(spread(rng, 3), spread(rng, 2, 3))
    yield call(spread(rng, 2, 2, 3), spread(rng, 1, 3), spread(rng, 1))
    yield call(np.zeros((0, 3)), spread(rng, 4, 3), spread(rng, 4))


def _bilinear(a: Array, b: Array, weight: Array, bias: Array | None = None) -> Array:
    out = np.zeros((*a.shape[:-1], weight.shape[0]))
    for *at, o, i, j in np.ndindex(*out.shape, *weight.shape[1:]):
        out[(*at, o)] += a[(*at, i)] * weight[o, i, j] * b[(*at, j)]
    return out if bias is None else out + bias


def bilinears(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 2, 3), spread(rng, 2, 4), spread(rng, 5, 3, 4), spread(rng, 5))
    yield call(spread(rng, 2, 2, 1), spread(rng, 2, 2, 2), spread(rng, 3, 1, 2))
    yield call(np.zeros((0, 3)), np.zeros((0, 2)), spread(rng, 2, 3, 2))


def embeddings(rng: Generator) -> Iterator[Sample]:
    yield call(np.array([[0, 2, 2], [1, 0, 3]]), spread(rng, 4, 3))
    yield call(np.array([1, 2, 1], np.int32), spread(rng, 3, 2))
    yield call(np.asarray(1), spread(rng, 3, 2))
    yield call(np.zeros((0, 2), np.int64), spread(rng, 3, 2))


def _attention(
    q: Array,
    k: Array,
    v: Array,
    attn_mask: Array | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Array:
    if enable_gqa:
        k, v = (np.repeat(x, q.shape[-3] // x.shape[-3], -3) for x in (k, v))
    out = np.zeros((*q.shape[:-1], v.shape[-1]))
    for *at, i in np.ndindex(*q.shape[:-1]):
        scores = np.array([np.dot(q[(*at, i)], row) for row in k[tuple(at)]])
        scores = scores * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
        if is_causal:
            scores[i + 1 :] = -np.inf
        if attn_mask is not None:
            mask = np.broadcast_to(attn_mask, (*q.shape[:-1], len(scores)))[(*at, i)]
            scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
        if not np.isneginf(scores).all():
            powers = np.exp(scores - scores.max())
            out[(*at, i)] = powers @ v[tuple(at)] / powers.sum()
    return out


def attentions(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 2, 3, 4), spread(rng, 2, 5, 4), spread(rng, 2, 5, 2))
    yield call(spread(rng, 3, 2), spread(rng, 4, 2), spread(rng, 4, 3), is_causal=True)
    yield call(spread(rng, 1, 2, 3, 2), spread(rng, 1, 2, 3, 2), spread(rng, 1, 2, 3, 2), spread(rng, 3, 3), scale=0.3)
    seen = np.array([[True, False, True], [False, False, False]])
    yield call(spread(rng, 2, 2, 2), spread(rng, 2, 3, 2), spread(rng, 2, 3, 2), seen)
    yield call(spread(rng, 1, 4, 2, 2), spread(rng, 1, 2, 3, 2), spread(rng, 1, 2, 3, 2), enable_gqa=True)
    yield call(np.zeros((0, 3, 2)), np.zeros((0, 4, 2)), np.zeros((0, 4, 2)))


Q = np.ones((2, 3, 4))

ROWS = [
    OpRow(
        "linear",
        linear.linear,
        linears,
        oracle=_linear,
        torch="nn.functional.linear",
        no_zero_dim="features are a dim",
        half=8.0,
        refusals=[
            Refusal(
                (np.ones((2, 3)), np.ones((4, 5))),
                ShapeError,
                r"^linear: input has 3 features, weight expects 5\n  input ",
            ),
            Refusal(
                (np.ones((2, 3)), np.ones((4, 3)), np.ones(3)), ShapeError, r"^linear: bias must have 4 elements\n"
            ),
            Refusal(
                (np.ones((2, 3)), np.ones((4, 3, 1))), ShapeError, r"^linear: weight must have 1 or 2 dims, has 3\n"
            ),
            Refusal((np.asarray(1.0), np.ones((4, 3))), ShapeError, r"^linear: input must have 1 dim or more\n"),
            Refusal(
                (np.ones((2, 3), np.float32), np.ones((4, 3))),
                DtypeError,
                r"^linear: input and weight must have the same dtype\n",
            ),
        ],
    ),
    OpRow(
        "bilinear",
        linear.bilinear,
        bilinears,
        oracle=_bilinear,
        torch="nn.functional.bilinear",
        no_zero_dim="features are a dim",
        half=16.0,
        refusals=[
            Refusal(
                (np.ones((2, 3)), np.ones((2, 2)), np.ones((4, 3, 3))),
                ShapeError,
                r"^bilinear: inputs have \(3, 2\) features, weight expects \(3, 3\)\n",
            ),
            Refusal(
                (np.ones((2, 3)), np.ones((1, 3)), np.ones((4, 3, 3))),
                ShapeError,
                r"^bilinear: input1 and input2 must be alike but for their last dim\n",
            ),
            Refusal(
                (np.ones((2, 3)), np.ones((2, 3)), np.ones((4, 3))),
                ShapeError,
                r"^bilinear: weight must have 3 dims, has 2\n",
            ),
        ],
    ),
    OpRow(
        "embedding",
        embedding.embedding,
        embeddings,
        oracle=lambda indices, weight: weight[indices],
        torch="nn.functional.embedding",
        refusals=[
            Refusal((np.array([4]), np.ones((4, 2))), DimError, r"^embedding: input 4 is not one of 4 rows$"),
            Refusal((np.array([0.5]), np.ones((4, 2))), DtypeError, r"^embedding: input must be int64 or int32\n"),
            Refusal((np.array([0]), np.ones(4)), ShapeError, r"^embedding: weight must have 2 dims, has 1\n"),
            Refusal(
                (np.array([0]), np.ones((4, 2)), 4), ArgumentError, r"^embedding: padding_idx 4 is not one of 4 rows\n"
            ),
            Refusal(
                (np.array([0]), np.ones((4, 2))),
                UnsupportedError,
                r"^embedding: sparse=True is not supported; there are no sparse tensors$",
                {"sparse": True},
            ),
        ],
    ),
    OpRow(
        "scaled_dot_product_attention",
        attention.scaled_dot_product_attention,
        attentions,
        oracle=_attention,
        torch="nn.functional.scaled_dot_product_attention",
        no_zero_dim="queries are rows",
        half=8.0,
        refusals=[
            Refusal(
                (Q, Q, Q, np.ones((3, 3)), 0.0, True),
                ArgumentError,
                r"^scaled_dot_product_attention: is_causal has a mask of its own\n",
            ),
            Refusal(
                (Q, Q[..., :2], Q),
                ShapeError,
                r"^scaled_dot_product_attention: query and key differ in their last dim\n",
            ),
            Refusal((Q, Q, Q[:, :2]), ShapeError, r"^scaled_dot_product_attention: key and value differ in length\n"),
            Refusal((Q, Q.astype(np.float32), Q), DtypeError, r"^scaled_dot_product_attention: dtypes differ\n"),
            Refusal(
                (Q, Q, Q, np.ones((3, 3), np.int64)),
                DtypeError,
                r"^scaled_dot_product_attention: attn_mask must be bool or of query's dtype\n",
            ),
        ],
    ),
]
