"""Normalisation: batch, layer, group, instance, local response, root mean square, and to unit length.

All of the first four are `Standardize` over different dims, then a weight and a bias.

Source    Ioffe & Szegedy 2015, arXiv:1502.03167; Ba et al. 2016, arXiv:1607.06450; Wu & He 2018, arXiv:1803.08494;
          semantics of torch.nn.functional.batch_norm and its kin
Requires  REQ-F-OPS-104
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from medtorch.core.dtypes import dtype, finfo, float32, float64
from medtorch.core.modes import STATE, is_plain, no_grad
from medtorch.core.ops.moments import norm
from medtorch.core.ops.op import Array, Op, require, sum_to
from medtorch.core.ops.pad import pad
from medtorch.core.ops.pool import avg_pool2d
from medtorch.core.shapes import Shape, reduced_shape
from medtorch.core.spec import Spec
from medtorch.core.stepping import can_follow, follow
from medtorch.errors import ArgumentError, DtypeError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor


class Standardize(Op):
    """Take away the mean over `dims` and divide by the standard deviation over them; the moments come along.

    Math      mean = sum x / n;  var = sum (x - mean)^2 / n;  y = (x - mean) (var + eps)^(-1/2)
              dx = J dy + dmean / n + 2 (x - mean) dvar / n, where J is `StandardizeInputGrad`
    Shapes    x  ->  y: same shape; mean, var: x's shape with size 1 along `dims`, float32 for half-precision x
    """

    dims: Shape
    eps: float

    def check(self, x: Spec) -> tuple[Spec, Spec, Spec]:
        require(x.dtype.is_floating_point, DtypeError, self, "x must be floating point", x=x)
        small = x.with_shape(reduced_shape(x.shape, self.dims, keepdim=True)).with_dtype(_moment_dtype(x))
        return x, small, small

    def forward(self, kernels: Kernels, x: Array) -> tuple[Array, Array, Array]:
        return kernels.standardize(x, self.dims, self.eps)

    def vjp(self, x: Tensor, dy: tuple[Tensor | None, ...]) -> Tensor | None:
        out: Tensor | None = None if dy[0] is None else StandardizeInputGrad(self.dims, self.eps)(dy[0], x)
        n = math.prod(x.shape[d] for d in self.dims)
        if dy[1] is not None:
            share = (dy[1] / n).expand(x.shape)
            out = share if out is None else out + share
        if dy[2] is not None:
            share = (x - self(x)[1]) * dy[2] * (2 / n)
            out = share if out is None else out + share
        return None if out is None else out.to(x.dtype)


class StandardizeInputGrad(Op):
    """J grad of `Standardize`: linear in `grad`, and symmetric.

    Math      with y = Standardize(x) and r = (var + eps)^(-1/2): J v = r (v - mean(v) - y mean(y v))
              dgrad = J dz;  dx = -r (y mean(dz J grad) + mean(y grad) J dz + mean(y dz) J grad)
    Shapes    grad, x: same shape  ->  z: same shape
    """

    dims: Shape
    eps: float

    def check(self, grad: Spec, x: Spec) -> Spec:
        require(grad.shape == x.shape, ShapeError, self, "grad and x differ in shape", grad=grad, x=x)
        return x

    def forward(self, kernels: Kernels, grad: Array, x: Array) -> Array:
        return kernels.standardize_input_grad(grad, x, self.dims, self.eps)

    def vjp(self, grad: Tensor, x: Tensor, needs: tuple[bool, ...], dy: Tensor) -> tuple[Tensor, Tensor | None]:
        back = self(dy, x)
        if not needs[1]:
            return back, None
        y, _, var = Standardize(self.dims, self.eps)(x)
        along = self(grad, x)
        crossed = y * self._mean(dy * along) + self._mean(y * grad) * back + self._mean(y * dy) * along
        return back, (-crossed * (var + self.eps).rsqrt()).to(x.dtype)

    def _mean(self, values: Tensor) -> Tensor:
        return values.mean(self.dims, keepdim=True)


class Normalize(Op):
    """`Standardize` with a weight and a bias in the same pass; the moments come along.

    Math      mean = sum x / n;  var = sum (x - mean)^2 / n;  r = (var + eps)^(-1/2);  z = (x - mean) r
              y = z weight + bias;  db = sum dy;  dw = sum z dy
              dx = ((dy - sum dy / n) - (x - mean) (r (sum z dy / n))) (r weight), sums over `dims`
    Shapes    x (N, C, ...); weight, bias (C)  ->  y: as x; mean, var: x's shape with size 1 along `dims`
    """

    dims: Shape
    eps: float
    outputs: ClassVar[tuple[str, ...]] = ("y", "mean", "var")

    def check(self, x: Spec, weight: Spec, bias: Spec) -> tuple[Spec, Spec, Spec]:
        require(x.dtype.is_floating_point, DtypeError, self, "x must be floating point", x=x)
        small = x.with_shape(reduced_shape(x.shape, self.dims, keepdim=True))
        return x, small, small

    def forward(self, kernels: Kernels, x: Array, weight: Array, bias: Array) -> tuple[Array, Array, Array]:
        return kernels.normalize(x, _laid(weight, x.ndim), _laid(bias, x.ndim), self.dims, self.eps)

    def vjp(
        self,
        x: Tensor,
        weight: Tensor,
        mean: Tensor,
        var: Tensor,
        dy: tuple[Tensor | None, ...],
    ) -> tuple[Tensor | None, ...]:
        dx: Tensor | None = None
        total: Tensor | None = None
        along: Tensor | None = None
        if dy[0] is not None:
            dx, total, along = self._of_result(x, weight, mean, var, dy[0])
        if dy[1] is not None or dy[2] is not None:
            share = Standardize(self.dims, self.eps).vjp(x, (None, dy[1], dy[2]))
            dx = share if dx is None or share is None else dx + share
        if total is None or along is None:
            return dx, None, None
        if total.ndim == 1:
            return dx, along, total
        across = weight.spec.with_shape((1, x.shape[1], *(1,) * (x.ndim - 2)))
        return dx, *(sum_to(part, across).reshape(weight.shape) for part in (along, total))

    def _of_result(
        self, x: Tensor, weight: Tensor, mean: Tensor, var: Tensor, dy: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """dx, sum dy and sum z dy: in one kernel, or in ops where it is recorded, with the same roundings."""
        if is_plain():
            return NormalizeInputGrad(self.dims, self.eps)(dy, x, weight, mean, var)  # type: ignore[no-any-return]
        n = math.prod(x.shape[d] for d in self.dims)
        z, centre, spread = Standardize(self.dims, self.eps)(x)
        total, along = dy.sum(self.dims, keepdim=True), (z * dy).sum(self.dims, keepdim=True)
        scale = (spread + self.eps).rsqrt()
        dx = ((dy - total / n) - (x - centre) * (scale * (along / n))) * (scale * _laid(weight, x.ndim))
        return dx, total, along


class NormalizeInputGrad(Op):
    """What `Normalize` sends back, in one kernel. It has no gradient: where one is wanted `Normalize` does without it.

    Shapes    dy, x: same shape; weight, mean, var as in `Normalize`  ->  dx: as x; sum dy, sum z dy: as weight where
              the batch shares its moments, else as mean
    """

    dims: Shape
    eps: float

    def check(self, dy: Spec, x: Spec, weight: Spec, mean: Spec, var: Spec) -> tuple[Spec, Spec, Spec]:
        require(dy.shape == x.shape, ShapeError, self, "dy and x differ in shape", dy=dy, x=x)
        sums = weight if mean.shape[0] == 1 else mean
        return x, sums, sums

    def forward(
        self, kernels: Kernels, dy: Array, x: Array, weight: Array, mean: Array, var: Array
    ) -> tuple[Array, Array, Array]:
        laid = _laid(weight, x.ndim)
        dx, total, along = kernels.normalize_input_grad(dy, x, laid, mean, var, self.dims, self.eps)
        if mean.shape[0] > 1:
            return dx, total, along
        return dx, total.reshape(weight.shape), along.reshape(weight.shape)


def _laid(by_channel: Any, ndim: int) -> Any:
    """(C) as (1, C, 1, ...)."""
    return by_channel.reshape((1, by_channel.shape[0], *(1,) * (ndim - 2)))


def _moment_dtype(x: Spec) -> dtype:
    return float32 if x.dtype.itemsize == 2 else x.dtype


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Standardize each channel: over batch and space when training, else by the running mean and variance.

    Math      training also updates running = (1 - momentum) running + momentum own, with the unbiased variance
    Shapes    input (N, C, ...); all others (C)
    Raises    ShapeError for other shapes or for a single value per channel in training
    """
    _check_channels("batch_norm", input, running_mean, running_var, weight, bias, least=2)
    channels = input.shape[1]
    across = (1, channels, *(1,) * (input.ndim - 2))
    if not training:
        return _by_running_moments("batch_norm", input, running_mean, running_var, weight, bias, eps)
    values = input.numel() // max(channels, 1)
    given = {"input": input.spec}
    require(values != 1, ShapeError, "batch_norm", "needs more than 1 value per channel when training", **given)
    require(eps > 0, ArgumentError, "batch_norm", f"eps must be positive when training, got {eps}", **given)
    y, mean, var = _normalized(input, (0, *range(2, input.ndim)), weight, bias, across, eps)
    if values:
        _follow(running_mean, mean, momentum)
        _follow(running_var, var, momentum, values / (values - 1))
    return y


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Standardize each channel of each sample over space, or each channel by the running mean and variance.

    Shapes    input (N, C, *size); all others (C)
    Raises    ShapeError for other shapes or for a single element in space
    """
    _check_channels("instance_norm", input, running_mean, running_var, weight, bias, least=2)
    if not use_input_stats:
        return _by_running_moments("instance_norm", input, running_mean, running_var, weight, bias, eps)
    channels, values = input.shape[1], math.prod(input.shape[2:])
    require(values != 1, ShapeError, "instance_norm", "needs more than 1 spatial element", input=input.spec)
    across = (1, channels, *(1,) * (input.ndim - 2))
    y, mean, var = _normalized(input, tuple(range(2, input.ndim)), weight, bias, across, eps)
    if input.numel():
        _follow(running_mean, mean, momentum)
        _follow(running_var, var, momentum, values / (values - 1))
    return y


def _normalized(
    input: Tensor, dims: Shape, weight: Tensor | None, bias: Tensor | None, shape: Shape, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Standardized over `dims`, times weight, plus bias, both in the shape `shape`; mean and variance."""
    alike = weight is not None and bias is not None and input.dtype is weight.dtype is bias.dtype
    if alike and input.dtype.itemsize > 2 and weight is not None and bias is not None:
        return Normalize(dims, eps)(input, weight, bias)  # type: ignore[no-any-return]
    y, mean, var = Standardize(dims, eps)(input)
    return _scaled(y, weight, bias, shape, input), mean, var


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Standardize each of `num_groups` groups of channels of each sample.

    Shapes    input (N, C, ...); weight and bias (C)
    Raises    ShapeError where the groups do not divide the channels, or a group has a single value
    """
    _check_channels("group_norm", input, None, None, weight, bias, least=2)
    batch, channels = input.shape[:2]
    fits = num_groups > 0 and channels % num_groups == 0
    require(
        fits, ShapeError, "group_norm", f"{channels} channels do not divide into {num_groups} groups", input=input.spec
    )
    alone = batch * (channels // num_groups) * math.prod(input.shape[2:]) == 1
    require(not alone, ShapeError, "group_norm", "needs more than 1 value per group", input=input.spec)
    inside = (channels // num_groups) * math.prod(input.shape[2:])
    y = Standardize((2,), eps)(input.reshape(batch, num_groups, inside))[0].reshape(input.shape)
    return _scaled(y, weight, bias, (1, channels, *(1,) * (input.ndim - 2)), input)


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Standardize over the last dims, which have the shape `normalized_shape`, as have weight and bias."""
    shape = _check_last("layer_norm", input, normalized_shape, weight, bias)
    dims = tuple(range(input.ndim - len(shape), input.ndim))
    if STATE.capture is None and _is_unfollowed((input, weight, bias)):
        return LayerNorm(dims, eps)(input, weight, bias)  # type: ignore[no-any-return]
    return _scaled(Standardize(dims, eps)(input)[0], weight, bias, shape, input)


