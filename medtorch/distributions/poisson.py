"""The Poisson distribution."""

from __future__ import annotations

from typing import Any, ClassVar

from medtorch.core.random import poisson
from medtorch.core.tensor import Tensor
from medtorch.distributions import constraints
from medtorch.distributions.distribution import ExponentialFamily, Shape, parameters


class Poisson(ExponentialFamily):
    """Math      probability rate^k e^(-rate) / k!

    Source    semantics of torch.distributions.Poisson
    """

    arg_constraints: ClassVar = {"rate": constraints.nonnegative}
    support = constraints.nonnegative_integer

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        (self.rate,) = parameters(rate)
        super().__init__(self.rate.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.rate

    @property
    def mode(self) -> Tensor:
        return self.rate.floor()

    @property
    def variance(self) -> Tensor:
        return self.rate

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        return poisson(self.rate.detach().expand(self._extended(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        return value.xlogy(self.rate) - self.rate - (value + 1).lgamma()
