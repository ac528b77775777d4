"""The beta distribution."""

from __future__ import annotations

from typing import Any, ClassVar

from medtorch.core.ops.shape import stack
from medtorch.core.tensor import Tensor
from medtorch.distributions import constraints
from medtorch.distributions.dirichlet import Dirichlet
from medtorch.distributions.distribution import ExponentialFamily, Shape, parameters


class Beta(ExponentialFamily):
    """Math      density x^(a - 1) (1 - x)^(b - 1) / B(a, b)

    Source    semantics of torch.distributions.Beta
    """

    has_rsample = True
    arg_constraints: ClassVar = {"concentration1": constraints.positive, "concentration0": constraints.positive}
    support = constraints.unit_interval

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None) -> None:
        self.concentration1, self.concentration0 = parameters(concentration1, concentration0)
        super().__init__(self.concentration1.shape, validate_args=validate_args)
        self._dirichlet = Dirichlet(stack([self.concentration1, self.concentration0], -1), validate_args=False)

    @property
    def mean(self) -> Tensor:
        return self.concentration1 / (self.concentration1 + self.concentration0)

    @property
    def mode(self) -> Tensor:
        return self._dirichlet.mode[..., 0]

    @property
    def variance(self) -> Tensor:
        total = self.concentration1 + self.concentration0
        return self.concentration1 * self.concentration0 / (total.pow(2) * (total + 1))

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        return self._dirichlet.rsample(sample_shape)[..., 0]

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        return self._dirichlet.log_prob(stack([value, 1.0 - value], -1))

    def entropy(self) -> Tensor:
        return self._dirichlet.entropy()
