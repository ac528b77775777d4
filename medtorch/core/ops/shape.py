"""Reading the same numbers in another shape. Most of these are views: they share memory with their input."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from medtorch.core import laid_out, shapes
from medtorch.core.ops.op import Array, Op, require
from medtorch.core.shapes import Shape, normalize_dim, normalize_dims
from medtorch.core.spec import Spec, describe
from medtorch.errors import ArgumentError, DimError, DtypeError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor


class View(Op):
    """An op whose output shares its input's memory."""

    tangents = "linear"
    takes_complex = True

    views = True


class Reshape(View):
    """The same memory read as another shape. The caller has seen to it that strides allow that."""

    shape: Shape

    def check(self, x: Spec) -> Spec:
        return x.with_shape(self.shape)

    def forward(self, kernels: Kernels, x: Array) -> Array:
        strides = shapes.view_strides(x.shape, x.strides, self.shape)
        if strides is None:
            raise ShapeError(f"view: shape {self.shape} needs a copy of this memory; use reshape()")
        return kernels.as_strided(x, self.shape, strides)

    def vjp(self, dy: Tensor, x_spec: Spec) -> Tensor:
        return reshape(dy, x_spec.shape)


class Permute(View):
    """Dims in another order.

    Shapes    x -> y, y.shape[i] = x.shape[dims[i]]
    Source    semantics of torch.permute
    """

    dims: Shape

    def check(self, x: Spec) -> Spec:
        require(len(self.dims) == x.ndim, DimError, self, f"{len(self.dims)} dims given for {x.ndim}", input=x)
        return x.with_shape(tuple(x.shape[d] for d in self.dims))

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return x.transpose(self.dims)

    def vjp(self, dy: Tensor) -> Tensor:
        back = [0] * len(self.dims)
        for place, dim in enumerate(self.dims):
            back[dim] = place
        return Permute(tuple(back))(dy)  # type: ignore[no-any-return]


class Expand(View):
    """Sizes of 1 stretched without copying; new dims in front.

    Math      dx = dy added up over what was stretched
    Source    semantics of torch.Tensor.expand
    """

    shape: Shape

    def check(self, x: Spec) -> Spec:
        offset = len(self.shape) - x.ndim
        fits = offset >= 0 and all(
            size in (1, wanted) for size, wanted in zip(x.shape, self.shape[offset:], strict=True)
        )
        require(fits, ShapeError, self, f"does not stretch to {self.shape}", input=x)
        return x.with_shape(self.shape)

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.expand(x, self.shape)

    def vjp(self, dy: Tensor, x_spec: Spec) -> Tensor:
        return sum_to_size(dy, x_spec.shape)


class Slice(View):
    """Every `step`-th of the places `start` to `stop` along one dim."""

    dim: int
    start: int
    stop: int
    step: int = 1

    def check(self, x: Spec) -> Spec:
        size = len(range(self.start, self.stop, self.step))
        return x.with_shape((*x.shape[: self.dim], size, *x.shape[self.dim + 1 :]))

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return x[(slice(None),) * self.dim + (slice(self.start, self.stop, self.step),)]

    def vjp(self, dy: Tensor, x_spec: Spec) -> Tensor:
        return Scattered(self, x_spec.shape)(dy)  # type: ignore[no-any-return]


class Select(View):
    """One place along a dim, which is dropped."""

    dim: int
    index: int

    def check(self, x: Spec) -> Spec:
        return x.with_shape((*x.shape[: self.dim], *x.shape[self.dim + 1 :]))

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return x[(slice(None),) * self.dim + (self.index,) + (Ellipsis,)]

    def vjp(self, dy: Tensor, x_spec: Spec) -> Tensor:
        return Scattered(self, x_spec.shape)(dy)  # type: ignore[no-any-return]


