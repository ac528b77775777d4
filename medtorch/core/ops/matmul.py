"""Products of matrices and vectors; everything here comes down to one op, `Matmul`.

Inputs have one dtype: as in torch nothing is promoted. What sums over k numbers is 0 for k = 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

from medtorch.core.autocasting import narrow, unchanged, wide
from medtorch.core.dtypes import bool_, int64
from medtorch.core.ops.op import Array, Op, Tangents, require, sum_to
from medtorch.core.shapes import broadcast_shapes, normalize_dims
from medtorch.core.spec import Spec, describe
from medtorch.errors import ArgumentError, DtypeError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor

Number = int | float


def same_dtype(name: Op | str, **specs: Spec) -> None:
    """Raise DtypeError unless all are of one dtype, and that one is for numbers."""
    kinds = {spec.dtype for spec in specs.values()}
    require(len(kinds) == 1, DtypeError, name, "inputs must have one dtype", **specs)
    require(kinds != {bool_}, DtypeError, name, "takes numbers, not bool", **specs)


class Matmul(Op):
    """Matrix times matrix.

    Math      y = a b;  da = dy b^H;  db = a^H dy
    Shapes    a: (..., n, k); b: (..., k, m), leading dims broadcastable  ->  (..., n, m)
    Raises    ShapeError, DtypeError
    Source    semantics of torch.matmul
    """

    tangents: ClassVar[Tangents] = "bilinear"
    takes_complex = True

    def check(self, a: Spec, b: Spec) -> Spec:
        same_dtype(self, input=a, other=b)
        fits = a.shape[-1] == b.shape[-2]
        require(fits, ShapeError, self, f"{a.shape[-1]} columns meet {b.shape[-2]} rows", input=a, other=b)
        try:
            lead = broadcast_shapes(a.shape[:-2], b.shape[:-2])
        except ShapeError:
            raise ShapeError(f"{self.name}: leading dims do not broadcast{describe(input=a, other=b)}") from None
        return a.with_shape((*lead, a.shape[-2], b.shape[-1]))

    def forward(self, kernels: Kernels, a: Array, b: Array) -> Array:
        return kernels.matmul(a, b)

    def vjp(self, a: Tensor, b: Tensor, dy: Tensor, needs: tuple[bool, bool]) -> tuple[Tensor | None, Tensor | None]:
        da = sum_to(_product(dy, b.mH), a.spec) if needs[0] else None
        db = sum_to(_product(a.mH, dy), b.spec) if needs[1] else None
        return da, db


_product = Matmul()


@narrow
def matmul(input: Tensor, other: Tensor) -> Tensor:
    """Matrix product; 1-d inputs count as a row on the left and as a column on the right.

    Shapes    (k), (k) -> (); (n, k), (k) -> (n); (k), (k, m) -> (m); (..., n, k), (..., k, m) -> (..., n, m)
    Raises    ShapeError, DtypeError
    Source    semantics of torch.matmul
    """
    if not input.ndim or not other.ndim:
        raise ShapeError(f"matmul: both inputs need at least 1 dim{describe(input=input.spec, other=other.spec)}")
    if other.ndim == 1:
        _meet("matmul", input, other, input.shape[-1], other.shape[0])
        return (
            _product(input.unsqueeze(0), other.unsqueeze(1)) if input.ndim == 1 else _folded(input, other.unsqueeze(1))
        ).squeeze((0, 1) if input.ndim == 1 else -1)
    if input.ndim == 1:
        _meet("matmul", input, other, input.shape[0], other.shape[-2])
        return _product(input.unsqueeze(0), other).squeeze(-2)  # type: ignore[no-any-return]
    return _folded(input, other)


def _meet(name: str, input: Tensor, other: Tensor, columns: int, rows: int) -> None:
    require(
        columns == rows, ShapeError, name, f"{columns} columns meet {rows} rows", input=input.spec, other=other.spec
    )


def _folded(input: Tensor, other: Tensor) -> Tensor:
    """Leading dims before one matrix become rows: one large product, and a gradient without a sum over copies."""
    if input.ndim > 2 and other.ndim == 2 and input.shape[-1] == other.shape[0] and input.shape[-1]:
        rows = math.prod(input.shape[:-1])
        return _product(input.reshape(rows, input.shape[-1]), other).reshape((*input.shape[:-1], other.shape[-1]))  # type: ignore[no-any-return]
    return _product(input, other)  # type: ignore[no-any-return]


def _of_dims(name: str, **wanted: tuple[Tensor, int]) -> None:
    """Raise ShapeError unless every input has the number of dims given with it."""
    shown = {key: tensor.spec for key, (tensor, _) in wanted.items()}
    for key, (tensor, ndim) in wanted.items():
        require(tensor.ndim == ndim, ShapeError, name, f"{key} needs {ndim} dims, has {tensor.ndim}", **shown)


@narrow
def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """Matrix times matrix, (n, k) (k, m) -> (n, m).

    Source    semantics of torch.mm
    """
    _of_dims("mm", input=(input, 2), mat2=(mat2, 2))
    _meet("mm", input, mat2, input.shape[1], mat2.shape[0])
    return _product(input, mat2)  # type: ignore[no-any-return]


@narrow
def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """Matrix times matrix, one pair after the other, (b, n, k) (b, k, m) -> (b, n, m).

    Source    semantics of torch.bmm
    """
    _of_dims("bmm", input=(input, 3), mat2=(mat2, 3))
    fits = input.shape[0] == mat2.shape[0]
    require(
        fits, ShapeError, "bmm", f"{input.shape[0]} matrices meet {mat2.shape[0]}", input=input.spec, mat2=mat2.spec
    )
    _meet("bmm", input, mat2, input.shape[2], mat2.shape[1])
    return _product(input, mat2)  # type: ignore[no-any-return]


@unchanged
def mv(input: Tensor, vec: Tensor) -> Tensor:
    """Matrix times vector, (n, k) (k) -> (n).

    Source    semantics of torch.mv
    """
    _of_dims("mv", input=(input, 2), vec=(vec, 1))
    return matmul(input, vec)


@unchanged
def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """Sum of products of two vectors.

    Source    semantics of torch.dot
    """
    _of_dims("dot", input=(input, 1), tensor=(tensor, 1))
    _meet("dot", input, tensor, input.shape[0], tensor.shape[0])
    return matmul(input, tensor)


@unchanged
def vdot(input: Tensor, other: Tensor) -> Tensor:
    """dot: there are no complex numbers to conjugate.

    Source    semantics of torch.vdot
    """
    return dot(input, other)


@unchanged
def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """Every product of two vectors' numbers, (n) (m) -> (n, m).

    Source    semantics of torch.outer
    """
    _of_dims("outer", input=(input, 1), vec2=(vec2, 1))
    return input.unsqueeze(1) * vec2


def inner(input: Tensor, other: Tensor) -> Tensor:
    """Sum of products over the last dims of both; a product if one has no dim.

    Source    semantics of torch.inner
    """
    if not input.ndim or not other.ndim:
        return input * other
    fits = input.shape[-1] == other.shape[-1]
    require(fits, ShapeError, "inner", "last dims differ", input=input.spec, other=other.spec)
    if input.ndim == other.ndim == 1:
        return dot(input, other)
    return tensordot(input, other, ([-1], [-1]))


def _blended(name: str, input: Tensor, product: Tensor, beta: Number, alpha: Number) -> Tensor:
    """beta * input + alpha * product; with beta = 0 the input's NaN and inf do not matter."""
    for key, value in (("beta", beta), ("alpha", alpha)):
        whole = product.dtype.is_floating_point or not isinstance(value, float)
        require(whole, ArgumentError, name, f"{key} must be a whole number for whole numbers", input=input.spec)
    same_dtype(name, input=input.spec, product=product.spec)
    try:
        stretched = input.expand(product.shape)
    except ShapeError:
        raise ShapeError(
            f"{name}: input does not stretch to the product{describe(input=input.spec, product=product.spec)}"
        ) from None
    scaled = product if alpha == 1 else product * alpha
    if beta == 0:
        nothing = (input == input) | (input != input)  # True everywhere
        return scaled + input.masked_fill(nothing, 0).expand(product.shape) if input.requires_grad else scaled
    return scaled + (stretched if beta == 1 else stretched * beta)


