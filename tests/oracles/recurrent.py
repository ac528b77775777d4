"""Recurrent networks once more, one sequence, one step and one gate at a time, from the papers' formulas."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def step(mode: str, x: Array, h: Array, c: Array, w: dict[str, Array]) -> tuple[Array, Array]:
    """One step of one sequence."""
    given = w["weight_ih"] @ x + w.get("bias_ih", 0)
    own = w["weight_hh"] @ h + w.get("bias_hh", 0)
    if mode == "RNN_TANH":
        return np.tanh(given + own), c
    if mode == "RNN_RELU":
        return np.maximum(given + own, 0), c
    if mode == "GRU":
        (xr, xz, xn), (hr, hz, hn) = np.split(given, 3), np.split(own, 3)
        r, z = sigmoid(xr + hr), sigmoid(xz + hz)
        return (1 - z) * np.tanh(xn + r * hn) + z * h, c
    i, f, g, o = np.split(given + own, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    h = sigmoid(o) * np.tanh(c)
    return (w["weight_hr"] @ h if "weight_hr" in w else h), c


def run(mode: str, sequence: Array, h: Array, c: Array, layers: list[list[dict[str, Array]]]) -> tuple[Array, Any, Any]:
    """All layers over one sequence (steps, features); `h` and `c` have a row for each layer and direction."""
    hs, cs, nr = [], [], 0
    for directions in layers:
        outputs = []
        for backwards, weights in enumerate(directions):
            now, cell, out = h[nr], c[nr], []
            for x in sequence[::-1] if backwards else sequence:
                now, cell = step(mode, x, now, cell, weights)
                out.append(now)
            outputs.append(np.array(out[::-1] if backwards else out))
            hs.append(now)
            cs.append(cell)
            nr += 1
        sequence = np.concatenate(outputs, 1)
    return sequence, np.array(hs), np.array(cs)
