"""Bessel functions, the scaled complementary error function, and the quantiles of the normal distribution.

Every class has Shapes `x -> y: same shape`; whole numbers become floating ones first.

Source    Abramowitz & Stegun 1964, chapter 9; semantics of torch.special's functions
Requires  REQ-F-OPS-205
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from medtorch.core.ops.elementwise import FloatUnary
from medtorch.core.ops.op import Array

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor


class BesselJ(FloatUnary):
    """Math      y = J_n(x), n the order;  J0' = -J1;  Jn' = (J(n-1) - J(n+1)) / 2"""

    order: int

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.bessel_j(x, self.order)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        above = BesselJ(self.order + 1)(x)
        return dy * (-above if self.order == 0 else (BesselJ(self.order - 1)(x) - above) / 2)  # type: ignore[no-any-return]


class BesselY(FloatUnary):
    """Math      y = Y_n(x), n the order;  Y0' = -Y1;  Yn' = (Y(n-1) - Y(n+1)) / 2;  NaN below 0"""

    order: int

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.bessel_y(x, self.order)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        above = BesselY(self.order + 1)(x)
        return dy * (-above if self.order == 0 else (BesselY(self.order - 1)(x) - above) / 2)  # type: ignore[no-any-return]


class BesselIe(FloatUnary):
    """Math      y = I_n(x) e^-|x|, n the order;  dx = (I_n'(x) e^-|x| - sign(x) y) dy"""

    order: int

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.bessel_ie(x, self.order)

    def vjp(self, x: Tensor, y: Tensor, dy: Tensor) -> Tensor:
        above = BesselIe(self.order + 1)(x)
        slope = above if self.order == 0 else (BesselIe(self.order - 1)(x) + above) / 2
        return dy * (slope - x.sign() * y)  # type: ignore[no-any-return]


class BesselKe(FloatUnary):
    """Math      y = K_n(x) e^x, n the order;  dx = (y + K_n'(x) e^x) dy;  K0' = -K1;  NaN below 0"""

    order: int

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.bessel_ke(x, self.order)

    def vjp(self, x: Tensor, y: Tensor, dy: Tensor) -> Tensor:
        above = BesselKe(self.order + 1)(x)
        slope = -above if self.order == 0 else -(BesselKe(self.order - 1)(x) + above) / 2
        return dy * (y + slope)  # type: ignore[no-any-return]


class Erfcx(FloatUnary):
    """Math      y = erfc(x) e^(x^2);  dx = (2 x y - 2 / sqrt(pi)) dy"""

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.erfcx(x)

    def vjp(self, x: Tensor, y: Tensor, dy: Tensor) -> Tensor:
        return dy * (2 * x * y - 2 / math.sqrt(math.pi))


class Ndtri(FloatUnary):
    """Math      x = the standard normal distribution function of y;  dx = sqrt(2 pi) e^(y^2 / 2) dy"""

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.ndtri(x)

    def vjp(self, y: Tensor, dy: Tensor) -> Tensor:
        return dy * (y * y / 2).exp() * math.sqrt(2 * math.pi)
