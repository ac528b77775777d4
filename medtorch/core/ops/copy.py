"""Copies, casts, moves between devices, and writing one tensor into another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from medtorch.core.devices import device
from medtorch.core.dtypes import dtype
from medtorch.core.ops.op import Array, Op, require, sum_to
from medtorch.core.spec import Spec
from medtorch.errors import ShapeError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor


class Clone(Op):
    """The same numbers in memory of their own.

    Source    semantics of torch.clone
    """

    tangents = "linear"
    takes_complex = True

    memory_format: str = "preserve_format"

    def check(self, x: Spec) -> Spec:
        wanted = {"channels_last": 4, "channels_last_3d": 5}.get(self.memory_format)
        require(wanted is None or x.ndim == wanted, ShapeError, self, f"{self.memory_format} needs {wanted} dims", x=x)
        return x

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.copy(x, self.memory_format)

    def vjp(self, dy: Tensor) -> Tensor:
        return dy


class Cast(Op):
    """The same numbers in another dtype; towards whole numbers they are cut towards zero.

    Source    semantics of torch.Tensor.to
    """

    tangents = "linear"
    takes_complex = True

    to: dtype

    def check(self, x: Spec) -> Spec:
        return x.with_dtype(self.to)

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.cast(x, self.to)

    def vjp(self, dy: Tensor, x_spec: Spec) -> Tensor:
        return Cast(x_spec.dtype)(dy)  # type: ignore[no-any-return]


class Overwrite(Op):
    """The numbers of `value`, stretched to the shape of `x`, whose own numbers are forgotten."""

    takes_complex = True

    def check(self, x: Spec, value: Spec) -> Spec:
        fits = value.ndim <= x.ndim and all(
            have in (1, want) for have, want in zip(value.shape[::-1], x.shape[::-1], strict=False)
        )
        require(fits, ShapeError, "copy_", "the value does not stretch to the tensor's shape", tensor=x, value=value)
        return x

    def forward(self, kernels: Kernels, x: Array, value: Array) -> Array:
        return kernels.copy(kernels.expand(value, x.shape), "contiguous_format")

    def vjp(self, dy: Tensor, value_spec: Spec) -> tuple[None, Tensor]:
        return None, sum_to(dy, value_spec)


class SetView(Op):
    """`base` with the part that a chain of views leads to replaced by `value`.

    Math      dbase = dy with that part zero; dvalue = that part of dy
    """

    takes_complex = True

    views_of_base: tuple[tuple[Op, int], ...]

    def check(self, base: Spec, value: Spec) -> Spec:
        return base

    def forward(self, kernels: Kernels, base: Array, value: Array) -> Array:
        out = kernels.copy(base, "preserve_format")
        part: Any = out
        for op, nr in self.views_of_base:
            found = op.forward(kernels, part)
            part = found[nr] if isinstance(found, tuple) else found
        if part.shape == value.shape and part.dtype == value.dtype:
            kernels.copy_into(value, part)
        else:
            part[...] = value
        return out

    def vjp(self, dy: Tensor, value_spec: Spec, needs: tuple[bool, bool]) -> tuple[Tensor | None, Tensor | None]:
        part: Any = dy
        for op, nr in self.views_of_base:
            found = op(part)
            part = found[nr] if isinstance(found, tuple) else found
        dbase = self(dy, dy.new_zeros(value_spec.shape)) if needs[0] else None
        return dbase, part if needs[1] else None


class Move(Op):
    """The same numbers on another device. Its arrays cross over outside the kernels, which know one device each."""

    takes_complex = True

    to: device

    def check(self, x: Spec) -> Spec:
        return Spec(x.shape, x.dtype, self.to)

    def vjp(self, dy: Tensor, x_spec: Spec) -> Tensor:
        return dy.to(x_spec.device)


class Alias(Op):
    """The same numbers in the same memory, as another tensor of the graph; not tracked as a view."""

    tangents = "linear"
    takes_complex = True

    def check(self, x: Spec) -> Spec:
        return x

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return x[...]

    def vjp(self, dy: Tensor) -> Tensor:
        return dy
