"""The binomial and the geometric distribution."""

from __future__ import annotations

from typing import Any, ClassVar

from medtorch.core.random import binomial
from medtorch.core.tensor import Tensor
from medtorch.distributions import constraints
from medtorch.distributions.constraints import Constraint
from medtorch.distributions.distribution import Distribution, Shape, drawn, parameters
from medtorch.distributions.utils import clamp_probs, logits_to_probs, one_of_two, probs_to_logits


class Binomial(Distribution):
    """How many of total_count trials succeed, each with probability probs (or sigmoid(logits)).

    Source    semantics of torch.distributions.Binomial
    """

    arg_constraints: ClassVar = {
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }

    def __init__(
        self, total_count: Any = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        name, value = one_of_two("Binomial", probs, logits)
        self.total_count, self.__dict__[name] = parameters(total_count, value)
        super().__init__(self.total_count.shape, validate_args=validate_args)

    def __getattr__(self, name: str) -> Tensor:
        if name == "probs" and "logits" in self.__dict__:
            return logits_to_probs(self.__dict__["logits"], is_binary=True)
        if name == "logits" and "probs" in self.__dict__:
            return probs_to_logits(self.__dict__["probs"], is_binary=True)
        raise AttributeError(f"{type(self).__name__} has no {name}")

    @property
    def support(self) -> Constraint:
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.probs

    @property
    def mode(self) -> Tensor:
        return ((self.total_count + 1) * self.probs).floor().minimum(self.total_count)

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        shape = self._extended(sample_shape)
        return binomial(self.total_count.detach().expand(shape), self.probs.detach().expand(shape))

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        n, logits = self.total_count, self.logits
        ways = (n + 1).lgamma() - (value + 1).lgamma() - (n - value + 1).lgamma()
        return ways + value * logits - n * (logits.clamp(min=0) + (-logits.abs()).exp().log1p())


class Geometric(Distribution):
    """How many trials fail before the first that succeeds, each with probability probs (or sigmoid(logits)).

    Source    semantics of torch.distributions.Geometric
    """

    arg_constraints: ClassVar = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.nonnegative_integer

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        name, value = one_of_two("Geometric", probs, logits)
        (self.__dict__[name],) = parameters(value)
        super().__init__(self.__dict__[name].shape, validate_args=validate_args)

    def __getattr__(self, name: str) -> Tensor:
        if name == "probs" and "logits" in self.__dict__:
            return logits_to_probs(self.__dict__["logits"], is_binary=True)
        if name == "logits" and "probs" in self.__dict__:
            return probs_to_logits(self.__dict__["probs"], is_binary=True)
        raise AttributeError(f"{type(self).__name__} has no {name}")

    @property
    def mean(self) -> Tensor:
        return 1.0 / self.probs - 1.0

    @property
    def mode(self) -> Tensor:
        return self.probs * 0

    @property
    def variance(self) -> Tensor:
        return (1.0 / self.probs - 1.0) / self.probs

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        probs = self.probs.detach()
        return (drawn(probs, self._extended(sample_shape), "uniform").log() / (-probs).log1p()).floor()

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        probs = self.probs
        failing = (-probs).masked_fill((probs == 1) & (value == 0), 0.0)
        return value * failing.log1p() + probs.log()

    def entropy(self) -> Tensor:
        probs = clamp_probs(self.probs)
        return -(probs * probs.log() + (1 - probs) * (-probs).log1p()) / probs
