"""The Bernoulli distribution."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from medtorch.core.ops.loss import binary_cross_entropy_with_logits
from medtorch.core.ops.shape import broadcast_tensors
from medtorch.core.tensor import Tensor
from medtorch.distributions import constraints
from medtorch.distributions.distribution import ExponentialFamily, Shape, drawn, parameters
from medtorch.distributions.utils import logits_to_probs, one_of_two, probs_to_logits


class Bernoulli(ExponentialFamily):
    """1 with probability `probs` (or sigmoid(logits)), else 0.

    Source    semantics of torch.distributions.Bernoulli
    """

    has_enumerate_support = True
    arg_constraints: ClassVar = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.boolean

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        name, value = one_of_two("Bernoulli", probs, logits)
        (self.__dict__[name],) = parameters(value)
        super().__init__(self.__dict__[name].shape, validate_args=validate_args)

    def __getattr__(self, name: str) -> Tensor:
        if name == "probs" and "logits" in self.__dict__:
            return logits_to_probs(self.__dict__["logits"], is_binary=True)
        if name == "logits" and "probs" in self.__dict__:
            return probs_to_logits(self.__dict__["probs"], is_binary=True)
        raise AttributeError(f"{type(self).__name__} has no {name}")

    @property
    def param_shape(self) -> Any:
        return self.logits.shape

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        return (self.probs >= 0.5).to(self.probs.dtype).masked_fill(self.probs == 0.5, math.nan)

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        probs = self.probs.detach()
        return (drawn(probs, self._extended(sample_shape), "uniform") < probs).to(probs.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        logits, given = broadcast_tensors(self.logits, value)
        return -binary_cross_entropy_with_logits(logits, given.to(logits.dtype), reduction="none")

    def entropy(self) -> Tensor:
        return binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        values = self.logits.detach().new_tensor([0.0, 1.0]).reshape((2,) + (1,) * len(self._batch_shape))
        return values.expand((2, *self._batch_shape)) if expand else values