class Diagonal(View):
    """The diagonal of two dims, as a new last dim.

    Source    semantics of torch.diagonal
    """

    offset: int
    dim1: int
    dim2: int

    def check(self, x: Spec) -> Spec:
        require(self.dim1 != self.dim2, DimError, self, f"the two dims are one and the same ({self.dim1})", input=x)
        rows, columns = x.shape[self.dim1], x.shape[self.dim2]
        size = max(0, min(rows, columns - self.offset) if self.offset >= 0 else min(rows + self.offset, columns))
        rest = tuple(s for d, s in enumerate(x.shape) if d not in (self.dim1, self.dim2))
        return x.with_shape((*rest, size))

    def forward(self, kernels: Kernels, x: Array) -> Array:
        row, column = max(0, -self.offset), max(0, self.offset)
        inside = [slice(None)] * x.ndim
        inside[self.dim1], inside[self.dim2] = slice(row, None), slice(column, None)
        part = x[tuple(inside)]
        keep = [d for d in range(x.ndim) if d not in (self.dim1, self.dim2)]
        size = min(part.shape[self.dim1], part.shape[self.dim2])
        strides = (*(x.strides[d] for d in keep), x.strides[self.dim1] + x.strides[self.dim2])
        return kernels.as_strided(part, (*(x.shape[d] for d in keep), size), strides)

    def vjp(self, dy: Tensor, x_spec: Spec) -> Tensor:
        return Scattered(self, x_spec.shape)(dy)  # type: ignore[no-any-return]


class Scattered(Op):
    """Zeros, with x where the view `place` of them looks: the gradient of every view that picks a part.

    Math      dx = place(dy)
    """

    tangents = "linear"
    takes_complex = True

    place: View
    shape: Shape

    def check(self, x: Spec) -> Spec:
        return x.with_shape(self.shape)

    def forward(self, kernels: Kernels, x: Array) -> Array:
        out = kernels.zeros(self.shape, x.dtype)
        self.place.forward(kernels, out)[...] = x
        return out

    def vjp(self, dy: Tensor) -> Tensor:
        return self.place(dy)  # type: ignore[no-any-return]


class Split(View):
    """Pieces of the given sizes along one dim.

    Math      dx = the pieces' gradients put together again
    """

    sizes: Shape
    dim: int

    def check(self, x: Spec) -> tuple[Spec, ...]:
        fits = sum(self.sizes) == x.shape[self.dim] and all(size >= 0 for size in self.sizes)
        require(
            fits,
            ShapeError,
            self,
            f"sizes {self.sizes} do not add up to {x.shape[self.dim]} at dim {self.dim}",
            input=x,
        )
        return tuple(x.with_shape((*x.shape[: self.dim], size, *x.shape[self.dim + 1 :])) for size in self.sizes)

    def forward(self, kernels: Kernels, x: Array) -> tuple[Array, ...]:
        head, start, out = (slice(None),) * self.dim, 0, []
        for size in self.sizes:
            out.append(x[(*head, slice(start, start + size))])
            start += size
        return tuple(out)

    def vjp(self, dy: Any, y_spec: Any) -> Tensor:
        dys, specs = (dy, y_spec) if isinstance(dy, tuple) else ((dy,), (y_spec,))
        present = next(d for d in dys if d is not None)
        return Cat(self.dim)(*(present.new_zeros(s.shape) if d is None else d for d, s in zip(dys, specs, strict=True)))  # type: ignore[no-any-return]


class Unbind(View):
    """Every place along a dim, each without it."""

    dim: int

    def check(self, x: Spec) -> tuple[Spec, ...]:
        require(x.ndim > 0, DimError, self, "a 0-d tensor has no dim to unbind", input=x)
        piece = x.with_shape((*x.shape[: self.dim], *x.shape[self.dim + 1 :]))
        return (piece,) * x.shape[self.dim]

    def forward(self, kernels: Kernels, x: Array) -> tuple[Array, ...]:
        head = (slice(None),) * self.dim
        return tuple(x[(*head, place, Ellipsis)] for place in range(x.shape[self.dim]))

    def vjp(self, dy: Any, y_spec: Any) -> Tensor:
        dys, specs = (dy, y_spec) if isinstance(dy, tuple) else ((dy,), (y_spec,))
        present = next(d for d in dys if d is not None)
        return stack(
            [present.new_zeros(s.shape) if d is None else d for d, s in zip(dys, specs, strict=True)], self.dim
        )


