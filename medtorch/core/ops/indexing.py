"""x[...] and its relatives: views by ints, slices, None and Ellipsis; copies at the places that tensors and masks name.

As in torch, ints, slices, None and Ellipsis are followed first, as one view; in that view tensors are looked up.
Index tensors next to each other leave their shape where they stood; if a dim without one lies between, it comes first.

Source    semantics of torch.Tensor.__getitem__, __setitem__; PyTorch documentation, "Tensor indexing API"
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from medtorch.core import dtypes
from medtorch.core.ops.gathering import named, require_index
from medtorch.core.ops.op import Array, Op, require, sum_to
from medtorch.core.ops.reduction import dim_of
from medtorch.core.ops.shape import Scattered, View, broadcast_tensors, stack
from medtorch.core.ops.sorting import unique
from medtorch.core.shapes import Shape, broadcast_shapes
from medtorch.core.spec import Spec, describe
from medtorch.errors import ArgumentError, DimError, DtypeError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor

Entry = int | slice | None


class BasicIndex(View):
    """A view by ints, slices and None, one entry a dim, all within range.

    Math      dx = dy where the view looks, 0 elsewhere
    """

    entries: tuple[tuple[str, int, int, int], ...]  # kind ("int", "slice", "none"), start, stop, step
    name = "getitem"

    def check(self, x: Spec) -> Spec:
        shape: list[int] = []
        sizes = iter(x.shape)
        for kind, start, stop, step in self.entries:
            if kind == "none":
                shape.append(1)
                continue
            next(sizes)
            if kind == "slice":
                shape.append(len(range(start, stop, step)))
        return x.with_shape((*shape, *sizes))

    def forward(self, kernels: Kernels, x: Array) -> Array:
        key = (None if kind == "none" else a if kind == "int" else slice(a, b, c) for kind, a, b, c in self.entries)
        return x[(*key, Ellipsis)]

    def vjp(self, dy: Tensor, x_spec: Spec) -> Tensor:
        return Scattered(self, x_spec.shape)(dy)  # type: ignore[no-any-return]


class Index(Op):
    """A copy of the numbers at places that index tensors name.

    Math      dx = dy added up where it came from
    Shapes    index: (k, *S) holds the places along the k dims of `places`
    Raises    DimError for a place that is not there
    """

    takes_complex = True

    places: Shape
    name = "getitem"

    def check(self, x: Spec, index: Spec) -> Spec:
        return x.with_shape(self.result(x.shape, index.shape[1:]))

    def result(self, shape: Shape, names: Shape) -> Shape:
        rest = tuple(size for d, size in enumerate(shape) if d not in self.places)
        adjacent = self.places[-1] - self.places[0] == len(self.places) - 1
        lead = self.places[0] if adjacent else 0
        return (*rest[:lead], *names, *rest[lead:])

    def forward(self, kernels: Kernels, x: Array, index: Array) -> Array:
        with named("indexing"):
            return kernels.index(x, index, self.places)

    def vjp(self, x_spec: Spec, index: Tensor, dy: Tensor) -> tuple[Tensor, None]:
        return IndexPut(self.places, accumulate=True)(dy.new_zeros(x_spec.shape), index, dy), None


class IndexPut(Op):
    """The numbers of `value` written, or added, at places that index tensors name.

    Math      dx = dy, 0 where written (everywhere dy where added);  dvalue = dy at the places
    Undefined which number stays where a place is named twice (its gradient goes to all of them)
    Raises    DimError for a place that is not there; ShapeError; DtypeError
    """

    takes_complex = True

    places: Shape
    accumulate: bool = False

    def check(self, x: Spec, index: Spec, value: Spec) -> Spec:
        shown = {"input": x, "value": value}
        require(value.dtype is x.dtype, DtypeError, self, "value must have the input's dtype", **shown)
        wanted = Index(self.places).result(x.shape, index.shape[1:])
        try:
            fits = broadcast_shapes(wanted, value.shape) == wanted
        except ShapeError:
            fits = False
        require(fits, ShapeError, self, f"value does not stretch to the indexed shape {wanted}", **shown)
        return x

    def forward(self, kernels: Kernels, x: Array, index: Array, value: Array) -> Array:
        with named("indexing"):
            if self.accumulate:
                return kernels.index_add(x, index, value, self.places)
            return kernels.index_put(x, index, value, self.places)

    def vjp(
        self, index: Tensor, value_spec: Spec, dy: Tensor, needs: tuple[bool, ...]
    ) -> tuple[Tensor | None, None, Tensor | None]:
        dx = dvalue = None
        if needs[0]:
            dx = dy if self.accumulate else IndexPut(self.places)(dy, index, dy.new_zeros(()))
        if needs[2]:
            dvalue = sum_to(Index(self.places)(dy, index), value_spec)
        return dx, None, dvalue


class Nonzero(Op):
    """Coordinates of the numbers that are not zero, in row-major order, (count, ndim)."""

    takes_complex = True

    def check(self, x: Spec) -> Spec:
        return Spec((-1, x.ndim), dtypes.int64, x.device)  # -1: only the numbers tell

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.nonzero(x)


# -- reading a key ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Key:
    """A key in two steps: a view, then index tensors at dims of that view."""

    basic: BasicIndex | None
    tensors: dict[int, Tensor]


_LONGEST_KEY = 32


def _speaks_of_a_dim(entry: Any) -> bool:
    """Whether a list with this in it is a key with an entry a dim, as a tuple would be."""
    return entry is None or entry is Ellipsis or isinstance(entry, (slice, list, tuple)) or hasattr(entry, "_run")


def read_key(input: Tensor, key: Any) -> Key:
    """What `input[key]` asks for. Raises DimError, ArgumentError, DtypeError for keys that do not fit."""
    if isinstance(key, list) and len(key) < _LONGEST_KEY and any(_speaks_of_a_dim(entry) for entry in key):
        key = tuple(key)
    entries = _completed(input, [_plain(input, entry) for entry in (key if isinstance(key, tuple) else (key,))])
    steps: list[tuple[str, int, int, int]] = []
    tensors: dict[int, Tensor] = {}
    dim = place = 0  # of the input, of the view
    for entry in entries:
        if entry is None:
            steps.append(("none", 0, 0, 0))
            place += 1
        elif isinstance(entry, bool):
            steps.append(("none", 0, 0, 0))
            tensors[place] = _index_of(input, [0] if entry else [])
            place += 1
        elif isinstance(entry, int):
            steps.append(("int", _within(input, entry, dim), 0, 0))
            dim += 1
        elif isinstance(entry, slice):
            steps.append(("slice", *_bounds(input, entry, dim)))
            dim, place = dim + 1, place + 1
        else:
            for index in _looked_up(input, entry, dim):
                steps.append(("slice", 0, input.shape[dim], 1))
                tensors[place] = index
                dim, place = dim + 1, place + 1
    whole = (
        all(step == ("slice", 0, size, 1) for step, size in zip(steps, input.shape, strict=False))
        and len(steps) <= input.ndim
    )
    return Key(None if whole and tensors else BasicIndex(tuple(steps)), tensors)


def _plain(input: Tensor, entry: Any) -> Any:
    """One entry of a key as a bool, int, slice, None, Ellipsis, or a tensor."""
    if entry is None or entry is Ellipsis or isinstance(entry, (bool, int)):
        return entry
    if isinstance(entry, slice):
        return slice(*(None if v is None else _whole(v) for v in (entry.start, entry.stop, entry.step)))
    if hasattr(entry, "_run"):
        if entry.ndim == 0 and entry.dtype is dtypes.bool_:
            return bool(entry)
        return (
            int(entry)
            if entry.ndim == 0 and not entry.dtype.is_floating_point and entry.dtype is not dtypes.uint8
            else entry
        )
    if isinstance(entry, (np.bool_, np.integer)):
        return entry.item()
    if isinstance(entry, (list, tuple, range, np.ndarray)):
        return _index_of(input, entry)
    if hasattr(entry, "__index__"):
        return entry.__index__()
    raise ArgumentError(
        "indexing: a key is made of ints, slices, None, ..., bools, tensors and lists of them; "
        f"got {type(entry).__name__}"
    )


def _whole(value: Any) -> int:
    if not hasattr(value, "__index__"):
        raise ArgumentError(f"indexing: the ends and the step of a slice are whole numbers or None, got {value!r}")
    return int(value.__index__())


def _index_of(input: Tensor, values: Any) -> Tensor:
    """A list of places as an index tensor beside the input; an empty one names no place."""
    if isinstance(values, (list, tuple)):
        values = [v.tolist() if hasattr(v, "tolist") else v for v in values]
    try:
        array = np.asarray(values)
    except ValueError as ragged:
        raise ArgumentError("indexing: a list in a key must hold numbers, or lists of equal length") from ragged
    if not array.size and array.dtype == np.float64:
        array = array.astype(np.int64)
    if array.dtype.kind not in "iub":
        raise ArgumentError(f"indexing: a list in a key must hold whole numbers or bools, got {array.dtype}")
    wanted = dtypes.bool_ if array.dtype.kind == "b" else dtypes.int64
    return input.detach().new_tensor(array, dtype=wanted)


def _takes(entry: Any) -> int:
    """How many dims of the input an entry uses up."""
    if entry is None or entry is Ellipsis or isinstance(entry, bool):
        return 0
    return int(entry.ndim) if hasattr(entry, "_run") and entry.dtype is dtypes.bool_ else 1


def _completed(input: Tensor, entries: list[Any]) -> list[Any]:
    """The ellipsis (or the end, where there is none) filled up with whole slices."""
    taken = sum(_takes(entry) for entry in entries)
    if taken > input.ndim:
        raise DimError(f"indexing: {taken} indices for {input.ndim} dims{describe(input=input.spec)}")
    dots = [n for n, entry in enumerate(entries) if entry is Ellipsis]
    if len(dots) > 1:
        raise DimError(f"indexing: more than one ellipsis{describe(input=input.spec)}")
    at = dots[0] if dots else len(entries)
    return [*entries[:at], *[slice(None)] * (input.ndim - taken), *entries[at + 1 :]]


def _within(input: Tensor, index: int, dim: int) -> int:
    size = input.shape[dim]
    if not -size <= index < size:
        raise DimError(
            f"indexing: index {index} is out of range for dim {dim} of size {size}{describe(input=input.spec)}"
        )
    return index % size


def _bounds(input: Tensor, cut: slice, dim: int) -> tuple[int, int, int]:
    if cut.step is not None and cut.step <= 0:
        raise ArgumentError(
            f"indexing: the step of a slice must be positive, got {cut.step}; use flip() to turn a dim round"
        )
    start, stop, step = cut.indices(input.shape[dim])
    return start, max(start, stop), step


def _looked_up(input: Tensor, entry: Tensor, dim: int) -> tuple[Tensor, ...]:
    """An index tensor as it is; a mask as the coordinates of what is true, one index tensor a dim of the mask."""
    if entry.device != input.device and entry.device.type == "cpu":
        entry = entry.to(input.device)  # as torch: an index may come from the host
    if entry.dtype is not dtypes.bool_:
        require_index("indexing", entry.spec, input=input.spec, index=entry.spec)
        return (entry.to(dtypes.int64),)
    fits = entry.shape == input.shape[dim : dim + entry.ndim]
    require(
        fits,
        DimError,
        "indexing",
        f"the mask does not have the input's shape from dim {dim} on",
        input=input.spec,
        mask=entry.spec,
    )
    return Nonzero()(entry).unbind(1)  # type: ignore[no-any-return]


def joined(tensors: dict[int, Tensor], input: Tensor) -> tuple[Shape, Tensor]:
    """The dims that are indexed, and all index tensors as one of shape (k, *S)."""
    try:
        together = broadcast_tensors(*tensors.values())
    except ShapeError:
        shown = {f"indices[{n}]": t.spec for n, t in enumerate(tensors.values())}
        raise DimError(f"indexing: index tensors do not broadcast{describe(input=input.spec, **shown)}") from None
    return tuple(tensors), stack(together)


def getitem(input: Tensor, key: Any) -> Tensor:
    """`input[key]`: a view for ints, slices, None and Ellipsis; a copy where index tensors, masks or lists take part.

    Raises    DimError for what is out of range; ArgumentError; DtypeError for index tensors that are no index
    """
    found = read_key(input, key)
    part = input if found.basic is None else found.basic(input)
    if not found.tensors:
        return part
    places, index = joined(found.tensors, part)
    return Index(places)(part, index)  # type: ignore[no-any-return]


def beside(input: Tensor, value: Any) -> Tensor:
    """A number as a tensor of the input's dtype; a 0-d tensor from the host beside the input."""
    if not hasattr(value, "_run"):
        return input._scalar(value, input.dtype) if np.ndim(value) == 0 else input.detach().new_tensor(value)
    if value.ndim == 0 and value.device != input.device and value.device.type == "cpu":
        return value.to(input.device)  # type: ignore[no-any-return]
    return value  # type: ignore[no-any-return]


