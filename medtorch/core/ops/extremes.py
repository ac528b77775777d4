"""Largest, smallest, middle and most frequent numbers along dims, with their places.

Results that are one of the inputs along a dim are found in two steps: where it lies (no gradient), then `gather` (whose
gradient goes there). Results over everything share their gradient evenly among all inputs that equal them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from medtorch.core import dtypes
from medtorch.core.autocasting import wide
from medtorch.core.ops.arithmetic import maximum, minimum
from medtorch.core.ops.elementwise import ceil, floor, round
from medtorch.core.ops.gathering import gather
from medtorch.core.ops.op import Array, Op, require
from medtorch.core.ops.reduction import Dim, Reduction, dim_of, dims_of, frozen, stretched
from medtorch.core.ops.sorting import Argsort, ValuesIndices
from medtorch.core.shapes import reduced_shape
from medtorch.core.spec import Spec
from medtorch.errors import ArgumentError, DtypeError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor


class MinMax(NamedTuple):
    """The smallest and the largest number."""

    min: Tensor
    max: Tensor


def shared_evenly(x: Tensor, y: Tensor, dy: Tensor, dims: tuple[int, ...]) -> Tensor:
    """`dy` in equal parts to all x along `dims` that equal y (NaN to NaN)."""
    top = stretched(y, x.spec, dims)
    same = ((x == top) | ((x != x) & (top != top))).to(dy.dtype)
    return stretched(dy, x.spec, dims) * (same / same.sum(dims, keepdim=True) if dims else same)


class _Extreme(Reduction):
    def check(self, x: Spec) -> Spec:
        out = super().check(x)
        nothing = x.numel == 0 and (out.numel > 0 or self.dim is None)
        require(not nothing, ShapeError, self, "there is no number to choose from", input=x)
        return out

    def vjp(self, x: Tensor, y: Tensor, dy: Tensor) -> Tensor:
        return shared_evenly(x, y, dy, dims_of(self, self.dim, x.spec))


class Amax(_Extreme):
    """Math      y = max x, NaN if there is one; dx = dy in equal parts to all x = y"""

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.amax(x, self.dims(x), self.keepdim)


class Amin(_Extreme):
    """Math      y = min x, NaN if there is one; dx = dy in equal parts to all x = y"""

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.amin(x, self.dims(x), self.keepdim)


class _Place(Op):
    """Where the first of the wanted numbers lies; `dim` None counts through all numbers."""

    dim: int | None = None
    keepdim: bool = False

    def check(self, x: Spec) -> Spec:
        chosen = dims_of(self, self.dim, x)
        count = x.numel if self.dim is None else (x.shape[chosen[0]] if chosen else 1)
        require(count > 0, ShapeError, self, "there is no number to choose from", input=x)
        return Spec(reduced_shape(x.shape, chosen, keepdim=self.keepdim), dtypes.int64, x.device)

    def place(self, x: Array) -> int | None:
        return None if self.dim is None else self.dim % x.ndim if x.ndim else 0


class Argmax(_Place):
    """Math      y = first i with x_i = max x; a NaN counts as the largest"""

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.argmax(x, self.place(x), self.keepdim)


class Argmin(_Place):
    """Math      y = first i with x_i = min x; a NaN counts as the smallest"""

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.argmin(x, self.place(x), self.keepdim)


class MedianIndex(_Place):
    """Where the lower median along `dim` lies, keeping the dim. A NaN is the median, unless NaNs are ignored."""

    ignore_nan: bool = False
    name = "median"

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.median_index(x.reshape(1) if x.ndim == 0 else x, self.place(x) or 0, self.ignore_nan).reshape(
            self._shape(x)
        )

    def _shape(self, x: Array) -> tuple[int, ...]:
        return reduced_shape(x.shape, (self.place(x) or 0,), keepdim=True) if x.ndim else ()


class ModeIndex(_Place):
    """Where the smallest of the most frequent numbers along `dim` last appears, keeping the dim."""

    name = "mode"

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.mode_index(x.reshape(1) if x.ndim == 0 else x, self.place(x) or 0).reshape(
            reduced_shape(x.shape, (self.place(x) or 0,), keepdim=True) if x.ndim else ()
        )


class MedianOfAll(Op):
    """Math      y = lower median of all numbers; dx = dy in equal parts to all x = y"""

    name = "median"

    def check(self, x: Spec) -> Spec:
        return x.with_shape(())

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return self._of(kernels, x, ignore_nan=False)

    def _of(self, kernels: Kernels, x: Array, *, ignore_nan: bool) -> Array:
        flat = x.reshape(-1)
        if flat.size == 0:
            return kernels.full((), float("nan") if x.dtype.kind not in "iu" else 0, dtypes.from_numpy(x.dtype))
        return flat[kernels.median_index(flat, 0, ignore_nan)].reshape(())

    def vjp(self, x: Tensor, y: Tensor, dy: Tensor) -> Tensor:
        return shared_evenly(x, y, dy, tuple(range(x.ndim)))


class NanmedianOfAll(MedianOfAll):
    """Math      y = lower median of all numbers that are not NaN; dx = dy in equal parts to all x = y"""

    name = "nanmedian"

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return self._of(kernels, x, ignore_nan=True)


def amax(input: Tensor, dim: Dim = (), keepdim: bool = False) -> Tensor:
    """The largest number over `dim`; ties share the gradient.

    Source    semantics of torch.amax
    """
    return Amax(frozen(dim), keepdim)(input)  # type: ignore[no-any-return]


def amin(input: Tensor, dim: Dim = (), keepdim: bool = False) -> Tensor:
    """The smallest number over `dim`; ties share the gradient.

    Source    semantics of torch.amin
    """
    return Amin(frozen(dim), keepdim)(input)  # type: ignore[no-any-return]


def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> MinMax:
    """(min, max) over one dim, or over all.

    Source    semantics of torch.aminmax
    """
    return MinMax(amin(input, dim, keepdim), amax(input, dim, keepdim))


def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Where the first of the largest numbers lies along `dim`, or among all.

    Raises    ShapeError if there is none
    Source    semantics of torch.argmax
    """
    return Argmax(dim, keepdim)(input)  # type: ignore[no-any-return]