class Unfold(View):
    """Windows of `size` every `step` places along a dim, as a new last dim.

    Source    semantics of torch.Tensor.unfold
    """

    dim: int
    size: int
    step: int

    def check(self, x: Spec) -> Spec:
        length = x.shape[self.dim] if x.ndim else 1
        fits = 0 <= self.size <= length and self.step > 0
        require(fits, ArgumentError, self, f"size {self.size}, step {self.step} do not fit {length} places", input=x)
        if x.ndim == 0:
            return x.with_shape((self.size,))
        count = (length - self.size) // self.step + 1
        return x.with_shape((*x.shape[: self.dim], count, *x.shape[self.dim + 1 :], self.size))

    def forward(self, kernels: Kernels, x: Array) -> Array:
        if x.ndim == 0:
            return kernels.as_strided(x, (self.size,), (x.itemsize,))
        count = (x.shape[self.dim] - self.size) // self.step + 1
        shape, strides = list(x.shape), list(x.strides)
        shape[self.dim], strides[self.dim] = count, strides[self.dim] * self.step
        return kernels.as_strided(x, (*shape, self.size), (*strides, x.strides[self.dim]))

    def vjp(self, dy: Tensor, x_spec: Spec) -> Tensor:
        return UnfoldGrad(self.dim, self.size, self.step, x_spec.shape)(dy)  # type: ignore[no-any-return]


class UnfoldGrad(Op):
    """Windows added up where they came from.

    Math      y = sum over windows; dx = the windows of dy
    """

    tangents = "linear"
    takes_complex = True

    dim: int
    size: int
    step: int
    shape: Shape

    def check(self, x: Spec) -> Spec:
        return x.with_shape(self.shape)

    def forward(self, kernels: Kernels, x: Array) -> Array:
        out = kernels.zeros(self.shape, x.dtype)
        if not self.shape:
            return out + x.sum() if self.size else out
        head = (slice(None),) * self.dim
        span = x.shape[self.dim] * self.step
        for offset in range(self.size):
            out[(*head, slice(offset, offset + span - self.step + 1, self.step))] += x[..., offset]
        return out

    def vjp(self, dy: Tensor) -> Tensor:
        return Unfold(self.dim, self.size, self.step)(dy)  # type: ignore[no-any-return]


class Cat(Op):
    """Tensors put one after the other along a dim. Dtypes are promoted; 1-d tensors without elements are passed over.

    Shapes    equal but for `dim`, where they add up
    Source    semantics of torch.cat
    """

    tangents = "linear"
    takes_complex = True

    dim: int
    promotes = "together"

    def check(self, *xs: Spec) -> Spec:
        first, dim = xs[0], self.dim
        for place, x in enumerate(xs):
            alike = x.ndim == first.ndim and all(
                a == b for d, (a, b) in enumerate(zip(x.shape, first.shape, strict=True)) if d != dim
            )
            require(alike, ShapeError, self, f"tensor {place} differs elsewhere than at dim {dim}", **_numbered(xs))
        return first.with_shape((*first.shape[:dim], sum(x.shape[dim] for x in xs), *first.shape[dim + 1 :]))

    def forward(self, kernels: Kernels, *xs: Array) -> Array:
        return kernels.cat(xs, self.dim)

    def vjp(self, dy: Tensor, xs_spec: tuple[Spec, ...]) -> tuple[Tensor, ...]:
        return Split(tuple(x.shape[self.dim] for x in xs_spec), self.dim)(dy)  # type: ignore[no-any-return]


class Flip(Op):
    """Dims read backwards."""

    tangents = "linear"
    takes_complex = True

    dims: Shape

    def check(self, x: Spec) -> Spec:
        return x

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.copy(
            x[tuple(slice(None, None, -1 if d in self.dims else 1) for d in range(x.ndim))], "contiguous_format"
        )

    def vjp(self, dy: Tensor) -> Tensor:
        return self(dy)  # type: ignore[no-any-return]


class Roll(Op):
    """Places moved along dims; what leaves at one end comes back at the other."""

    tangents = "linear"
    takes_complex = True

    shifts: Shape
    dims: Shape

    def check(self, x: Spec) -> Spec:
        return x

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.roll(x, self.shifts, self.dims)

    def vjp(self, dy: Tensor) -> Tensor:
        return Roll(tuple(-s for s in self.shifts), self.dims)(dy)  # type: ignore[no-any-return]


def _numbered(xs: Sequence[Spec]) -> dict[str, Spec]:
    return {f"tensors[{place}]": x for place, x in enumerate(xs)}


def _given(sizes: tuple[Any, ...], named: Any = None) -> Shape:
    """Sizes given one by one, as one sequence, or by keyword."""
    if named is not None:
        if sizes:
            raise ArgumentError(f"sizes are given twice: {sizes} and by keyword {named}")
        sizes = (named,)
    many = sizes[0] if len(sizes) == 1 and not hasattr(sizes[0], "__index__") else sizes
    return tuple(int(s) for s in many)