def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """Divide by the root mean square over the last dims, which have the shape `normalized_shape`.

    Math      y = x (mean(x^2) + eps)^(-1/2) weight; eps is the dtype's own if None
    Source    Zhang & Sennrich 2019, arXiv:1910.07467; semantics of torch.nn.functional.rms_norm
    """
    shape = _check_last("rms_norm", input, normalized_shape, weight, None)
    dims = tuple(range(input.ndim - len(shape), input.ndim))
    small = finfo(input.dtype).eps if eps is None else eps
    x = input.to(_moment_dtype(input.spec))
    return _scaled(x * (x * x).mean(dims, keepdim=True).add(small).rsqrt(), weight, None, shape, input)


def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """Divide by the mean square of `size` neighbouring channels.

    Math      y = x / (k + alpha mean(x^2 of the neighbours))^beta
    Source    Krizhevsky et al. 2012, section 3.3; semantics of torch.nn.functional.local_response_norm
    """
    given = {"input": input.spec}
    require(
        input.ndim >= 3, ShapeError, "local_response_norm", f"input must have 3 dims or more, has {input.ndim}", **given
    )
    if input.numel() == 0:
        return input
    squares = (input * input).reshape(input.shape[0], 1, input.shape[1], math.prod(input.shape[2:]))
    squares = pad(squares, (0, 0, size // 2, (size - 1) // 2))
    means = avg_pool2d(squares, (size, 1), stride=1).reshape(input.shape)
    return input / (means * alpha + k).pow(beta)


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """Divide by the p-norm along `dim`, or by `eps` where that is larger."""
    return input / norm(input, p, dim, keepdim=True).clamp_min(eps).expand(input.shape)


def _by_running_moments(
    name: str,
    input: Tensor,
    mean: Tensor | None,
    var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
) -> Tensor:
    if mean is None or var is None:
        raise ArgumentError(f"{name}: without the input's own, running_mean and running_var are needed")
    require(eps >= 0, ArgumentError, name, f"eps must not be negative, got {eps}", input=input.spec)
    given = (input, mean, var, weight, bias)
    if _is_unfollowed(given):
        return BatchNorm(eps)(*given)  # type: ignore[no-any-return]
    scale = (var + eps).rsqrt()
    scale = scale if weight is None else scale * weight
    shift = -mean * scale if bias is None else bias - mean * scale
    return _scaled(input, scale, shift, (1, input.shape[1], *(1,) * (input.ndim - 2)), input)


class BatchNorm(Op):
    """Batch norm by running moments in one op, where no gradient is wanted: the bits of the ops one by one.

    Math      scale = (var + eps)^(-1/2) weight;  y = x scale + (bias - mean scale), every step rounded
    Shapes    x (N, C, ...); all others (C)  ->  y: as x
    """

    eps: float

    def check(self, x: Spec, mean: Spec, var: Spec, weight: Spec | None, bias: Spec | None) -> Spec:
        return x

    def forward(
        self, kernels: Kernels, x: Array, mean: Array, var: Array, weight: Array | None, bias: Array | None
    ) -> Array:
        return kernels.batch_norm(x, mean, var, weight, bias, self.eps)


class LayerNorm(Op):
    """Layer norm in one op, where no gradient is wanted: the bits of the ops one by one.

    Math      y = `Standardize`(x) weight + bias
    Shapes    x: any shape with the last dims `dims`; weight and bias of their shape  ->  y: as x
    """

    dims: Shape
    eps: float

    def check(self, x: Spec, weight: Spec | None, bias: Spec | None) -> Spec:
        return x

    def forward(self, kernels: Kernels, x: Array, weight: Array | None, bias: Array | None) -> Array:
        return kernels.layer_norm(x, weight, bias, self.dims, self.eps)


def _is_unfollowed(given: tuple[Tensor | None, ...]) -> bool:
    """Whether no gradient or tangent is to follow what is made of these, and all are float32, or all float64."""
    if STATE.levels or STATE.batches:
        return False
    here = [t for t in given if t is not None]
    if STATE.grad and any(t.requires_grad for t in here):
        return False
    return here[0].dtype in (float32, float64) and all(t.dtype is here[0].dtype for t in here)


def _follow(running: Tensor | None, own: Tensor, momentum: float, factor: float = 1.0) -> None:
    """`running` one step on towards `own` (N, C, 1, ...), averaged over the batch, times `factor`."""
    if running is None:
        return
    if can_follow(running, own):
        follow(running, own, float(momentum), float(factor))
        return
    with no_grad():
        own = own if own.shape[0] == 1 else own.mean(0)
        own = own.reshape(running.shape)
        if is_plain() and own.dtype is running.dtype and own.dtype.is_floating_point:
            running.copy_(RunningMoment(float(momentum), float(factor))(running, own))
            return
        own = own * factor if factor != 1 else own
        running.copy_(running * (1 - momentum) + own * momentum)


class RunningMoment(Op):
    """What a running statistic becomes; for training steps, of which nobody follows it.

    Math      y = running (1 - momentum) + own factor momentum, each product and the sum rounded once
    Shapes    running and own: same shape  ->  y: same shape
    Raises    ShapeError
    """

    momentum: float
    factor: float

    def check(self, running: Spec, own: Spec) -> Spec:
        same = running.shape == own.shape
        require(same, ShapeError, self, "running and own differ in shape", running=running, own=own)
        return running

    def forward(self, kernels: Kernels, running: Array, own: Array) -> Array:
        return kernels.running_moment(running, own, self.momentum, self.factor)


def _scaled(y: Tensor, weight: Tensor | None, bias: Tensor | None, shape: Shape, like: Tensor) -> Tensor:
    """y weight + bias, of the dtype of `like`."""
    if weight is not None:
        y = y * weight.reshape(shape)
    if bias is not None:
        y = y + bias.reshape(shape)
    return y.to(like.dtype)


def _check_channels(
    name: str,
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    *,
    least: int,
) -> None:
    """Enough dims, and one number a channel in all others."""
    shape = input.shape
    others = (running_mean, running_var, weight, bias)
    if (
        len(shape) >= least
        and input.dtype.is_floating_point
        and all(t is None or t.shape == shape[1:2] for t in others)
    ):
        return
    all_given = {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias}
    specs = {"input": input.spec, **{which: t.spec for which, t in all_given.items() if t is not None}}
    require(input.dtype.is_floating_point, DtypeError, name, "input must be floating point", **specs)
    require(input.ndim >= least, ShapeError, name, f"input must have {least} dims or more, has {input.ndim}", **specs)
    for which, spec in list(specs.items())[1:]:
        text = f"{which} must have {input.shape[1]} elements, one a channel"
        require(spec.shape == (input.shape[1],), ShapeError, name, text, **specs)


def _check_last(
    name: str, input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None, bias: Tensor | None
) -> Shape:
    """`normalized_shape` as a tuple, which the last dims of input and all of weight and bias have."""
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    given = (t.shape == shape for t in (weight, bias) if t is not None)
    last = input.shape[input.ndim - len(shape) :]
    if input.dtype.is_floating_point and 0 < len(shape) <= input.ndim and last == shape and all(given):
        return shape
    specs = {"input": input.spec, **{w: t.spec for w, t in (("weight", weight), ("bias", bias)) if t is not None}}
    require(input.dtype.is_floating_point, DtypeError, name, "input must be floating point", **specs)
    fits = 0 < len(shape) <= input.ndim and input.shape[input.ndim - len(shape) :] == shape
    require(fits, ShapeError, name, f"the last dims of input must be normalized_shape={shape}", **specs)
    for which, spec in list(specs.items())[1:]:
        require(spec.shape == shape, ShapeError, name, f"{which} must have the shape {shape}", **specs)
    return shape
