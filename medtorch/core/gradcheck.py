"""Are gradients right? Each is compared with small steps of the function itself.

Math      (f(x + eps e) - f(x - eps e)) / 2 eps for every place e of every input
Source    semantics of torch.autograd.gradcheck, torch.autograd.gradgradcheck
Requires  REQ-F-AUT-005
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from medtorch.core import autograd, forward
from medtorch.core.backends import move
from medtorch.core.devices import CPU
from medtorch.core.ops.complex import view_as_complex, view_as_real
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, AutogradError, UnsupportedError

Array = np.ndarray[Any, Any]
GradcheckError = AutogradError
"""What a failed check raises, under the name that torch has for it."""


@dataclass(frozen=True)
class _Tolerance:
    eps: float
    atol: float
    rtol: float
    nondet: float


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Whether func's gradients follow small steps. `fast_mode` checks along random directions instead of every place.

    Raises    AutogradError naming output, input and the largest difference, unless raise_exception is False;
              ArgumentError if no input requires grad, or nothing is to be checked
    """
    if not (check_forward_ad or check_backward_ad):
        raise ArgumentError("gradcheck: check_backward_ad or check_forward_ad must be True")
    if check_batched_forward_grad and not check_forward_ad:
        raise ArgumentError("gradcheck: check_batched_forward_grad needs check_forward_ad")
    if masked:
        raise UnsupportedError("gradcheck: masked=True is for sparse tensors, which are not supported")
    given = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    leaves = [t for t in given if isinstance(t, Tensor) and t.requires_grad]
    if not leaves:
        raise ArgumentError("gradcheck: at least one input must require grad")
    func, given = _in_parts(func, given)
    leaves = [t for t in given if isinstance(t, Tensor) and t.requires_grad]
    tolerance = _Tolerance(eps, atol, rtol, nondet_tol)
    try:
        if check_backward_ad:
            _check(func, given, leaves, tolerance, fast_mode=fast_mode)
        if check_forward_ad:
            _check_forward(func, given, leaves, tolerance, fast_mode=fast_mode)
        if check_batched_grad:
            _check_batched(func, given, leaves)
        if check_batched_forward_grad:
            _check_batched_forward(func, given, leaves)
        if check_grad_dtypes and check_backward_ad:
            _check_dtypes(func, given, leaves)
        if check_undefined_grad and check_backward_ad:
            _check_undefined(func, given, leaves)
    except AutogradError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Whether the gradients of func's gradients follow small steps, for inputs and for the gradients put in.

    Raises    as gradcheck
    """
    given = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    if grad_outputs is None:
        weights = tuple(_random_like(out, gen_non_contig_grad_outputs) for out in _outputs(func, given))
    else:
        weights = tuple(grad_outputs) if isinstance(grad_outputs, (tuple, list)) else (grad_outputs,)

    def gradients(*args: Any) -> Any:
        points = [a if a.requires_grad else a.detach().requires_grad_() for a in _tensors(args[: len(given)], given)]
        rest = iter(points)
        filled = [next(rest) if _differs(g) else a for a, g in zip(args[: len(given)], given, strict=True)]
        outs = _outputs(func, filled)
        found = autograd.grad(outs, points, args[len(given) :], create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None and g.requires_grad)

    return gradcheck(
        gradients,
        (*given, *weights),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev,
        fast_mode=fast_mode,
        masked=masked,
    )


def _differs(value: Any) -> bool:
    return isinstance(value, Tensor) and value.requires_grad


def _tensors(args: Sequence[Any], given: Sequence[Any]) -> list[Tensor]:
    return [a for a, g in zip(args, given, strict=True) if _differs(g)]


def _random_like(tensor: Tensor, strided: bool) -> Tensor:
    """Random numbers to go back with, in every other place of memory if asked for."""
    numbers = np.random.default_rng(0).uniform(0.5, 1.5, tuple(tensor.shape)).astype(tensor.dtype.numpy)
    if strided and numbers.ndim:
        room = np.zeros((*numbers.shape[:-1], 2 * numbers.shape[-1]), numbers.dtype)
        room[..., ::2] = numbers
        numbers = room[..., ::2]
    return Tensor._from_array(move(numbers, tensor.device), tensor.device).requires_grad_()


def _outputs(func: Callable[..., Any], args: Sequence[Any]) -> list[Tensor]:
    """The outputs that can be differentiated."""
    found = func(*args)
    many = found if isinstance(found, (tuple, list)) else (found,)
    return [t for t in many if isinstance(t, Tensor) and t.dtype.is_floating_point and t.requires_grad]


def _in_parts(func: Callable[..., Any], given: tuple[Any, ...]) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """The function of real numbers that `func` is where complex ones come in: their parts, in and out."""
    wide = [isinstance(t, Tensor) and t.requires_grad and t.dtype.is_complex for t in given]
    own = tuple(view_as_real(t.detach()).clone().requires_grad_() if w else t for t, w in zip(given, wide, strict=True))

    def of_parts(*args: Any) -> Any:
        found = func(*(view_as_complex(a) if w else a for a, w in zip(args, wide, strict=True)))
        many = found if isinstance(found, (tuple, list)) else (found,)
        return tuple(view_as_real(t) if isinstance(t, Tensor) and t.dtype.is_complex else t for t in many)

    return of_parts, own


def _check_forward(
    func: Callable[..., Any], given: tuple[Any, ...], leaves: list[Tensor], tolerance: _Tolerance, *, fast_mode: bool
) -> None:
    """Tangents against small steps."""
    rng = np.random.default_rng(0)
    for nr, out in enumerate(_outputs(func, given)):
        weights = _weights(out, rng, fast_mode)
        for place, leaf in enumerate(leaves):
            directions = _weights(leaf, rng, fast_mode)
            slopes = _slopes(func, given, leaf, nr, directions, weights, tolerance.eps)
            rows = [weights @ _tangent(func, given, leaf, nr, direction) for direction in directions]
            moved = np.array(rows).reshape(len(directions), len(weights))
            _compare(moved, slopes, f"forward mode: output {nr} with respect to input {place}", tolerance)


def _tangent(func: Callable[..., Any], given: tuple[Any, ...], leaf: Tensor, nr: int, direction: Array) -> Array:
    numbers = direction.reshape(tuple(leaf.shape)).astype(leaf.dtype.numpy)
    along = Tensor._from_array(move(numbers, leaf.device), leaf.device)
    with forward.new_level() as level:
        dual = forward.make_dual(leaf, along, level=level)
        out = _outputs(func, [dual if g is leaf else g for g in given])[nr]
        tangent = forward.tangent_of(out, level)
    return np.zeros(out.numel()) if tangent is None else _host(tangent).reshape(-1)


def _check_batched(func: Callable[..., Any], given: tuple[Any, ...], leaves: list[Tensor]) -> None:
    """Three backward passes at once must give what they give one by one."""
    for nr, out in enumerate(_outputs(func, given)):
        numbers = np.random.default_rng(0).uniform(0.5, 1.5, (3, *out.shape)).astype(out.dtype.numpy)
        dys = Tensor._from_array(move(numbers, out.device), out.device)
        options: dict[str, Any] = {"retain_graph": True, "allow_unused": True, "materialize_grads": True}
        together = autograd.grad(out, leaves, dys, is_grads_batched=True, **options)
        for row in range(3):
            for place, one in enumerate(autograd.grad(out, leaves, dys[row], **options)):
                many = together[place]
                if one is None or many is None or np.allclose(_host(one), _host(many)[row], equal_nan=True):
                    continue
                where = f"output {nr} with respect to input {place}"
                raise AutogradError(f"gradcheck: {where}: batched gradients differ from single ones")


def _check_batched_forward(func: Callable[..., Any], given: tuple[Any, ...], leaves: list[Tensor]) -> None:
    """Three tangents at once must give what they give one by one."""
    rules = importlib.import_module("medtorch.core.batching_rules")  # nothing of it is loaded without vmap
    for place, leaf in enumerate(leaves):
        numbers = np.random.default_rng(0).uniform(0.5, 1.5, (3, *leaf.shape)).astype(leaf.dtype.numpy)
        along = Tensor._from_array(move(numbers, leaf.device), leaf.device)
        with rules.entered([along]) as ((direction,), left), forward.new_level() as level:
            dual = forward.make_dual(leaf, direction, level=level)
            outs = _outputs(func, [dual if g is leaf else g for g in given])
            tangents = [forward.tangent_of(out, level) for out in outs]
        for nr, many in enumerate(tangents):
            for row in range(3) if many is not None else ():
                one = _tangent(func, given, leaf, nr, numbers[row].reshape(-1))
                if not np.allclose(one, _host(left(many))[row].reshape(-1), equal_nan=True):
                    where = f"output {nr} with respect to input {place}"
                    raise AutogradError(f"gradcheck: {where}: batched tangents differ from single ones")


def _host(tensor: Tensor) -> Array:
    return np.array(move(tensor.detach()._array, CPU), np.float64)


def _check(
    func: Callable[..., Any], given: tuple[Any, ...], leaves: list[Tensor], tolerance: _Tolerance, *, fast_mode: bool
) -> None:
    outs = _outputs(func, given)
    rng = np.random.default_rng(0)
    for nr, out in enumerate(outs):
        weights = _weights(out, rng, fast_mode)
        for place, leaf in enumerate(leaves):
            directions = _weights(leaf, rng, fast_mode)
            slopes = _slopes(func, given, leaf, nr, directions, weights, tolerance.eps)
            gradients = _gradients(out, leaf, directions, weights)
            again = _gradients(_outputs(func, given)[nr], leaf, directions, weights)
            _compare(gradients, slopes, f"output {nr} with respect to input {place}", tolerance)
            if gradients.size and float(np.abs(gradients - again).max()) > tolerance.nondet:
                raise AutogradError(f"gradcheck: output {nr} with respect to input {place}: two backward passes differ")


def _weights(tensor: Tensor, rng: np.random.Generator, fast: bool) -> Array:
    """Directions over a tensor's numbers, one a row: every place alone, or one random one."""
    return rng.uniform(0.5, 1.5, (1, tensor.numel())) if fast else np.eye(tensor.numel())


