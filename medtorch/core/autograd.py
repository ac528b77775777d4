"""The tape and the backward pass.

`run` carries an op out and, where a gradient is wanted, leaves a Node that remembers what the op's vjp asks for.
`backward_pass` walks the nodes from the outputs to the leaves, newest first, so that the order in which gradients are
added depends on the program alone.

Source    reverse accumulation: Griewank & Walther, Evaluating Derivatives, 2008, chapter 3; semantics of torch.autograd
Requires  REQ-F-AUT-001
"""

from __future__ import annotations

import functools
import heapq
import importlib
import itertools
import math
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from medtorch.core import anomaly, laid_out
from medtorch.core.autocasting import nothing_cast
from medtorch.core.backends import kernels_for, move
from medtorch.core.handles import RemovableHandle
from medtorch.core.modes import STATE, set_grad_enabled
from medtorch.core.ops.op import Op
from medtorch.core.promotion import promote
from medtorch.core.spec import Spec, describe
from medtorch.errors import ArgumentError, AutogradError, DeviceError, ModifiedError, UnsupportedError

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor

Edge = tuple["Node", int]
_sequence = itertools.count()
_batching: Any = None


def install_batching(module: Any) -> None:
    """From now on ops may meet batched arrays: medtorch/core/batching.py carries them out."""
    global _batching  # noqa: PLW0603  without vmap an op pays nothing for it
    _batching = module


class Saved:
    """A tensor kept for the backward pass, with the version it had."""

    __slots__ = ("_array", "_edge", "_output", "_packed", "_tensor", "_unpack", "_version")

    def __init__(self, tensor: Tensor, output: int | None = None) -> None:
        if tensor._inference:
            raise AutogradError("an inference tensor cannot be saved for backward; make a normal one with clone()")
        self._unpack: Callable[[Any], Tensor] | None = None
        if STATE.packing and (output is not None or tensor.grad_fn is not None or not tensor.requires_grad):
            pack, self._unpack = STATE.packing[-1]
            self._edge = None if output is not None or tensor.grad_fn is None else (tensor.grad_fn, tensor._output_nr)
            self._tensor, self._array, self._output = None, None, output
            self._packed = pack(tensor.detach())
            return
        # An output holds its node; keeping only its array here avoids a cycle through the node.
        self._tensor = tensor if output is None else None
        self._array, self._output = (None, None) if output is None else (tensor, output)
        if output is not None:
            self._array = tensor._alias()
        self._version = tensor._version

    def keep_copy_of(self, tensor: Tensor) -> None:
        """If this is `tensor`, which is about to be changed by the very op that saved it, keep its present numbers."""
        if self._tensor is tensor:
            kept = tensor._from_array(tensor._array.copy(order="K"), tensor._device)
            kept._tangents, kept._tangents_version = tensor._tangents, 0
            if tensor.grad_fn is not None:
                kept._set_node(tensor.grad_fn, tensor._output_nr)
            self._tensor, self._version = kept, 0

    def unpack(self, node: Node) -> Tensor:
        if self._unpack is not None:
            edge = self._edge if self._output is None else (node, self._output)
            fetched = self._unpack(self._packed)
            return fetched if edge is None else fetched._attached(*edge)
        kept = self._tensor if self._tensor is not None else self._array
        assert_unchanged(kept, self._version, node)  # type: ignore[arg-type]
        if self._tensor is not None:
            return self._tensor
        return self._array._attached(node, self._output)  # type: ignore[union-attr,arg-type]


def keep_copies(newest: Node | None, since: int, tensor: Tensor) -> None:
    """Let every node made after `since` keep the present numbers of `tensor`, where it saved them."""
    stack = [] if newest is None else [newest]
    while stack:
        node = stack.pop()
        if since < node.sequence and isinstance(node, OpNode):
            for saved in itertools.chain.from_iterable((node.saved or {}).values()):
                if saved is not None:
                    saved.keep_copy_of(tensor)
            stack.extend(edge[0] for edge in node.edges if edge is not None)


