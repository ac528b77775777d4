"""Attention and transformer layers once more: one sample, one head and one query at a time, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Weights = dict[str, Array]


def heads(query: Array, memory: Array, w: Weights, count: int, allowed: Array) -> Array:
    """Several heads over one sample: `allowed` (L, S) says which query may look at which position."""
    width = query.shape[1]
    weight, bias = w["in_proj_weight"], w.get("in_proj_bias", np.zeros(3 * width))
    q, k, v = (
        x @ weight[nr * width : (nr + 1) * width].T + bias[nr * width : (nr + 1) * width]
        for nr, x in enumerate((query, memory, memory))
    )
    size, out = width // count, np.zeros_like(query)
    for head in range(count):
        part = slice(head * size, (head + 1) * size)
        for row in range(len(query)):
            seen = [s for s in range(len(memory)) if allowed[row, s]]
            scores = np.array([q[row, part] @ k[s, part] / np.sqrt(size) for s in seen])
            shares = np.exp(scores - scores.max())
            shares /= shares.sum()
            out[row, part] = sum(share * v[s, part] for share, s in zip(shares, seen, strict=True))
    return out @ w["out_proj.weight"].T + w.get("out_proj.bias", 0)


def norm(x: Array, w: Weights, eps: float = 1e-5) -> Array:
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / np.sqrt(var + eps) * w["weight"] + w.get("bias", 0)


def below(w: Weights, name: str) -> Weights:
    """The weights of one module, their names without its own."""
    return {key.removeprefix(name + "."): value for key, value in w.items() if key.startswith(name + ".")}


def feed(x: Array, w: Weights) -> Array:
    hidden = np.maximum(x @ w["linear1.weight"].T + w.get("linear1.bias", 0), 0)
    return hidden @ w["linear2.weight"].T + w.get("linear2.bias", 0)


def encoder_layer(x: Array, w: Weights, count: int, allowed: Array, norm_first: bool) -> Array:
    first, second, attention = below(w, "norm1"), below(w, "norm2"), below(w, "self_attn")
    if norm_first:
        inner = norm(x, first)
        x = x + heads(inner, inner, attention, count, allowed)
        return x + feed(norm(x, second), w)
    x = norm(x + heads(x, x, attention, count, allowed), first)
    return norm(x + feed(x, w), second)


def decoder_layer(
    x: Array, memory: Array, w: Weights, count: int, allowed: Array, seen: Array, norm_first: bool
) -> Array:
    own, other = below(w, "self_attn"), below(w, "multihead_attn")
    norms = [below(w, f"norm{nr}") for nr in (1, 2, 3)]
    if norm_first:
        inner = norm(x, norms[0])
        x = x + heads(inner, inner, own, count, allowed)
        x = x + heads(norm(x, norms[1]), memory, other, count, seen)
        return x + feed(norm(x, norms[2]), w)
    x = norm(x + heads(x, x, own, count, allowed), norms[0])
    x = norm(x + heads(x, memory, other, count, seen), norms[1])
    return norm(x + feed(x, w), norms[2])
