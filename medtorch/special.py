"""torch.special's names.

Source    semantics of torch.special
Requires  REQ-F-OPS-205
"""

from __future__ import annotations

import math
from typing import Any

from medtorch.core.dtypes import get_default_dtype
from medtorch.core.ops.bessel import BesselIe, BesselJ, BesselKe, BesselY, Erfcx, Ndtri
from medtorch.core.ops.elementwise import erf, erfc, erfinv, exp2, expm1, log1p, round
from medtorch.core.ops.elementwise import sigmoid as expit
from medtorch.core.ops.moments import logsumexp
from medtorch.core.ops.shape import broadcast_tensors
from medtorch.core.ops.softmax import log_softmax, softmax
from medtorch.core.ops.transcendental import BesselI, digamma, i0, lgamma, logit, mvlgamma, polygamma, sinc, xlogy
from medtorch.core.ops.transcendental import igamma as gammainc
from medtorch.core.ops.transcendental import igammac as gammaincc
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, UnsupportedNameError

psi, gammaln, multigammaln = digamma, lgamma, mvlgamma

__all__ = [
    "bessel_j0",
    "bessel_j1",
    "bessel_y0",
    "bessel_y1",
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "gammainc",
    "gammaincc",
    "gammaln",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "log1p",
    "log_ndtr",
    "log_softmax",
    "logit",
    "logsumexp",
    "modified_bessel_i0",
    "modified_bessel_i1",
    "modified_bessel_k0",
    "modified_bessel_k1",
    "multigammaln",
    "ndtr",
    "ndtri",
    "polygamma",
    "psi",
    "round",
    "scaled_modified_bessel_k0",
    "scaled_modified_bessel_k1",
    "sinc",
    "softmax",
    "spherical_bessel_j0",
    "xlog1py",
    "xlogy",
]
_UNSUPPORTED = frozenset(
    {
        "airy_ai",
        "chebyshev_polynomial_t",
        "chebyshev_polynomial_u",
        "chebyshev_polynomial_v",
        "chebyshev_polynomial_w",
        "hermite_polynomial_h",
        "hermite_polynomial_he",
        "laguerre_polynomial_l",
        "legendre_polynomial_p",
        "shifted_chebyshev_polynomial_t",
        "shifted_chebyshev_polynomial_u",
        "shifted_chebyshev_polynomial_v",
        "shifted_chebyshev_polynomial_w",
        "zeta",
    }
)


def _floating(input: Tensor) -> Tensor:
    return input if input.dtype.is_floating_point else input.to(get_default_dtype())


def bessel_j0(input: Tensor) -> Tensor:
    """J_0."""
    return BesselJ(0)(input)  # type: ignore[no-any-return]


def bessel_j1(input: Tensor) -> Tensor:
    """J_1."""
    return BesselJ(1)(input)  # type: ignore[no-any-return]


def bessel_y0(input: Tensor) -> Tensor:
    """Y_0; -inf at 0, NaN below."""
    return BesselY(0)(input)  # type: ignore[no-any-return]


def bessel_y1(input: Tensor) -> Tensor:
    """Y_1; -inf at 0, NaN below."""
    return BesselY(1)(input)  # type: ignore[no-any-return]


def i0e(input: Tensor) -> Tensor:
    """I_0(x) e^-|x|."""
    return BesselIe(0)(input)  # type: ignore[no-any-return]


def i1(input: Tensor) -> Tensor:
    """I_1."""
    return BesselI(1)(input)  # type: ignore[no-any-return]


def i1e(input: Tensor) -> Tensor:
    """I_1(x) e^-|x|."""
    return BesselIe(1)(input)  # type: ignore[no-any-return]


modified_bessel_i0, modified_bessel_i1 = i0, i1


def scaled_modified_bessel_k0(x: Tensor) -> Tensor:
    """K_0(x) e^x; inf at 0, NaN below."""
    return BesselKe(0)(x)  # type: ignore[no-any-return]


def scaled_modified_bessel_k1(x: Tensor) -> Tensor:
    """K_1(x) e^x; inf at 0, NaN below."""
    return BesselKe(1)(x)  # type: ignore[no-any-return]


def modified_bessel_k0(input: Tensor) -> Tensor:
    """K_0; inf at 0, NaN below."""
    return scaled_modified_bessel_k0(input) * (-_floating(input)).exp()


def modified_bessel_k1(input: Tensor) -> Tensor:
    """K_1; inf at 0, NaN below."""
    return scaled_modified_bessel_k1(input) * (-_floating(input)).exp()


def spherical_bessel_j0(x: Tensor) -> Tensor:
    """sin(x) / x, 1 at 0."""
    return sinc(_floating(x) / math.pi)


def entr(input: Tensor) -> Tensor:
    """-x ln x; 0 at 0, -inf below."""
    x = _floating(input)
    inside = x > 0
    return (-x * x.masked_fill(~inside, 1.0).log()).masked_fill(x < 0, -math.inf)


def erfcx(input: Tensor) -> Tensor:
    """erfc(x) e^(x^2)."""
    return Erfcx()(input)  # type: ignore[no-any-return]


def ndtr(input: Tensor) -> Tensor:
    """The distribution function of the standard normal distribution."""
    return 0.5 * erfc(_floating(input) * -math.sqrt(0.5))


def log_ndtr(input: Tensor) -> Tensor:
    """ln ndtr, exact far below 0 too."""
    x = _floating(input)
    low = x < -1
    far, near = x.masked_fill(~low, -1.0), x.masked_fill(low, -1.0)
    below = (erfcx(far * -math.sqrt(0.5)) / 2).log() - far * far / 2
    above = (-0.5 * erfc(near * math.sqrt(0.5))).log1p()
    return below.where(low, above)


def ndtri(input: Tensor) -> Tensor:
    """The inverse of ndtr: -inf at 0, inf at 1, NaN outside."""
    return Ndtri()(input)  # type: ignore[no-any-return]


def xlog1py(input: Any, other: Any) -> Tensor:
    """x ln(1 + y), 0 where x is 0 and y is a number."""
    tensors = [v for v in (input, other) if isinstance(v, Tensor)]
    if not tensors:
        raise ArgumentError("xlog1py: one of both must be a tensor")
    x, y = (v if isinstance(v, Tensor) else _floating(tensors[0]).new_tensor(v) for v in (input, other))
    dead = (x == 0) & (y == y)
    apart = broadcast_tensors(_floating(y), dead)[0].masked_fill(dead, 0.0)
    return (x * apart.log1p()).masked_fill(dead, 0.0)


def __getattr__(name: str) -> Any:
    if name in _UNSUPPORTED:
        raise UnsupportedNameError(f"special.{name} is not supported")
    raise AttributeError(f"module 'medtorch.special' has no attribute {name!r}")