def _slopes(
    func: Callable[..., Any],
    given: tuple[Any, ...],
    leaf: Tensor,
    nr: int,
    directions: Array,
    weights: Array,
    eps: float,
) -> Array:
    """(directions, weights) of numerical slopes. The leaf's numbers are changed in its own memory and put back."""
    kept = leaf._array.copy()
    rows = []
    try:
        for direction in directions:
            step = (eps * direction).reshape(kept.shape)
            ends = []
            for sign in (1.0, -1.0):
                leaf._array[...] = move(np.asarray(_as_host(kept) + sign * step).astype(leaf.dtype.numpy), leaf.device)
                ends.append(_host(_outputs(func, given)[nr]).reshape(-1))
            rows.append(weights @ ((ends[0] - ends[1]) / (2 * eps)))
    finally:
        leaf._array[...] = kept
    return np.array(rows).reshape(len(directions), len(weights))


def _as_host(array: Any) -> Array:
    return np.asarray(move(array, CPU))


def _gradients(out: Tensor, leaf: Tensor, directions: Array, weights: Array) -> Array:
    """(directions, weights) of what backward gives."""
    columns = []
    for weight in weights:
        numbers = weight.reshape(tuple(out.shape)).astype(out.dtype.numpy)
        dy = Tensor._from_array(move(numbers, out.device), out.device)
        (found,) = autograd.grad(out, leaf, dy, retain_graph=True, allow_unused=True)
        columns.append(np.zeros(len(directions)) if found is None else directions @ _host(found).reshape(-1))
    return np.array(columns).reshape(len(weights), len(directions)).T


