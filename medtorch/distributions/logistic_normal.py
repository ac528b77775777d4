"""The logistic normal distribution: vectors that sum to 1, from normal ones."""

from __future__ import annotations

from typing import Any, ClassVar

from medtorch.core.tensor import Tensor
from medtorch.distributions import constraints
from medtorch.distributions.distribution import Shape
from medtorch.distributions.normal import Normal
from medtorch.distributions.transformed_distribution import TransformedDistribution
from medtorch.distributions.transforms import StickBreakingTransform


class LogisticNormal(TransformedDistribution):
    """The stick-breaking transform of independent normal numbers.

    Source    semantics of torch.distributions.LogisticNormal
    """

    arg_constraints: ClassVar = {"loc": constraints.real, "scale": constraints.positive}

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self._normal = Normal(loc, scale, validate_args=validate_args)
        base = self._normal if self._normal.batch_shape else self._normal.expand([1])
        super().__init__(base, StickBreakingTransform(), validate_args=validate_args)

    @property
    def loc(self) -> Tensor:
        return self._normal.loc

    @property
    def scale(self) -> Tensor:
        return self._normal.scale

    def expand(self, batch_shape: Shape) -> LogisticNormal:
        shape = (*batch_shape, self.loc.shape[-1])
        return LogisticNormal(self.loc.expand(*shape), self.scale.expand(*shape), validate_args=False)