def now() -> int:
    """A number that nodes made from now on exceed."""
    return next(_sequence)


def assert_unchanged(tensor: Tensor, version: int, node: Node) -> None:
    """Raise ModifiedError if `tensor` was changed in place since `version`."""
    if tensor._version != version:
        raise ModifiedError(
            f"{node.name()}: a tensor saved for backward was changed in place: it is at version {tensor._version}, "
            f"backward needs version {version}{describe(tensor=tensor.spec)}"
        )


class Node:
    """One step of the backward pass: takes gradients of its outputs, gives gradients of its inputs."""

    def __init__(self, edges: Sequence[Edge | None], out_specs: Sequence[Spec]) -> None:
        self.edges = tuple(edges)
        self.out_specs = tuple(out_specs)
        self.sequence = next(_sequence)
        self.hooks: dict[int, dict[int, Callable[[Tensor], Tensor | None]]] = {}
        self.retaining: dict[int, weakref.ref[Tensor]] = {}
        self.made_at = anomaly.forward_call() if STATE.anomaly else None
        self.around: tuple[dict[int, Any], dict[int, Any]] | None = None

    def pull(self, dys: list[Tensor | None]) -> Sequence[Tensor | None]:
        raise NotImplementedError

    def register_prehook(self, fn: Callable[..., Any]) -> RemovableHandle:
        """Call `fn` with the gradients of the outputs before this step; what it returns takes their place."""
        self.around = self.around or ({}, {})
        return RemovableHandle(self.around[0], fn)

    def register_hook(self, fn: Callable[..., Any]) -> RemovableHandle:
        """Call `fn` with the gradients of inputs and of outputs after this step; what it returns takes the first's."""
        self.around = self.around or ({}, {})
        return RemovableHandle(self.around[1], fn)

    def release(self) -> None:
        """Forget what was saved."""

    def name(self) -> str:
        return type(self).__name__

    @property
    def next_functions(self) -> tuple[tuple[Node | None, int], ...]:
        return tuple((None, 0) if edge is None else edge for edge in self.edges)

    def __repr__(self) -> str:
        return f"<{self.name()}>"

    def hooked(self, nr: int, dy: Tensor) -> Tensor:
        """`dy` after the hooks of output `nr`, and kept where retain_grad asked for it."""
        for hook in list(self.hooks.get(nr, {}).values()):
            changed = hook(dy)
            if changed is not None:
                dy = changed
        keeper = self.retaining.get(nr)
        tensor = None if keeper is None else keeper()
        if tensor is not None:
            tensor.grad = dy if tensor.grad is None else tensor.grad + dy
        return dy


@functools.cache
def _wanted(kind: type[Op]) -> tuple[tuple[str, str, int], ...]:
    """What the vjp of a kind of op asks for: (its name, where that comes from, which of those)."""
    found = []
    for want in kind.wants:
        if want in ("dy", "needs"):
            found.append((want, want, 0))
        elif want == "y":
            found.append((want, "outputs", 0))
        elif want == "y_spec":
            found.append((want, "y_spec", 0))
        elif want.endswith("_spec"):
            found.append((want, "specs" if kind.variadic else "spec", kind.inputs.index(want[:-5])))
        elif want in kind.outputs:
            found.append((want, "output", kind.outputs.index(want)))
        else:
            found.append((want, "inputs" if kind.variadic else "input", kind.inputs.index(want)))
    return tuple(found)