def _compare(gradients: Array, slopes: Array, where: str, tolerance: _Tolerance) -> None:
    wrong = ~np.isclose(gradients, slopes, tolerance.rtol, tolerance.atol, equal_nan=True)
    if wrong.any():
        worst = np.unravel_index(np.argmax(np.where(wrong, np.abs(gradients - slopes), -1)), wrong.shape)
        raise AutogradError(
            f"gradcheck: {where}: gradient {gradients[worst]:.9g}, small steps give {slopes[worst]:.9g} "
            f"({int(wrong.sum())} of {wrong.size} numbers differ)"
        )


def _check_dtypes(func: Callable[..., Any], given: tuple[Any, ...], leaves: list[Tensor]) -> None:
    for nr, out in enumerate(_outputs(func, given)):
        found = autograd.grad(out, leaves, out.detach().new_ones(out.shape), retain_graph=True, allow_unused=True)
        for place, (gradient, leaf) in enumerate(zip(found, leaves, strict=True)):
            if gradient is not None and gradient.dtype is not leaf.dtype:
                raise AutogradError(
                    f"gradcheck: output {nr} with respect to input {place}: "
                    f"the gradient is {gradient.dtype!r}, the input {leaf.dtype!r}"
                )


def _check_undefined(func: Callable[..., Any], given: tuple[Any, ...], leaves: list[Tensor]) -> None:
    """One output's gradient alone must give what it gives beside explicit zeros for the others."""
    outs = _outputs(func, given)
    if len(outs) < 2:
        return
    for nr, out in enumerate(outs):
        ones = out.detach().new_ones(out.shape)
        alone = autograd.grad(out, leaves, ones, retain_graph=True, allow_unused=True)
        beside = [ones if o is out else o.detach().new_zeros(o.shape) for o in outs]
        together = autograd.grad(outs, leaves, beside, retain_graph=True, allow_unused=True)
        for place, (a, b) in enumerate(zip(alone, together, strict=True)):
            one, other = (0.0 if g is None else _host(g) for g in (a, b))
            if not np.allclose(one, other, equal_nan=True):
                raise AutogradError(
                    f"gradcheck: output {nr} with respect to input {place}: "
                    "undefined gradients are not treated as zeros"
                )
