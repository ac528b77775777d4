"""Random numbers of the gamma distribution whose gradient reaches the concentration.

Math      x of density x^(a - 1) e^-x / Gamma(a); dx/da = -(dP(a, x)/da) / density, P the regularised integral to x
Source    Marsaglia & Tsang 2000, ACM Trans. Math. Softw. 26(3), 363-372; Figurnov et al. 2018, arXiv:1805.08498
Requires  REQ-F-RND-001
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from medtorch.core.ops.op import Array, Op, require
from medtorch.core.spec import Spec
from medtorch.core.stream import Streaming, stream_of
from medtorch.errors import DtypeError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor

Numbers = np.ndarray[Any, Any]


class DrawnGamma(Op):
    """The numbers drawn, as a function of the concentration they were drawn for.

    Math      da = dy dx/da
    """

    name = "standard_gamma"

    def check(self, a: Spec, x: Spec) -> Spec:
        return x

    def forward(self, kernels: Kernels, a: Array, x: Array) -> Array:
        return x.copy()

    def vjp(self, a: Tensor, x: Tensor, dy: Tensor) -> tuple[Tensor, None]:
        return dy * StandardGammaGrad()(a, x), None


class StandardGammaGrad(Op):
    """dx/da of a number x drawn for the concentration a; it has no gradient itself."""

    def check(self, a: Spec, x: Spec) -> Spec:
        return x

    def forward(self, kernels: Kernels, a: Array, x: Array) -> Array:
        return kernels.standard_gamma_grad(a, x)


def standard_gamma(concentration: Tensor, generator: Streaming | None = None) -> Tensor:
    """A number for each concentration, at rate 1. Raises DtypeError for whole numbers."""
    given = {"concentration": concentration.spec}
    require(
        concentration.dtype.is_floating_point, DtypeError, "standard_gamma", "takes floating-point numbers", **given
    )
    a = concentration.detach().numpy(force=True).astype(np.float64)
    smallest = float(np.finfo(np.float32 if concentration.dtype.itemsize < 8 else np.float64).tiny)
    values = np.maximum(_draw(a, stream_of(generator)), smallest)
    return DrawnGamma()(concentration, concentration.detach().new_tensor(values))  # type: ignore[no-any-return]


def _draw(a: Numbers, stream: Any) -> Numbers:
    """By rejection for a >= 1; below, a number for a + 1 times u^(1/a)."""
    flat = a.reshape(-1)
    raised = np.where(flat < 1, flat + 1, flat)
    d = raised - 1.0 / 3.0
    c = 1.0 / np.sqrt(9.0 * d)
    out, open_ = np.zeros_like(flat), np.arange(flat.size)
    while open_.size:
        z, u = stream.normal((open_.size,)), 1.0 - stream.uniform((open_.size,))
        v = (1.0 + c[open_] * z) ** 3
        with np.errstate(invalid="ignore", divide="ignore"):
            taken = (v > 0) & (np.log(u) < 0.5 * z * z + d[open_] * (1.0 - v + np.log(v)))
        out[open_[taken]] = (d[open_] * v)[taken]
        open_ = open_[~taken]
    below = flat < 1
    if below.any():
        u = 1.0 - stream.uniform((int(below.sum()),))
        out[below] *= u ** (1.0 / flat[below])
    return out.reshape(a.shape)