def view(input: Tensor, *shape: Any, dtype: Any = None) -> Tensor:
    """The same memory as another shape. Raises ShapeError where only a copy could have it."""
    if dtype is not None or (len(shape) == 1 and hasattr(shape[0], "is_floating_point")):
        raise ArgumentError("view: reading the bits as another dtype is not supported; to(dtype) converts the numbers")
    wanted = shapes.infer_view(input.shape, _given(shape), op="view")
    if shapes.view_strides(input.shape, input.stride(), wanted) is not None:
        return Reshape(wanted)(input)  # type: ignore[no-any-return]
    if not laid_out.is_view_in_torch(input, wanted):
        raise ShapeError(f"view: shape {wanted} needs a copy of this memory; use reshape(){describe(input=input.spec)}")
    if laid_out.can_move(input):
        laid_out.put_in_order(input)
        return Reshape(wanted)(input)  # type: ignore[no-any-return]
    copy: Tensor = Reshape(wanted)(input.contiguous())
    laid_out.mark_as_copy(copy, input)
    return copy


def view_as(input: Tensor, other: Tensor) -> Tensor:
    """view(other.shape)."""
    return view(input, other.shape)


def reshape(input: Tensor, *sizes: Any, shape: Any = None) -> Tensor:
    """The same numbers as another shape: a view where the memory allows, else a copy."""
    wanted = shapes.infer_view(input.shape, _given(sizes, shape), op="reshape")
    whole = input if shapes.view_strides(input.shape, input.stride(), wanted) is not None else input.contiguous()
    return Reshape(wanted)(whole)  # type: ignore[no-any-return]


def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    """reshape(other.shape)."""
    return reshape(input, other.shape)


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The dims from `start_dim` to `end_dim` as one."""
    if input.ndim == 0:
        return reshape(input, (1,))
    first, last = (normalize_dim(d, input.ndim, op="flatten") for d in (start_dim, end_dim))
    if first > last:
        raise DimError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}{describe(input=input.spec)}")
    joined = math.prod(input.shape[first : last + 1])
    return input if first == last else reshape(input, (*input.shape[:first], joined, *input.shape[last + 1 :]))


def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """One dim as several."""
    place = normalize_dim(dim, input.ndim, op="unflatten")
    inner = shapes.infer_view((input.shape[place],), tuple(int(s) for s in sizes), op="unflatten")
    return reshape(input, (*input.shape[:place], *inner, *input.shape[place + 1 :]))


def permute(input: Tensor, *order: Any, dims: Any = None) -> Tensor:
    """Dims in another order."""
    given = _given(order, dims)
    if len(given) != input.ndim:
        raise DimError(f"permute: {len(given)} dims given for {input.ndim}{describe(input=input.spec)}")
    return Permute(normalize_dims(given, input.ndim, op="permute"))(input)  # type: ignore[no-any-return]


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dims exchanged."""
    a, b = (normalize_dim(d, input.ndim, op="transpose") for d in (dim0, dim1))
    order = list(range(input.ndim))
    if order:
        order[a], order[b] = order[b], order[a]
    return Permute(tuple(order))(input)  # type: ignore[no-any-return]


def t(input: Tensor) -> Tensor:
    """Rows and columns exchanged, of a tensor of at most two dims."""
    if input.ndim > 2:
        raise ShapeError(f"t: takes at most 2 dims{describe(input=input.spec)}")
    return transpose(input, 0, 1) if input.ndim == 2 else Permute(tuple(range(input.ndim)))(input)


def reversed_dims(input: Tensor) -> Tensor:
    """All dims in reversed order: `x.T`."""
    return Permute(tuple(range(input.ndim))[::-1])(input)  # type: ignore[no-any-return]


def matrix_transpose(input: Tensor) -> Tensor:
    """The last two dims exchanged: `x.mT`."""
    if input.ndim < 2:
        raise ShapeError(f"mT: needs at least 2 dims{describe(input=input.spec)}")
    return transpose(input, -2, -1)


