"""Convolution of 1 to 3 dims and its gradients, natively for float32."""

from __future__ import annotations

import numpy as np

from medtorch.core.algorithms import ALGORITHMS, get_cpu_algorithms
from medtorch.core.backends.cpu.base import NativeFamily, all_float32
from medtorch.core.backends.reference.base import Array
from medtorch.core.backends.reference.conv import ConvKernels as ReferenceConvKernels
from medtorch.core.shapes import Shape
from medtorch.core.windows import Pads, window_outputs


class ConvKernels(NativeFamily, ReferenceConvKernels):
    """What comes out has its channels side by side in memory."""

    def conv(
        self,
        input: Array,
        weight: Array,
        bias: Array | None,
        stride: Shape,
        padding: Pads,
        dilation: Shape,
        groups: int,
    ) -> Array:
        if not all_float32(input, weight, bias):
            return super().conv(input, weight, bias, stride, padding, dilation, groups)
        count = window_outputs(input.shape[2:], weight.shape[2:], stride, padding, dilation)
        y = self.new_channels_last((input.shape[0], weight.shape[0], *count))
        self.set.conv(
            three(input),
            three(weight),
            flat(bias),
            None,
            three(y),
            numbers(stride, 1),
            numbers([before for before, _ in padding], 0),
            numbers(dilation, 1),
            groups,
            0,
            0.0,
            chosen_algorithms(),
        )
        return y

    def conv_input_grad(
        self,
        dy: Array,
        weight: Array,
        bias: Array | None,
        size: Shape,
        stride: Shape,
        padding: Pads,
        dilation: Shape,
        groups: int,
    ) -> Array:
        if not all_float32(dy, weight, bias):
            return super().conv_input_grad(dy, weight, bias, size, stride, padding, dilation, groups)
        dx = self.new_channels_last((dy.shape[0], weight.shape[1] * groups, *size))
        self.set.conv_input_grad(
            three(dy),
            three(weight),
            flat(bias),
            three(dx),
            numbers(stride, 1),
            numbers([before for before, _ in padding], 0),
            numbers(dilation, 1),
            groups,
            chosen_algorithms(),
        )
        return dx

    def conv_weight_grad(
        self, input: Array, dy: Array, kernel: Shape, stride: Shape, padding: Pads, dilation: Shape, groups: int
    ) -> Array:
        if not all_float32(input, dy):
            return super().conv_weight_grad(input, dy, kernel, stride, padding, dilation, groups)
        dw = self.new((dy.shape[1], input.shape[1] // groups, *kernel))
        self.set.conv_weight_grad(
            three(input),
            three(dy),
            three(dw),
            numbers(stride, 1),
            numbers([before for before, _ in padding], 0),
            numbers(dilation, 1),
            groups,
            chosen_algorithms(),
        )
        return dw

    def conv_algorithm(
        self,
        input: Shape,
        weight: Shape,
        stride: Shape,
        padding: Pads,
        dilation: Shape,
        groups: int,
        algorithms: str,
    ) -> str:
        count = window_outputs(input[2:], weight[2:], stride, padding, dilation)
        name: str = self.set.conv_algorithm(
            input[1],
            weight[0],
            numbers(input[2:], 1),
            numbers(count, 1),
            numbers(weight[2:], 1),
            numbers(stride, 1),
            numbers([before for before, _ in padding], 0),
            numbers(dilation, 1),
            groups,
            ALGORITHMS.index(algorithms),
        )
        return name


def chosen_algorithms() -> int:
    """What this thread's convolutions may use, as the native kernels count it."""
    return ALGORITHMS.index(get_cpu_algorithms())


def three(x: Array) -> Array:
    """(N, C, *size) seen with three spatial dims: new ones of size 1 in front."""
    return x[(slice(None), slice(None), *(np.newaxis,) * (5 - x.ndim))]


def numbers(given: Shape | list[int], default: int) -> tuple[int, ...]:
    return (*(default,) * (3 - len(given)), *given)


def flat(bias: Array | None) -> Array | None:
    return bias if bias is None or bias.strides == (bias.itemsize,) else np.ascontiguousarray(bias)
