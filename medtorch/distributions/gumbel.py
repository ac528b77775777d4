"""The Gumbel distribution."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from medtorch.core.tensor import Tensor
from medtorch.distributions import constraints
from medtorch.distributions.distribution import Distribution, Shape, drawn, parameters

_EULER = 0.57721566490153286060


class Gumbel(Distribution):
    """Math      distribution function e^(-e^(-(x - loc) / scale))

    Source    semantics of torch.distributions.Gumbel
    """

    has_rsample = True
    arg_constraints: ClassVar = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = parameters(loc, scale)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc + self.scale * _EULER

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return (math.pi / math.sqrt(6) * self.scale).pow(2)

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        return self.icdf(drawn(self.loc, self._extended(sample_shape), "uniform"))

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        y = (self.loc - value) / self.scale
        return (y - y.exp()) - self.scale.log()

    def cdf(self, value: Tensor) -> Tensor:
        self._checked(value)
        return (-((self.loc - value) / self.scale).exp()).exp()

    def icdf(self, value: Tensor) -> Tensor:
        return self.loc - self.scale * (-value.log()).log()

    def entropy(self) -> Tensor:
        return self.scale.log() + (1 + _EULER)
