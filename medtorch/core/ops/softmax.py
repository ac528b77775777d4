"""Scores to probabilities along one dim.

Source    semantics of torch.softmax, torch.log_softmax, torch.nn.functional.gumbel_softmax
Requires  REQ-F-OPS-106
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from medtorch.core import dtypes
from medtorch.core.ops.op import Array, Op, require
from medtorch.core.shapes import normalize_dim
from medtorch.core.spec import Spec
from medtorch.core.stream import Streaming, stream_of
from medtorch.errors import ArgumentError, DtypeError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor


class Softmax(Op):
    """Turn scores into probabilities along one dim.

    Math      y = exp(x - max x) / sum exp(x - max x);  dx = y (dy - sum y dy)
    Shapes    x: any shape with `dim`  ->  y: same shape, sums to 1 along `dim`
    Raises    DtypeError if x is not floating; DimError if x has no such dim
    Source    semantics of torch.softmax
    """

    dim: int

    def check(self, x: Spec) -> Spec:
        return _check(self, x, self.dim)

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.softmax(x, self.dim) if x.ndim else kernels.softmax(x.reshape(1), 0).reshape(())

    def vjp(self, y: Tensor, dy: Tensor) -> Tensor:
        return y * (dy - (y * dy).sum(self.dim, keepdim=True))


class LogSoftmax(Op):
    """The logarithm of the probabilities, exact also where they are tiny.

    Math      y = x - max x - log sum exp(x - max x);  dx = dy - exp(y) sum dy
    Shapes    x: any shape with `dim`  ->  y: same shape
    Raises    DtypeError if x is not floating; DimError if x has no such dim
    Source    semantics of torch.log_softmax
    """

    dim: int

    def check(self, x: Spec) -> Spec:
        return _check(self, x, self.dim)

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.log_softmax(x, self.dim) if x.ndim else kernels.log_softmax(x.reshape(1), 0).reshape(())

    def vjp(self, y: Tensor, dy: Tensor) -> Tensor:
        return dy - y.exp() * dy.sum(self.dim, keepdim=True)


def _check(op: Op, x: Spec, dim: int) -> Spec:
    require(x.dtype.is_floating_point, DtypeError, op, "x must be floating point", x=x)
    normalize_dim(dim, x.ndim, op=op.name)
    return x


def _cast(input: Tensor, dtype: Any) -> Tensor:
    return input if dtype is None else input.to(dtypes.as_dtype(dtype))


def _implied(name: str, dim: int | None, input: Tensor) -> int:
    """The dim that torch takes where none is given, which it warns of."""
    if dim is not None:
        return int(dim)
    warnings.warn(f"{name}: an implied dim is deprecated; pass dim", stacklevel=3)
    return 0 if input.ndim in (0, 1, 3) else 1


def softmax(input: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """Probabilities along `dim`. See `Softmax`."""
    return Softmax(_implied("softmax", dim, input))(_cast(input, dtype))  # type: ignore[no-any-return]


def log_softmax(input: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """Logarithms of the probabilities along `dim`. See `LogSoftmax`."""
    return LogSoftmax(_implied("log_softmax", dim, input))(_cast(input, dtype))  # type: ignore[no-any-return]


def softmin(input: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """Probabilities of the negated scores along `dim`."""
    return Softmax(_implied("softmin", dim, input))(_cast(-input, dtype))  # type: ignore[no-any-return]


def gumbel_softmax(
    logits: Tensor,
    tau: float = 1,
    hard: bool = False,
    eps: float = 1e-10,
    dim: int = -1,
    *,
    generator: Streaming | None = None,
) -> Tensor:
    """Draw from the classes along `dim` so that the draw has a gradient; `hard` gives 0 and 1 with the soft gradient.

    Math      softmax((logits + g) / tau), g = -log(-log(1 - u)), u uniform on (0, 1)
    Raises    ArgumentError for another `eps`, which has had no effect in torch since 1.0
    Source    Jang et al. 2017, arXiv:1611.01144
    """
    require(
        eps == 1e-10, ArgumentError, "gumbel_softmax", f"eps has no effect, leave it out; got {eps}", logits=logits.spec
    )
    uniform = np.clip(stream_of(generator).uniform(tuple(logits.shape)), 2.0**-53, 1 - 2.0**-53)
    noise = logits.new_tensor(-np.log(-np.log1p(-uniform)))
    soft: Tensor = Softmax(dim)((logits + noise) / tau)
    if not hard:
        return soft
    drawn = soft.detach().argmax(dim, keepdim=True)
    return logits.new_zeros(logits.shape).scatter(dim, drawn, 1.0) - soft.detach() + soft
