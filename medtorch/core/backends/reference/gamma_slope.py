"""How a number drawn from the gamma distribution moves with the concentration, in float64."""

from __future__ import annotations

import math
from typing import Any

from medtorch.core.backends.reference.base import Array, KernelFamily

_LARGE = 30.0
"""From this concentration on the series would take many terms, and small steps of P are as exact."""


class GammaSlopeKernels(KernelFamily):
    """Numbers one by one; a and x are of one shape and dtype."""

    def standard_gamma_grad(self, a: Array, x: Array) -> Array:
        """-(dP(a, x)/da) / (x^(a-1) e^-x / Gamma(a))."""
        xp: Any = self.xp
        wide_a, wide_x = a.astype(xp.float64), x.astype(xp.float64)
        with self.quiet():
            log_density = (wide_a - 1) * xp.log(wide_x) - wide_x - self.lgamma(wide_a)  # type: ignore[attr-defined]
            small = self._by_series(xp.minimum(wide_a, _LARGE), wide_x)
            large = self._by_steps(xp.maximum(wide_a, _LARGE), wide_x)
            slope = xp.where(wide_a < _LARGE, small, large)
            found = -slope / xp.exp(log_density)
            # where the density is too small to divide by, the number moves as the mean of its tail does
            safe = xp.where(xp.isfinite(found) & (found > 0), found, xp.sqrt(wide_x / wide_a))
        return safe.astype(a.dtype)

    def _by_series(self, a: Array, x: Array) -> Array:
        """P = x^a e^-x / Gamma(a + 1) sum_n x^n / ((a + 1) ... (a + n)), differentiated term by term."""
        xp: Any = self.xp
        front = xp.exp(a * xp.log(x) - x - self.lgamma(a + 1))  # type: ignore[attr-defined]
        term = xp.ones_like(x)
        total, weighted, harmonic = xp.ones_like(x), xp.zeros_like(x), xp.zeros_like(x)
        top = float(x.max()) if x.size else 0.0
        for n in range(1, int(top + 12 * math.sqrt(top + 1)) + 60):
            term = term * x / (a + n)
            harmonic = harmonic + 1.0 / (a + n)
            total, weighted = total + term, weighted + term * harmonic
        return front * (total * (xp.log(x) - self.polygamma(a + 1, 0)) - weighted)  # type: ignore[attr-defined]

    def _by_steps(self, a: Array, x: Array) -> Array:
        """Differences of P over four steps of a fraction of its width."""
        h = 0.05 * self.xp.sqrt(a)

        def p(at: Array) -> Array:
            return self.igamma(at, x, False)  # type: ignore[attr-defined]

        first, second = (p(a + h) - p(a - h)) / (2 * h), (p(a + 2 * h) - p(a - 2 * h)) / (4 * h)
        third = (p(a + 3 * h) - p(a - 3 * h)) / (6 * h)
        return 1.5 * first - 0.6 * second + 0.1 * third
