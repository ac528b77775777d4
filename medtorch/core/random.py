"""New tensors of random numbers, and the generators they come from.

Source    semantics of torch's samplers and torch.Generator; the numbers are medtorch's own (medtorch/core/stream.py)
Requires  REQ-F-TEN-008
"""

from __future__ import annotations

import os
from typing import Any, Self

import numpy as np

from medtorch.core import counts, dtypes
from medtorch.core.backends import move
from medtorch.core.creation import _shape
from medtorch.core.devices import as_device
from medtorch.core.factory import factory
from medtorch.core.stream import DEFAULT, Stream, stream_of
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, DtypeError


class Generator:
    """A stream of random numbers. The same seed gives the same numbers everywhere, on every device."""

    def __init__(self, device: Any = "cpu", *, stream: Stream | None = None) -> None:
        self.device = as_device(device)
        self.stream = Stream() if stream is None else stream

    def manual_seed(self, seed: int) -> Self:
        """Start the stream of `seed` from its beginning. Raises ArgumentError outside of 64 bits."""
        if not -(1 << 63) <= int(seed) < 1 << 64:
            raise ArgumentError(f"manual_seed: the seed must fit 64 bits, got {seed}")
        self.stream.seed, self.stream.taken = int(seed) % (1 << 64), 0
        return self

    def seed(self) -> int:
        """Start a stream that nobody can foretell, and say its seed."""
        self.manual_seed(int.from_bytes(os.urandom(8), "little") >> 1)
        return self.stream.seed

    def initial_seed(self) -> int:
        """The seed that the stream started from."""
        return self.stream.seed

    def get_state(self) -> Tensor:
        """Where the stream stands: 16 bytes."""
        standing = np.array([self.stream.seed, self.stream.taken], "<u8").view(np.uint8).copy()
        return Tensor._from_array(standing, as_device("cpu"))

    def set_state(self, new_state: Tensor) -> Self:
        """Go on from where `get_state` was taken. Raises ArgumentError for anything else than its 16 bytes."""
        if new_state.dtype is not dtypes.uint8 or tuple(new_state.shape) != (16,):
            raise ArgumentError(f"set_state: expected 16 bytes as uint8, got {new_state.spec}")
        self.stream.seed, self.stream.taken = (int(v) for v in np.ascontiguousarray(new_state.numpy()).view("<u8"))
        return self

    def clone_state(self) -> Generator:
        """A second stream that stands where this one does."""
        return Generator(self.device, stream=Stream(self.stream.seed, self.stream.taken))


default_generator = Generator(stream=DEFAULT)


def manual_seed(seed: int) -> Generator:
    """Start the default stream of `seed` from its beginning."""
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Start a default stream that nobody can foretell."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed of the default stream."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """Where the default stream stands."""
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Put the default stream where `get_rng_state` was taken."""
    default_generator.set_state(new_state)


def _new(
    values: np.ndarray[Any, Any], dtype: Any, device: Any, requires_grad: bool, fallback: dtypes.dtype | None = None
) -> Tensor:
    wanted = dtypes.as_dtype(dtype) if dtype is not None else fallback or dtypes.get_default_dtype()
    place = as_device(device)
    array = values.astype(wanted.numpy)
    return Tensor._from_array(move(array, place), place).requires_grad_(requires_grad)


def _floating(dtype: Any, name: str) -> dtypes.dtype:
    wanted = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    if not wanted.is_floating_point:
        raise DtypeError(f"{name}: needs a floating-point dtype, got {wanted!r}")
    return wanted


@factory
def rand(
    *size: Any, generator: Generator | None = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Uniform on [0, 1)."""
    wanted = _floating(dtype, "rand")
    return _new(stream_of(generator).uniform(_shape(size), wanted), wanted, device, requires_grad)


