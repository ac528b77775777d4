"""A batch norm folded into the layer before it.

Math      W' = W * gamma / sqrt(var + eps), b' = (b - mean) * gamma / sqrt(var + eps) + beta
Source    semantics of torch.nn.utils.fusion
Requires  REQ-F-NN-009
"""

from __future__ import annotations

import copy
from typing import TypeVar

from medtorch.core.modes import no_grad
from medtorch.core.tensor import Tensor
from medtorch.errors import ModuleError
from medtorch.nn.modules.batchnorm import _BatchNorm
from medtorch.nn.modules.conv import _ConvNd
from medtorch.nn.modules.linear import Linear
from medtorch.nn.parameter import Parameter

Conv = TypeVar("Conv", bound=_ConvNd)


def fuse_conv_bn_eval(conv: Conv, bn: _BatchNorm, transpose: bool = False) -> Conv:
    """A convolution that computes what `conv` and then `bn` do.

    Raises    ModuleError unless both are in eval mode and bn has statistics
    """
    mean, var = _statistics(conv.training, bn)
    fused = copy.deepcopy(conv)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        fused.weight, fused.bias, mean, var, bn.eps, bn.weight, bn.bias, transpose
    )
    return fused


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of the fused convolution; `transpose` for one whose output channels are dim 1."""
    with no_grad():
        scale = (bn_rv + bn_eps).rsqrt()
        scale = scale if bn_w is None else bn_w * scale
        along = (1, -1) if transpose else (-1, 1)
        if transpose:
            groups = scale.numel() // conv_w.shape[1]
            if groups > 1:  # dim 0 holds the groups' input channels, dim 1 the output channels of one group
                apart = conv_w.reshape((groups, conv_w.shape[0] // groups, *conv_w.shape[1:]))
                weight = (apart * scale.reshape((groups, 1, -1, *(1,) * (conv_w.ndim - 2)))).reshape(conv_w.shape)
                return Parameter(weight, conv_w.requires_grad), _bias(conv_b, bn_rm, scale, bn_b, conv_w)
        weight = conv_w * scale.reshape((*along, *(1,) * (conv_w.ndim - 2)))
        return Parameter(weight.to(conv_w.dtype), conv_w.requires_grad), _bias(conv_b, bn_rm, scale, bn_b, conv_w)


def fuse_linear_bn_eval(linear: Linear, bn: _BatchNorm) -> Linear:
    """A linear layer that computes what `linear` and then `bn` do.

    Raises    ModuleError as fuse_conv_bn_eval, or where the features differ
    """
    mean, var = _statistics(linear.training, bn)
    if linear.out_features != bn.num_features and bn.num_features != 1:
        raise ModuleError(
            f"fuse_linear_bn_eval: {linear.out_features} features out of linear, {bn.num_features} into bn"
        )
    fused = copy.deepcopy(linear)
    fused.weight, fused.bias = fuse_linear_bn_weights(fused.weight, fused.bias, mean, var, bn.eps, bn.weight, bn.bias)
    return fused


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of the fused linear layer."""
    return fuse_conv_bn_weights(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)


def _statistics(training: bool, bn: _BatchNorm) -> tuple[Tensor, Tensor]:
    if training or bn.training:
        raise ModuleError("Fusion only for eval!")
    if bn.running_mean is None or bn.running_var is None:
        raise ModuleError("Fusion needs a batch norm that tracks running statistics")
    return bn.running_mean, bn.running_var


def _bias(bias: Tensor | None, mean: Tensor, scale: Tensor, shift: Tensor | None, weight: Tensor) -> Parameter:
    start = -mean if bias is None else bias - mean
    fused = start * scale if shift is None else start * scale + shift
    return Parameter(fused.to(weight.dtype), weight.requires_grad if bias is None else bias.requires_grad)
