"""Gradients, products with the Jacobian from either side, and the linear map at a point.

A transform works on aliases of its inputs: new leaves, or, where an outer transform or the caller wants gradients too,
tensors that lead back to it. A result keeps a graph only if somebody outside can ask for it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from medtorch.core import autograd, forward
from medtorch.core.modes import STATE, enable_grad
from medtorch.core.ops.copy import Alias
from medtorch.core.spec import describe
from medtorch.core.tensor import Tensor
from medtorch.core.trees import flatten, mapped, unflatten
from medtorch.errors import ArgumentError, AutogradError, DtypeError

Argnums = int | tuple[int, ...]


def inner(tensor: Any, name: str) -> Tensor:
    """An alias of `tensor` that requires grad. Raises ArgumentError, DtypeError for what cannot be differentiated."""
    if not isinstance(tensor, Tensor):
        raise ArgumentError(f"{name}: expected a tensor, got {type(tensor).__name__}")
    if not tensor.dtype.is_differentiable:
        raise DtypeError(f"{name}: only floating-point and complex tensors{describe(input=tensor.spec)}")
    with enable_grad():
        out: Tensor = Alias()(tensor)
        return out if out.requires_grad else out.requires_grad_()


def asked_outside(outputs: Sequence[Any], leaves: Sequence[Tensor], outside_mode: bool) -> bool:
    """Whether anything but `leaves`, which are new, wants gradients of `outputs`."""
    if not outside_mode:
        return False
    own = {id(leaf) for leaf in leaves if leaf.grad_fn is None}
    if len(own) < len(leaves):
        return True
    stack = [t.grad_fn for t in outputs if isinstance(t, Tensor) and t.requires_grad]
    seen: set[int] = set()
    while stack:
        node = stack.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, autograd.AccumulateGrad) and id(node.variable) not in own:
            return True
        stack.extend(edge[0] for edge in node.edges if edge is not None)
    return any(isinstance(t, Tensor) and t.grad_fn is None and t.requires_grad and id(t) not in own for t in outputs)


def cut(value: Any, *, keep: bool) -> Any:
    """Tensors outside of the transform: without its graph unless `keep`."""

    def one(leaf: Any) -> Any:
        if keep or not isinstance(leaf, Tensor) or not leaf.requires_grad:
            return leaf
        out = leaf.detach()
        out._tangents, out._tangents_version = leaf._tangents, leaf._tangents_version
        return out

    return mapped(one, value)


def _split_aux(found: Any, has_aux: bool, name: str) -> tuple[Any, Any]:
    if not has_aux:
        return found, None
    if not isinstance(found, tuple) or len(found) != 2:
        raise ArgumentError(f"{name}: with has_aux=True the function must return (output, aux)")
    return found[0], found[1]


def grad_and_value(func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function of the same arguments that gives (gradients of func's one number, that number).

    With `has_aux` func returns (number, aux), and the value is that pair.
    Raises    ArgumentError, ShapeError for what has no gradient
    """
    name = "grad"

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        outside = STATE.grad
        places = _places(argnums, len(args), name)
        leaves_of = {place: flatten(args[place]) for place in places}
        points = {place: [inner(leaf, name) for leaf in leaves] for place, (leaves, _) in leaves_of.items()}
        given = [unflatten(points[p], leaves_of[p][1]) if p in points else a for p, a in enumerate(args)]
        with enable_grad():
            out, aux = _split_aux(func(*given, **kwargs), has_aux, name)
            _one_number(out, name)
            flat = [leaf for place in places for leaf in points[place]]
            keep = asked_outside([out, *flatten(aux)[0]], flat, outside)
            found = _gradients([out], flat, None, keep)
        rest = iter(found)
        grads = tuple(unflatten([next(rest) for _ in points[p]], leaves_of[p][1]) for p in places)
        value = cut((out, aux) if has_aux else out, keep=keep)
        return (grads if isinstance(argnums, tuple) else grads[0]), value

    return wrapper


