"""The half-normal distribution."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from medtorch.core.tensor import Tensor
from medtorch.distributions import constraints
from medtorch.distributions.distribution import Distribution, Shape, drawn, parameters
from medtorch.distributions.normal import Normal


class HalfNormal(Distribution):
    """|x| of normal x around 0.

    Source    semantics of torch.distributions.HalfNormal
    """

    has_rsample = True
    arg_constraints: ClassVar = {"scale": constraints.positive}
    support = constraints.nonnegative

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        (self.scale,) = parameters(scale)
        super().__init__(self.scale.shape, validate_args=validate_args)

    @property
    def _whole(self) -> Normal:
        return Normal(self.scale * 0, self.scale, validate_args=False)

    @property
    def mean(self) -> Tensor:
        return self.scale * math.sqrt(2 / math.pi)

    @property
    def mode(self) -> Tensor:
        return self.scale * 0

    @property
    def variance(self) -> Tensor:
        return self.scale.pow(2) * (1 - 2 / math.pi)

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        return (drawn(self.scale, self._extended(sample_shape), "normal") * self.scale).abs()

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        return (self._whole.log_prob(value) + math.log(2)).masked_fill(value < 0, -math.inf)

    def cdf(self, value: Tensor) -> Tensor:
        self._checked(value)
        return 2 * self._whole.cdf(value) - 1

    def icdf(self, value: Tensor) -> Tensor:
        return self._whole.icdf((value + 1) / 2)

    def entropy(self) -> Tensor:
        return self._whole.entropy() - math.log(2)
