"""Whole numbers at random: Poisson and binomial counts from a stream's uniform numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Numbers = np.ndarray[Any, Any]
_SMALL = 10.0
_log_factorial = np.frompyfunc(lambda k: math.lgamma(k + 1.0), 1, 1)


def poisson(rates: Numbers, stream: Any) -> Numbers:
    """A count for every rate."""
    flat = rates.reshape(-1)
    out = np.zeros(flat.size)
    small = flat < _SMALL
    out[small] = _by_waits(flat[small], stream)
    out[~small] = _by_rejection(flat[~small], stream)
    return out.reshape(rates.shape)


def _by_waits(rates: Numbers, stream: Any) -> Numbers:
    """How many uniform numbers multiply to no less than e^-rate."""
    limit, product, count = np.exp(-rates), np.ones(rates.size), np.zeros(rates.size)
    open_ = np.arange(rates.size)
    while open_.size:
        product[open_] *= 1.0 - stream.uniform((open_.size,))
        open_ = open_[product[open_] > limit[open_]]
        count[open_] += 1
    return count


def _by_rejection(rates: Numbers, stream: Any) -> Numbers:
    """Hormann's transformed rejection with squeeze (PTRS)."""
    root = np.sqrt(rates)
    b = 0.931 + 2.53 * root
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    sure = 0.9277 - 3.6224 / (b - 2)
    out, open_ = np.zeros(rates.size), np.arange(rates.size)
    while open_.size:
        u, v = stream.uniform((open_.size,)) - 0.5, 1.0 - stream.uniform((open_.size,))
        us = 0.5 - np.abs(u)
        rate, bb, aa = rates[open_], b[open_], a[open_]
        with np.errstate(divide="ignore", invalid="ignore"):
            k = np.floor((2 * aa / us + bb) * u + rate + 0.43)
            left = np.log(v) + np.log(inverse_alpha[open_]) - np.log(aa / (us * us) + bb)
            right = k * np.log(rate) - rate - _log_factorial(np.maximum(k, 0)).astype(np.float64)
        taken = (us >= 0.07) & (v <= sure[open_])
        refused = (k < 0) | ((us < 0.013) & (v > us))
        taken |= ~refused & (left <= right)
        out[open_[taken]] = k[taken]
        open_ = open_[~taken]
    return out


def binomial(trials: Numbers, odds: Numbers, stream: Any) -> Numbers:
    """A count of successes for every pair, trial by trial."""
    out = np.zeros(trials.shape)
    for nr in range(int(trials.max(initial=0))):
        out += (stream.uniform(trials.shape) < odds) & (nr < trials)
    return out
