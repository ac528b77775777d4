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


def adadelta(p: Array, grads: list[Array], *, lr: float, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0,
             maximize: bool = False) -> Array:  # fmt: skip
    squares, moves = np.zeros_like(p), np.zeros_like(p)
    for g in grads:
        g = (-g if maximize else g) + weight_decay * p
        squares = rho * squares + (1 - rho) * g**2
        step = np.sqrt((moves + eps) / (squares + eps)) * g
        moves = rho * moves + (1 - rho) * step**2
        p = p - lr * step
    return p


def adagrad(p: Array, grads: list[Array], *, lr: float, lr_decay: float = 0, weight_decay: float = 0,
            initial_accumulator_value: float = 0, eps: float = 1e-10, maximize: bool = False) -> Array:  # fmt: skip
    total = np.full_like(p, initial_accumulator_value)
    for t, g in enumerate(grads):
        g = (-g if maximize else g) + weight_decay * p
        total = total + g**2
        p = p - lr / (1 + t * lr_decay) * g / (np.sqrt(total) + eps)
    return p


def adamax(p: Array, grads: list[Array], *, lr: float, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
           weight_decay: float = 0, maximize: bool = False) -> Array:  # fmt: skip
    mean, largest = np.zeros_like(p), np.zeros_like(p)
    for t, g in enumerate(grads, 1):
        g = (-g if maximize else g) + weight_decay * p
        mean = betas[0] * mean + (1 - betas[0]) * g
        largest = np.maximum(betas[1] * largest, np.abs(g) + eps)
        p = p - lr * mean / (1 - betas[0] ** t) / largest
    return p


def nadam(p: Array, grads: list[Array], *, lr: float, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
          weight_decay: float = 0, momentum_decay: float = 4e-3, decoupled_weight_decay: bool = False,
          maximize: bool = False) -> Array:  # fmt: skip
    b1, b2 = betas
    m, v, product = np.zeros_like(p), np.zeros_like(p), 1.0

    def mu(t: int) -> float:
        return b1 * (1 - 0.5 * 0.96 ** (t * momentum_decay))

    for t, g in enumerate(grads, 1):
        g = -g if maximize else g
        if decoupled_weight_decay:
            p = p - lr * weight_decay * p
        else:
            g = g + weight_decay * p
        product *= mu(t)
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        ahead = mu(t + 1) * m / (1 - product * mu(t + 1)) + (1 - mu(t)) * g / (1 - product)
        p = p - lr * ahead / (np.sqrt(v / (1 - b2**t)) + eps)
    return p


def radam(p: Array, grads: list[Array], *, lr: float, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
          weight_decay: float = 0, decoupled_weight_decay: bool = False, maximize: bool = False) -> Array:  # fmt: skip
    b1, b2 = betas
    m, v, longest = np.zeros_like(p), np.zeros_like(p), 2 / (1 - b2) - 1
    for t, g in enumerate(grads, 1):
        g = -g if maximize else g
        if decoupled_weight_decay:
            p = p - lr * weight_decay * p
        else:
            g = g + weight_decay * p
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        length = longest - 2 * t * b2**t / (1 - b2**t)
        step = m / (1 - b1**t)
        if length > 5:
            share = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
            step = step * np.sqrt(share) * np.sqrt(1 - b2**t) / (np.sqrt(v) + eps)
        p = p - lr * step
    return p


def rprop(p: Array, grads: list[Array], *, lr: float, etas: tuple[float, float] = (0.5, 1.2),
          step_sizes: tuple[float, float] = (1e-6, 50), maximize: bool = False) -> Array:  # fmt: skip
    p, before, size = p.copy(), np.zeros_like(p), np.full_like(p, lr)
    for g in grads:
        g = (-g if maximize else g).copy()
        for place in np.ndindex(g.shape):
            agreement = g[place] * before[place]
            if agreement > 0:
                size[place] = min(max(size[place] * etas[1], step_sizes[0]), step_sizes[1])
            elif agreement < 0:
                size[place] = min(max(size[place] * etas[0], step_sizes[0]), step_sizes[1])
                g[place] = 0
            p[place] -= np.sign(g[place]) * size[place]
        before = g
    return p


def asgd(p: Array, grads: list[Array], *, lr: float, lambd: float = 1e-4, alpha: float = 0.75, t0: float = 1e6,
         weight_decay: float = 0, maximize: bool = False) -> Array:  # fmt: skip
    rate = lr
    for t, g in enumerate(grads, 1):
        g = (-g if maximize else g) + weight_decay * p
        p = p - lambd * rate * p - rate * g
        rate = lr / (1 + lambd * lr * t) ** alpha
    return p


def adafactor(p: Array, grads: list[Array], *, lr: float, beta2_decay: float = -0.8,
              eps: tuple[float | None, float] = (None, 1e-3), d: float = 1.0, weight_decay: float = 0,
              maximize: bool = False) -> Array:  # fmt: skip
    def rms(x: Array) -> float:
        return float(np.sqrt(np.mean(x**2)))

    least = np.finfo(p.dtype).eps if eps[0] is None else eps[0]
    rows, columns, square = 0.0, 0.0, np.zeros_like(p)
    for t, g in enumerate(grads, 1):
        g, weight = -g if maximize else g, t**beta2_decay
        size = max(eps[1], rms(p)) * min(lr, 1 / np.sqrt(t))
        if p.ndim > 1:
            rows = rows + weight * ((g**2).mean(-1, keepdims=True) - rows)
            columns = columns + weight * ((g**2).mean(-2, keepdims=True) - columns)
            square = rows * columns / np.maximum(rows.mean(-2, keepdims=True), least)
        else:
            square = square + weight * (g**2 - square)
        update = g / np.sqrt(np.maximum(square, least**2))
        p = p - lr * weight_decay * p - size * update / max(1.0, rms(update) / d)
    return p