@factory
def randn(
    *size: Any, generator: Generator | None = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Standard normal."""
    return _new(stream_of(generator).normal(_shape(size)), _floating(dtype, "randn"), device, requires_grad)


@factory
def randint(
    low: int,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`randint(low, high, size)` or `randint(high, size)`: whole numbers from `low` (0) to `high` - 1."""
    first, last, shape = (0, low, high) if size is None else (low, high, size)
    if shape is None or not isinstance(last, (int, np.integer)):
        raise ArgumentError("randint: takes (high, size) or (low, high, size)")
    return _new(
        stream_of(generator).integers(first, int(last), _shape((shape,))), dtype, device, requires_grad, dtypes.int64
    )


@factory
def randperm(
    n: int, *, generator: Generator | None = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """The whole numbers below n in random order."""
    return _new(stream_of(generator).permutation(n), dtype, device, requires_grad, dtypes.int64)


@factory
def rand_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """rand, with the shape, dtype and device of `input`."""
    return rand(
        tuple(input.shape),
        generator=generator,
        dtype=dtype or input.dtype,
        device=device or input.device,
        requires_grad=requires_grad,
    )


@factory
def randn_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """randn, with the shape, dtype and device of `input`."""
    return randn(
        tuple(input.shape),
        generator=generator,
        dtype=dtype or input.dtype,
        device=device or input.device,
        requires_grad=requires_grad,
    )


@factory
def randint_like(
    input: Tensor,
    low: int,
    high: int | None = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
) -> Tensor:
    """randint, with the shape, dtype and device of `input`."""
    first, last = (0, low) if high is None else (low, high)
    return randint(
        first, last, tuple(input.shape), generator=generator, dtype=dtype or input.dtype, device=device or input.device
    )


def normal(
    mean: Any = 0.0,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
) -> Tensor:
    """Normal with the given mean and standard deviation: of a size, or one for each element of the tensors given."""
    for name, value in (("mean", mean), ("std", std)):
        if size is not None and isinstance(value, Tensor):
            raise ArgumentError(f"normal: a size goes with numbers, got a tensor as {name}")
    if not isinstance(std, Tensor) and std < 0:
        raise ArgumentError(f"normal: std must not be negative, got {std}")
    if size is not None:
        return randn(size, generator=generator, dtype=dtype, device=device) * std + mean  # type: ignore[no-any-return]
    like: Any = mean + std * 0 if isinstance(mean, Tensor) else std * 0 + mean
    if not isinstance(like, Tensor):
        raise ArgumentError("normal: needs a size or a tensor")
    return randn_like(like, generator=generator) * std + mean  # type: ignore[no-any-return]


def bernoulli(input: Tensor, *, generator: Generator | None = None) -> Tensor:
    """1 with the probability in `input`, else 0."""
    if bool(((input < 0) | (input > 1)).any()):
        raise ArgumentError("bernoulli: probabilities must lie in [0, 1]")
    return (rand(tuple(input.shape), generator=generator, dtype=dtypes.float64, device=input.device) < input).to(
        input.dtype
    )


def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None
) -> Tensor:
    """Places drawn with probabilities as the weights in the last dim.

    Shapes    (n,) -> (num_samples,);  (m, n) -> (m, num_samples)
    """
    if input.ndim not in (1, 2) or not input.dtype.is_floating_point:
        raise ArgumentError(f"multinomial: takes floating weights of 1 or 2 dims, got {input.spec}")
    weights = np.atleast_2d(input.numpy(force=True).astype(np.float64))
    if not np.isfinite(weights).all() or (weights < 0).any() or (weights.sum(1) <= 0).any():
        raise ArgumentError("multinomial: weights must be finite, not negative, and not all zero")
    if num_samples < 1:
        raise ArgumentError(f"multinomial: at least one sample must be drawn, got {num_samples}")
    if not replacement and num_samples > int((weights > 0).sum(1).min()):
        raise ArgumentError(f"multinomial: {num_samples} samples without replacement from fewer positive weights")
    stream = stream_of(generator)
    if replacement:
        edges = np.cumsum(weights, 1)
        points = stream.uniform((weights.shape[0], num_samples)) * edges[:, -1:]
        drawn = np.stack([np.searchsorted(e, p, side="right") for e, p in zip(edges, points, strict=True)])
    else:  # the largest keys log(u)/w: Efraimidis & Spirakis 2006
        with np.errstate(divide="ignore"):
            keys = np.log1p(-stream.uniform(weights.shape)) / weights
        drawn = np.argsort(-keys, 1, kind="stable")[:, :num_samples]
    return _new(drawn[0] if input.ndim == 1 else drawn, None, input.device, False, dtypes.int64)


def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Whole numbers of the Poisson distribution with the rates in `input`, in its dtype.

    Math      below a rate of 10 by counting exponential waits, above by transformed rejection
    Source    Hormann 1993, Insurance: Mathematics and Economics 12, 39-45 (PTRS); semantics of torch.poisson
    Raises    DtypeError for whole numbers; ArgumentError for negative rates
    """
    if not input.dtype.is_floating_point:
        raise DtypeError(f"poisson: takes floating-point rates, got {input.spec}")
    rates = input.numpy(force=True).astype(np.float64)
    if not (rates >= 0).all():
        raise ArgumentError("poisson: rates must not be negative")
    drawn = counts.poisson(rates, stream_of(generator))
    return _new(drawn, input.dtype, input.device, False)


def binomial(count: Tensor, prob: Tensor, generator: Generator | None = None) -> Tensor:
    """How many of `count` trials succeed, each with probability `prob`, in count's dtype.

    Math      of every trial a uniform number below prob
    Source    semantics of torch.binomial
    Raises    DtypeError for whole numbers; ArgumentError for counts and probabilities that there are not
    """
    if not (count.dtype.is_floating_point and prob.dtype.is_floating_point):
        raise DtypeError(f"binomial: takes floating-point tensors, got {count.spec} and {prob.spec}")
    trials, odds = np.broadcast_arrays(
        count.numpy(force=True).astype(np.float64), prob.numpy(force=True).astype(np.float64)
    )
    if not ((trials >= 0) & (trials == np.floor(trials)) & (odds >= 0) & (odds <= 1)).all():
        raise ArgumentError("binomial: needs whole counts from 0 up and probabilities in [0, 1]")
    return _new(counts.binomial(trials, odds, stream_of(generator)), count.dtype, count.device, False)
