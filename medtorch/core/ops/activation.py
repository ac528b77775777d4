"""What stands between the layers of a network, number by number. Shapes are `x -> y: same shape` throughout.

relu, sigmoid and tanh stand in elementwise.py. Where a branch is not taken its argument is held in range, so that
nothing infinite is multiplied by the zero of its gradient.

Source    semantics of torch.nn.functional's functions of these names
Requires  REQ-F-OPS-109
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from medtorch.core.autocasting import narrow
from medtorch.core.ops.activation_grad import input_grad, is_one_kernel
from medtorch.core.ops.comparison import choose
from medtorch.core.ops.op import Array, Op, require
from medtorch.core.shapes import normalize_dim
from medtorch.core.spec import Spec
from medtorch.core.stream import Streaming, stream_of
from medtorch.errors import ArgumentError, DtypeError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor

_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


class _Activation(Op):
    """Floating-point numbers in and out. Raises DtypeError for others."""

    def check(self, x: Spec) -> Spec:
        require(x.dtype.is_floating_point, DtypeError, self, "input must be floating point", input=x)
        return x


class _Cut(Op):
    """Takes whole numbers, too. Raises DtypeError for bool."""

    def check(self, x: Spec) -> Spec:
        require(x.dtype.category > 0, DtypeError, self, "does not take bool", input=x)
        return x


class LeakyRelu(_Activation):
    """Math      y = x where x > 0, else slope x;  dx = dy, else slope dy"""

    negative_slope: float

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.leaky_relu(x, self.negative_slope)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        if is_one_kernel(dy, x):
            return input_grad("leaky_relu", dy, x, self.negative_slope)
        return choose(x > 0, dy, dy * self.negative_slope)


class Elu(_Activation):
    """Math      y = s x where x > 0, else s alpha (e^(k x) - 1);  dx = s dy, else s alpha k e^(k x) dy"""

    alpha: float
    scale: float
    input_scale: float

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.elu(x, self.alpha, self.scale, self.input_scale)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        factor = self.scale * self.alpha * self.input_scale
        return choose(x <= 0, dy * (x.clamp_max(0) * self.input_scale).exp() * factor, dy * self.scale)


class Silu(_Activation):
    """Math      s = 1 / (1 + e^-x); y = x s;  dx = s (1 + x (1 - s)) dy"""

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.silu(x)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        if is_one_kernel(dy, x):
            return input_grad("silu", dy, x)
        s = x.sigmoid()
        return dy * (s * (x * (1 - s) + 1))


class Mish(_Activation):
    """Math      t = tanh(log(1 + e^x)), s = 1 / (1 + e^-x); y = x t;  dx = (t + x s (1 - t^2)) dy"""

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.mish(x)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        t = (-logsigmoid(-x)).tanh()
        return dy * (t + x * x.sigmoid() * (1 - t * t))


class Gelu(_Activation):
    """Math      y = x P(x) with P the normal distribution; dx = (P(x) + x p(x)) dy

    tanh      y = x (1 + tanh u) / 2 with u = sqrt(2 / pi) (x + 0.044715 x^3)
    Source    Hendrycks & Gimpel 2016, arXiv:1606.08415
    """

    approximate: str

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.gelu_tanh(x) if self.approximate == "tanh" else kernels.gelu(x)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        if self.approximate == "none" and is_one_kernel(dy, x):
            return input_grad("gelu", dy, x)
        if self.approximate == "tanh":
            root = math.sqrt(2 / math.pi)
            t = ((x + x * x * x * 0.044715) * root).tanh()
            slope = (x * x * (3 * 0.044715) + 1) * root
            return dy * ((t + 1) + x * (1 - t * t) * slope) * 0.5
        share = ((x * math.sqrt(0.5)).erf() + 1) * 0.5
        density = (x * x * -0.5).exp() * (1 / math.sqrt(2 * math.pi))
        return dy * (share + x * density)


class Hardswish(_Activation):
    """Math      y = x min(max(x + 3, 0), 6) / 6;  dx = 0, (x / 3 + 1/2) dy, dy below, within and above (-3, 3)"""

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.hardswish(x)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        if is_one_kernel(dy, x):
            return input_grad("hardswish", dy, x)
        inside = choose(x < 3, dy * (x / 3 + 0.5), dy)
        return inside.masked_fill(x <= -3, 0)


class Hardsigmoid(_Activation):
    """Math      y = min(max(x + 3, 0), 6) / 6;  dx = dy / 6 within (-3, 3), else 0"""

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.hardsigmoid(x)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        if is_one_kernel(dy, x):
            return input_grad("hardsigmoid", dy, x)
        return (dy / 6).masked_fill((x <= -3).logical_or(x >= 3), 0)


class Hardtanh(_Cut):
    """Math      y = min(max(x, min_val), max_val);  dx = dy strictly between, else 0"""

    min_val: float
    max_val: float

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.clamp(x, self.min_val, self.max_val)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        if is_one_kernel(dy, x):
            return input_grad("clamp", dy, x, self.min_val, self.max_val)
        return dy.masked_fill((x <= self.min_val).logical_or(x >= self.max_val), 0)


class Softplus(_Activation):
    """Math      y = log(1 + e^(beta x)) / beta, x where beta x > threshold;  dx = dy / (1 + e^(-beta x)), dy there"""

    beta: float
    threshold: float

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.softplus(x, self.beta, self.threshold)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        scaled = x * self.beta
        return choose(scaled > self.threshold, dy, dy * scaled.sigmoid())


class LogSigmoid(_Activation):
    """Math      y = -log(1 + e^-x);  dx = dy / (1 + e^x)"""

    name = "logsigmoid"

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.logsigmoid(x)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        return dy * (-x).sigmoid()


class Softshrink(_Activation):
    """Math      y = x - lambd, 0, x + lambd above, within and below [-lambd, lambd];  dx = dy outside, 0 within"""

    lambd: float

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.softshrink(x, self.lambd)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        return dy.masked_fill(x.abs() <= self.lambd, 0)


class Hardshrink(_Activation):
    """Math      y = x outside of [-lambd, lambd], else 0;  dx = dy outside, 0 within"""

    lambd: float

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.hardshrink(x, self.lambd)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        return dy.masked_fill(x.abs() <= self.lambd, 0)


class Threshold(_Cut):
    """Math      y = x where x > threshold, else value;  dx = dy, else 0"""

    threshold: float
    value: float

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.threshold(x, self.threshold, self.value)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        return dy.masked_fill(x <= self.threshold, 0)


def leaky_relu(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """x where positive, else `negative_slope` x."""
    return LeakyRelu(negative_slope)(input)  # type: ignore[no-any-return]


def elu(input: Tensor, alpha: float = 1.0) -> Tensor:
    """x where positive, else alpha (e^x - 1)."""
    return Elu(alpha, 1.0, 1.0)(input)  # type: ignore[no-any-return]


def celu(input: Tensor, alpha: float = 1.0) -> Tensor:
    """x where positive, else alpha (e^(x / alpha) - 1). Raises ArgumentError for alpha 0."""
    require(alpha != 0, ArgumentError, "celu", "alpha must not be 0", input=input.spec)
    return Elu(alpha, 1.0, 1.0 / alpha)(input)  # type: ignore[no-any-return]


def selu(input: Tensor) -> Tensor:
    """elu with the two constants that keep mean and variance. Source: Klambauer et al. 2017, arXiv:1706.02515"""
    return Elu(_SELU_ALPHA, _SELU_SCALE, 1.0)(input)  # type: ignore[no-any-return]


def silu(input: Tensor) -> Tensor:
    """x sigmoid(x)."""
    return Silu()(input)  # type: ignore[no-any-return]


def mish(input: Tensor) -> Tensor:
    """x tanh(softplus(x)). Source: Misra 2019, arXiv:1908.08681"""
    return Mish()(input)  # type: ignore[no-any-return]


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x times the share of the normal distribution below x. Raises ArgumentError for an unknown approximation."""
    known = approximate in ("none", "tanh")
    require(known, ArgumentError, "gelu", f"approximate must be none or tanh, got {approximate!r}", input=input.spec)
    return Gelu(approximate)(input)  # type: ignore[no-any-return]


