"""Sums of products in Einstein's notation: letters name dims, letters missing on the right are summed over.

Two operands at a time are brought to one batched matrix product: letters of both sides that are needed later (batch),
letters to be summed now, letters of one side only.

Source    semantics of torch.einsum
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from medtorch.core.ops.matmul import matmul, same_dtype
from medtorch.core.spec import describe
from medtorch.errors import ArgumentError, DimError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
Labels = tuple[str, ...]  # one a dim: a letter, or "...0", "...1" for the dims that an ellipsis stands for


@dataclass(frozen=True)
class Named:
    """A tensor and the label of each of its dims, all different."""

    tensor: Tensor
    labels: Labels


def einsum(*args: Any) -> Tensor:
    """`einsum("ij,jk->ik", a, b)`, or in sublist form `einsum(a, [0, 1], b, [1, 2], [0, 2])`.

    Letters may repeat within an operand (its diagonal is taken); `...` stands for any further dims, which broadcast.
    Without `->` the result has the letters that appear once, in the order of the alphabet, after the ellipsis.

    Raises    ArgumentError for an equation that cannot be read; ShapeError where sizes differ; DimError
    """
    equation, operands = (
        _from_sublists(args) if args and not isinstance(args[0], str) else (args[0] if args else "", args[1:])
    )
    tensors = tuple(operands[0]) if len(operands) == 1 and isinstance(operands[0], (list, tuple)) else tuple(operands)
    terms, output = _read(equation.replace(" ", ""), tensors)
    if len(tensors) > 1:
        same_dtype("einsum", **_numbered(tensors))
    _check_sizes(tensors, terms)
    operands_left = [_diagonals(t, labels) for t, labels in zip(tensors, terms, strict=True)]
    total = operands_left[0]
    for place, other in enumerate(operands_left[1:], 1):
        later = {label for named in operands_left[place + 1 :] for label in named.labels}
        total = _contract(total, other, later | set(output))
    return _laid_out(total, output)


def _numbered(tensors: Sequence[Tensor]) -> dict[str, Any]:
    return {f"operands[{i}]": t.spec for i, t in enumerate(tensors)}


def _from_sublists(args: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """(a, [0, 1], b, [1, 2], [0, 2]) as an equation and its operands."""
    pairs, rest = args[: len(args) // 2 * 2], args[len(args) // 2 * 2 :]
    equation = ",".join(_letters(sublist) for sublist in pairs[1::2])
    if rest:
        equation += "->" + _letters(rest[0])
    return equation, pairs[0::2]


def _letters(sublist: Any) -> str:
    out = ""
    for entry in sublist:
        if entry is Ellipsis:
            out += "..."
        elif isinstance(entry, int) and 0 <= entry < len(_LETTERS):
            out += _LETTERS[entry]
        else:
            raise ArgumentError(f"einsum: a sublist holds numbers from 0 to 51 and ..., got {entry!r}")
    return out


def _read(equation: str, tensors: Sequence[Tensor]) -> tuple[list[Labels], Labels]:
    """The labels of every operand's dims, and of the result's."""
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    if not tensors:
        raise ArgumentError("einsum: needs at least one operand")
    if len(terms) != len(tensors):
        raise ArgumentError(f"einsum: {equation!r} names {len(terms)} operands, got {len(tensors)}")
    rest = [t.ndim - len(term.replace("...", "", 1)) for term, t in zip(terms, tensors, strict=True)]
    for number, (term, extra, tensor) in enumerate(zip(terms, rest, tensors, strict=True)):
        if extra < 0 or (extra > 0 and "..." not in term):
            raise DimError(
                f"einsum: {term!r} does not name the {tensor.ndim} dims of operand {number}"
                f"{describe(**_numbered(tensors))}"
            )
    widest = max((extra for term, extra in zip(terms, rest, strict=True) if "..." in term), default=0)
    labelled = [_labels(equation, term, extra, widest) for term, extra in zip(terms, rest, strict=True)]
    if arrow:
        output = _labels(equation, right, widest, widest)
    else:
        every = [label for labels in labelled for label in labels]
        once = sorted(label for label in set(every) if every.count(label) == 1 and "." not in label)
        output = (*_dots(widest, widest), *once)
    for label in output:
        if output.count(label) > 1:
            raise ArgumentError(f"einsum: {label!r} appears twice in the result of {equation!r}")
        if not any(label in labels for labels in labelled):
            raise ArgumentError(f"einsum: {label!r} of the result appears in no operand of {equation!r}")
    return labelled, output


def _dots(count: int, widest: int) -> Labels:
    """Labels of an ellipsis, counted from the right so that the dims of several operands broadcast."""
    return tuple(f"...{widest - count + i}" for i in range(count))


def _labels(equation: str, term: str, extra: int, widest: int) -> Labels:
    before, dots, after = term.partition("...")
    for letter in before + after:
        if letter not in _LETTERS:
            raise ArgumentError(f"einsum: {letter!r} in {equation!r} is neither a letter nor an ellipsis")
    return (*before, *(_dots(extra, widest) if dots else ()), *after)


def _check_sizes(tensors: Sequence[Tensor], terms: Sequence[Labels]) -> None:
    sizes: dict[str, int] = {}
    for tensor, labels in zip(tensors, terms, strict=True):
        for label, size in zip(labels, tensor.shape, strict=True):
            known = sizes.setdefault(label, size)
            if known == 1:
                sizes[label] = size
            elif size not in (1, known):
                shown = "the ellipsis" if "." in label else repr(label)
                raise ShapeError(
                    f"einsum: {shown} is {known} in one place and {size} in another{describe(**_numbered(tensors))}"
                )


def _diagonals(tensor: Tensor, labels: Labels) -> Named:
    """Labels that repeat within one operand: only the places where their indices are equal."""
    names = list(labels)
    for label in dict.fromkeys(labels):
        while names.count(label) > 1:
            first = names.index(label)
            second = names.index(label, first + 1)
            if tensor.shape[first] != tensor.shape[second]:
                raise ShapeError(
                    f"einsum: {label!r} repeats with sizes {tensor.shape[first]} and {tensor.shape[second]}"
                    f"{describe(operand=tensor.spec)}"
                )
            tensor = tensor.diagonal(0, first, second).movedim(-1, first)
            del names[second]
    return Named(tensor, tuple(names))


def _summed(named: Named, keep: set[str]) -> Named:
    gone = tuple(d for d, label in enumerate(named.labels) if label not in keep)
    if not gone:
        return named
    return Named(named.tensor.sum(gone), tuple(label for label in named.labels if label in keep))


def _contract(a: Named, b: Named, keep: set[str]) -> Named:
    """The product of two operands, summed over the labels that nobody needs later."""
    a, b = _summed(a, keep | set(b.labels)), _summed(b, keep | set(a.labels))
    size_a, size_b = (dict(zip(n.labels, n.tensor.shape, strict=True)) for n in (a, b))
    a, b = _without_stretch(a, size_b, keep), _without_stretch(b, size_a, keep)
    shared = [label for label in a.labels if label in b.labels]
    batch = [label for label in shared if label in keep]
    over = [label for label in shared if label not in keep]
    rows = [label for label in a.labels if label not in shared]
    columns = [label for label in b.labels if label not in shared]
    if not over:  # nothing to sum: a plain product
        every = (*batch, *rows, *columns)
        return Named(_spaced(a, every) * _spaced(b, every), every)
    sizes = {**size_a, **{k: v for k, v in size_b.items() if v != 1 or k not in size_a}}
    left = _ordered(a, [batch, rows, over])
    right = _ordered(b, [batch, over, columns])
    lead = [max(size_a[x], size_b[x]) if 0 not in (size_a[x], size_b[x]) else 0 for x in batch]
    shape = (*lead, *(sizes[x] for x in rows), *(sizes[x] for x in columns))
    return Named(matmul(left, right).reshape(shape), (*batch, *rows, *columns))


def _without_stretch(named: Named, others: dict[str, int], keep: set[str]) -> Named:
    """A size of 1 that meets a larger one, and is summed away: drop it, the other side's sum will do."""
    gone = tuple(
        d
        for d, (label, size) in enumerate(zip(named.labels, named.tensor.shape, strict=True))
        if size == 1 and others.get(label, 1) != 1 and label not in keep
    )
    if not gone:
        return named
    return Named(named.tensor.squeeze(gone), tuple(x for d, x in enumerate(named.labels) if d not in gone))


def _ordered(named: Named, groups: list[list[str]]) -> Tensor:
    """(*batch, group 2 as one dim, group 3 as one dim)."""
    order = [named.labels.index(label) for group in groups for label in group]
    tensor = named.tensor.permute(order)
    sizes = [[named.tensor.shape[named.labels.index(label)] for label in group] for group in groups]
    return tensor.reshape((*sizes[0], math.prod(sizes[1]), math.prod(sizes[2])))


def _spaced(named: Named, every: Labels) -> Tensor:
    """The dims in the order of `every`, with a size of 1 for what is missing."""
    order = [named.labels.index(label) for label in every if label in named.labels]
    sizes = iter([named.tensor.shape[d] for d in order])
    return named.tensor.permute(order).reshape([next(sizes) if label in named.labels else 1 for label in every])


def _laid_out(total: Named, output: Labels) -> Tensor:
    named = _summed(total, set(output))
    return named.tensor.permute([named.labels.index(label) for label in output])