# -- functions ------------------------------------------------------------------------------------------------------


def index_put(input: Tensor, indices: Sequence[Tensor | None], values: Tensor, accumulate: bool = False) -> Tensor:
    """`input` with `values` written (or added) at `indices`, one index tensor, mask or None a dim.

    Source    semantics of torch.index_put
    """
    found = read_key(input, tuple(slice(None) if i is None else i.reshape(1) if not i.ndim else i for i in indices))
    if not found.tensors:
        raise ArgumentError("index_put: at least one index tensor is needed")
    places, index = joined(found.tensors, input)
    return IndexPut(places, accumulate)(input, index, beside(input, values))  # type: ignore[no-any-return]


def _one_dim(name: str, input: Tensor, dim: int, index: Tensor) -> tuple[int, Tensor]:
    """dim counted from the front, and the index as (1, n), checked to lie in 0 <= index < size."""
    shown = {"input": input.spec, "index": index.spec}
    place = dim_of(name, dim, input.spec)
    require(index.ndim <= 1, ShapeError, name, "index must have 1 dim", **shown)
    require_index(name, index.spec, **shown)
    flat = index.reshape(-1).to(dtypes.int64)
    size = input.shape[place] if input.ndim else 1
    if flat.numel() and bool(((flat < 0) | (flat >= size)).any()):
        raise DimError(f"{name}: index is out of range for dim {place} of size {size}{describe(**shown)}")
    return place, flat.unsqueeze(0)