def hardswish(input: Tensor) -> Tensor:
    """x relu6(x + 3) / 6."""
    return Hardswish()(input)  # type: ignore[no-any-return]


def hardsigmoid(input: Tensor) -> Tensor:
    """relu6(x + 3) / 6."""
    return Hardsigmoid()(input)  # type: ignore[no-any-return]


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """x cut to [min_val, max_val]. Raises ArgumentError where there is no such range."""
    text = f"min_val {min_val} is greater than max_val {max_val}"
    require(min_val <= max_val, ArgumentError, "hardtanh", text, input=input.spec)
    return Hardtanh(min_val, max_val)(input)  # type: ignore[no-any-return]


def relu6(input: Tensor) -> Tensor:
    """x cut to [0, 6]."""
    return Hardtanh(0.0, 6.0)(input)  # type: ignore[no-any-return]


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """A smooth relu: log(1 + e^(beta x)) / beta."""
    return Softplus(beta, threshold)(input)  # type: ignore[no-any-return]


def logsigmoid(input: Tensor) -> Tensor:
    """The logarithm of sigmoid(x), exact for large negative x."""
    return LogSigmoid()(input)  # type: ignore[no-any-return]


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x moved towards 0 by `lambd`. Raises ArgumentError for a negative lambd."""
    require(lambd >= 0, ArgumentError, "softshrink", f"lambd must not be negative, got {lambd}", input=input.spec)
    return Softshrink(lambd)(input)  # type: ignore[no-any-return]


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x, and 0 within [-lambd, lambd]."""
    return Hardshrink(lambd)(input)  # type: ignore[no-any-return]