class OpNode(Node):
    """A recorded op."""

    def __init__(
        self,
        op: Op,
        inputs: tuple[Tensor | None, ...],
        needs: tuple[bool, ...],
        outputs: tuple[Tensor, ...],
        specs: Sequence[Spec | None] | None = None,
    ) -> None:
        edges = [edge_of(t) if need else None for t, need in zip(inputs, needs, strict=True)]  # type: ignore[arg-type]
        super().__init__(edges, [t.spec for t in outputs])
        self.op, self.needs = op, needs
        self.in_specs = tuple([None if t is None else t.spec for t in inputs] if specs is None else specs)
        self.saved: dict[str, Any] | None = {}
        for want, source, nr in _wanted(type(op)):  # type: ignore[arg-type]
            if source == "outputs":
                self.saved[want] = tuple([Saved(t, place) for place, t in enumerate(outputs)])
            elif source == "output":
                self.saved[want] = (Saved(outputs[nr], nr),)
            elif source in ("input", "inputs"):
                used = op.uses.get(want)
                served = used is None or any(needs[place] for place in used)
                tensors = (inputs[nr],) if source == "input" else inputs
                self.saved[want] = tuple([Saved(t) if t is not None and served else None for t in tensors])

    def name(self) -> str:
        return "".join(word.capitalize() for word in self.op.name.split("_")) + "Backward0"

    def release(self) -> None:
        self.saved = None

    def saved_tensors(self) -> list[Tensor]:
        """What is kept in memory for the backward pass."""
        every = itertools.chain.from_iterable((self.saved or {}).values())
        held = (None if s is None else s._tensor if s._tensor is not None else s._array for s in every)
        return [tensor for tensor in held if tensor is not None]

    def pull(self, dys: list[Tensor | None]) -> Sequence[Tensor | None]:
        if self.saved is None:
            raise AutogradError(
                f"{self.name()}: this graph was gone through once and its saved values are freed; "
                "pass retain_graph=True to the first backward() to go through it twice"
            )
        found = self.op.vjp(*[self._argument(*want, dys) for want in _wanted(type(self.op))])  # type: ignore[arg-type]
        grads = found if isinstance(found, tuple) else (found,)
        if len(grads) != len(self.needs):
            raise AutogradError(f"{self.name()}: gives {len(grads)} gradients for {len(self.needs)} inputs")
        for grad, spec, need in zip(grads, self.in_specs, self.needs, strict=True):
            if need and grad is not None and spec is not None and grad._array.shape != spec.shape:
                raise AutogradError(f"{self.name()}: gradient of shape {grad.shape} for an input of shape {spec.shape}")
        return grads

    def _argument(self, want: str, source: str, nr: int, dys: list[Tensor | None]) -> Any:
        if source == "dy":
            return dys[0] if len(self.out_specs) == 1 else tuple(dys)
        if source == "needs":
            return self.needs
        if source == "y_spec":
            return self.out_specs[0] if len(self.out_specs) == 1 else self.out_specs
        if source == "spec":
            return self.in_specs[nr]
        if source == "specs":
            return self.in_specs
        values = [None if s is None else s.unpack(self) for s in (self.saved or {})[want]]
        return tuple(values) if source == "inputs" or (source == "outputs" and len(values) > 1) else values[0]


class AccumulateGrad(Node):
    """The end of the walk: adds what arrives to a leaf's `grad`."""

    def __init__(self, leaf: Tensor) -> None:
        super().__init__((), (leaf.spec,))
        self.variable = leaf
        self.sequence = 1 << 62  # as soon as it is complete, so that the gradient's memory is free for others
        self.after: dict[int, Callable[[Tensor], None]] = {}
        self.offered: Tensor | None = None
        """A gradient on its way here whose memory nobody else reads."""

    def pull(self, dys: list[Tensor | None]) -> Sequence[Tensor | None]:
        dy, leaf = dys[0], self.variable
        if dy is None:
            return ()
        own, self.offered = dy is self.offered and not self.hooks and not self.retaining, None
        if leaf.grad is None:
            # Memory of its own: the same array may be on its way to other leaves, and users change .grad in place.
            own = own and dy._array.strides == leaf._array.strides and not STATE.grad
            leaf.grad = dy if own else dy.clone() if STATE.grad else dy.detach().clone()
        elif STATE.grad or leaf.grad._inference or 0 in leaf.grad._array.strides:
            leaf.grad = leaf.grad + dy
        else:
            leaf.grad.add_(dy)
        for hook in list(self.after.values()):
            hook(leaf)
        return ()


