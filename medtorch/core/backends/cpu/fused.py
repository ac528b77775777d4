"""Products with what follows them in one native call, for compiled graphs.

Weights that cannot change (read-only arrays that own their memory, as a graph's constants are) are packed once, for as
long as the array lives.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable
from typing import Any, ClassVar

import numpy as np

from medtorch.core.algorithms import ALGORITHMS, get_cpu_algorithms
from medtorch.core.backends.cpu.base import FLOAT32, all_float32
from medtorch.core.backends.cpu.conv import ConvKernels, flat, numbers, three
from medtorch.core.backends.reference.base import Array
from medtorch.core.backends.reference.fused import FusedKernels as ReferenceFusedKernels
from medtorch.core.shapes import Shape
from medtorch.core.windows import Pads, window_outputs
from medtorch.errors import BackendError

MOST_FEW_OUTPUTS = 8
"""Convolutions to that many channels or fewer run vectors over results and know no gates."""

ENDINGS: dict[str, tuple[str, tuple[float | None, ...]]] = {
    "none": ("", ()),
    "relu": ("relu", ()),
    "relu6": ("clamp", (0.0, 6.0)),
    "leaky_relu": ("leaky_relu", (None,)),
    "elu": ("elu", (None, 1.0, 1.0)),
    "silu": ("silu", ()),
    "mish": ("mish", ()),
    "gelu": ("gelu", ()),
    "gelu_tanh": ("gelu_tanh", ()),
    "hardswish": ("hardswish", ()),
    "hardsigmoid": ("hardsigmoid", ()),
    "sigmoid": ("sigmoid", ()),
    "tanh": ("tanh", ()),
    "softplus": ("softplus", (1.0, 20.0)),
}
"""The native function that is each activation, and its numbers; None is alpha. In the order of families/conv.hpp."""
ACTIVATIONS = tuple(ENDINGS)


class PackedWeights:
    """Packed weights by the array that they were made of, let go with it."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, Hashable], tuple[weakref.ref[Array], Any]] = {}
        self._stand_ins: dict[int, weakref.ref[Array]] = {}

    def of(self, weight: Array, variant: Hashable, pack: Callable[[], Any]) -> Any:
        """What `pack` made of `weight`; None where the array might change.

        Raises    BackendError for a stand-in that has no such form: there are no numbers to pack
        """
        found = self._kept.get((id(weight), variant))
        if found is not None and found[0]() is weight:
            return found[1]
        if self.is_stand_in(weight):
            raise BackendError(f"packed weights: the numbers of {weight.shape} were let go, {variant} was not packed")
        if weight.flags.writeable or weight.base is not None:
            return None
        packed = pack()
        self._enter(weight, variant, packed)
        return packed

    def forms(self, weight: Array) -> dict[Hashable, Any]:
        """Everything that was packed of `weight`, by variant."""
        mine = {key[1]: kept for key, kept in self._kept.items() if key[0] == id(weight)}
        return {variant: packed for variant, (array, packed) in mine.items() if array() is weight}

    def lend(self, weight: Array, forms: dict[Hashable, Any]) -> None:
        """Use `forms` for `weight`, an array of the same numbers and layout as the one that they were packed of."""
        for variant, packed in forms.items():
            self._enter(weight, variant, packed)

    def stand_in(self, weight: Array, addresses: Array) -> Array | None:
        """`addresses`, bytes that nobody may read, as an array with the packed forms of `weight`; None without any."""
        forms = self.forms(weight)
        if not forms:
            return None
        order = sorted(range(weight.ndim), key=lambda d: (-weight.strides[d], d))
        found = addresses.view(weight.dtype).reshape([weight.shape[d] for d in order])
        found = found.transpose(sorted(range(weight.ndim), key=order.__getitem__))
        found.flags.writeable = False
        self.lend(found, forms)
        key = id(found)
        self._stand_ins[key] = weakref.ref(found, lambda _: self._stand_ins.pop(key, None))
        return found

    def is_stand_in(self, weight: Array) -> bool:
        """Whether `weight` has addresses and no numbers."""
        found = self._stand_ins.get(id(weight))
        return found is not None and found() is weight

    def _enter(self, weight: Array, variant: Hashable, packed: Any) -> None:
        key = (id(weight), variant)
        self._kept[key] = weakref.ref(weight, lambda _: self._kept.pop(key, None)), packed