def grad(func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function of the same arguments that gives the gradients of func's one number; with `has_aux` also aux."""
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        grads, value = both(*args, **kwargs)
        return (grads, value[1]) if has_aux else grads

    return wrapper


def _places(argnums: Argnums, count: int, name: str) -> list[int]:
    wanted = argnums if isinstance(argnums, tuple) else (argnums,)
    if not wanted or any(not -count <= place < count for place in wanted):
        raise ArgumentError(f"{name}: argnums={argnums} for {count} arguments")
    found = [place % count for place in wanted]
    if len(set(found)) < len(found):
        raise ArgumentError(f"{name}: argnums={argnums} names an argument twice")
    return found


def _one_number(out: Any, name: str) -> None:
    if not isinstance(out, Tensor):
        raise ArgumentError(f"{name}: the function must return a tensor, returned {type(out).__name__}")
    if out.ndim or not out.dtype.is_floating_point:
        raise AutogradError(f"{name}: the function must return one real number{describe(output=out.spec)}")


def _gradients(outs: Sequence[Any], points: Sequence[Tensor], weights: Any, keep: bool) -> list[Tensor]:
    """Gradients at `points`, zeros where nothing depends on them."""
    used = [nr for nr, o in enumerate(outs) if isinstance(o, Tensor) and o.requires_grad]
    if not used:
        return [p.detach().new_zeros(p.shape) for p in points]
    found = autograd.grad(
        [outs[nr] for nr in used],
        list(points),
        None if weights is None else [weights[nr] for nr in used],
        retain_graph=True,
        create_graph=keep,
        allow_unused=True,
    )
    filled = [p.detach().new_zeros(p.shape) if g is None else g for g, p in zip(found, points, strict=True)]
    return filled if keep else [cut(g, keep=False) for g in filled]


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """(func(*primals), vjp_fn): vjp_fn takes what multiplies the outputs, and gives a tuple, an entry a primal.

    With `has_aux` func returns (output, aux), and aux comes third.
    """
    outside = STATE.grad
    leaves, structure = flatten(primals)
    points = [inner(leaf, "vjp") for leaf in leaves]
    with enable_grad():
        out, aux = _split_aux(func(*unflatten(points, structure)), has_aux, "vjp")
    outs, out_structure = flatten(out)
    if not all(isinstance(o, Tensor) for o in outs):
        raise ArgumentError("vjp: the function must return tensors")
    keep_out = asked_outside([*outs, *flatten(aux)[0]], points, outside)

    def vjp_fn(cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        del retain_graph  # the graph lives as long as this function
        given, given_structure = flatten(cotangents)
        if given_structure != out_structure:
            raise ArgumentError("vjp: the cotangents must be put together as the outputs are")
        wanted = STATE.grad if create_graph is None else create_graph
        asked = keep_out or any(isinstance(c, Tensor) and c.requires_grad for c in given)
        with enable_grad():
            grads = _gradients(outs, points, given, keep=wanted and asked)
        return unflatten(grads, structure)

    value = cut(out, keep=keep_out)
    return (value, vjp_fn, cut(aux, keep=keep_out)) if has_aux else (value, vjp_fn)


def jvp(func: Callable[..., Any], primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False) -> Any:
    """(func(*primals), how it moves when the primals move along `tangents`), in forward mode.

    With `strict`, an output that does not move is an error; with `has_aux` func returns (output, aux), aux comes third.
    Raises    ArgumentError, ShapeError, AutogradError for what does not fit
    """
    if not isinstance(primals, tuple) or not isinstance(tangents, tuple):
        raise ArgumentError("jvp: primals and tangents must be tuples")
    leaves, structure = flatten(primals)
    directions, same = flatten(tangents)
    if structure != same:
        raise ArgumentError("jvp: the tangents must be put together as the primals are")
    with forward.new_level() as level:
        duals = [forward.make_dual(p, t, level=level) for p, t in zip(leaves, directions, strict=True)]
        out, aux = _split_aux(func(*unflatten(duals, structure)), has_aux, "jvp")
        outs, out_structure = flatten(out)
        if not all(isinstance(o, Tensor) for o in outs):
            raise ArgumentError("jvp: the function must return tensors")
        pairs = [forward.unpack_dual(o, level=level) for o in outs]
        still = next((nr for nr, pair in enumerate(pairs) if pair.tangent is None), None)
        if strict and still is not None:
            raise AutogradError(f"jvp: output {still} does not depend on the primals")
        aux = mapped(lambda a: forward.unpack_dual(a, level=level).primal if isinstance(a, Tensor) else a, aux)
    value = unflatten([pair.primal for pair in pairs], out_structure)
    moved = [p.primal.new_zeros(p.primal.shape) if p.tangent is None else p.tangent for p in pairs]
    along = unflatten(moved, out_structure)
    return (value, along, aux) if has_aux else (value, along)


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """(func(*primals), jvp_fn): jvp_fn takes tangents of the primals and applies the derivative at this point.

    The function itself runs once: the derivative is the gradient of vjp(v) with respect to v.
    """
    leaves, structure = flatten(primals)
    points = [inner(leaf, "linearize") for leaf in leaves]
    with enable_grad():
        out = func(*unflatten(points, structure))
        outs, out_structure = flatten(out)
        weights = [o.detach().new_zeros(o.shape).requires_grad_() for o in outs]
        used = [nr for nr, o in enumerate(outs) if o.requires_grad]
        pulled = (
            autograd.grad(
                [outs[nr] for nr in used], points, [weights[nr] for nr in used], create_graph=True, allow_unused=True
            )
            if used
            else [None] * len(points)
        )

    def jvp_fn(*tangents: Any) -> Any:
        directions, same = flatten(tangents)
        if same != structure:
            raise ArgumentError("linearize: the tangents must be put together as the primals are")
        pairs = [(g, t) for g, t in zip(pulled, directions, strict=True) if g is not None and g.requires_grad]
        if not pairs:
            return unflatten([w.detach() for w in weights], out_structure)
        roots, along = zip(*pairs, strict=True)
        found = autograd.grad(roots, weights, along, retain_graph=True, allow_unused=True)
        return unflatten([w.detach() if g is None else g for g, w in zip(found, weights, strict=True)], out_structure)

    return cut(out, keep=asked_outside(outs, points, STATE.grad)), jvp_fn