@narrow
def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Tensor:
    """beta input + alpha mat1 mat2.

    Source    semantics of torch.addmm
    """
    _of_dims("addmm", mat1=(mat1, 2), mat2=(mat2, 2))
    _meet("addmm", mat1, mat2, mat1.shape[1], mat2.shape[0])
    return _blended("addmm", input, mm(mat1, mat2), beta, alpha)


@unchanged
def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Tensor:
    """beta input + alpha mat vec.

    Source    semantics of torch.addmv
    """
    return _blended("addmv", input, mv(mat, vec), beta, alpha)


@unchanged
def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Tensor:
    """beta input + alpha outer(vec1, vec2).

    Source    semantics of torch.addr
    """
    return _blended("addr", input, outer(vec1, vec2), beta, alpha)


@narrow
def baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Tensor:
    """beta input + alpha batch1 batch2, matrix by matrix.

    Source    semantics of torch.baddbmm
    """
    return _blended("baddbmm", input, bmm(batch1, batch2), beta, alpha)


@narrow
def addbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Tensor:
    """beta input + alpha times the sum of all products of the batch.

    Source    semantics of torch.addbmm
    """
    return _blended("addbmm", input, bmm(batch1, batch2).sum(0), beta, alpha)


@narrow
def tensordot(a: Tensor, b: Tensor, dims: int | Sequence[Sequence[int]] = 2) -> Tensor:
    """Sum of products over dims of both: the last `dims` of a and the first of b, or two lists of dims.

    Raises    ShapeError where the sizes differ; DimError
    Source    semantics of torch.tensordot
    """
    if isinstance(dims, int):
        fits = 0 <= dims <= min(a.ndim, b.ndim)
        require(
            fits, ArgumentError, "tensordot", f"dims must be 0 to {min(a.ndim, b.ndim)}, got {dims}", a=a.spec, b=b.spec
        )
        over_a, over_b = tuple(range(a.ndim - dims, a.ndim)), tuple(range(dims))
    else:
        over_a, over_b = (normalize_dims(tuple(d), t.ndim, op="tensordot") for d, t in zip(dims, (a, b), strict=True))
    if len(over_a) == len(over_b):  # a size of 1 meets any other, which is then summed
        lone_b = tuple(d for d, e in zip(over_a, over_b, strict=True) if b.shape[e] == 1 != a.shape[d])
        lone_a = tuple(e for d, e in zip(over_a, over_b, strict=True) if a.shape[d] == 1 != b.shape[e])
        a = a.sum(lone_b, keepdim=True) if lone_b else a
        b = b.sum(lone_a, keepdim=True) if lone_a else b
    sizes_a, sizes_b = ([t.shape[d] for d in over] for t, over in ((a, over_a), (b, over_b)))
    alike = len(over_a) == len(over_b) and sizes_a == sizes_b
    require(alike, ShapeError, "tensordot", f"sizes {sizes_a} meet sizes {sizes_b}", a=a.spec, b=b.spec)
    left = [d for d in range(a.ndim) if d not in over_a]
    right = [d for d in range(b.ndim) if d not in over_b]
    k = math.prod(sizes_a)
    rows, columns = [a.shape[d] for d in left], [b.shape[d] for d in right]
    flat_a = a.permute((*left, *over_a)).reshape((math.prod(rows), k))
    flat_b = b.permute((*over_b, *right)).reshape((k, math.prod(columns)))
    return _product(flat_a, flat_b).reshape((*rows, *columns))  # type: ignore[no-any-return]


