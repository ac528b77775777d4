"""Initialisers: fill a tensor with numbers that let training start well.

Each fills its tensor in place without being recorded, gives it back, and draws from `generator`, or from the default
one that `medtorch.manual_seed` seeds.

Source    semantics of torch.nn.init; He et al. 2015 (arXiv:1502.01852), Glorot & Bengio 2010, Saxe et al. 2013
          (arXiv:1312.6120); the numbers drawn differ from torch's, their distributions do not
Requires  REQ-F-NN-006
"""

from __future__ import annotations

import math
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from medtorch.core.modes import no_grad
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.random import Generator

_LINEAR = (
    "linear",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "sigmoid",
)


class _State(threading.local):
    skipping = False


_STATE = _State()


@contextmanager
def skip_init() -> Iterator[None]:
    """Layers made inside stay zeros: for a model whose numbers are all about to be loaded, strictly."""
    before, _STATE.skipping = _STATE.skipping, True
    try:
        yield
    finally:
        _STATE.skipping = before


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which weights grow to make up for what `nonlinearity` takes away.

    Math      1 for linear layers and sigmoid, 5/3 tanh, sqrt 2 relu, sqrt(2 / (1 + slope^2)) leaky_relu, 3/4 selu
    Raises    ArgumentError for an unknown name or a slope that is no number
    """
    if nonlinearity in _LINEAR:
        return 1.0
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ArgumentError(f"calculate_gain: negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity == "selu":
        return 3.0 / 4
    raise ArgumentError(f"calculate_gain: unsupported nonlinearity {nonlinearity}")


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform in [a, b)."""
    with no_grad():
        return tensor if _STATE.skipping else tensor.uniform_(a, b, generator=generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal with `mean` and `std`."""
    with no_grad():
        return tensor if _STATE.skipping else tensor.normal_(mean, std, generator=generator)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """One number everywhere."""
    with no_grad():
        return tensor if _STATE.skipping else tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """One everywhere."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Zero everywhere."""
    return constant_(tensor, 0.0)


def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix. Raises ShapeError unless there are 2 dims."""
    if tensor.ndim != 2:
        raise ShapeError(f"eye_: only tensors with 2 dimensions are supported, got {tensor.shape}")
    return _write(tensor, np.eye(*tensor.shape))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """A convolution weight that passes its input through, as many channels as there are on both sides, in each group.

    Raises    ShapeError unless there are 3 to 5 dims; ArgumentError if `groups` does not divide the channels
    """
    if tensor.ndim not in (3, 4, 5):
        raise ShapeError(f"dirac_: only tensors with 3, 4, or 5 dimensions are supported, got {tensor.shape}")
    if tensor.shape[0] % groups:
        raise ArgumentError(f"dirac_: dim 0 of {tensor.shape} must be divisible by groups={groups}")
    numbers = np.zeros(tensor.shape)
    per_group = tensor.shape[0] // groups
    centre = tuple(size // 2 for size in tensor.shape[2:])
    for group in range(groups):
        for channel in range(min(per_group, tensor.shape[1])):
            numbers[(group * per_group + channel, channel, *centre)] = 1
    return _write(tensor, numbers)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Normal with `mean` and `std`, cut off outside [a, b].

    Math      drawn again until inside; where fewer than 3 in 10 would be, from a uniform in [a, b], kept in the ratio
              of densities
    Raises    ArgumentError unless a < b and std > 0
    """
    if not (a < b and std > 0):
        raise ArgumentError(f"trunc_normal_: needs a < b and std > 0, got a={a}, b={b}, std={std}")
    if _STATE.skipping:
        return tensor
    inside = 0.5 * (math.erf((b - mean) / std / math.sqrt(2)) - math.erf((a - mean) / std / math.sqrt(2)))
    peak = (max(a, min(mean, b)) - mean) / std

    def normal_draw() -> tuple[Tensor, Tensor]:
        drawn = tensor.new_empty(tensor.shape).normal_(mean, std, generator=generator)
        return drawn, (drawn < a).logical_or(drawn > b)

    def uniform_draw() -> tuple[Tensor, Tensor]:
        drawn = tensor.new_empty(tensor.shape).uniform_(a, b, generator=generator)
        chance = (((drawn - mean) / std).square() * -0.5 + 0.5 * peak**2).exp()
        return drawn, tensor.new_empty(tensor.shape).uniform_(0, 1, generator=generator) > chance

    with no_grad():
        return tensor.copy_(_until_accepted(normal_draw if inside > 0.3 else uniform_draw))


def _until_accepted(draw: Callable[[], tuple[Tensor, Tensor]]) -> Tensor:
    """Draws, each number drawn again as long as it is refused."""
    kept, refused = draw()
    while refused.any().item():
        again, refused_again = draw()
        kept = again.where(refused, kept)
        refused = refused.logical_and(refused_again)
    return kept


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """How many numbers flow into and out of each unit of a weight. Raises ShapeError for fewer than 2 dims."""
    if tensor.ndim < 2:
        raise ShapeError(
            f"Fan in and fan out can not be computed for tensor with fewer than 2 dimensions, got {tensor.shape}"
        )
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    if mode.lower() not in ("fan_in", "fan_out"):
        raise ArgumentError(f"mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    return _calculate_fan_in_and_fan_out(tensor)[mode.lower() == "fan_out"]


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform with std = gain * sqrt(2 / (fan_in + fan_out))."""
    bound = math.sqrt(3.0) * gain * math.sqrt(2.0 / sum(_calculate_fan_in_and_fan_out(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal with std = gain * sqrt(2 / (fan_in + fan_out))."""
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / sum(_calculate_fan_in_and_fan_out(tensor))), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Uniform with std = gain / sqrt(fan), `a` being the slope of leaky_relu. An empty tensor stays as it is."""
    if 0 in tensor.shape:
        return tensor
    bound = math.sqrt(3.0) * calculate_gain(nonlinearity, a) / math.sqrt(_calculate_correct_fan(tensor, mode))
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Normal with std = gain / sqrt(fan), `a` being the slope of leaky_relu. An empty tensor stays as it is."""
    if 0 in tensor.shape:
        return tensor
    std = calculate_gain(nonlinearity, a) / math.sqrt(_calculate_correct_fan(tensor, mode))
    return normal_(tensor, 0.0, std, generator)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """Rows (or columns, if there are fewer) of length `gain` at right angles, uniform among all such matrices.

    Math      Q of a QR decomposition of normal numbers, its columns turned so that the diagonal of R is positive
    Shapes    dims after the first count as one
    """
    if tensor.ndim < 2:
        raise ShapeError(f"orthogonal_: only tensors with 2 or more dimensions are supported, got {tensor.shape}")
    if tensor.numel() == 0 or _STATE.skipping:
        return tensor
    rows = tensor.shape[0]
    drawn = tensor.new_empty((rows, tensor.numel() // rows)).normal_(0, 1, generator=generator)
    numbers = drawn.detach().cpu().double().numpy()
    q, r = np.linalg.qr(numbers if rows >= numbers.shape[1] else numbers.T)
    q = q * np.sign(np.diag(r))
    return _write(tensor, gain * (q if rows >= numbers.shape[1] else q.T).reshape(tensor.shape))


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """Normal with `std`, and in each column a share `sparsity` of zeros, at places drawn for each."""
    if tensor.ndim != 2:
        raise ShapeError(f"sparse_: only tensors with 2 dimensions are supported, got {tensor.shape}")
    if _STATE.skipping:
        return tensor
    zeros = math.ceil(sparsity * tensor.shape[0])
    normal_(tensor, 0, std, generator)
    order = tensor.new_empty(tensor.shape).uniform_(0, 1, generator=generator).detach().cpu().numpy().argsort(axis=0)
    numbers = tensor.detach().cpu().numpy().copy()
    np.put_along_axis(numbers, order[:zeros], 0, axis=0)
    return _write(tensor, numbers)


def _old(new: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """torch's name of an initialiser before 0.4, which tells so when it is used."""

    def initialise(*args: Any, **kwargs: Any) -> Tensor:
        name = new.__name__
        text = f"nn.init.{name.rstrip('_')} is now deprecated in favor of nn.init.{name}."
        warnings.warn(text, FutureWarning, stacklevel=2)
        return new(*args, **kwargs)

    return initialise


uniform, normal, constant = _old(uniform_), _old(normal_), _old(constant_)
eye, dirac, orthogonal, sparse = _old(eye_), _old(dirac_), _old(orthogonal_), _old(sparse_)
xavier_uniform, xavier_normal = _old(xavier_uniform_), _old(xavier_normal_)
kaiming_uniform, kaiming_normal = _old(kaiming_uniform_), _old(kaiming_normal_)


def bias_uniform_(bias: Tensor | None, weight: Tensor) -> None:
    """Uniform in +-1/sqrt(fan_in) of the weight beside it: what torch's linear and convolution layers start from."""
    if bias is not None:
        fan_in, _ = _calculate_fan_in_and_fan_out(weight)
        bound = 1 / math.sqrt(fan_in) if fan_in else 0.0
        uniform_(bias, -bound, bound)


def _write(tensor: Tensor, numbers: np.ndarray[Any, Any]) -> Tensor:
    with no_grad():
        return tensor if _STATE.skipping else tensor.copy_(tensor.new_tensor(numbers))
