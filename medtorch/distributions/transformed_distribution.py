"""Distributions of transformed random variables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from medtorch.core.tensor import Tensor
from medtorch.distributions.constraints import Constraint
from medtorch.distributions.distribution import Distribution, Shape
from medtorch.distributions.independent import Independent, sum_rightmost
from medtorch.distributions.transforms import ComposeTransform, Transform
from medtorch.errors import ArgumentError


class TransformedDistribution(Distribution):
    """What becomes of a distribution under invertible transforms.

    Math      log p(y) = log p(x) - log |det dy/dx|, x = transforms^-1(y)
    Source    semantics of torch.distributions.TransformedDistribution
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {}

    def __init__(
        self,
        base_distribution: Distribution,
        transforms: Transform | Sequence[Transform],
        validate_args: bool | None = None,
    ) -> None:
        self.transforms = [transforms] if isinstance(transforms, Transform) else list(transforms)
        if not all(isinstance(t, Transform) for t in self.transforms):
            raise ArgumentError(f"TransformedDistribution: takes transforms, got {transforms!r}")
        whole = ComposeTransform(self.transforms)
        event = max((t.domain.event_dim for t in self.transforms), default=0)
        more = event - len(base_distribution.event_shape)
        self.base_dist = Independent(base_distribution, more) if more > 0 else base_distribution
        base_event = len(self.base_dist.event_shape)
        shape = whole.forward_shape((*self.base_dist.batch_shape, *self.base_dist.event_shape))
        out_event = max(base_event, *(t.codomain.event_dim for t in self.transforms)) if self.transforms else base_event
        cut = len(shape) - out_event
        super().__init__(shape[:cut], shape[cut:], validate_args=validate_args)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        return self.base_dist.has_rsample

    @property
    def support(self) -> Any:
        return self.transforms[-1].codomain if self.transforms else self.base_dist.support

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        return ComposeTransform(self.transforms)(self.base_dist.sample(sample_shape)).detach()

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        return ComposeTransform(self.transforms)(self.base_dist.rsample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._checked_in_codomain(value)
        event, total, y = len(self._event_shape), 0.0, value
        for transform in reversed(self.transforms):
            x = transform._inverse(y)
            event += transform.domain.event_dim - transform.codomain.event_dim
            slope = transform.log_abs_det_jacobian(x, y)
            total = total - sum_rightmost(slope, event - transform.domain.event_dim)
            y = x
        base = self.base_dist.log_prob(y)
        return total + sum_rightmost(base, event - len(self.base_dist.event_shape))  # type: ignore[no-any-return]

    def _checked_in_codomain(self, value: Tensor) -> None:
        if not bool(self.support.check(value.detach()).all()):
            raise ArgumentError(f"{type(self).__name__}: value must be {self.support}\n  value  {value.spec}")

    def cdf(self, value: Tensor) -> Tensor:
        x, sign = value, 1
        for transform in reversed(self.transforms):
            x, sign = transform._inverse(x), sign * transform.sign
        found = self.base_dist.cdf(x)
        return found if isinstance(sign, (int, float)) and sign > 0 else sign * (found - 0.5) + 0.5

    def icdf(self, value: Tensor) -> Tensor:
        sign = 1
        for transform in self.transforms:
            sign = sign * transform.sign
        x = self.base_dist.icdf(sign * (value - 0.5) + 0.5)
        return ComposeTransform(self.transforms)(x)

    def expand(self, batch_shape: Shape) -> TransformedDistribution:
        base = self.base_dist.expand(batch_shape)
        return TransformedDistribution(base, self.transforms, validate_args=False)
