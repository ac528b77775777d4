"""Distributions that are transformed normal ones: log-normal and logistic-normal."""

from __future__ import annotations

from typing import Any, ClassVar

from medtorch.core.tensor import Tensor
from medtorch.distributions import constraints
from medtorch.distributions.distribution import Shape
from medtorch.distributions.normal import Normal
from medtorch.distributions.transformed_distribution import TransformedDistribution
from medtorch.distributions.transforms import ExpTransform


class LogNormal(TransformedDistribution):
    """e^x of normal x.

    Source    semantics of torch.distributions.LogNormal
    """

    arg_constraints: ClassVar = {"loc": constraints.real, "scale": constraints.positive}

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self._normal = Normal(loc, scale, validate_args=validate_args)
        super().__init__(self._normal, ExpTransform(), validate_args=validate_args)

    @property
    def loc(self) -> Tensor:
        return self._normal.loc

    @property
    def scale(self) -> Tensor:
        return self._normal.scale

    @property
    def mean(self) -> Tensor:
        return (self.loc + self.scale.pow(2) / 2).exp()

    @property
    def mode(self) -> Tensor:
        return (self.loc - self.scale.square()).exp()

    @property
    def variance(self) -> Tensor:
        squares = self.scale.pow(2)
        return squares.expm1() * (2 * self.loc + squares).exp()

    def entropy(self) -> Tensor:
        return self._normal.entropy() + self.loc

    def expand(self, batch_shape: Shape) -> LogNormal:
        return LogNormal(self.loc.expand(*batch_shape), self.scale.expand(*batch_shape), validate_args=False)