class FusedKernels(ConvKernels, ReferenceFusedKernels):
    """Convolution and linear maps with bias, residual and activation; float32, else the reference's."""

    writes: ClassVar[frozenset[str]] = ReferenceFusedKernels.writes | {
        "conv_fused",
        "conv_gated",
        "conv_transpose_fused",
        "linear_fused",
    }
    packed: PackedWeights

    def packed_forms(self, weight: Array) -> dict[Any, Any]:
        return self.packed.forms(weight)

    def lend_packed(self, weight: Array, forms: dict[Any, Any]) -> None:
        self.packed.lend(weight, forms)

    def stand_in(self, weight: Array) -> Array | None:
        return self.packed.stand_in(weight, self.native.Recorder(False).addresses(weight.nbytes))

    def passing(self, weight: Array) -> Array:
        return weight if self.packed.is_stand_in(weight) else weight[...]

    def conv_fused(
        self,
        input: Array,
        weight: Array,
        bias: Array | None,
        residual: Array | None,
        stride: Shape,
        padding: Pads,
        dilation: Shape,
        groups: int,
        activation: str,
        alpha: float,
        out: Array | None,
    ) -> Array:
        geometry = (stride, padding, dilation, groups)
        y = self._conv(input, None, weight, bias, residual, *geometry, activation, alpha, out)
        return super().conv_fused(input, weight, bias, residual, *geometry, activation, alpha, out) if y is None else y

    def conv_gated(
        self,
        input: Array,
        gate: Array,
        weight: Array,
        bias: Array | None,
        residual: Array | None,
        stride: Shape,
        padding: Pads,
        dilation: Shape,
        groups: int,
        activation: str,
        alpha: float,
        out: Array | None,
    ) -> Array:
        geometry, y = (stride, padding, dilation, groups), None
        ones = (1,) * len(stride)
        places = weight.shape[2:] == ones == stride and not any(map(any, padding)) and groups == 1
        places = places and weight.shape[0] > MOST_FEW_OUTPUTS
        if places and gate.dtype == FLOAT32 and gate.shape == (*input.shape[:2], *ones) and _by_channel(gate):
            y = self._conv(input, gate, weight, bias, residual, *geometry, activation, alpha, out)
        if y is None:
            y = super().conv_gated(input, gate, weight, bias, residual, *geometry, activation, alpha, out)
        return y

    def _conv(
        self,
        input: Array,
        gate: Array | None,
        weight: Array,
        bias: Array | None,
        residual: Array | None,
        stride: Shape,
        padding: Pads,
        dilation: Shape,
        groups: int,
        activation: str,
        alpha: float,
        out: Array | None,
    ) -> Array | None:
        """None where native kernels do not take it."""
        count = window_outputs(input.shape[2:], weight.shape[2:], stride, padding, dilation)
        shape = (input.shape[0], weight.shape[0], *count)
        fits = all_float32(input, weight, bias, residual, out) and activation in ACTIVATIONS
        if not fits or not weight.size or (residual is not None and residual.shape != shape):
            return None
        direct = out is not None and (out.strides[1] == out.itemsize or shape[1] == 1)
        y: Array = out if direct else self.new_channels_last(shape)
        if residual is not None and not _lies_as(residual, y):
            geometry = (stride, padding, dilation, groups)
            made = self._conv(input, gate, weight, bias, None, *geometry, "none", 0.0, y)
            return None if made is None else self._finished(made, residual, activation, alpha, out)
        allowed = get_cpu_algorithms()
        algorithm = self.conv_algorithm(input.shape, weight.shape, stride, padding, dilation, groups, allowed)
        self.set.conv(
            three(input),
            three(weight),
            flat(bias),
            None if residual is None else three(residual),
            three(y),
            numbers(stride, 1),
            numbers([before for before, _ in padding], 0),
            numbers(dilation, 1),
            groups,
            ACTIVATIONS.index(activation),
            alpha,
            ALGORITHMS.index(allowed),
            self.packed.of(weight, (groups, algorithm), lambda: self.set.pack_conv(three(weight), groups, algorithm)),
            None if gate is None else three(gate),
        )
        return y if out is None or direct else self.copy_into(y, out)

    def conv_transpose_fused(
        self,
        input: Array,
        weight: Array,
        bias: Array | None,
        residual: Array | None,
        size: Shape,
        stride: Shape,
        padding: Pads,
        dilation: Shape,
        groups: int,
        activation: str,
        alpha: float,
        out: Array | None,
    ) -> Array:
        shape = (input.shape[0], weight.shape[1] * groups, *size)
        fits = all_float32(input, weight, bias, residual, out) and activation in ACTIVATIONS
        if not fits or not weight.size or (residual is not None and residual.shape != shape):
            return super().conv_transpose_fused(
                input, weight, bias, residual, size, stride, padding, dilation, groups, activation, alpha, out
            )
        direct = out is not None and (out.strides[1] == out.itemsize or shape[1] == 1)
        y: Array = out if direct else self.new_channels_last(shape)
        places = (size, stride, padding, dilation, groups)
        if residual is not None and not _lies_as(residual, y):
            y = self.conv_transpose_fused(input, weight, bias, None, *places, "none", 0.0, y)
            return self._finished(y, residual, activation, alpha, out)
        geometry = (
            numbers(stride, 1),
            numbers([before for before, _ in padding], 0),
            numbers(dilation, 1),
            groups,
            ALGORITHMS.index(get_cpu_algorithms()),
        )
        given = (three(input), three(weight), three(y), *geometry)
        self.set.conv_input_grad(
            three(input),
            three(weight),
            flat(bias),
            three(y),
            *geometry,
            None if residual is None else three(residual),
            ACTIVATIONS.index(activation),
            alpha,
            self.packed.of(
                weight,
                ("transposed", *self.set.conv_input_grad_key(*given)),
                lambda: self.set.pack_conv_input_grad(*given),
            ),
        )
        return y if out is None or direct else self.copy_into(y, out)

    def linear_fused(
        self,
        x: Array,
        weight: Array,
        bias: Array | None,
        residual: Array | None,
        activation: str,
        alpha: float,
        out: Array | None,
    ) -> Array:
        shape = (*x.shape[:-1], weight.shape[0])
        fits = all_float32(x, weight, bias, residual, out) and activation in ACTIVATIONS
        if not fits or not x.size or not weight.size or (residual is not None and residual.shape != shape):
            return super().linear_fused(x, weight, bias, residual, activation, alpha, out)
        direct = out is not None and out.flags.c_contiguous
        y: Array = out if direct else self.new(shape)
        columns = weight.T if 4 in weight.strides else np.ascontiguousarray(weight).T
        self.set.matmul(
            self.row_major(x).reshape(-1, x.shape[-1]),
            columns,
            y.reshape(-1, shape[-1]),
            None if bias is None else np.ascontiguousarray(bias),
            None if residual is None else self.row_major(residual).reshape(-1, shape[-1]),
            ACTIVATIONS.index(activation),
            alpha,
            self.packed.of(weight, 0, lambda: self.set.pack_matmul(columns)),
        )
        return y if out is None or direct else self.copy_into(y, out)

    def scale_shift(
        self,
        x: Array,
        scale: Array,
        shift: Array | None,
        dim: int,
        activation: str,
        alpha: float,
        out: Array | None,
    ) -> Array:
        across = (-1, *(1,) * (x.ndim - 1 - dim))
        arrays = (x, scale.reshape(across)) if shift is None else (x, scale.reshape(across), shift.reshape(across))
        name = "mul" if shift is None else "scale_shift"
        y = self._mapped(name, arrays, activation, alpha, self._like(x) if out is None else out)
        return super().scale_shift(x, scale, shift, dim, activation, alpha, out) if y is None else y

    def _like(self, x: Array) -> Array:
        """Memory for numbers that lie as those of x."""
        return self.new_in_order(x.shape, tuple(sorted(range(x.ndim), key=lambda d: (-abs(x.strides[d]), d))))

    def add_activated(self, a: Array, b: Array, activation: str, alpha: float, out: Array | None) -> Array:
        y = None if out is None else self._mapped("add", (a, b), activation, alpha, out)
        if (
            y is None and out is None and all_float32(a, b)
        ):  # no memory given: the kernel for two arrays chooses its layout
            return self._finished(self.add(a, b), None, activation, alpha, None)
        return super().add_activated(a, b, activation, alpha, out) if y is None else y

    def activate(self, x: Array, activation: str, alpha: float, out: Array | None) -> Array:
        y = None if out is None else self._mapped("identity", (x,), activation, alpha, out)
        return super().activate(x, activation, alpha, out) if y is None else y

    def _mapped(self, name: str, arrays: tuple[Array, ...], activation: str, alpha: float, out: Array) -> Array | None:
        """The native function of `arrays` with what follows it, in `out`; None where native kernels do not do that."""
        then = ENDINGS.get(activation)
        if then is None or out.size == 0:
            return None
        numbers = tuple(alpha if n is None else n for n in then[1])
        return out if self.set.map_into(out, name, arrays, (), then[0], numbers) else None


def _by_channel(gate: Array) -> bool:
    """Whether the numbers of an image lie side by side."""
    return bool(gate.shape[1] == 1 or gate.strides[1] == gate.itemsize)


def _lies_as(a: Array, b: Array) -> bool:
    """Whether two arrays of one shape have the same strides wherever they matter."""
    return all(n == 1 or s == t for n, s, t in zip(a.shape, a.strides, b.strides, strict=True))
