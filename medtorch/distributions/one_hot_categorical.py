"""The categorical distribution as vectors with a single 1."""

from __future__ import annotations

from typing import Any, ClassVar

from medtorch.core.creation import eye
from medtorch.core.ops.classes import one_hot
from medtorch.core.tensor import Tensor
from medtorch.distributions import constraints
from medtorch.distributions.categorical import Categorical
from medtorch.distributions.distribution import Distribution, Shape


class OneHotCategorical(Distribution):
    """The i-th unit vector with probability probs_i (or softmax(logits)_i).

    Source    semantics of torch.distributions.OneHotCategorical
    """

    has_enumerate_support = True
    arg_constraints: ClassVar = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.one_hot

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self._categorical = Categorical(probs, logits, validate_args)
        shape = self._categorical.param_shape
        super().__init__(shape[:-1], shape[-1:], validate_args=validate_args)

    @property
    def probs(self) -> Tensor:
        return self._categorical.probs

    @property
    def logits(self) -> Tensor:
        return self._categorical.logits

    @property
    def param_shape(self) -> Any:
        return self._categorical.param_shape

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        return one_hot(self._categorical.mode, self._event_shape[0]).to(self.probs.dtype)

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        return one_hot(self._categorical.sample(sample_shape), self._event_shape[0]).to(self.probs.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        return self._categorical.log_prob(value.argmax(-1))

    def entropy(self) -> Tensor:
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        count = self._event_shape[0]
        values = eye(count, dtype=self.probs.dtype, device=self.probs.device)
        values = values.reshape(count, *(1,) * len(self._batch_shape), count)
        return values.expand(count, *self._batch_shape, count) if expand else values

    def expand(self, batch_shape: Shape) -> OneHotCategorical:
        return type(self)(probs=self.probs.expand(*batch_shape, self._event_shape[0]), validate_args=False)


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """The same with rsample: values as they are drawn, the gradient that of the probabilities."""

    has_rsample = True

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        return self.sample(sample_shape) + (self.probs - self.probs.detach())