def edge_of(tensor: Tensor) -> Edge | None:
    """Where the gradient of `tensor` goes."""
    if not tensor.requires_grad:
        return None
    if tensor.grad_fn is not None:
        return tensor.grad_fn, tensor._output_nr
    node = None if tensor._accumulator is None else tensor._accumulator()
    if node is None:
        node = AccumulateGrad(tensor)
        tensor._accumulator = weakref.ref(node)
    return node, 0


def run(op: Op, inputs: Sequence[Any]) -> Any:
    """Carry `op` out on tensors (None for an absent input, numbers where the op promotes) and record it if needed.

    Raises    DeviceError for tensors on different devices; whatever the op's check raises
    """
    tensors = promote(op, inputs)
    if STATE.levels:
        level = forward.highest(tensors)
        if level is not None:
            return forward.run_dual(op, tensors, level)
    if _batching is not None:
        tensors = _batching.shared(tensors)
    specs, place = _specs_of(op, tensors)
    if place is None:
        place = _common_device(op, specs)
    if place is None:
        tensors, place = _bring_scalars(tensors)
        specs = [None if t is None else t.spec for t in tensors]
    op.check(*specs)
    kernels = kernels_for(place)
    target = None
    if STATE.into is not None and tensors[0] is STATE.into:
        given: Any = STATE.into
        followed = STATE.batches or STATE.levels
        target = given if not followed and _may_write(op, tensors, specs, given) else None
        STATE.into = None
    arrays = [None if t is None else t._array for t in tensors]
    with kernels.quiet():
        if target is not None and op.write is not None:
            found = op.write(kernels, target._array, *arrays)
        elif _batching is None:
            found = op.forward(kernels, *arrays)
        else:
            found = _batching.forward(op, kernels, *arrays)
    first = _first(tensors)
    several = isinstance(found, tuple)
    outputs = tuple([first._made(array, place) for array in found]) if several else (first._made(found, place),)
    if target is not None:  # what is saved of the result is what the tensor holds, and changes with it
        target._counter[0] += 1
        outputs[0]._counter = target._counter
    if op.views:
        for nr, out in enumerate(outputs):
            out._become_view(first, op, nr)
    if STATE.capture is not None:
        STATE.capture.saw_op(op, tensors, outputs)
    record(op, tensors, outputs, specs)
    if _batching is not None:
        _batching.mark(op, tensors, outputs)
    return outputs if several else outputs[0]


def _first(tensors: tuple[Tensor | None, ...]) -> Tensor:
    first = tensors[0]
    return first if first is not None else next(t for t in tensors if t is not None)


def _may_write(op: Op, tensors: tuple[Tensor | None, ...], specs: Sequence[Spec | None], target: Tensor) -> bool:
    """Whether `op` can write its result over its first input: nobody needs the old numbers, and the new ones fit."""
    if op.write is None or STATE.capture is not None or op.check(*specs) != target.spec or target._base is not None:
        return False
    if any(t is not None and t is not target and _overlap(t, target) for t in tensors[1:]):
        return False
    recorded = STATE.grad and any(t is not None and t.requires_grad for t in tensors)
    return not (recorded and any(want in op.inputs for want in op.wants))


def record(
    op: Op,
    tensors: tuple[Tensor | None, ...],
    outputs: tuple[Tensor, ...],
    specs: Sequence[Spec | None] | None = None,
) -> None:
    """Leave a node behind `outputs` where recording is on and an input wants a gradient."""
    if not STATE.grad:
        return
    needs = tuple([t is not None and t.requires_grad for t in tensors])
    if True not in needs:
        return
    carrying = [t.dtype.is_differentiable for t in outputs]
    if True not in carrying:
        return
    node = OpNode(op, tensors, needs, outputs, specs)
    for nr, out in enumerate(outputs):
        if carrying[nr]:
            out._set_node(node, nr)


