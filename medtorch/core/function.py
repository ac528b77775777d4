"""Ops written by users: a forward on tensors and the backward that belongs to it.

    class Square(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, dy):
            (x,) = ctx.saved_tensors
            return 2 * x * dy

    y = Square.apply(x)

Source    semantics of torch.autograd.Function
Requires  REQ-F-AUT-004
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from medtorch.core import forward as forward_mode
from medtorch.core import inplace
from medtorch.core.autograd import Edge, Node, Saved, edge_of
from medtorch.core.modes import STATE, no_grad
from medtorch.core.spec import Spec, describe
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, AutogradError, UnsupportedError


class FunctionCtx:
    """What forward leaves for backward."""

    def __init__(self, needs: tuple[bool, ...]) -> None:
        self.needs_input_grad = needs
        self._to_save: tuple[Tensor | None, ...] = ()
        self._dirty: tuple[Tensor, ...] = ()
        self._without_gradient: tuple[Tensor, ...] = ()
        self._materialize = True
        self._for_forward: tuple[Tensor | None, ...] = ()
        self._node: FunctionNode | None = None

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors (inputs, outputs, others; None stays None); a change in place before backward is noticed."""
        for tensor in tensors:
            if tensor is not None and not isinstance(tensor, Tensor):
                raise ArgumentError(f"save_for_backward: takes tensors and None, got {type(tensor).__name__}")
        self._to_save = tensors

    def save_for_forward(self, *tensors: Tensor | None) -> None:
        """Keep tensors for jvp, which finds them among `saved_tensors`."""
        self._for_forward = tensors

    def mark_dirty(self, *args: Tensor) -> None:
        """Say which inputs forward changed in place; it must return them."""
        self._dirty = args

    def mark_non_differentiable(self, *args: Tensor) -> None:
        """Say which outputs have no gradient."""
        self._without_gradient = args

    def set_materialize_grads(self, value: bool) -> None:
        """With False, backward gets None instead of zeros for outputs without a gradient."""
        self._materialize = value

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """What save_for_backward kept. Raises AutogradError once freed; ModifiedError for what was changed in place."""
        kept = self._to_save if self._node is None else self._node.unpacked()
        return kept or self._for_forward


class FunctionNode(Node):
    """A recorded call of a Function."""

    def __init__(
        self, kind: type[Function], ctx: FunctionCtx, edges: Sequence[Edge | None], specs: Sequence[Spec]
    ) -> None:
        super().__init__(edges, specs)
        self.kind, self.ctx = kind, ctx
        self.in_specs: tuple[Spec | None, ...] = ()
        self._saved: tuple[Saved | None, ...] | None = ()

    def name(self) -> str:
        return f"{self.kind.__name__}Backward"

    def save(self, tensors: Sequence[Tensor | None], outputs: Sequence[Tensor]) -> None:
        numbers = {id(out): nr for nr, out in enumerate(outputs)}
        self._saved = tuple(None if t is None else Saved(t, numbers.get(id(t))) for t in tensors)

    def release(self) -> None:
        self._saved = None

    def unpacked(self) -> tuple[Tensor | None, ...]:
        if self._saved is None:
            raise AutogradError(
                f"{self.name()}: its saved tensors are freed; pass retain_graph=True to go through the graph twice"
            )
        return tuple(None if s is None else s.unpack(self) for s in self._saved)

    def pull(self, dys: list[Tensor | None]) -> Sequence[Tensor | None]:
        if self.ctx._materialize:
            like = next(dy for dy in dys if dy is not None)
            dys = [_zeros(spec, like) if dy is None else dy for dy, spec in zip(dys, self.out_specs, strict=True)]
        found = self.kind.backward(self.ctx, *dys)
        grads = list(found) if isinstance(found, (tuple, list)) else [found]
        while len(grads) > len(self.edges) and grads[-1] is None:
            grads.pop()
        if len(grads) != len(self.edges):
            raise AutogradError(f"{self.name()}: backward gave {len(grads)} gradients for {len(self.edges)} inputs")
        return [self._fitted(nr, g) for nr, g in enumerate(grads)]

    def _fitted(self, nr: int, grad: Any) -> Tensor | None:
        spec = self.in_specs[nr]
        if grad is None or self.edges[nr] is None:
            return None
        if not isinstance(grad, Tensor) or spec is None:
            raise AutogradError(
                f"{self.name()}: backward must give tensors or None, gave {type(grad).__name__} for input {nr}"
            )
        if grad.shape == spec.shape:
            return grad
        fits = grad.ndim >= len(spec.shape) and all(
            want in (1, have) for have, want in zip(grad.shape[::-1], spec.shape[::-1], strict=False)
        )
        if not fits:
            raise AutogradError(
                f"{self.name()}: gradient {nr} does not fit its input{describe(input=spec, gradient=grad.spec)}"
            )
        return grad.sum_to_size(spec.shape)


def _zeros(spec: Spec, like: Tensor) -> Tensor:
    return like.new_zeros(spec.shape, dtype=spec.dtype, device=spec.device)