def threshold(input: Tensor, threshold: float, value: float) -> Tensor:
    """x where it exceeds `threshold`, else `value`."""
    return Threshold(threshold, value)(input)  # type: ignore[no-any-return]


def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|)."""
    return input / (input.abs() + 1)


def tanhshrink(input: Tensor) -> Tensor:
    """x - tanh(x)."""
    return input - input.tanh()


@narrow
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x where positive, else weight x, with one weight for all or one a channel (dim 1).

    Raises    ShapeError for another number of weights; DtypeError
    """
    given = {"input": input.spec, "weight": weight.spec}
    require(input.dtype is weight.dtype, DtypeError, "prelu", "input and weight must have the same dtype", **given)
    require(weight.ndim <= 1, ShapeError, "prelu", f"weight must have 1 dim or none, has {weight.ndim}", **given)
    if weight.numel() != 1:
        channels = input.shape[1] if input.ndim > 1 else 1
        text = f"weight must have 1 element, or {channels}, one a channel"
        require(weight.numel() == channels, ShapeError, "prelu", text, **given)
        weight = weight.reshape(1, channels, *(1,) * (input.ndim - 2))
    elif weight.ndim:
        weight = weight.reshape(())
    return choose(input > 0, input, weight * input)


def rrelu(
    input: Tensor,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    *,
    generator: Streaming | None = None,
) -> Tensor:
    """x where positive, else x times a random slope of [lower, upper), the mean of both when not training.

    Source    Xu et al. 2015, arXiv:1505.00853
    """
    require(lower <= upper, ArgumentError, "rrelu", f"lower {lower} is greater than upper {upper}", input=input.spec)
    if not training:
        return leaky_relu(input, (lower + upper) / 2)
    require(input.dtype.is_floating_point, DtypeError, "rrelu", "input must be floating point", input=input.spec)
    slopes = stream_of(generator).uniform(tuple(input.shape)) * (upper - lower) + lower
    return choose(input > 0, input, input * input.new_tensor(slopes))


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """The first half along `dim` times the sigmoid of the second. Raises ShapeError for an odd size."""
    require(input.ndim > 0, ShapeError, "glu", "input must have 1 dim or more", input=input.spec)
    place = normalize_dim(dim, input.ndim, op="glu")
    size = input.shape[place]
    require(size % 2 == 0, ShapeError, "glu", f"the size along dim {dim} must be even, is {size}", input=input.spec)
    return input.narrow(place, 0, size // 2) * input.narrow(place, size // 2, size // 2).sigmoid()
