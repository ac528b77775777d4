"""The categorical distribution, as a number or as a vector with a 1."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Self

from medtorch.core.creation import arange
from medtorch.core.dtypes import finfo, int64
from medtorch.core.random import multinomial
from medtorch.core.shapes import broadcast_shapes
from medtorch.core.tensor import Tensor
from medtorch.distributions import constraints
from medtorch.distributions.constraints import Constraint
from medtorch.distributions.distribution import Distribution, Shape, parameters
from medtorch.distributions.utils import logits_to_probs, one_of_two, probs_to_logits
from medtorch.errors import ArgumentError


class Categorical(Distribution):
    """i with probability probs_i, which are made to sum to 1 (or softmax(logits)).

    Source    semantics of torch.distributions.Categorical
    """

    has_enumerate_support = True
    arg_constraints: ClassVar = {"probs": constraints.simplex, "logits": constraints.real_vector}

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        name, value = one_of_two("Categorical", probs, logits)
        (given,) = parameters(value)
        if given.ndim < 1:
            raise ArgumentError(f"Categorical: {name} must have at least 1 dim")
        if name == "probs":
            self.probs = given / given.sum(-1, keepdim=True)
        else:
            self.logits = given - given.logsumexp(-1, keepdim=True)
        self._num_events = given.shape[-1]
        super().__init__(given.shape[:-1], validate_args=validate_args)

    def __getattr__(self, name: str) -> Any:
        if name == "probs" and "logits" in self.__dict__:
            return logits_to_probs(self.__dict__["logits"])
        if name == "logits" and "probs" in self.__dict__:
            return probs_to_logits(self.__dict__["probs"])
        raise AttributeError(f"{type(self).__name__} has no {name}")

    @property
    def support(self) -> Constraint:
        return constraints.integer_interval(0, self._num_events - 1)

    @property
    def param_shape(self) -> Any:
        return self.__dict__["probs" if "probs" in self.__dict__ else "logits"].shape

    @property
    def mean(self) -> Tensor:
        return self.probs.new_full(self._batch_shape, math.nan)

    @property
    def mode(self) -> Tensor:
        return self.probs.argmax(-1)

    @property
    def variance(self) -> Tensor:
        return self.probs.new_full(self._batch_shape, math.nan)

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        count = math.prod(sample_shape)
        rows = self.probs.detach().reshape(-1, self._num_events)
        if not count or not rows.shape[0]:
            return rows.new_zeros(self._extended(sample_shape), dtype=int64)
        return multinomial(rows, count, True).T.reshape(self._extended(sample_shape))  # type: ignore[no-any-return]

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        index = value.long().unsqueeze(-1)
        shape = (*broadcast_shapes(tuple(index.shape[:-1]), tuple(self._batch_shape)), self._num_events)
        logits = self.logits.expand(shape)
        return logits.gather(-1, index.expand(*shape[:-1], 1)).squeeze(-1)

    def entropy(self) -> Tensor:
        logits = self.logits.clamp(min=finfo(self.logits.dtype).min)
        return -(logits * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        values = arange(self._num_events, device=self.probs.device)
        values = values.reshape((-1,) + (1,) * len(self._batch_shape))
        return values.expand((self._num_events, *self._batch_shape)) if expand else values

    def expand(self, batch_shape: Shape) -> Self:
        name = "probs" if "probs" in self.__dict__ else "logits"
        given = self.__dict__[name].expand(*batch_shape, self._num_events)
        return type(self)(**{name: given}, validate_args=False)
