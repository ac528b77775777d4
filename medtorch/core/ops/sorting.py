"""Order: sorting, the k largest, unique numbers, places in ordered numbers, counts.

What is sorted is found in two steps: the order (no gradient), then `gather` (whose gradient goes where it came from).
Sorting is stable whether asked for or not; a NaN counts as the largest number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from medtorch.core import dtypes
from medtorch.core.ops.gathering import gather, take_along_dim
from medtorch.core.ops.op import Array, Op, require
from medtorch.core.ops.reduction import dim_of
from medtorch.core.spec import Spec
from medtorch.errors import ArgumentError, DtypeError, ShapeError, UnsupportedError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor


class ValuesIndices(NamedTuple):
    """Numbers, and where they lie along the dim."""

    values: Tensor
    indices: Tensor


class Argsort(Op):
    """The order that sorts x along a dim; equal numbers keep theirs."""

    dim: int
    descending: bool

    def check(self, x: Spec) -> Spec:
        dim_of(self, self.dim, x)
        return x.with_dtype(dtypes.int64)

    def forward(self, kernels: Kernels, x: Array) -> Array:
        if not x.ndim:
            return kernels.argsort(x.reshape(1), 0, self.descending).reshape(())
        return kernels.argsort(x, self.dim % x.ndim, self.descending)


class UniqueRows(Op):
    """Of rows: where the first of each kind lies, to which kind each row belongs, how many there are of each."""

    ordered: bool
    name = "unique"

    def check(self, rows: Spec) -> tuple[Spec, Spec, Spec]:
        count = Spec((-1,), dtypes.int64, rows.device)  # -1: only the numbers tell
        return count, Spec(rows.shape[:1], dtypes.int64, rows.device), count

    def forward(self, kernels: Kernels, rows: Array) -> tuple[Array, Array, Array]:
        return kernels.unique_rows(rows, self.ordered)


class Searchsorted(Op):
    """Math      y = number of sequence < x (or <= x, from the right)"""

    right: bool

    def check(self, sequence: Spec, x: Spec) -> Spec:
        shown = {"sorted_sequence": sequence, "input": x}
        require(sequence.ndim > 0, ShapeError, self, "sorted_sequence needs at least 1 dim", **shown)
        one = sequence.ndim == 1
        fits = one or sequence.shape[:-1] == x.shape[:-1]
        require(fits, ShapeError, self, "sorted_sequence and input differ in their leading dims", **shown)
        require(sequence.dtype is x.dtype, DtypeError, self, "sorted_sequence and input must have one dtype", **shown)
        return x.with_dtype(dtypes.int64)

    def forward(self, kernels: Kernels, sequence: Array, x: Array) -> Array:
        return kernels.searchsorted(sequence, x, self.right)


class Bincount(Op):
    """Math      y_i = number (or sum of the weights) of all x = i"""

    minlength: int

    def check(self, x: Spec, weights: Spec | None) -> Spec:
        shown = {"input": x, "weights": weights}
        require(x.ndim == 1, ShapeError, self, "input must have 1 dim", **shown)
        require(x.dtype.category == 1, DtypeError, self, "input must hold whole numbers", **shown)
        require(
            weights is None or weights.shape == x.shape, ShapeError, self, "input and weights differ in shape", **shown
        )
        dtype = dtypes.int64 if weights is None else weights.dtype
        return Spec((-1,), dtype, x.device)  # -1: only the numbers tell

    def forward(self, kernels: Kernels, x: Array, weights: Array | None) -> Array:
        if x.size and int(x.min()) < 0:
            raise ArgumentError(f"bincount: input must not be negative, smallest is {int(x.min())}")
        return kernels.bincount(x, weights, self.minlength)


class Histc(Op):
    """Math      y_i = number of x in part i of `bins` equal parts from low to high"""

    bins: int
    low: float
    high: float

    def check(self, x: Spec) -> Spec:
        require(x.dtype.is_floating_point, DtypeError, self, "takes floating-point numbers", input=x)
        return x.with_shape((self.bins,))

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.histc(x, self.bins, self.low, self.high)


class Isin(Op):
    """Math      y = whether x is one of test"""

    promotes = "together"

    def check(self, x: Spec, test: Spec) -> Spec:
        return x.with_dtype(dtypes.bool_)

    def forward(self, kernels: Kernels, x: Array, test: Array) -> Array:
        return kernels.isin(x, test)


def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> ValuesIndices:
    """(values, indices) in order along `dim`.

    Source    semantics of torch.sort
    """
    indices = Argsort(dim, descending)(input)
    return ValuesIndices(gather(input, dim, indices), indices)


def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """The order that sorts `input` along `dim`.

    Source    semantics of torch.argsort
    """
    return Argsort(dim, descending)(input)  # type: ignore[no-any-return]


def msort(input: Tensor) -> Tensor:
    """Sorted along the first dim.

    Source    semantics of torch.msort
    """
    return sort(input, 0).values


def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> ValuesIndices:
    """The k largest (or smallest) along `dim` as (values, indices), in order whether asked for or not.

    Raises    ArgumentError if there are fewer than k
    Source    semantics of torch.topk
    """
    place, size = dim_of("topk", dim, input.spec), _size(input, dim)
    require(0 <= k <= size, ArgumentError, "topk", f"k = {k} of {size} numbers", input=input.spec)
    order = Argsort(place, largest)(input)
    indices = order.narrow(place, 0, k).contiguous() if input.ndim else order
    return ValuesIndices(gather(input, place, indices), indices)


def _size(input: Tensor, dim: int) -> int:
    return int(input.shape[dim]) if input.ndim else 1


def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> ValuesIndices:
    """The k-th smallest (counted from 1) along `dim` as (values, indices).

    Raises    ArgumentError if there are fewer than k
    Source    semantics of torch.kthvalue
    """
    place, size = dim_of("kthvalue", dim, input.spec), _size(input, dim)
    require(1 <= k <= size, ArgumentError, "kthvalue", f"k = {k} of {size} numbers", input=input.spec)
    order = Argsort(place, False)(input)
    indices = order.narrow(place, k - 1, 1).contiguous() if input.ndim else order
    values = gather(input, place, indices)
    if keepdim or not input.ndim:
        return ValuesIndices(values, indices)
    return ValuesIndices(values.squeeze(place), indices.squeeze(place))


def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The different numbers (or slices along `dim`), always ascending; where each went; how often each is.

    Source    semantics of torch.unique
    """
    return _kinds("unique", input, dim, return_inverse, return_counts, ordered=True)


