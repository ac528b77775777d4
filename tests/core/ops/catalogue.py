"""The op catalogue: one row an op, and everything a row is checked for.

A row names a public function and gives sample calls; tests/core/ops/test_catalogue.py puts every row through the same
checks. Rows stand in rows_<family>.py, as a list `ROWS`; every such file beside this one is taken in.

    OpRow("softmax", medtorch.softmax, samples=softmax_samples, oracle=formula, torch="softmax",
          refusals=[Refusal((np.ones((2, 3)), 5), DimError, r"^softmax: dim 5 is out of range")])

In a sample, NumPy arrays become tensors (also inside lists and tuples); all else is passed on as it is. Arrays of
float64 are what gradients are taken of; write them in float64 and away from kinks (`spread` helps). Among the samples
there must be one with no element and one with 0 dims, or the row says why it cannot have one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import medtorch
from medtorch.core import autograd

Array = np.ndarray[Any, Any]
Generator = np.random.Generator


@dataclass(frozen=True)
class Sample:
    """One call of the function."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        shown = [_text(a) for a in self.args] + [f"{k}={_text(v)}" for k, v in self.kwargs.items()]
        return f"({', '.join(shown)})"


def call(*args: Any, **kwargs: Any) -> Sample:
    """The sample `function(*args, **kwargs)`."""
    return Sample(args, kwargs)


@dataclass(frozen=True)
class Refusal:
    """A call that must be refused: with which error, and a regular expression for the start of its text."""

    args: tuple[Any, ...]
    error: type[Exception]
    match: str
    kwargs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class OpRow:
    """A public function, sample calls, and what is known about it from outside medtorch.

    `oracle` is the formula on float64 NumPy arrays, called like the function; `torch` the function's name under
    `torch.`, or a callable that takes (torch module, *args, **kwargs). `gradient=False` is for those that have none.
    `half` is how many roundings of float16/bfloat16 a result may be off, None where they are refused.
    """

    name: str
    function: Callable[..., Any]
    samples: Callable[[Generator], Iterable[Sample]]
    oracle: Callable[..., Any] | None = None
    torch: str | Callable[..., Any] | None = None
    refusals: Sequence[Refusal] = ()
    gradient: bool = True
    second_order: bool = True
    half: float | None = 4.0
    no_empty: str = ""
    no_zero_dim: str = ""
    no_refusal: str = ""
    gradient_tolerance: float = 1e-7
    oracle_tolerance: float = 1e-12
    float32_tolerance: float = 2e-5
    same_strides: bool = True
    """Whether the result must not depend on how the inputs lie in memory."""

    def drawn(self) -> list[Sample]:
        return list(self.samples(np.random.default_rng(20240607)))


def spread(rng: Generator, *shape: int, low: float = -2.0, high: float = 2.0) -> Array:
    """Numbers in random order of which no two are closer than (high - low) / (n + 1), none on 0, all in float64."""
    n = int(np.prod(shape))
    step = (high - low) / (n + 1)
    points = low + step * (np.arange(n) + 0.5 + rng.uniform(0.1, 0.4, n))
    points[np.abs(points) < step / 8] += step / 4
    return np.asarray(rng.permutation(points).reshape(shape))


def positive(rng: Generator, *shape: int, low: float = 0.2, high: float = 3.0) -> Array:
    """Random numbers well above zero, in float64."""
    return np.asarray(rng.uniform(low, high, shape))


# -- walking through arguments --------------------------------------------------------------------------------------


def mapped(value: Any, change: Callable[[Array], Any]) -> Any:
    """`value` with every array in it replaced."""
    if isinstance(value, np.ndarray):
        return change(value)
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(mapped(v, change) for v in value)
    return value