def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Where the first of the smallest numbers lies along `dim`, or among all.

    Raises    ShapeError if there is none
    Source    semantics of torch.argmin
    """
    return Argmin(dim, keepdim)(input)  # type: ignore[no-any-return]


def max(
    input: Tensor, dim: int | Tensor | None = None, keepdim: bool = False, *, other: Tensor | None = None
) -> Tensor | ValuesIndices:
    """`max(x)` of all; `max(x, dim)` as (values, indices); `max(x, other)` number by number.

    Source    semantics of torch.max
    """
    second = _other("max", dim, keepdim, other)
    if second is not None:
        return maximum(input, second)
    return Amax()(input) if dim is None else chosen(input, Argmax(dim, True), keepdim)  # type: ignore[arg-type]


def min(
    input: Tensor, dim: int | Tensor | None = None, keepdim: bool = False, *, other: Tensor | None = None
) -> Tensor | ValuesIndices:
    """`min(x)` of all; `min(x, dim)` as (values, indices); `min(x, other)` number by number.

    Source    semantics of torch.min
    """
    second = _other("min", dim, keepdim, other)
    if second is not None:
        return minimum(input, second)
    return Amin()(input) if dim is None else chosen(input, Argmin(dim, True), keepdim)  # type: ignore[arg-type]


def _other(name: str, dim: int | Tensor | None, keepdim: bool, other: Tensor | None) -> Tensor | None:
    """The second tensor of max(x, other), under either name."""
    found = other if dim is None or isinstance(dim, int) else dim
    if (found is not None and keepdim) or (other is not None and dim is not None):
        raise ArgumentError(f"{name}: either dim and keepdim, or another tensor")
    return found


def chosen(input: Tensor, place: Op, keepdim: bool) -> ValuesIndices:
    """The numbers where `place`, which keeps its dim, says they are."""
    indices = place(input)
    dim: int = place.dim  # type: ignore[attr-defined]
    values = gather(input, dim, indices)
    if keepdim or not input.ndim:
        return ValuesIndices(values, indices)
    return ValuesIndices(values.squeeze(dim), indices.squeeze(dim))


def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor | ValuesIndices:
    """The lower median of all numbers; along `dim` as (values, indices). NaN if there is one.

    Source    semantics of torch.median
    """
    return MedianOfAll()(input) if dim is None else chosen(input, MedianIndex(dim, True), keepdim)


def nanmedian(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor | ValuesIndices:
    """The lower median of the numbers that are not NaN; along `dim` as (values, indices).

    Source    semantics of torch.nanmedian
    """
    if dim is None:
        return NanmedianOfAll()(input)  # type: ignore[no-any-return]
    return chosen(input, MedianIndex(dim, True, ignore_nan=True), keepdim)


def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> ValuesIndices:
    """The most frequent number along `dim` (the smallest of several) as (values, indices).

    Source    semantics of torch.mode
    """
    return chosen(input, ModeIndex(dim, True), keepdim)


@wide
def quantile(
    input: Tensor, q: float | Tensor, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Tensor:
    """The number below which a share q of the numbers lies; between two, as `interpolation` says. NaN if there is one.

    Math      rank = q (n - 1) among the sorted numbers
    Shapes    q: 0-d -> the reduced shape; (k,) -> (k, *reduced shape)
    Raises    ArgumentError for q outside [0, 1] or an unknown interpolation; DtypeError; ShapeError
    Source    semantics of torch.quantile
    """
    return _quantile("quantile", input, q, dim, keepdim, interpolation, ignore_nan=False)


@wide
def nanquantile(
    input: Tensor, q: float | Tensor, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Tensor:
    """As quantile, among the numbers that are not NaN.

    Source    semantics of torch.nanquantile
    """
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, ignore_nan=True)


def _quantile(
    name: str, input: Tensor, q: float | Tensor, dim: int | None, keepdim: bool, interpolation: str, *, ignore_nan: bool
) -> Tensor:
    shares = _shares(name, input, q)
    if interpolation not in _RANKS:
        raise ArgumentError(f"{name}: unknown interpolation {interpolation!r}; have {', '.join(_RANKS)}")
    place = 0 if dim is None else dim_of(name, dim, input.spec)
    rows = input.reshape(-1) if dim is None or not input.ndim else input.movedim(place, -1)
    require(rows.numel() > 0, ShapeError, name, "there is no number to choose from", input=input.spec)
    ordered = gather(rows, -1, Argsort(-1, False)(rows))
    missing = (rows != rows).sum(-1, keepdim=True)
    count = rows.shape[-1] - (missing if ignore_nan else missing * 0)
    rank = shares.reshape(-1) * (count - 1).to(input.dtype)
    if ignore_nan:
        rank = rank.clamp_min(0)
    else:
        rank = rank.masked_fill((missing > 0).expand(rank.shape), rows.shape[-1] - 1)
    found = _RANKS[interpolation](ordered, rank)
    return _arranged(found, input, shares.ndim, None if dim is None else place, keepdim)


def _shares(name: str, input: Tensor, q: float | Tensor) -> Tensor:
    require(
        input.dtype in (dtypes.float32, dtypes.float64), DtypeError, name, "takes float32 or float64", input=input.spec
    )
    shares: Tensor = q if hasattr(q, "_run") else input.detach().new_tensor(q)  # type: ignore[assignment]
    require(shares.ndim <= 1, ShapeError, name, "q must have 0 dims or 1", input=input.spec, q=shares.spec)
    require(
        shares.dtype is input.dtype, DtypeError, name, "q must have the input's dtype", input=input.spec, q=shares.spec
    )
    inside: Tensor = (shares >= 0) & (shares <= 1)
    if not bool(inside.all()):
        raise ArgumentError(f"{name}: q must lie between 0 and 1")
    return shares


def _arranged(found: Tensor, input: Tensor, q_dims: int, dim: int | None, keepdim: bool) -> Tensor:
    """(*rest, q) as torch lays it out: q first, the reduced dim kept or gone."""
    if keepdim and input.ndim:
        found = found.reshape((*(1,) * input.ndim, -1)) if dim is None else found.unsqueeze(dim)
    found = found.movedim(-1, 0)
    return found if q_dims else found.squeeze(0)


def _pick(ordered: Tensor, rank: Tensor) -> Tensor:
    return gather(ordered, -1, rank.to(dtypes.int64))


def _linear(ordered: Tensor, rank: Tensor) -> Tensor:
    low = floor(rank)
    below, above = _pick(ordered, low), _pick(ordered, ceil(rank))
    return below.lerp(above, rank - low)


def _midpoint(ordered: Tensor, rank: Tensor) -> Tensor:
    below, above = _pick(ordered, floor(rank)), _pick(ordered, ceil(rank))
    return below.lerp(above, 0.5)


_RANKS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "linear": _linear,
    "lower": lambda ordered, rank: _pick(ordered, floor(rank)),
    "higher": lambda ordered, rank: _pick(ordered, ceil(rank)),
    "midpoint": _midpoint,
    "nearest": lambda ordered, rank: _pick(ordered, round(rank)),
}