@unchanged
def kron(input: Tensor, other: Tensor) -> Tensor:
    """Kronecker product: every number of input times all of other, in blocks.

    Source    semantics of torch.kron
    """
    ndim = max(input.ndim, other.ndim)
    a = input.reshape((*(1,) * (ndim - input.ndim), *input.shape))
    b = other.reshape((*(1,) * (ndim - other.ndim), *other.shape))
    spaced_a = a.reshape([part for size in a.shape for part in (size, 1)])
    spaced_b = b.reshape([part for size in b.shape for part in (1, size)])
    return (spaced_a * spaced_b).reshape([m * n for m, n in zip(a.shape, b.shape, strict=True)])


def chain_matmul(*matrices: Tensor) -> Tensor:
    """The product of many matrices, in the order of brackets that needs the fewest multiplications.

    Source    Cormen et al., Introduction to Algorithms, matrix-chain multiplication; semantics of torch.chain_matmul
    """
    require(len(matrices) > 0, ArgumentError, "chain_matmul", "needs at least one matrix")
    _of_dims("chain_matmul", **{f"matrices[{i}]": (m, 2) for i, m in enumerate(matrices)})
    for left, right in pairwise(matrices):
        _meet("chain_matmul", left, right, left.shape[1], right.shape[0])
    sizes = [m.shape[0] for m in matrices] + [matrices[-1].shape[1]]
    cuts = _cheapest_cuts(sizes)

    def product(first: int, last: int) -> Tensor:
        if first == last:
            return matrices[first]
        cut = cuts[first, last]
        return mm(product(first, cut), product(cut + 1, last))

    return product(0, len(matrices) - 1)


