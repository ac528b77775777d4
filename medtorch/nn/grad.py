"""Gradients of convolutions, asked for directly.

Source    semantics of torch.nn.grad
Requires  REQ-F-OPS-100
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from medtorch.core.autograd import grad
from medtorch.core.modes import enable_grad, is_grad_enabled
from medtorch.core.ops.conv import conv1d, conv2d, conv3d
from medtorch.core.tensor import Tensor

Sizes = int | Sequence[int]


def _pulled(
    convolve: Callable[..., Tensor], input: Tensor, weight: Tensor, wanted: Tensor, dy: Tensor, *how: Any
) -> Tensor:
    again = is_grad_enabled()
    with enable_grad():
        out = convolve(input, weight, None, *how)
    return cast(Tensor, grad(out, wanted, dy, create_graph=again)[0])


def _input(convolve: Callable[..., Tensor], size: Sequence[int], weight: Tensor, dy: Tensor, *how: Any) -> Tensor:
    x = weight.detach().new_zeros(tuple(size)).requires_grad_()
    return _pulled(convolve, x, weight, x, dy, *how)


def _weight(convolve: Callable[..., Tensor], input: Tensor, size: Sequence[int], dy: Tensor, *how: Any) -> Tensor:
    weight = input.detach().new_zeros(tuple(size)).requires_grad_()
    return _pulled(convolve, input, weight, weight, dy, *how)


def conv1d_input(
    input_size: Sequence[int], weight: Tensor, grad_output: Tensor, stride: Sizes = 1, padding: Sizes = 0,
    dilation: Sizes = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """The gradient of conv1d with respect to its input."""
    return _input(conv1d, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv1d_weight(
    input: Tensor, weight_size: Sequence[int], grad_output: Tensor, stride: Sizes = 1, padding: Sizes = 0,
    dilation: Sizes = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """The gradient of conv1d with respect to its weight."""
    return _weight(conv1d, input, weight_size, grad_output, stride, padding, dilation, groups)


def conv2d_input(
    input_size: Sequence[int], weight: Tensor, grad_output: Tensor, stride: Sizes = 1, padding: Sizes = 0,
    dilation: Sizes = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """The gradient of conv2d with respect to its input."""
    return _input(conv2d, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv2d_weight(
    input: Tensor, weight_size: Sequence[int], grad_output: Tensor, stride: Sizes = 1, padding: Sizes = 0,
    dilation: Sizes = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """The gradient of conv2d with respect to its weight."""
    return _weight(conv2d, input, weight_size, grad_output, stride, padding, dilation, groups)


def conv3d_input(
    input_size: Sequence[int], weight: Tensor, grad_output: Tensor, stride: Sizes = 1, padding: Sizes = 0,
    dilation: Sizes = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """The gradient of conv3d with respect to its input."""
    return _input(conv3d, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv3d_weight(
    input: Tensor, weight_size: Sequence[int], grad_output: Tensor, stride: Sizes = 1, padding: Sizes = 0,
    dilation: Sizes = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """The gradient of conv3d with respect to its weight."""
    return _weight(conv3d, input, weight_size, grad_output, stride, padding, dilation, groups)
