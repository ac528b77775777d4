"""The Laplace distribution."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from medtorch.core.tensor import Tensor
from medtorch.distributions import constraints
from medtorch.distributions.distribution import Distribution, Shape, drawn, parameters


class Laplace(Distribution):
    """Math      density e^(-|x - loc| / scale) / (2 scale)

    Source    semantics of torch.distributions.Laplace
    """

    has_rsample = True
    arg_constraints: ClassVar = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = parameters(loc, scale)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return 2 * self.scale**2

    @property
    def stddev(self) -> Tensor:
        return self.scale * math.sqrt(2)

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        u = 2 * drawn(self.loc, self._extended(sample_shape), "uniform") - 1
        return self.loc - self.scale * u.sign() * (-u.abs()).log1p()

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        return -(2 * self.scale).log() - (value - self.loc).abs() / self.scale

    def cdf(self, value: Tensor) -> Tensor:
        self._checked(value)
        apart = value - self.loc
        return 0.5 - 0.5 * apart.sign() * (-apart.abs() / self.scale).expm1()

    def icdf(self, value: Tensor) -> Tensor:
        term = value - 0.5
        return self.loc - self.scale * term.sign() * (-2 * term.abs()).log1p()

    def entropy(self) -> Tensor:
        return 1 + (2 * self.scale).log()