def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The places `index` along `dim`, in that order.

    Source    semantics of torch.index_select
    """
    place, places = _one_dim("index_select", input, dim, index)
    if not input.ndim:
        require(
            places.shape[1] == 1,
            ShapeError,
            "index_select",
            "a 0-d input has one place",
            input=input.spec,
            index=index.spec,
        )
        return input.clone()
    return Index((place,))(input, places)  # type: ignore[no-any-return]


def _rows(name: str, input: Tensor, dim: int, index: Tensor, source: Tensor) -> tuple[int, Tensor]:
    """The place and index of a write of `source`, which must have the input's shape but for `dim`."""
    place, places = _one_dim(name, input, dim, index)
    shown = {"input": input.spec, "index": index.spec, "source": source.spec}
    require(source.dtype is input.dtype, DtypeError, name, "source must have the input's dtype", **shown)
    count = places.shape[1]
    if not input.ndim or not source.ndim:
        require(
            source.numel() == count and max(input.ndim, source.ndim) <= 1,
            ShapeError,
            name,
            f"source needs {count} numbers",
            **shown,
        )
    else:
        wanted = (*input.shape[:place], count, *input.shape[place + 1 :])
        require(tuple(source.shape) == wanted, ShapeError, name, f"source must have the shape {wanted}", **shown)
    return place, places


