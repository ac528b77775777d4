"""Listens while a model runs once, and writes down what happens to its tensors as values that never change.

A tensor is known by its array. Changing one in place gives its array a new value; changing a view gives its base a new
value with a part replaced, and every other view of that base is made afresh when it is next used.

Requires  REQ-F-CMP-001, REQ-F-CMP-002
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from medtorch.core.backends import move
from medtorch.core.devices import device
from medtorch.core.graph.ir import Constant, Graph, Node, Value
from medtorch.core.graph.ops import Arrange
from medtorch.core.ops.copy import Cast, SetView
from medtorch.core.ops.op import Op
from medtorch.core.spec import Spec, describe
from medtorch.core.tensor import Tensor
from medtorch.errors import CompileError

ViewChain = tuple[tuple[Op, int], ...]


@dataclass
class _Held:
    """What is known of one array: the value it holds; for a view, of which array, how, and since which change."""

    value: Value
    base: _Held | None = None
    chain: ViewChain = ()
    version: int = 0
    changes: int = 0
    owner: str | None = None


@dataclass
class Recorder:
    """The Watcher (medtorch/core/modes.py) of a capture. `names` are those of the model's own tensors."""

    names: dict[int, str]
    place: device
    nodes: list[Node] = field(default_factory=list)
    constants: dict[Value, Constant] = field(default_factory=dict)
    specs: dict[Value, Spec] = field(default_factory=dict)
    inputs: list[Value] = field(default_factory=list)
    _held: dict[int, _Held] = field(default_factory=dict)
    _alive: dict[int, Any] = field(default_factory=dict)
    _depending: set[Value] = field(default_factory=set)
    _refused: CompileError | None = None

    # -- what comes in and goes out -------------------------------------------------------------------------------

    def add_input(self, tensor: Tensor, nr: int) -> None:
        """`tensor` is input `nr` of the model."""
        value = self._new(tensor.spec)
        self.inputs.append(value)
        self._depending.add(value)
        self._hold(tensor._array, _Held(value, owner=f"input {nr}"))

    def graph(self, outputs: list[Tensor]) -> Graph:
        """What was written down, with the values of `outputs` going out.

        Raises    CompileError if something was refused on the way and the model went on all the same
        """
        if self._refused is not None:
            raise self._refused
        values = tuple(self._value_of(tensor) for tensor in outputs)
        return Graph(tuple(self.inputs), dict(self.constants), tuple(self.nodes), values, dict(self.specs))

    def close(self) -> None:
        """Let go of everything: the callbacks for arrays that die refer to the recorder, and so it to itself."""
        self._held.clear()
        self._alive.clear()
        self.constants.clear()

    # -- what happens on the way: see Watcher -----------------------------------------------------------------------

    def saw_op(self, op: Op, inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
        taken = tuple(None if t is None else self._value_of(t) for t in inputs)
        checked = op.check(*(None if t is None else t.spec for t in inputs))
        for spec in checked if isinstance(checked, tuple) else (checked,):
            if any(size < 0 for size in spec.shape) and any(value in self._depending for value in taken):
                given = {f"input {nr}": t.spec for nr, t in enumerate(inputs) if t is not None}
                raise self._refusal(
                    f"compile: {op.name}: the shape of its result follows from the numbers it is given, "
                    f"not from their shape; such a model cannot be compiled{describe(**given)}"
                )
        made = self._add(op, taken, [t.spec for t in outputs])
        first = None if not inputs or inputs[0] is None else self._held[id(inputs[0]._array)]
        for nr, (tensor, value) in enumerate(zip(outputs, made, strict=True)):
            if id(tensor._array) in self._held:  # the op hands back what it was given
                continue
            held = _Held(value)
            if op.views and first is not None:
                held.base = first.base or first
                held.chain = (*first.chain, (op, nr))
                held.version = held.base.changes
            self._hold(tensor._array, held)

    def saw_write(self, target: Any, value: Any, name: str) -> None:
        held = self._held_of(target)
        owner = (held.base or held).owner
        if owner is not None:
            raise self._refusal(
                f"compile: {name}: the model changes {owner} in place; a compiled model leaves what it is given, "
                f"and itself, as they are{describe(tensor=target.spec)}"
            )
        if name == "data":
            raise self._refusal("compile: the model gives a tensor other memory (x.data = ...) while it runs")
        written = self._arranged(target, value)
        if held.base is None:
            held.value = written
            held.changes += 1
            return
        base = held.base
        (base.value,) = self._add(SetView(held.chain), (base.value, written), [self.specs[base.value]])
        base.changes += 1
        held.version = base.changes - 1  # read it from the base next time: it lies in memory as the base does

    def saw_read(self, tensor: Any, name: str) -> None:
        value = self._value_of(tensor)
        if value in self._depending:
            raise self._refusal(
                f"compile: {name}: the model reads the numbers of {self._told(value)}, which follow from its input; "
                "what it does next may depend on them, and a compiled model cannot follow. "
                f"Keep such decisions outside of the compiled part{describe(tensor=tensor.spec)}"
            )

    def saw_move(self, tensor: Any, place: Any) -> None:
        raise self._refusal(
            f"compile: to: the model moves {self._told(self._value_of(tensor))} from {tensor.device} to {place}; "
            f"a compiled model stays on one device{describe(tensor=tensor.spec)}"
        )

    def saw_random(self) -> None:
        raise self._refusal(
            "compile: the model draws random numbers, so that its answer is not a function of its input; "
            "put it in evaluation mode with model.eval() and leave functional dropout with training=False"
        )

    def _refusal(self, text: str) -> CompileError:
        """The error that says why the model cannot be captured. A model that catches it is not captured either."""
        self._refused = self._refused or CompileError(text)
        return self._refused

    # -- arrays and values --------------------------------------------------------------------------------------------

    def _told(self, value: Value) -> str:
        """A value in words."""
        if value in self.inputs:
            return f"input {self.inputs.index(value)}"
        if value in self.constants:
            return self.constants[value].name or "a constant"
        step = next(nr for nr, node in enumerate(self.nodes) if value in node.outputs)
        return f"the result of {self.nodes[step].op.name} (op {step})"

    def _new(self, spec: Spec) -> Value:
        value = len(self.specs)
        self.specs[value] = spec
        return value

    def _add(self, op: Op, inputs: tuple[Value | None, ...], specs: list[Spec]) -> tuple[Value, ...]:
        made = tuple(self._new(spec) for spec in specs)
        self.nodes.append(Node(op, inputs, made))
        if any(value in self._depending for value in inputs):
            self._depending.update(made)
        return made

    def _hold(self, array: Any, held: _Held) -> None:
        """Remember `array` for as long as it lives: an id is another array's afterwards."""
        key = id(array)
        self._held[key] = held
        self._alive[key] = weakref.ref(array, lambda _, key=key: self._forget(key))  # type: ignore[misc]

    def _forget(self, key: int) -> None:
        self._held.pop(key, None)
        self._alive.pop(key, None)

    def _held_of(self, tensor: Tensor) -> _Held:
        found = self._held.get(id(tensor._array))
        if found is None:
            if tensor.device != self.place and tensor.ndim:
                raise self._refusal(
                    f"compile: the model uses a tensor on {tensor.device}, the inputs are on {self.place}"
                    f"{describe(tensor=tensor.spec)}"
                )
            name = self.names.get(id(tensor._array))
            value = self._new(tensor.spec)
            # The model's own arrays are there for long; a passing one may be changed before the graph is used.
            self.constants[value] = Constant(tensor._array if name else tensor._array.copy(order="K"), name)
            found = _Held(value, owner=None if name is None else f"its own {name}")
            self._hold(tensor._array, found)
        return found

    def _value_of(self, tensor: Tensor) -> Value:
        held = self._held_of(tensor)
        if held.base is not None and held.version != held.base.changes:
            held.value = self._looked_at_again(held.base.value, held.chain)
            held.version = held.base.changes
        return held.value

    def _looked_at_again(self, value: Value, chain: ViewChain) -> Value:
        for op, nr in chain:
            checked = op.check(self.specs[value])
            specs = list(checked) if isinstance(checked, tuple) else [checked]
            value = self._add(op, (value,), specs)[nr]
        return value

    def _arranged(self, target: Tensor, value: Tensor) -> Value:
        """The numbers of `value` as they lie in the memory of `target` once they are written there."""
        written, into, given = self._value_of(value), target._array, value._array
        if value.dtype is not target.dtype:
            (written,) = self._add(Cast(target.dtype), (written,), [value.spec.with_dtype(target.dtype)])
            given = given.astype(into.dtype, order="K")
        if given.shape == into.shape and given.strides == into.strides:
            return written
        return self._add(Arrange(into.shape, memory_order(into)), (written,), [target.spec])[0]


def memory_order(array: Any) -> tuple[int, ...]:
    """The dims of `array` from the one with the longest step to the one with the shortest."""
    return tuple(sorted(range(array.ndim), key=lambda d: (-abs(array.strides[d]), d)))


def same_numbers(one: Any, other: Any) -> bool:
    """Whether two arrays are equal bit for bit."""
    a, b = (np.ascontiguousarray(move(array, device("cpu"))) for array in (one, other))
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return bool(np.array_equal(a.reshape(-1).view(np.uint8), b.reshape(-1).view(np.uint8)))