def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """Runs of equal numbers (or slices along `dim`) as one each.

    Source    semantics of torch.unique_consecutive
    """
    return _kinds("unique_consecutive", input, dim, return_inverse, return_counts, ordered=False)


def _kinds(
    name: str, input: Tensor, dim: int | None, return_inverse: bool, return_counts: bool, *, ordered: bool
) -> Any:
    if dim is None:
        lines = input.reshape(-1)
        first, inverse, counts = UniqueRows(ordered)(lines.reshape(-1, 1))
        found, inverse = lines[first], inverse.reshape(input.shape)
    else:
        place = dim_of(name, dim, input.spec)
        lines = input.reshape(1) if not input.ndim else input.movedim(place, 0)
        width = lines[0].numel() if lines.shape[0] else 1
        first, inverse, counts = UniqueRows(ordered)(lines.reshape((lines.shape[0], width if lines.shape[0] else 0)))
        found = lines[first].movedim(0, place)
    extra = [part for part, asked in ((inverse, return_inverse), (counts, return_counts)) if asked]
    return (found, *extra) if extra else found


def searchsorted(
    sorted_sequence: Tensor,
    input: Tensor | float,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """Where the numbers of input fit into ascending numbers, along the last dim.

    Raises    ArgumentError where `side` contradicts `right`; ShapeError; DtypeError
    Source    semantics of torch.searchsorted
    """
    if side not in (None, "left", "right") or (side == "left" and right):
        raise ArgumentError(f"searchsorted: side {side!r} with right={right}")
    sequence = sorted_sequence if sorter is None else take_along_dim(sorted_sequence, sorter, -1)
    wanted = input if hasattr(input, "_run") else sequence._scalar(input, sequence.dtype)
    if not hasattr(input, "_run"):
        require(
            sequence.ndim == 1, ShapeError, "searchsorted", "a number needs one sequence", sorted_sequence=sequence.spec
        )
    found = Searchsorted(right or side == "right")(sequence, wanted)
    return found.to(dtypes.int32) if out_int32 else found  # type: ignore[no-any-return]


def bucketize(input: Tensor | float, boundaries: Tensor, *, out_int32: bool = False, right: bool = False) -> Tensor:
    """Between which ascending boundaries the numbers of input fall.

    Source    semantics of torch.bucketize
    """
    require(boundaries.ndim == 1, ShapeError, "bucketize", "boundaries must have 1 dim", boundaries=boundaries.spec)
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often 0, 1, 2, ... appear; or the sums of their weights.

    Source    semantics of torch.bincount
    """
    require(
        minlength >= 0, ArgumentError, "bincount", f"minlength must not be negative, got {minlength}", input=input.spec
    )
    if weights is not None and weights.dtype is not dtypes.float32:
        weights = weights.to(dtypes.float64)
    return Bincount(minlength)(input, weights)  # type: ignore[no-any-return]


def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """How many numbers fall into each of `bins` equal parts from min to max (min = max: from smallest to largest).

    Raises    ArgumentError for max < min or an infinite range; DtypeError
    Source    semantics of torch.histc
    """
    require(bins > 0, ArgumentError, "histc", f"bins must be positive, got {bins}", input=input.spec)
    low, high = float(min), float(max)
    if low == high and input.numel():
        low, high = float(input.amin()), float(input.amax())
    if low == high:
        low, high = low - 1, high + 1
    if not (low < high and high - low < float("inf")):
        raise ArgumentError(f"histc: cannot part the range from {low} to {high}")
    return Histc(bins, low, high)(input)  # type: ignore[no-any-return]


def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Whether each of `elements` is one of `test_elements`; one of the two may be a number.

    Source    semantics of torch.isin
    """
    if not hasattr(elements, "_run") and not hasattr(test_elements, "_run"):
        raise UnsupportedError("isin: one of elements and test_elements must be a tensor")
    found = Isin()(elements, test_elements)
    return ~found if invert else found  # type: ignore[no-any-return]