def arrays_in(value: Any) -> Iterator[Array]:
    """Every array in `value`, in order."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, (list, tuple)):
        for v in value:
            yield from arrays_in(v)


def changed(sample: Sample, change: Callable[[Array], Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of `sample` with every array replaced."""
    return mapped(sample.args, change), {k: mapped(v, change) for k, v in sample.kwargs.items()}


def tensor_of(array: Array, *, dtype: Any = None, device: str = "cpu") -> Any:
    """A tensor of the array's own dtype; `dtype` is for floating arrays only."""
    tensor = medtorch.from_numpy(array.copy() if array.flags.c_contiguous else array)
    if dtype is not None and array.dtype == np.float64:
        tensor = tensor.to(dtype)
    return tensor.to(device)


def run(row: OpRow, sample: Sample, *, dtype: Any = None, device: str = "cpu") -> Any:
    """The row's function on the sample's tensors."""
    args, kwargs = changed(sample, lambda a: tensor_of(a, dtype=dtype, device=device))
    return row.function(*args, **kwargs)


def tensors_out(result: Any) -> list[Any]:
    """All tensors of a result, in order."""
    if isinstance(result, medtorch.Tensor):
        return [result]
    if isinstance(result, (list, tuple)):
        return [t for part in result for t in tensors_out(part)]
    return []


def numbers_out(result: Any) -> list[Array]:
    """Every array, tensor or number in a result as NumPy arrays; floating ones widened to float64 without loss."""
    if isinstance(result, (list, tuple)):
        return [a for part in result for a in numbers_out(part)]
    if hasattr(result, "detach"):
        result = result.detach().cpu()
        if "float" in str(result.dtype):
            result = result.double()
        return [np.asarray(result.numpy())]
    return [np.asarray(result)]


def has_floats(sample: Sample) -> bool:
    """Whether a gradient can be taken of this sample at all."""
    found = [*arrays_in(sample.args), *arrays_in(tuple(sample.kwargs.values()))]
    return any(a.dtype == np.float64 and a.size for a in found)


def has_empty_floats(sample: Sample) -> bool:
    """Whether there are floating-point inputs without elements."""
    found = [*arrays_in(sample.args), *arrays_in(tuple(sample.kwargs.values()))]
    return any(a.dtype == np.float64 and not a.size for a in found)


# -- slopes ---------------------------------------------------------------------------------------------------------


