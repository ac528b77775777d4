"""torch.autograd.functional's names: Jacobians, Hessians and their products with vectors, at a point.

Source    semantics of torch.autograd.functional
Requires  REQ-F-AUT-010
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from medtorch.core import autograd
from medtorch.core.modes import enable_grad
from medtorch.core.ops.copy import Alias
from medtorch.core.ops.shape import stack
from medtorch.core.spec import describe
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, AutogradError, ShapeError, UnsupportedError
from medtorch.func.batches import vmap
from medtorch.func.jacobians import jacfwd

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

Tensors = Tensor | tuple[Tensor, ...]


def _tuple(name: str, value: Any, what: str) -> tuple[Tensor, ...]:
    many = value if isinstance(value, tuple) else (value,)
    if not many or not all(isinstance(t, Tensor) for t in many):
        raise ArgumentError(f"{name}: {what} must be a tensor or a tuple of tensors")
    return many


def _points(inputs: tuple[Tensor, ...], create_graph: bool) -> tuple[Tensor, ...]:
    """The inputs as leaves of a graph of their own, or, with create_graph, leading back to those given."""
    found = []
    for tensor in inputs:
        alias: Tensor = Alias()(tensor) if create_graph else tensor.detach()
        found.append(alias if alias.requires_grad else alias.requires_grad_())
    return tuple(found)


def _called(name: str, func: Callable[..., Any], points: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], bool]:
    found = func(*points)
    return _tuple(name, found, "what the function returns"), isinstance(found, tuple)


def _pulled(
    name: str,
    outs: tuple[Tensor, ...],
    points: tuple[Tensor, ...],
    weights: Any,
    *,
    create_graph: bool,
    strict: bool,
) -> tuple[Tensor, ...]:
    """Gradients at the points, zeros (or, if strict, an error) where nothing depends on them."""
    if strict and not all(o.requires_grad for o in outs):
        raise AutogradError(f"{name}: with strict=True, an output does not depend on the inputs")
    used = [nr for nr, o in enumerate(outs) if o.requires_grad]
    if not used:
        return tuple(p.detach().new_zeros(p.shape) for p in points)
    given = None if weights is None else [weights[nr] for nr in used]
    found = autograd.grad(
        [outs[nr] for nr in used], points, given, create_graph=create_graph, retain_graph=True, allow_unused=True
    )
    if strict and any(g is None for g in found):
        raise AutogradError(f"{name}: with strict=True, the outputs do not depend on every input")
    return tuple(p.detach().new_zeros(p.shape) if g is None else g for g, p in zip(found, points, strict=True))


def _weights(name: str, v: Any, like: tuple[Tensor, ...], what: str) -> tuple[Tensor, ...]:
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise ArgumentError(f"{name}: v can be left out only where {what} is a single number")
        return (like[0].detach().new_ones(like[0].shape),)
    many = _tuple(name, v, "v")
    if len(many) != len(like):
        raise ArgumentError(f"{name}: v has {len(many)} tensors, {what} {len(like)}")
    for given, wanted in zip(many, like, strict=True):
        if given.shape != wanted.shape:
            raise ShapeError(f"{name}: v and {what} differ in shape{describe(v=given.spec, expected=wanted.spec)}")
    return many


def _given(values: tuple[Tensor, ...], many: bool, create_graph: bool) -> Tensors:
    out = values if create_graph else tuple(v.detach() for v in values)
    return out if many else out[0]


def vjp(
    func: Callable[..., Any],
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Tensors, Tensors]:
    """(func(*inputs), v times the Jacobian).

    Raises    ArgumentError, ShapeError, AutogradError for what does not fit
    """
    with enable_grad():
        points = _points(_tuple("vjp", inputs, "inputs"), create_graph)
        outs, many = _called("vjp", func, points)
        weights = _weights("vjp", v, outs, "the output")
        found = _pulled("vjp", outs, points, weights, create_graph=create_graph, strict=strict)
    return _given(outs, many, create_graph), _given(found, isinstance(inputs, tuple), create_graph)


def jvp(
    func: Callable[..., Any],
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Tensors, Tensors]:
    """(func(*inputs), the Jacobian times v), by two backward passes as torch does it.

    Raises    ArgumentError, ShapeError, AutogradError for what does not fit
    """
    with enable_grad():
        points = _points(_tuple("jvp", inputs, "inputs"), create_graph)
        directions = _weights("jvp", v, points, "the input")
        outs, many = _called("jvp", func, points)
        weights = tuple(o.detach().new_zeros(o.shape).requires_grad_() for o in outs)
        pulled = _pulled("jvp", outs, points, weights, create_graph=True, strict=strict)
        found = _pulled("jvp", pulled, weights, directions, create_graph=create_graph, strict=False)
    return _given(outs, many, create_graph), _given(found, many, create_graph)


def _one(name: str, outs: tuple[Tensor, ...]) -> None:
    if len(outs) != 1 or outs[0].numel() != 1:
        raise AutogradError(f"{name}: the function must return one number{describe(output=outs[0].spec)}")


def vhp(
    func: Callable[..., Any],
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Tensor, Tensors]:
    """(func(*inputs), v times the Hessian) of a function with one number.

    Raises    ArgumentError, ShapeError, AutogradError for what does not fit
    """
    with enable_grad():
        points = _points(_tuple("vhp", inputs, "inputs"), create_graph)
        directions = _weights("vhp", v, points, "the input")
        outs, _ = _called("vhp", func, points)
        _one("vhp", outs)
        slopes = _pulled("vhp", outs, points, None, create_graph=True, strict=strict)
        found = _pulled("vhp", slopes, points, directions, create_graph=create_graph, strict=strict)
    value = outs[0] if create_graph else outs[0].detach()
    return value, _given(found, isinstance(inputs, tuple), create_graph)


def hvp(
    func: Callable[..., Any],
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Tensor, Tensors]:
    """(func(*inputs), the Hessian times v), which is vhp: the Hessian is symmetric. Raises as vhp."""
    return vhp(func, inputs, v, create_graph, strict)


def jacobian(
    func: Callable[..., Any],
    inputs: Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian: (*output, *input) for each output and input, nested in tuples as they are.

    `vectorize` takes all rows at once by vmap; strategy="forward-mode" takes columns, and needs it.
    Raises    ArgumentError, AutogradError, UnsupportedError for what does not fit
    """
    if strategy not in ("reverse-mode", "forward-mode"):
        raise ArgumentError(f"jacobian: strategy must be reverse-mode or forward-mode, got {strategy!r}")
    single = not isinstance(inputs, tuple)
    given = _tuple("jacobian", inputs, "inputs")
    if strategy == "forward-mode":
        if create_graph or strict or not vectorize:
            raise UnsupportedError("jacobian: forward-mode goes with vectorize=True, not with create_graph or strict")
        found = jacfwd(func, tuple(range(len(given))))(*given)
        outer = found if isinstance(found[0], tuple) else (found,)
        rows = tuple(row[0] if single else row for row in outer)
        return rows if isinstance(found[0], tuple) else rows[0]
    with enable_grad():
        points = _points(given, create_graph)
        outs, many = _called("jacobian", func, points)
        rows = tuple(_rows(out, points, create_graph, strict, vectorize) for out in outs)
    shaped = tuple(_given(row, not single, create_graph) for row in rows)
    return shaped if many else shaped[0]


