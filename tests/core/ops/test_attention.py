"""Attention with several heads. Oracle: loops over samples, heads and queries in float64."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import medtorch
from medtorch.core.ops.multi_head import multi_head_attention_forward
from medtorch.errors import ArgumentError, ShapeError

pytestmark = pytest.mark.requirement("REQ-F-OPS-114")
Array = np.ndarray[Any, Any]


def _heads(q: Array, k: Array, v: Array, p: dict[str, Array], heads: int, mask: Array | None) -> tuple[Array, Array]:
    """(L, N, E) queries; returns the output and the weights (N, heads, L, S)."""
    length, batch, width = q.shape
    each = width // heads
    projected = [x @ w.T + b for x, w, b in zip((q, k, v), np.split(p["w"], 3), np.split(p["b"], 3), strict=True)]
    joined, weights = np.zeros(q.shape), np.zeros((batch, heads, length, k.shape[0]))
    for n, h, i in np.ndindex(batch, heads, length):
        part = slice(h * each, (h + 1) * each)
        scores = projected[1][:, n, part] @ projected[0][i, n, part] / math.sqrt(each)
        scores = scores if mask is None else scores + np.broadcast_to(mask, weights.shape)[n, h, i]
        powers = np.exp(scores - scores.max())
        weights[n, h, i] = powers / powers.sum()
        joined[i, n, part] = weights[n, h, i] @ projected[2][:, n, part]
    return joined @ p["out"].T + p["out_b"], weights


@pytest.fixture
def parts(rng: np.random.Generator) -> dict[str, Array]:
    shapes = {"w": (12, 4), "b": (12,), "out": (4, 4), "out_b": (4,), "q": (3, 2, 4), "k": (5, 2, 4), "v": (5, 2, 4)}
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


def _run(p: dict[str, Array], heads: int = 2, **more: Any) -> Any:
    t = {name: medtorch.from_numpy(a) for name, a in p.items()}
    return multi_head_attention_forward(
        t["q"], t["k"], t["v"], 4, heads, t["w"], t["b"], None, None, False, 0.0, t["out"], t["out_b"], **more
    )


def test_heads_attend_each_on_their_own(parts: dict[str, Array]) -> None:
    out, weights = _run(parts)
    expected, shares = _heads(parts["q"], parts["k"], parts["v"], parts, 2, None)
    np.testing.assert_allclose(out.numpy(), expected, rtol=1e-10)
    np.testing.assert_allclose(weights.numpy(), shares.mean(1), rtol=1e-10)
    np.testing.assert_allclose(_run(parts, average_attn_weights=False)[1].numpy(), shares, rtol=1e-10)


@pytest.mark.parametrize("need_weights", [False, True])
def test_both_masks_hide_what_they_say(parts: dict[str, Array], need_weights: bool, rng: np.random.Generator) -> None:
    padding = np.array([[False, False, True, False, True], [False, True, False, False, False]])
    added = rng.normal(size=(3, 5))
    mask = added[None, None] + np.where(padding, -np.inf, 0.0)[:, None, None]
    expected, _ = _heads(parts["q"], parts["k"], parts["v"], parts, 2, mask)
    masks = {"key_padding_mask": medtorch.from_numpy(padding), "attn_mask": medtorch.from_numpy(added)}
    out, weights = _run(parts, need_weights=need_weights, **masks)
    np.testing.assert_allclose(out.numpy(), expected, rtol=1e-10)
    assert (weights is None) == (not need_weights)


def test_a_single_sequence_needs_no_batch(parts: dict[str, Array]) -> None:
    alone = {**parts, **{name: parts[name][:, 0] for name in "qkv"}}
    np.testing.assert_allclose(_run(alone)[0].numpy(), _run(parts)[0].numpy()[:, 0], rtol=1e-10)
    assert _run(alone)[1].shape == (3, 5)


def test_what_does_not_fit_is_refused_by_name(parts: dict[str, Array]) -> None:
    with pytest.raises(ShapeError, match=r"^multi_head_attention_forward: 4 features do not divide into 3 heads\n"):
        _run(parts, 3)
    with pytest.raises(ShapeError, match=r"attn_mask must have the shape \(3, 5\) or \(4, 3, 5\)\n"):
        _run(parts, attn_mask=medtorch.ones(2, 2))
    with pytest.raises(ShapeError, match=r"key_padding_mask must have the shape \(2, 5\)\n"):
        _run(parts, key_padding_mask=medtorch.ones(2, 2))
    with pytest.raises(
        ArgumentError, match=r"^multi_head_attention_forward: is_causal is a hint: pass attn_mask, too$"
    ):
        _run(parts, is_causal=True)
    with pytest.raises(ArgumentError, match=r"^multi_head_attention_forward: a projection weight is missing$"):
        _run(parts, use_separate_proj_weight=True)