def _cheapest_cuts(sizes: Sequence[int]) -> dict[tuple[int, int], int]:
    """For every run of matrices, after which one the outermost product is best cut."""
    count = len(sizes) - 1
    cost = {(i, i): 0 for i in range(count)}
    cuts: dict[tuple[int, int], int] = {}
    for span in range(1, count):
        for first in range(count - span):
            last = first + span
            prices = {
                cut: cost[first, cut] + cost[cut + 1, last] + sizes[first] * sizes[cut + 1] * sizes[last + 1]
                for cut in range(first, last)
            }
            cuts[first, last] = min(prices, key=prices.__getitem__)
            cost[first, last] = prices[cuts[first, last]]
    return cuts


@wide
def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str = "use_mm_for_euclid_dist_if_necessary") -> Tensor:
    """The p-norm distance of every row of x1 to every row of x2.

    Shapes    x1: (..., n, k); x2: (..., m, k), leading dims broadcastable  ->  (..., n, m)
    Raises    ShapeError; DtypeError for whole numbers; ArgumentError for p < 0
    Source    semantics of torch.cdist; always computed from the differences, which is as exact as "donot_use_mm_..."
    """
    modes = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")
    if compute_mode not in modes:
        raise ArgumentError(f"cdist: unknown compute_mode {compute_mode!r}; have {', '.join(modes)}")
    shown = {"x1": x1.spec, "x2": x2.spec}
    require(x1.ndim >= 2 and x2.ndim >= 2, ShapeError, "cdist", "both need at least 2 dims", **shown)
    require(
        x1.dtype.is_floating_point and x2.dtype.is_floating_point,
        DtypeError,
        "cdist",
        "takes floating-point numbers",
        **shown,
    )
    require(x1.shape[-1] == x2.shape[-1], ShapeError, "cdist", "rows differ in length", **shown)
    require(p >= 0, ArgumentError, "cdist", f"p must not be negative, got {p}")
    apart = x1.unsqueeze(-2) - x2.unsqueeze(-3)
    if not apart.shape[-1]:
        return apart.sum(-1)
    return apart.norm(p, -1)


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The p-norm distances of every two rows, row 0 to rows 1, 2, ..., row 1 to rows 2, 3, ...

    Shapes    (n, k) -> (n (n - 1) / 2)
    Raises    ShapeError; DtypeError for whole numbers; ArgumentError for p < 0
    Source    semantics of torch.nn.functional.pdist
    """
    _of_dims("pdist", input=(input, 2))
    require(input.dtype.is_floating_point, DtypeError, "pdist", "takes floating-point numbers", input=input.spec)
    require(p >= 0, ArgumentError, "pdist", f"p must not be negative, got {p}")
    pairs = [(i, j) for i in range(input.shape[0]) for j in range(i + 1, input.shape[0])]
    first, second = (input.new_tensor([pair[side] for pair in pairs], dtype=int64) for side in (0, 1))
    apart = input.index_select(0, first) - input.index_select(0, second)
    return apart.norm(p, -1) if apart.numel() else apart.sum(-1)


@wide
def trace(input: Tensor) -> Tensor:
    """The sum of a matrix's diagonal.

    Source    semantics of torch.trace
    """
    _of_dims("trace", input=(input, 2))
    return input.diagonal().sum()
