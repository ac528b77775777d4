"""What all distributions share: shapes, checks, and names of what can be asked.

Source    semantics of torch.distributions.distribution
Requires  REQ-F-RND-001
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

from medtorch.core import random
from medtorch.core.creation import tensor
from medtorch.core.dtypes import get_default_dtype
from medtorch.core.modes import no_grad
from medtorch.core.ops.shape import broadcast_tensors
from medtorch.core.tensor import Size, Tensor
from medtorch.distributions import constraints
from medtorch.distributions.constraints import Constraint
from medtorch.errors import ArgumentError, ShapeError, UnsupportedError

Shape = Sequence[int]
_validating = True


class Distribution:
    """A random variable for every place of `batch_shape`, each with values of `event_shape`."""

    has_rsample: ClassVar[bool] = False
    has_enumerate_support: ClassVar[bool] = False
    arg_constraints: ClassVar[dict[str, Constraint]] = {}
    support: Any = constraints.real

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether parameters and values are checked if a distribution is not told."""
        global _validating  # noqa: PLW0603  torch's interface is process-wide state
        if value not in (True, False):
            raise ArgumentError(f"set_default_validate_args: takes True or False, got {value!r}")
        _validating = value

    def __init__(self, batch_shape: Shape = (), event_shape: Shape = (), validate_args: bool | None = None) -> None:
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        self._validate_args = _validating if validate_args is None else validate_args
        for name, constraint in self.arg_constraints.items() if self._validate_args else ():
            value = self.__dict__.get(name)
            if value is not None and not bool(constraint.check(value.detach()).all()):
                raise ArgumentError(f"{type(self).__name__}: {name} must be {constraint}\n  {name}  {value.spec}")

    @property
    def batch_shape(self) -> Size:
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        return self._event_shape

    @property
    def mean(self) -> Tensor:
        raise UnsupportedError(f"{type(self).__name__} has no mean")

    @property
    def mode(self) -> Tensor:
        raise UnsupportedError(f"{type(self).__name__} has no mode")

    @property
    def variance(self) -> Tensor:
        raise UnsupportedError(f"{type(self).__name__} has no variance")

    @property
    def stddev(self) -> Tensor:
        return self.variance.sqrt()

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Values at random, of sample_shape + batch_shape + event_shape, without a gradient."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        """Values at random whose gradient reaches the parameters."""
        raise UnsupportedError(f"{type(self).__name__} has no rsample: its values have no gradient; use sample()")

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density, or probability, of a value."""
        raise UnsupportedError(f"{type(self).__name__} has no log_prob")

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of values up to this one."""
        raise UnsupportedError(f"{type(self).__name__} has no cdf")

    def icdf(self, value: Tensor) -> Tensor:
        """The value that cdf has this probability at."""
        raise UnsupportedError(f"{type(self).__name__} has no icdf")

    def entropy(self) -> Tensor:
        """The mean of -log_prob, in nats."""
        raise UnsupportedError(f"{type(self).__name__} has no entropy")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """Every value that there is, along dim 0."""
        raise UnsupportedError(f"{type(self).__name__} has no enumerate_support")

    def perplexity(self) -> Tensor:
        """e to the entropy."""
        return self.entropy().exp()

    def expand(self, batch_shape: Shape) -> Self:
        """The same distribution for a larger batch."""
        shape = tuple(batch_shape)
        given = {
            name: value.expand(*shape, *value.shape[value.ndim - constraint.event_dim :])
            for name, constraint in self.arg_constraints.items()
            if (value := self.__dict__.get(name)) is not None
        }
        return type(self)(**self._own(given), validate_args=False)

    def _own(self, given: dict[str, Tensor]) -> dict[str, Any]:
        """What the constructor is called with to make the same with other parameters."""
        return given

    def _extended(self, sample_shape: Shape) -> tuple[int, ...]:
        return (*tuple(sample_shape), *self._batch_shape, *self._event_shape)

    def _checked(self, value: Tensor) -> None:
        """Raise if `value` is no value of this distribution, and values are to be checked."""
        if not self._validate_args:
            return
        name = type(self).__name__
        if not isinstance(value, Tensor):
            raise ArgumentError(f"{name}: value must be a tensor, got {type(value).__name__}")
        first = value.ndim - len(self._event_shape)
        fits = first >= 0 and tuple(value.shape[first:]) == tuple(self._event_shape)
        pairs = zip(value.shape[:first][::-1], self._batch_shape[::-1], strict=False)
        if not fits or any(a != b and 1 not in (a, b) for a, b in pairs):
            shape = f"batch shape {tuple(self._batch_shape)} and event shape {tuple(self._event_shape)}"
            raise ShapeError(f"{name}: value does not fit {shape}\n  value  {value.spec}")
        if not bool(self.support.check(value.detach()).all()):
            raise ArgumentError(f"{name}: value must be {self.support}\n  value  {value.spec}")

    def __repr__(self) -> str:
        names = [name for name in self.arg_constraints if name in self.__dict__]
        shown = (f"{n}: {self.__dict__[n] if self.__dict__[n].numel() == 1 else self.__dict__[n].shape}" for n in names)
        return f"{type(self).__name__}({', '.join(shown)})"


class ExponentialFamily(Distribution):
    """A distribution of the exponential family."""


def parameters(*values: Any) -> tuple[Tensor, ...]:
    """Numbers and tensors as tensors of one shape and, numbers among them, one dtype."""
    given = [v for v in values if isinstance(v, Tensor)]
    wanted = given[0].dtype if given else get_default_dtype()
    wanted = wanted if wanted.is_floating_point else get_default_dtype()
    place = given[0].device if given else None
    many = [v if isinstance(v, Tensor) else tensor(v, dtype=wanted, device=place) for v in values]
    many = [v if v.dtype.is_floating_point else v.to(wanted) for v in many]
    return tuple(broadcast_tensors(*many))


def drawn(like: Tensor, shape: Shape, kind: str) -> Tensor:
    """Random numbers of the default stream, "normal" or "uniform" on (0, 1), with the dtype and device of `like`."""
    if kind == "normal":
        return random.randn(tuple(shape), dtype=like.dtype, device=like.device)
    tiny = 2.0**-24 if like.dtype.itemsize < 8 else 2.0**-53
    return random.rand(tuple(shape), dtype=like.dtype, device=like.device).clamp(tiny / 2, 1 - tiny)