def _specs_of(op: Op, tensors: tuple[Tensor | None, ...]) -> tuple[list[Spec | None], Any]:
    """What the inputs are, and the device that all share as one object (None: look closer)."""
    specs: list[Spec | None] = []
    place, shared, complex_ = None, True, False
    for tensor in tensors:
        if tensor is None:
            specs.append(None)
            continue
        if tensor._copy_of is not None:
            laid_out.refuse_stale(tensor, op.name)
        spec = tensor.spec
        specs.append(spec)
        complex_ = complex_ or spec.dtype.category == 3
        if place is None:
            place = spec.device
        shared = shared and place is spec.device
    if complex_ and not op.takes_complex:
        raise UnsupportedError(f"{op.name}: complex numbers are not supported{describe(**_named(op, specs))}")
    return specs, place if shared else None


def _common_device(op: Op, specs: Sequence[Spec | None]) -> Any:
    """The one device of all, or None where 0-d CPU tensors meet a tensor elsewhere and may be brought there."""
    places = {s.device for s in specs if s is not None}
    if len(places) == 1:
        return places.pop()
    far = {s.device for s in specs if s is not None and not (s.ndim == 0 and s.device.type == "cpu")}
    if len(far) != 1 or op.promotes == "none":
        raise DeviceError(f"{op.name}: tensors on different devices{describe(**_named(op, specs))}")
    return None


def _named(op: Op, specs: Sequence[Spec | None]) -> dict[str, Spec | None]:
    names = op.inputs if not op.variadic else tuple(f"{op.inputs[-1]}[{i}]" for i in range(len(specs)))
    return dict(zip(names, specs, strict=True))


def _bring_scalars(tensors: tuple[Tensor | None, ...]) -> tuple[tuple[Tensor | None, ...], Any]:
    place = next(t.device for t in tensors if t is not None and not (t.ndim == 0 and t.device.type == "cpu"))
    return tuple(t if t is None or t.device == place else t._made(move(t._array, place), place) for t in tensors), place


def backward_pass(
    roots: Sequence[tuple[Edge, Tensor]],
    *,
    retain_graph: bool,
    create_graph: bool,
    targets: Sequence[Edge] | None = None,
) -> list[Tensor | None]:
    """Send the gradients of `roots` to the leaves; or, with `targets`, collect those that arrive there instead."""
    wanted = None if targets is None else {(id(node), nr): None for node, nr in targets}
    collected: dict[tuple[int, int], Tensor | None] = dict(wanted or {})
    reachable, pending = _survey([edge[0] for edge, _ in roots], targets)
    waiting: dict[int, list[Tensor | None]] = {}
    ready: list[tuple[int, int, Node]] = []
    with set_grad_enabled(create_graph), nothing_cast():
        for (node, nr), grad in roots:
            if id(node) in reachable:
                _add(waiting, node, nr, grad)
        starts = {id(edge[0]): edge[0] for edge, _ in roots if id(edge[0]) in reachable}
        for node in starts.values():
            if pending.get(id(node), 0) == 0:
                heapq.heappush(ready, (-node.sequence, id(node), node))
        while ready:
            node = heapq.heappop(ready)[2]
            dys = waiting.pop(id(node), [None] * len(node.out_specs))
            if node.hooks or node.retaining:
                dys = [None if dy is None else node.hooked(nr, dy) for nr, dy in enumerate(dys)]
            if wanted is not None:
                for nr, dy in enumerate(dys):
                    if (id(node), nr) in wanted:
                        collected[id(node), nr] = dy
            grads = _pull(node, dys, wanted is not None)
            if grads is not None and isinstance(node, OpNode) and not create_graph:
                _offer(node, dys, grads)
            if not retain_graph:
                node.release()
            for place, edge in enumerate(node.edges):
                if edge is None or id(edge[0]) not in reachable:
                    continue
                if grads is not None and grads[place] is not None:
                    _add(waiting, edge[0], edge[1], grads[place])  # type: ignore[arg-type]
                pending[id(edge[0])] -= 1
                if pending[id(edge[0])] == 0:
                    heapq.heappush(ready, (-edge[0].sequence, id(edge[0]), edge[0]))
    return [collected[id(node), nr] for node, nr in targets or ()]


