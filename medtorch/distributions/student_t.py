"""Student's t distribution."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from medtorch.core.tensor import Tensor
from medtorch.distributions import constraints
from medtorch.distributions.distribution import Distribution, Shape, drawn, parameters
from medtorch.distributions.gamma import Chi2


class StudentT(Distribution):
    """Math      density Gamma((df + 1) / 2) (1 + z^2 / df)^(-(df + 1) / 2) / (Gamma(df / 2) scale sqrt(pi df))

    Source    semantics of torch.distributions.StudentT
    """

    has_rsample = True
    arg_constraints: ClassVar = {"df": constraints.positive, "loc": constraints.real, "scale": constraints.positive}
    support = constraints.real

    def __init__(self, df: Any, loc: Any = 0.0, scale: Any = 1.0, validate_args: bool | None = None) -> None:
        self.df, self.loc, self.scale = parameters(df, loc, scale)
        super().__init__(self.df.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc.masked_fill(self.df <= 1, math.nan)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        wide = self.scale.pow(2) * self.df / (self.df - 2)
        return wide.masked_fill(self.df <= 2, math.inf).masked_fill(self.df <= 1, math.nan)

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        squares = Chi2(self.df, validate_args=False).rsample(sample_shape)
        normal = drawn(self.df, self._extended(sample_shape), "normal")
        return self.loc + self.scale * normal * (squares / self.df).rsqrt()

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        z, df = (value - self.loc) / self.scale, self.df
        norm = self.scale.log() + 0.5 * df.log() + 0.5 * math.log(math.pi) + (0.5 * df).lgamma()
        return -0.5 * (df + 1.0) * (z**2.0 / df).log1p() - norm + (0.5 * (df + 1.0)).lgamma()

    def entropy(self) -> Tensor:
        half, more = 0.5 * self.df, 0.5 * (self.df + 1)
        beta = half.lgamma() + math.lgamma(0.5) - more.lgamma()
        return self.scale.log() + more * (more.digamma() - half.digamma()) + 0.5 * self.df.log() + beta