class Function:
    """Base of user-written ops. See the text at the top of this file."""

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """forward(ctx, *inputs); or forward(*inputs) beside a setup_context(ctx, inputs, output)."""
        raise UnsupportedError("Function: a subclass must define forward")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """What forward would do to ctx, apart from it."""
        raise UnsupportedError("Function: this subclass has no setup_context")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradient of each input, from the gradient of each output."""
        raise UnsupportedError("Function: a subclass must define backward to be differentiated")

    vjp = backward

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """How each output moves, from how each input does (None where it does not): for forward mode."""
        raise UnsupportedError("Function: a subclass must define jvp for forward mode")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Call forward and put backward on the tape; in forward mode let jvp move the tangents."""
        if STATE.levels:
            level = forward_mode.highest([a if isinstance(a, Tensor) else None for a in args])
            if level is not None:
                return cls._dual(args, level)
        return cls._applied(args)[0]

    @classmethod
    def _dual(cls, args: tuple[Any, ...], level: int) -> Any:
        if cls.jvp is Function.jvp:
            raise UnsupportedError(f"{cls.__name__}: forward mode needs a jvp(ctx, *tangents)")
        directions = [forward_mode.tangent_of(a, level) if isinstance(a, Tensor) else None for a in args]
        with forward_mode.only_levels(tuple(known for known in STATE.levels if known < level)):
            found, ctx = cls._applied(args)
            moved = cls.jvp(ctx, *directions)
        outs = list(found) if isinstance(found, (tuple, list)) else [found]
        along = list(moved) if isinstance(moved, (tuple, list)) else [moved]
        if len(outs) != len(along):
            raise AutogradError(f"{cls.__name__}: jvp gave {len(along)} tangents for {len(outs)} outputs")
        for out, tangent in zip(outs, along, strict=True):
            if isinstance(out, Tensor) and tangent is not None:
                forward_mode.set_tangent(out, level, tangent)
        return found

    @classmethod
    def _applied(cls, args: tuple[Any, ...]) -> tuple[Any, FunctionCtx]:
        tensors = [a if isinstance(a, Tensor) else None for a in args]
        edges = [edge_of(t) if t is not None and STATE.grad else None for t in tensors]
        needs = tuple(t is not None and t.requires_grad for t in tensors)
        ctx = FunctionCtx(needs)
        with no_grad():
            if cls.setup_context is Function.setup_context:
                found = cls.forward(ctx, *args)
            else:
                found = cls.forward(*args)
                cls.setup_context(ctx, args, found)
        if not any(e is not None for e in edges):
            return found, ctx
        outs = list(found) if isinstance(found, (tuple, list)) else [found]
        outs = cls._recorded(ctx, tensors, edges, outs)
        return (type(found)(outs) if isinstance(found, (tuple, list)) else outs[0]), ctx

    @classmethod
    def _recorded(
        cls, ctx: FunctionCtx, tensors: list[Tensor | None], edges: list[Edge | None], outs: list[Any]
    ) -> list[Any]:
        """The outputs with a node behind them."""
        inputs = {id(t) for t in tensors if t is not None}
        dirty = {id(t) for t in ctx._dirty}
        for changed in ctx._dirty:
            _may_change(cls.__name__, changed, inputs, {id(o) for o in outs})
        given = {id(out): nr for nr, out in enumerate(outs)}
        # An input handed back as it came is another name for the same memory: the input itself stays where it is.
        outs = [o.detach() if isinstance(o, Tensor) and id(o) in inputs and id(o) not in dirty else o for o in outs]
        made = [o for o in outs if isinstance(o, Tensor)]
        node = FunctionNode(cls, ctx, edges, [o.spec for o in made])
        node.in_specs = tuple(None if t is None else t.spec for t in tensors)
        node.save([outs[given[id(t)]] if t is not None and id(t) in given else t for t in ctx._to_save], made)
        ctx._node, ctx._to_save = node, ()
        without = {id(t) for t in ctx._without_gradient}
        for nr, out in enumerate(made):
            if id(out) not in without and out.dtype.is_differentiable:
                out._set_node(node, nr)
        return outs


def _may_change(name: str, tensor: Tensor, inputs: set[int], outputs: set[int]) -> None:
    """Raise where a tensor said to be changed in place may not be."""
    if id(tensor) not in inputs or id(tensor) not in outputs:
        raise AutogradError(f"{name}: mark_dirty is for inputs that forward changes in place and returns")
    if tensor._base is not None:
        raise UnsupportedError(f"{name}: changing a view in place is not supported in a Function; clone() it first")
    inplace.guard(tensor, name)


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """For a backward that computes without the tape: differentiating its results again is a named error.

    Source    semantics of torch.autograd.function.once_differentiable
    """

    @functools.wraps(backward)
    def wrapper(ctx: Any, *dys: Any) -> Any:
        with no_grad():
            found = backward(ctx, *dys)
        if not STATE.grad or not any(isinstance(d, Tensor) and d.requires_grad for d in dys):
            return found
        grads = list(found) if isinstance(found, (tuple, list)) else [found]
        barred = [_barred(g, backward.__qualname__) if isinstance(g, Tensor) else g for g in grads]
        return tuple(barred) if isinstance(found, (tuple, list)) else barred[0]

    return wrapper


class _Barrier(Node):
    """The end of what can be differentiated."""

    def __init__(self, spec: Spec, what: str) -> None:
        super().__init__((), (spec,))
        self._what = what

    def pull(self, dys: list[Tensor | None]) -> Sequence[Tensor | None]:
        raise AutogradError(f"{self._what} is marked once_differentiable: it cannot be differentiated twice")


def _barred(grad: Tensor, what: str) -> Tensor:
    out = grad.detach()
    out._set_node(_Barrier(grad.spec, what), 0)
    return out