def _written(input: Tensor, place: int, places: Tensor, source: Tensor, *, accumulate: bool) -> Tensor:
    if not input.ndim:
        return IndexPut((0,), accumulate)(input.reshape(1), places, source.reshape(-1)).reshape(())  # type: ignore[no-any-return]
    return IndexPut((place,), accumulate)(input, places, source.reshape(-1) if not source.ndim else source)  # type: ignore[no-any-return]


def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1) -> Tensor:
    """`input` with alpha * source added at the places `index` along `dim`.

    Source    semantics of torch.index_add
    """
    place, places = _rows("index_add", input, dim, index, source)
    return _written(input, place, places, source if alpha == 1 else source * alpha, accumulate=True)


def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """`input` with source written at the places `index` along `dim`.

    Source    semantics of torch.index_copy
    """
    place, places = _rows("index_copy", input, dim, index, source)
    return _written(input, place, places, source, accumulate=False)


def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """`input` with a number written at the places `index` along `dim`.

    Source    semantics of torch.index_fill
    """
    place, places = _one_dim("index_fill", input, dim, index)
    number = value if hasattr(value, "_run") else input._scalar(value, input.dtype)
    require(
        number.ndim == 0,
        ShapeError,
        "index_fill",
        "value must be a number or a 0-d tensor",
        input=input.spec,
        value=number.spec,
    )
    number = number.to(input.dtype)
    places = unique(places, dim=1)  # once each, or the number's gradient would count places twice
    if not input.ndim:
        return IndexPut((0,))(input.reshape(1), places, number).reshape(())  # type: ignore[no-any-return]
    return IndexPut((place,))(input, places, number)  # type: ignore[no-any-return]