def _offer(node: OpNode, dys: list[Tensor | None], grads: Sequence[Tensor | None]) -> None:
    """Let leaves keep gradients that lie in memory which nothing else reads, in place of copies of them."""
    kept: list[Tensor] | None = None
    for place, edge in enumerate(node.edges):
        if edge is None or not isinstance(edge[0], AccumulateGrad):
            continue
        grad = grads[place]
        if grad is None:
            continue
        if kept is None:
            kept = node.saved_tensors()
        others = [t for nr, t in enumerate((*grads, *dys)) if t is not None and nr != place]
        for other in (*others, *kept):
            if _overlap(grad, other):
                break
        else:
            edge[0].offered = grad


def _overlap(a: Tensor, b: Tensor) -> bool:
    """Whether they may share memory; where it cannot be told (a GPU, batched arrays inside vmap), they may."""
    if a is b or not (isinstance(a._array, np.ndarray) and isinstance(b._array, np.ndarray)):
        return True
    return bool(np.may_share_memory(a._array, b._array))


def _pull(node: Node, dys: list[Tensor | None], collecting: bool) -> Sequence[Tensor | None] | None:
    if (dys[0] is None and all(dy is None for dy in dys)) or (collecting and isinstance(node, AccumulateGrad)):
        return None
    if node.around is None:
        return anomaly.pulled(node, dys) if STATE.anomaly else node.pull(dys)
    for before in list(node.around[0].values()):
        changed = before(tuple(dys))
        dys = dys if changed is None else list(_listed(changed))
    grads = anomaly.pulled(node, dys) if STATE.anomaly else node.pull(dys)
    for after in list(node.around[1].values()):
        changed = after(tuple(grads), tuple(dys))
        grads = grads if changed is None else _listed(changed)
    return grads


def _survey(starts: Sequence[Node], targets: Sequence[Edge] | None) -> tuple[set[int], dict[int, int]]:
    """The nodes to visit (with `targets`, only those on a way to one), and how many edges lead into each from those."""
    order: list[Node] = []
    seen: set[int] = set()
    stack = list(starts)
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        order.append(node)
        stack.extend(edge[0] for edge in node.edges if edge is not None)
    if targets is None:
        useful = seen
    else:
        useful = {id(node) for node, _ in targets}
        # A node is always newer than what it leads to, the leaves' nodes aside, which lead nowhere.
        for node in sorted(order, key=lambda n: -1 if isinstance(n, AccumulateGrad) else n.sequence):
            if any(edge is not None and id(edge[0]) in useful for edge in node.edges):
                useful.add(id(node))
        useful &= seen
    pending: dict[int, int] = {}
    for node in order:
        if id(node) in useful:
            for edge in node.edges:
                if edge is not None and id(edge[0]) in useful:
                    pending[id(edge[0])] = pending.get(id(edge[0]), 0) + 1
    return useful, pending


def _add(waiting: dict[int, list[Tensor | None]], node: Node, nr: int, grad: Tensor) -> None:
    slots = waiting.setdefault(id(node), [None] * len(node.out_specs))
    present = slots[nr]
    slots[nr] = grad if present is None else present + grad


def _root(tensor: Tensor, grad: Tensor | None, create_graph: bool) -> tuple[Edge, Tensor]:
    edge = edge_of(tensor)
    if edge is None:
        raise AutogradError(
            f"backward: the tensor does not require grad and has no grad_fn{describe(tensor=tensor.spec)}"
        )
    if grad is None:
        if math.prod(tensor.shape) != 1:
            raise AutogradError(
                f"backward: the gradient can be left out for a single number only{describe(tensor=tensor.spec)}"
            )
        if tensor.dtype.is_complex:
            raise AutogradError(
                f"backward: the gradient can be left out for a real number only{describe(tensor=tensor.spec)}"
            )
        return edge, tensor.detach().new_ones(tensor.shape) if tensor.ndim else tensor._scalar(1, tensor.dtype)
    if grad.shape != tensor.shape:
        raise AutogradError(
            f"backward: gradient and tensor differ in shape{describe(tensor=tensor.spec, gradient=grad.spec)}"
        )
    return edge, grad if create_graph or STATE.levels else grad.detach()


