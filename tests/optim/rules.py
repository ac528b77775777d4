"""The update rules once more, in plain float64 NumPy and straight from the papers' formulas: the tests' expectation."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def sgd(p: Array, grads: list[Array], *, lr: float, momentum: float = 0, dampening: float = 0, weight_decay: float = 0,
        nesterov: bool = False, maximize: bool = False) -> Array:  # fmt: skip
    velocity = None
    for g in grads:
        g = (-g if maximize else g) + weight_decay * p
        if momentum:
            velocity = g if velocity is None else momentum * velocity + (1 - dampening) * g
            g = g + momentum * velocity if nesterov else velocity
        p = p - lr * g
    return p


def adam(p: Array, grads: list[Array], *, lr: float, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
         weight_decay: float = 0, amsgrad: bool = False, maximize: bool = False,
         decoupled: bool = False) -> Array:  # fmt: skip
    b1, b2 = betas
    m, v, largest = np.zeros_like(p), np.zeros_like(p), np.zeros_like(p)
    for t, g in enumerate(grads, 1):
        g = -g if maximize else g
        if decoupled:
            p = p - lr * weight_decay * p
        else:
            g = g + weight_decay * p
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        largest = np.maximum(largest, v)
        v_hat = (largest if amsgrad else v) / (1 - b2**t)
        p = p - lr * (m / (1 - b1**t)) / (np.sqrt(v_hat) + eps)
    return p


def rmsprop(p: Array, grads: list[Array], *, lr: float, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0,
            momentum: float = 0, centered: bool = False, maximize: bool = False) -> Array:  # fmt: skip
    v, mean, velocity = np.zeros_like(p), np.zeros_like(p), np.zeros_like(p)
    for g in grads:
        g = (-g if maximize else g) + weight_decay * p
        v = alpha * v + (1 - alpha) * g**2
        mean = alpha * mean + (1 - alpha) * g
        step = g / (np.sqrt(v - mean**2 if centered else v) + eps)
        velocity = momentum * velocity + step
        p = p - lr * (velocity if momentum else step)
    return p