def take(input: Tensor, index: Tensor) -> Tensor:
    """The numbers at places of the flattened input; negative places count from the end.

    Source    semantics of torch.take
    """
    require_index("take", index.spec, input=input.spec, index=index.spec)
    return Index((0,))(input.reshape(-1), index.to(dtypes.int64).unsqueeze(0))  # type: ignore[no-any-return]


def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """`input` with source written (or added) at places of the flattened input.

    Source    semantics of torch.Tensor.put
    """
    shown = {"input": input.spec, "index": index.spec, "source": source.spec}
    require_index("put", index.spec, **shown)
    require(index.numel() == source.numel(), ShapeError, "put", "index and source differ in number", **shown)
    flat = index.reshape(-1).to(dtypes.int64).unsqueeze(0)
    return IndexPut((0,), accumulate)(input.reshape(-1), flat, source.reshape(-1)).reshape(input.shape)  # type: ignore[no-any-return]


def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The numbers where the mask is True, in one dim. Input and mask broadcast.

    Source    semantics of torch.masked_select
    """
    require(
        mask.dtype is dtypes.bool_, DtypeError, "masked_select", "mask must be bool", input=input.spec, mask=mask.spec
    )
    x, chosen = _together("masked_select", input, mask)
    return getitem(x.reshape(-1), chosen.reshape(-1))


def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """`input` with the first numbers of source written, in order, where the mask is True.

    Raises    ShapeError if source has fewer numbers than the mask has True
    Source    semantics of torch.masked_scatter
    """
    shown = {"input": input.spec, "mask": mask.spec, "source": source.spec}
    require(mask.dtype is dtypes.bool_, DtypeError, "masked_scatter", "mask must be bool", **shown)
    require(source.dtype is input.dtype, DtypeError, "masked_scatter", "source must have the input's dtype", **shown)
    x, chosen = _together("masked_scatter", input, mask)
    where_true = Nonzero()(chosen.reshape(-1)).reshape(1, -1)
    count = where_true.shape[1]
    require(
        count <= source.numel(), ShapeError, "masked_scatter", f"source has too few numbers for {count} places", **shown
    )
    flat = IndexPut((0,))(x.reshape(-1), where_true, source.reshape(-1)[:count])
    return flat.reshape(x.shape)  # type: ignore[no-any-return]


def _together(name: str, input: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    try:
        x, chosen = broadcast_tensors(input, mask)
    except ShapeError:
        raise ShapeError(f"{name}: shapes do not broadcast{describe(input=input.spec, mask=mask.spec)}") from None
    return x, chosen


def nonzero(input: Tensor, *, as_tuple: bool = False) -> Tensor | tuple[Tensor, ...]:
    """Coordinates of the numbers that are not zero: (count, ndim), or one tensor a dim.

    Source    semantics of torch.nonzero
    """
    if as_tuple:
        found = Nonzero()(input.reshape(1) if not input.ndim else input)
        return found.unbind(1)  # type: ignore[no-any-return]
    return Nonzero()(input)  # type: ignore[no-any-return]


def argwhere(input: Tensor) -> Tensor:
    """nonzero(input).

    Source    semantics of torch.argwhere
    """
    return Nonzero()(input)  # type: ignore[no-any-return]