def _listed(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)


def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """Add the gradients of `tensors` to the `.grad` of the leaves they came from (or of `inputs` only).

    Raises    AutogradError if there is nothing to go back along, or the graph was freed; ModifiedError
    Source    semantics of torch.autograd.backward
    """
    outs = _listed(tensors)
    grads = (None,) * len(outs) if grad_tensors is None else _listed(grad_tensors)
    if len(grads) != len(outs):
        raise AutogradError(f"backward: {len(outs)} tensors but {len(grads)} gradients")
    roots = [_root(t, g, create_graph) for t, g in zip(outs, grads, strict=True)]
    keep = create_graph if retain_graph is None else retain_graph
    if inputs is None:
        backward_pass(roots, retain_graph=keep, create_graph=create_graph)
        return
    leaves = _listed(inputs)
    targets = [_target(t) for t in leaves]
    found = backward_pass(roots, retain_graph=keep, create_graph=create_graph, targets=targets)
    for leaf, dy in zip(leaves, found, strict=True):
        if dy is not None:
            leaf.grad = dy.clone() if leaf.grad is None else leaf.grad + dy


def _target(tensor: Tensor) -> Edge:
    edge = edge_of(tensor)
    if edge is None:
        raise AutogradError(f"grad: an input does not require grad{describe(input=tensor.spec)}")
    return edge


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients of `outputs` with respect to `inputs`; with `create_graph` they can be differentiated again.

    With `is_grads_batched` the first dim of every grad_output counts passes, which are made all at once (by vmap).
    Raises    AutogradError if an input is not part of the graph, unless `allow_unused` (gives None) or
              `materialize_grads` (gives zeros)
    Source    semantics of torch.autograd.grad
    """
    if not only_inputs:
        raise UnsupportedError("grad: only_inputs=False is not supported; backward() fills the .grad of leaves")
    if is_grads_batched:
        options = {"retain_graph": retain_graph, "create_graph": create_graph, "allow_unused": allow_unused}
        return _many_passes(outputs, inputs, grad_outputs, {**options, "materialize_grads": materialize_grads})
    outs, ins = _listed(outputs), _listed(inputs)
    given = (None,) * len(outs) if grad_outputs is None else _listed(grad_outputs)
    roots = [_root(t, g, create_graph) for t, g in zip(outs, given, strict=True)]
    keep = create_graph if retain_graph is None else retain_graph
    found = backward_pass(roots, retain_graph=keep, create_graph=create_graph, targets=[_target(t) for t in ins])
    for place, dy in enumerate(found):
        if dy is None and materialize_grads:
            found[place] = ins[place].detach().new_zeros(ins[place].shape)
        elif dy is None and not allow_unused:
            raise AutogradError(
                f"grad: input {place} was not used for the outputs; allow_unused=True gives None for it"
            )
    return tuple(found)


def _many_passes(outputs: Any, inputs: Any, grad_outputs: Any, options: dict[str, Any]) -> tuple[Tensor | None, ...]:
    """`grad` for every place along the first dim of grad_outputs at once."""
    given = _listed(grad_outputs)
    sizes = {None if g is None or not g.ndim else g.shape[0] for g in given}
    if len(sizes) != 1 or None in sizes:
        raise ArgumentError("grad: is_grads_batched=True needs grad_outputs with one size in their first dim")
    rules = importlib.import_module("medtorch.core.batching_rules")  # nothing of it is loaded without vmap
    with rules.entered([g for g in given if g is not None]) as (batched, left):
        found = grad(outputs, inputs, batched, **options)
    return tuple(None if g is None else left(g) for g in found)


from medtorch.core import forward  # noqa: E402  forward mode runs ops below its level with `run`