def _rows(
    out: Tensor, points: tuple[Tensor, ...], create_graph: bool, strict: bool, vectorize: bool
) -> tuple[Tensor, ...]:
    basis = out.detach().new_ones(out.numel()).diag().reshape(out.numel(), *out.shape)

    def row(weight: Tensor) -> tuple[Tensor, ...]:
        return _pulled("jacobian", (out,), points, (weight,), create_graph=create_graph, strict=strict)

    if vectorize and out.numel():
        found = vmap(row)(basis)
    elif out.numel():
        every = [row(weight) for weight in basis]
        found = tuple(stack([one[nr] for one in every]) for nr in range(len(points)))
    else:
        found = tuple(p.new_zeros((0, *p.shape)) for p in points)
    return tuple(g.reshape(*out.shape, *p.shape) for g, p in zip(found, points, strict=True))


def hessian(
    func: Callable[..., Any],
    inputs: Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The second derivatives of a function with one number, nested in tuples as the inputs are.

    Raises    ArgumentError, AutogradError for what does not fit; UnsupportedError for a forward outer Jacobian, which
              func.hessian has
    """
    if outer_jacobian_strategy != "reverse-mode":
        raise UnsupportedError("hessian: outer_jacobian_strategy must be 'reverse-mode'; func.hessian goes forward")
    single = not isinstance(inputs, tuple)

    def slopes(*points: Tensor) -> Any:
        outs, _ = _called("hessian", func, points)
        _one("hessian", outs)
        found = _pulled("hessian", outs, points, None, create_graph=True, strict=strict)
        return found[0] if single else found

    return jacobian(slopes, inputs, create_graph, strict, vectorize)