def movedim(input: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """Dims moved to other places, the rest in their old order."""
    start = normalize_dims(source, input.ndim, op="movedim")
    end = normalize_dims(destination, input.ndim, op="movedim")
    if len(start) != len(end):
        raise ArgumentError(f"movedim: {len(start)} dims cannot move to {len(end)} places")
    if not input.ndim:
        return input
    order = [-1] * input.ndim
    for a, b in zip(start, end, strict=True):
        order[b] = a
    rest = iter(d for d in range(input.ndim) if d not in start)
    return Permute(tuple(next(rest) if d < 0 else d for d in order))(input)  # type: ignore[no-any-return]


def squeeze(input: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """Without the dims of size 1; with `dim`, without those of the named that have size 1."""
    named = range(input.ndim) if dim is None else normalize_dims(dim, input.ndim, op="squeeze")
    kept = tuple(size for d, size in enumerate(input.shape) if not (d in named and size == 1))
    return Reshape(kept)(input)  # type: ignore[no-any-return]


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """With a new dim of size 1 at `dim`."""
    place = normalize_dim(dim, input.ndim + 1, op="unsqueeze")
    return Reshape((*input.shape[:place], 1, *input.shape[place:]))(input)  # type: ignore[no-any-return]


def expand(input: Tensor, *sizes: Any, size: Any = None) -> Tensor:
    """Sizes of 1 stretched without copying; -1 keeps a size."""
    given = _given(sizes, size)
    offset = len(given) - input.ndim
    if offset < 0 or any(s == -1 for s in given[:offset]):
        raise ShapeError(f"expand: {given} does not fit{describe(input=input.spec)}")
    wanted = tuple(input.shape[d - offset] if s == -1 else s for d, s in enumerate(given))
    return Expand(wanted)(input)  # type: ignore[no-any-return]


def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """expand(other.shape)."""
    return expand(input, other.shape)


def broadcast_to(input: Tensor, size: Sequence[int]) -> Tensor:
    """Stretched to `size`."""
    return expand(input, size)


def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """All stretched to the shape that they share."""
    wanted = shapes.broadcast_shapes(*(tuple(t.shape) for t in tensors))
    return tuple(expand(t, wanted) for t in tensors)


def sum_to_size(input: Tensor, *size: Any) -> Tensor:
    """The opposite of expand: added up over whatever would be stretched to come from `size`.

    Raises    ShapeError if `size` does not stretch to the shape of input
    """
    wanted = _given(size)
    offset = input.ndim - len(wanted)
    if offset < 0 or any(s not in (1, have) for s, have in zip(wanted, input.shape[max(offset, 0) :], strict=False)):
        raise ShapeError(f"sum_to_size: {wanted} does not stretch to the shape{describe(input=input.spec)}")
    dims = (*range(offset), *(d + offset for d, s in enumerate(wanted) if s == 1 and input.shape[d + offset] != 1))
    return reshape(input.sum(dims, keepdim=True), wanted) if dims else reshape(input, wanted)


def repeat(input: Tensor, *sizes: Any, repeats: Any = None) -> Tensor:
    """Copies side by side, `sizes[i]` of them along dim i; new dims in front."""
    counts = _given(sizes, repeats)
    if len(counts) < input.ndim or any(c < 0 for c in counts):
        raise ShapeError(f"repeat: {counts} needs a count from 0 up for each dim{describe(input=input.spec)}")
    lead = (1,) * (len(counts) - input.ndim) + tuple(input.shape)
    spread = reshape(input, tuple(n for size in lead for n in (1, size)))
    wide = expand(spread, tuple(n for count, size in zip(counts, lead, strict=True) for n in (count, size)))
    return reshape(wide, tuple(c * s for c, s in zip(counts, lead, strict=True))).clone()


def tile(input: Tensor, *several: Any, dims: Any = None) -> Tensor:
    """As repeat, with counts of 1 in front where too few are given."""
    counts = _given(several, dims)
    return repeat(input, (1,) * (input.ndim - len(counts)) + counts)


def repeat_interleave(
    input: Tensor, repeats: int | Tensor, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each place `repeats` times, one after the other, along `dim` (None: of the flattened tensor).

    Raises    ShapeError if a tensor of repeats fits neither the dim nor one place
    """
    whole, place = (
        (flatten(input), 0) if dim is None else (input, normalize_dim(dim, input.ndim, op="repeat_interleave"))
    )
    counts = [repeats] * whole.shape[place] if isinstance(repeats, int) else repeats.flatten().tolist()
    if len(counts) == 1:
        counts = counts * whole.shape[place]
    if len(counts) != whole.shape[place]:
        raise ShapeError(
            f"repeat_interleave: {len(counts)} repeats for {whole.shape[place]} places{describe(input=input.spec)}"
        )
    if any(c < 0 for c in counts):
        raise ArgumentError("repeat_interleave: repeats must not be negative")
    if output_size is not None and output_size != sum(counts):
        raise ArgumentError(f"repeat_interleave: output_size is {output_size}, the repeats add up to {sum(counts)}")
    index = input.new_tensor([at for at, count in enumerate(counts) for _ in range(count)], dtype=int)
    return whole.index_select(place, index)


def flip(input: Tensor, *several: Any, dims: Any = None) -> Tensor:
    """The dims read backwards, as a copy."""
    return Flip(normalize_dims(_given(several, dims), input.ndim, op="flip"))(input)  # type: ignore[no-any-return]


def fliplr(input: Tensor) -> Tensor:
    """Columns read backwards."""
    return flip(input, 1)


def flipud(input: Tensor) -> Tensor:
    """Rows read backwards."""
    if not input.ndim:
        raise ShapeError(f"flipud: needs at least one dim{describe(input=input.spec)}")
    return flip(input, 0)


def roll(input: Tensor, shifts: int | Sequence[int], dims: int | Sequence[int] | None = None) -> Tensor:
    """Places moved along dims, around the end; without dims, of the flattened tensor."""
    moves = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    if dims is None or (not isinstance(dims, int) and len(tuple(dims)) == 0):
        if len(moves) != 1:
            raise ArgumentError(f"roll: {len(moves)} shifts without dims; one is possible")
        return reshape(Roll(moves, (0,))(reshape(input, (-1,))), input.shape)
    given = (dims,) if isinstance(dims, int) else tuple(dims)
    if len(given) != len(moves):
        raise ArgumentError(f"roll: {len(moves)} shifts for {len(given)} dims")
    return Roll(moves, tuple(normalize_dim(d, input.ndim, op="roll") for d in given))(input)  # type: ignore[no-any-return]


def narrow(input: Tensor, dim: int, start: int | Tensor, length: int) -> Tensor:
    """`length` places from `start` along a dim, as a view."""
    if not isinstance(start, int) and (start.ndim or start.dtype.category != 1):
        raise DtypeError(f"narrow: start must be a whole number{describe(start=start.spec)}")
    place = normalize_dim(dim, input.ndim, op="narrow")
    size = input.shape[place] if input.ndim else 0
    first = int(start) + (size if int(start) < 0 else 0)
    if input.ndim == 0 or not 0 <= first <= first + length <= size:
        raise DimError(
            f"narrow: start {int(start)}, length {length} do not fit {size} places at dim {dim}"
            f"{describe(input=input.spec)}"
        )
    return Slice(place, first, first + length)(input)  # type: ignore[no-any-return]


def select(input: Tensor, dim: int, index: int) -> Tensor:
    """One place along a dim, which is dropped, as a view."""
    if input.ndim == 0:
        raise DimError("select: a 0-d tensor has no dim to select from")
    place = normalize_dim(dim, input.ndim, op="select")
    size = input.shape[place]
    if not -size <= index < size:
        raise DimError(
            f"select: index {index} is out of range for {size} places at dim {dim}{describe(input=input.spec)}"
        )
    return Select(place, int(index) % size)(input)  # type: ignore[no-any-return]


def split(input: Tensor, split_size: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces of `split_size` (the last may be smaller), or of the sizes listed, along a dim, as views."""
    place = normalize_dim(dim, input.ndim, op="split")
    if input.ndim == 0:
        raise DimError("split: a 0-d tensor has no dim to split")
    size = input.shape[place]
    if isinstance(split_size, int):
        if split_size < 0 or (split_size == 0 and size):
            raise ArgumentError(f"split: split_size {split_size} for {size} places")
        count = max(1, -(-size // split_size)) if split_size else 1
        sizes = tuple(min(split_size, size - at * split_size) for at in range(count))
    else:
        sizes = tuple(int(s) for s in split_size)
    return Split(sizes, place)(input)  # type: ignore[no-any-return]


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` pieces of equal size (the last may be smaller) along a dim, as views."""
    if chunks < 1:
        raise ArgumentError(f"chunk: needs at least 1 chunk, got {chunks}")
    size = input.shape[normalize_dim(dim, input.ndim, op="chunk")] if input.ndim else 0
    each = -(-size // chunks)
    return split(input, [0] * chunks if each == 0 else each, dim)


def tensor_split(input: Tensor, indices_or_sections: int | Sequence[int] | Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces cut at the indices, or `sections` pieces whose sizes differ by at most one."""
    size = input.shape[normalize_dim(dim, input.ndim, op="tensor_split")]
    given: Any = indices_or_sections
    given = given.tolist() if hasattr(given, "_run") else given
    if isinstance(given, int):
        if given < 1:
            raise ArgumentError(f"tensor_split: needs at least 1 section, got {given}")
        return split(input, [size // given + (at < size % given) for at in range(given)], dim)
    cuts = [0, *(min(max(i + size if i < 0 else i, 0), size) for i in given), size]
    return tuple(narrow(input, dim, a, max(b - a, 0)) for a, b in itertools.pairwise(cuts))


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Every place along a dim, each without it, as views."""
    if input.ndim == 0:
        raise DimError("unbind: a 0-d tensor has no dim to unbind")
    place = normalize_dim(dim, input.ndim, op="unbind")
    return Unbind(place)(input) if input.shape[place] else ()


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors one after the other along a dim."""
    many = tuple(tensors)
    if not many:
        raise ArgumentError("cat: needs at least one tensor")
    for place, x in enumerate(many):
        if not hasattr(x, "_run"):
            raise DtypeError(f"cat: tensors[{place}] is a {type(x).__name__}, not a tensor")
    bare = tuple(x for x in many if x.shape != (0,))  # torch's old allowance for empty 1-d tensors
    if any(x.ndim == 0 for x in many):
        raise ShapeError(
            f"cat: 0-d tensors cannot be put together; use stack(){describe(**_numbered([x.spec for x in many]))}"
        )
    kept = bare or many[:1]
    place = normalize_dim(dim, kept[0].ndim, op="cat")
    wanted = many[0]
    for x in many[1:]:
        wanted = wanted if x.dtype is wanted.dtype else (wanted.new_empty(0) + x.new_empty(0))
    return Cat(place)(*(x.to(wanted.dtype) for x in kept))  # type: ignore[no-any-return]


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors of one shape along a new dim."""
    many = tuple(tensors)
    if not many:
        raise ArgumentError("stack: needs at least one tensor")
    if any(x.shape != many[0].shape for x in many):
        raise ShapeError(f"stack: the tensors differ in shape{describe(**_numbered([x.spec for x in many]))}")
    place = normalize_dim(dim, many[0].ndim + 1, op="stack")
    return Cat(place)(*(unsqueeze(x, place) for x in many))  # type: ignore[no-any-return]


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The diagonal of two dims, as a new last dim, as a view."""
    a, b = (normalize_dim(d, input.ndim, op="diagonal") for d in (dim1, dim2))
    return Diagonal(offset, a, b)(input)  # type: ignore[no-any-return]


def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Windows along a dim, as a view with a new last dim."""
    return Unfold(normalize_dim(dimension, input.ndim, op="unfold"), size, step)(input)  # type: ignore[no-any-return]


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Coordinate grids of 1-d tensors.

    Raises    DtypeError if the tensors differ in dtype; ShapeError for more than one dim
    """
    many = tuple(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors
    if indexing not in ("ij", "xy"):
        raise ArgumentError(f"meshgrid: indexing must be 'ij' or 'xy', got {indexing!r}")
    if any(x.ndim > 1 for x in many):
        raise ShapeError(f"meshgrid: takes 1-d tensors{describe(**_numbered([x.spec for x in many]))}")
    if any(x.dtype is not many[0].dtype for x in many):
        raise DtypeError(f"meshgrid: dtypes differ{describe(**_numbered([x.spec for x in many]))}")
    swap = indexing == "xy" and len(many) > 1
    order = (many[1], many[0], *many[2:]) if swap else many
    full = tuple(x.numel() for x in order)
    grids = [
        expand(reshape(x, (1,) * place + (x.numel(),) + (1,) * (len(order) - place - 1)), full)
        for place, x in enumerate(order)
    ]
    if swap:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)