def _leaves(sample: Sample) -> tuple[list[Any], Callable[[Sequence[Any]], tuple[tuple[Any, ...], dict[str, Any]]]]:
    """The float64 tensors of a sample, and how to put others in their place."""
    points: list[Any] = []
    for a in [*arrays_in(sample.args), *arrays_in(tuple(sample.kwargs.values()))]:
        if a.dtype == np.float64:
            points.append(medtorch.from_numpy(a.copy()))

    def filled(values: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        rest = iter(values)
        return changed(sample, lambda a: next(rest) if a.dtype == np.float64 else tensor_of(a))

    return points, filled


def richardson(f: Callable[[float], float], step: float = 2e-3) -> float:
    """The slope of `f` at 0 from three central differences, with an error of order step**6."""
    d = [(f(h) - f(-h)) / (2 * h) for h in (step, step / 2, step / 4)]
    first = [(4 * d[1] - d[0]) / 3, (4 * d[2] - d[1]) / 3]
    return (16 * first[1] - first[0]) / 15


def dot(many: Sequence[Any], others: Sequence[Array]) -> Any:
    """The sum of the products of tensors and arrays, as a tensor."""
    total: Any = 0.0
    for tensor, other in zip(many, others, strict=True):
        total = total + (tensor * medtorch.from_numpy(np.asarray(other))).sum()
    return total


class Slopes:
    """Gradients of one sample against small steps along random directions."""

    def __init__(self, row: OpRow, sample: Sample) -> None:
        self.rng = np.random.default_rng(7)
        self.function = row.function
        self.points, self.filled = _leaves(sample)
        self.arrays = [p.numpy() for p in self.points]
        self.directions = [
            self.rng.choice([-1.0, 1.0], a.shape) * self.rng.uniform(0.5, 1, a.shape) for a in self.arrays
        ]
        self.weights = [self._weight(t) for t in self._outputs(self.points)]

    def _weight(self, tensor: Any) -> Array:
        return np.asarray(
            self.rng.uniform(0.5, 1.5, tuple(tensor.shape)) * self.rng.choice([-1.0, 1.0], tuple(tensor.shape))
        )

    def _outputs(self, points: Sequence[Any]) -> list[Any]:
        args, kwargs = self.filled(points)
        return [t for t in tensors_out(self.function(*args, **kwargs)) if t.dtype is medtorch.float64]

    def moved(self, place: int | None, t: float) -> list[Any]:
        """The points moved by t along their directions; `place` None moves all of them."""
        shifted = (
            a + t * d if place in (None, i) else a
            for i, (a, d) in enumerate(zip(self.arrays, self.directions, strict=True))
        )
        return [medtorch.from_numpy(np.asarray(a)) for a in shifted]

    def gradient(self, points: Sequence[Any], weights: Sequence[Any], *, create_graph: bool = False) -> list[Any]:
        """d<weights, outputs>/d(points), zeros where an input does not matter."""
        total: Any = 0.0
        for out, weight in zip(self._outputs(points), weights, strict=True):
            total = total + (out * weight).sum()
        if not getattr(total, "requires_grad", False):
            return [medtorch.zeros_like(p) for p in points]
        found = autograd.grad(total, list(points), create_graph=create_graph, allow_unused=True)
        return [medtorch.zeros_like(p) if g is None else g for g, p in zip(found, points, strict=True)]

    def first_order_gaps(self) -> list[float]:
        """For each input alone: |gradient along the direction - slope| over the larger of 1 and the slope."""
        leaves = [p.clone().requires_grad_() for p in self.points]
        weights = [medtorch.from_numpy(w) for w in self.weights]
        gradients = self.gradient(leaves, weights)
        gaps = []
        for place, (gradient, direction) in enumerate(zip(gradients, self.directions, strict=True)):
            along = float((gradient.numpy() * direction).sum())
            slope = richardson(lambda t, place=place: float(dot(self._outputs(self.moved(place, t)), self.weights)))
            gaps.append(_gap(along, slope))
        return gaps

    def second_order_gap(self) -> float:
        """The same of the gradient itself, along all inputs and the output's weights at once."""
        leaves = [p.clone().requires_grad_() for p in self.points]
        weights = [medtorch.from_numpy(w).requires_grad_() for w in self.weights]
        pushes = [np.asarray(self.rng.uniform(0.5, 1.5, a.shape)) for a in self.arrays]
        weight_directions = [self._weight(w) for w in weights]
        pushed = dot(self.gradient(leaves, weights, create_graph=True), pushes)
        along = 0.0
        if pushed.requires_grad:
            found = autograd.grad(pushed, [*leaves, *weights], allow_unused=True)
            for g, d in zip(found, [*self.directions, *weight_directions], strict=True):
                along += 0.0 if g is None else float((g.numpy() * d).sum())

        def at(t: float) -> float:
            points = [p.requires_grad_() for p in self.moved(None, t)]
            shifted = [
                medtorch.from_numpy(np.asarray(w + t * d)) for w, d in zip(self.weights, weight_directions, strict=True)
            ]
            return float(dot([g.detach() for g in self.gradient(points, shifted)], pushes))

        return _gap(along, richardson(at))


def _gap(along: float, slope: float) -> float:
    if np.isnan(along) or np.isnan(slope):
        return float("inf")
    return abs(along - slope) / max(1.0, abs(slope))


def _text(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype.name}{list(value.shape)}"
    if isinstance(value, (list, tuple)):
        return f"{type(value).__name__}({', '.join(_text(v) for v in value)})"
    return repr(value)
