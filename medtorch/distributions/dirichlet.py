"""The Dirichlet distribution."""

from __future__ import annotations

from typing import Any, ClassVar

from medtorch.core.ops.standard_gamma import standard_gamma
from medtorch.core.tensor import Tensor
from medtorch.distributions import constraints
from medtorch.distributions.distribution import ExponentialFamily, Shape, parameters
from medtorch.errors import ArgumentError


class Dirichlet(ExponentialFamily):
    """Vectors that sum to 1.

    Math      density prod x_i^(a_i - 1) Gamma(sum a) / prod Gamma(a_i), a the concentration
    Source    semantics of torch.distributions.Dirichlet
    """

    has_rsample = True
    arg_constraints: ClassVar = {"concentration": constraints.independent(constraints.positive, 1)}
    support = constraints.simplex

    def __init__(self, concentration: Any, validate_args: bool | None = None) -> None:
        (self.concentration,) = parameters(concentration)
        if self.concentration.ndim < 1:
            raise ArgumentError("Dirichlet: concentration must have at least 1 dim")
        shape = self.concentration.shape
        super().__init__(shape[:-1], shape[-1:], validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.concentration.sum(-1, True)

    @property
    def mode(self) -> Tensor:
        less = (self.concentration - 1).clamp(min=0.0)
        found = less / less.sum(-1, True)
        flat = (self.concentration < 1).all(-1, True)
        largest = self.concentration == self.concentration.amax(-1, True)
        first = largest & (largest.long().cumsum(-1) == 1)
        return first.to(found.dtype).where(flat, found)

    @property
    def variance(self) -> Tensor:
        total = self.concentration.sum(-1, True)
        return self.concentration * (total - self.concentration) / (total.pow(2) * (total + 1))

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        found = standard_gamma(self.concentration.expand(self._extended(sample_shape)))
        return found / found.sum(-1, True)

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        a = self.concentration
        return (a - 1.0).xlogy(value).sum(-1) + a.sum(-1).lgamma() - a.lgamma().sum(-1)

    def entropy(self) -> Tensor:
        a, k = self.concentration, self.concentration.shape[-1]
        total = a.sum(-1)
        spread = (k - total) * total.digamma() + ((a - 1.0) * a.digamma()).sum(-1)
        return a.lgamma().sum(-1) - total.lgamma() - spread
