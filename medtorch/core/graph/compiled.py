"""What medtorch.compile hands out: a callable with the model's answers, planned for each kind of input it meets.

Requires  REQ-F-CMP-001, REQ-F-CMP-006
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from medtorch.core.algorithms import checked_algorithms, cpu_algorithms, get_cpu_algorithms
from medtorch.core.backends import kernels_for
from medtorch.core.devices import device
from medtorch.core.graph.accuracy import FoldingError
from medtorch.core.graph.constants import ConstantPool
from medtorch.core.graph.native_program import NativeProgram
from medtorch.core.graph.plan import Plan, make_plan
from medtorch.core.graph.probe import dense_order
from medtorch.core.graph.rewrite import UNFOLDED
from medtorch.core.graph.state import ModelState
from medtorch.core.graph.stats import describe_plans
from medtorch.core.graph.structure import Structure, put_together, taken_apart
from medtorch.core.modes import STATE
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, AutogradError, CompileError

Array = Any
_CPU = device("cpu")
Key = tuple[Any, ...]


class Compiled:
    """A model for inference, made by `medtorch.compile`. Several threads may call it at once."""

    def __init__(
        self,
        model: Callable[..., Any],
        *,
        rewrites: bool,
        plans: int,
        poison: bool,
        algorithms: str | None = None,
        release: bool = False,
    ) -> None:
        self.model = model
        self._algorithms = get_cpu_algorithms() if algorithms is None else algorithms
        self._rewrites, self._limit, self._poison = rewrites, plans, poison
        self._plans: OrderedDict[Key, Plan] = OrderedDict()
        self._quick: dict[Key, tuple[Key, Plan]] = {}
        self._pool = ConstantPool()
        self._lock, self._capturing = threading.Lock(), threading.Lock()
        self._captures = self._evicted = 0
        self._state = ModelState(model)
        self._release, self._released = release, False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The model's answer.

        Inputs of a new shape, dtype or memory layout are captured first, and their plan is kept.
        Raises    CompileError where the model was changed since, or cannot be captured; AutogradError for an input that
                  requires grad while recording is on
        """
        if STATE.capture is not None:  # inside of a model that is being captured itself
            return self.model(*args, **kwargs)
        known = None if kwargs else self._met(args)
        if known is not None:
            self._refuse_grad(args)
            self._state.check_used()
            found = known.program.run([tensor._array for tensor in args])
            return put_together(known.outputs, [Tensor._from_array(array, _CPU) for array in found])
        tensors, structure = taken_apart((args, kwargs), "the model's input")
        self._refuse_grad(tensors)
        self._state.check_used()
        place = _one_device(tensors)
        with kernels_for(place).quiet():  # on CUDA this is what makes the device the current one
            plan, arrays = self._plan_for(tensors, structure, place)
            self._remember(args, kwargs, arrays, plan)
            found = plan.program.run(arrays)
        return put_together(plan.outputs, [Tensor._from_array(array, place) for array in found])

    def release(self) -> None:
        """Give up the memory of the model's parameters and buffers: plans hold what they need of it.

        The model cannot be called any more, and inputs of kinds that have no plan by now are refused.
        Raises    CompileError for a plain function, whose tensors nobody can list
        """
        if not hasattr(self.model, "named_parameters"):
            raise CompileError("compile: release takes a module: the tensors of a plain function are not known")
        self._state.release()
        self._released = True

    def stats(self) -> dict[str, Any]:
        """What was fused, folded and removed, which kernels run, how much memory that takes; newest plan in full."""
        with self._lock:
            plans = [(key, plan) for key, plan in reversed(self._plans.items())]
        with cpu_algorithms(self._algorithms):
            described = describe_plans(plans)
        return {
            "rewrites": self.rewrites,
            "algorithms": self._algorithms,
            "captures": self._captures,
            "plans_cached": len(plans),
            "plans_limit": self._limit,
            "plans_evicted": self._evicted,
            "constants": len(self._pool),
            "constants_bytes": self._pool.bytes(),
            "released": self._released,
            **described,
        }

    def __repr__(self) -> str:
        return f"Compiled({type(self.model).__name__}, plans={len(self._plans)})"

    # -- plans that are kept elsewhere --------------------------------------------------------------------------------

    @property
    def rewrites(self) -> str:
        return "all" if self._rewrites else "none"

    @property
    def algorithms(self) -> str:
        return self._algorithms

    def plans(self) -> list[tuple[Key, Plan]]:
        """The plans and the kinds of input they are for, the one used longest ago first."""
        with self._lock:
            return list(self._plans.items())

    def remade(self, key: Key, plan: Plan) -> Plan:
        """`plan` with all of its constants, of which a running plan has let go those that were packed."""
        structure, place, *kinds = key
        self._refuse_released("a plan that was made of it cannot be saved")
        arrays = [example_of(kind) for kind in kinds]
        where = device(place)
        self._state.check_all()
        with self._capturing, kernels_for(where).quiet(), cpu_algorithms(self._algorithms):
            made = make_plan(
                self.model,
                structure,
                arrays,
                where,
                self._pool,
                rewrites=self._rewrites,
                poison=False,
                folds=UNFOLDED not in plan.counts,
                keep=True,
            )
        return replace(made, accuracy=plan.accuracy, algorithms=plan.algorithms)

    @property
    def pool(self) -> ConstantPool:
        """The constants of all plans."""
        return self._pool

    def adopt(self, key: Key, plan: Plan) -> None:
        """Use a plan that was made elsewhere, of this model as it is now."""
        self._state.check_all()
        self._state.use_all()
        with self._lock:
            self._plans[key] = plan

    # -- which plan ---------------------------------------------------------------------------------------------------

    def _met(self, args: tuple[Any, ...]) -> Plan | None:
        """The plan for arguments that are CPU tensors alone and of a kind that was there before: the quick way."""
        kind = _quick_kind(args)
        with self._lock:
            key, plan = self._quick.get(kind, (None, None)) if kind is not None else (None, None)
            if key is not None:
                self._plans.move_to_end(key)
            return plan

    def _refuse_grad(self, tensors: Sequence[Tensor]) -> None:
        if not STATE.grad:
            return
        for nr, tensor in enumerate(tensors):
            if tensor.requires_grad:
                raise AutogradError(
                    f"compile: input {nr} requires grad; a compiled model is for inference: "
                    "call it under medtorch.no_grad() or call the model itself"
                )

    def _plan_for(self, tensors: list[Tensor], structure: Structure, place: device) -> tuple[Plan, list[Array]]:
        arrays = [_dense(tensor._array) for tensor in tensors]
        key = (structure, str(place), *(kind_of(a.shape, a.dtype.name, a.strides) for a in arrays))
        found = self._known(key)
        if found is None:
            with self._capturing:  # another thread may be at it
                found = self._known(key) or self._made(key, structure, arrays, place)
        return found, arrays

    def _remember(self, args: tuple[Any, ...], kwargs: dict[str, Any], arrays: list[Array], plan: Plan) -> None:
        """Let `_met` find a native plan for arguments that need no copy."""
        kind = None if kwargs else _quick_kind(args)
        same = kind is not None and all(t._array is array for t, array in zip(args, arrays, strict=True))
        if kind is None or not same or not isinstance(plan.program, NativeProgram):
            return
        with self._lock:
            key = next((key for key, one in self._plans.items() if one is plan), None)
            if key is not None and len(self._quick) < 8 * self._limit:
                self._quick[kind] = key, plan

    def _known(self, key: Key) -> Plan | None:
        with self._lock:
            found = self._plans.get(key)
            if found is not None:
                self._plans.move_to_end(key)
            return found

    def _made(self, key: Key, structure: Structure, arrays: list[Array], place: device) -> Plan:
        self._refuse_released(f"there is no plan for inputs {', '.join(f'{k[1]} {k[0]}' for k in key[2:])}")
        self._state.check_all()
        with cpu_algorithms(self._algorithms):
            try:
                plan = self._planned(structure, arrays, place, folds=True)
            except FoldingError:
                if self._released:
                    raise
                plan = self._planned(structure, arrays, place, folds=False)
        self._state.use(plan.state)
        with self._lock:
            self._plans[key] = plan
            self._captures += 1
            while len(self._plans) > self._limit:
                self._plans.popitem(last=False)
                self._quick.clear()
                self._evicted += 1
        return plan

    def _planned(self, structure: Structure, arrays: list[Array], place: device, *, folds: bool) -> Plan:
        return make_plan(
            self.model,
            structure,
            arrays,
            place,
            self._pool,
            rewrites=self._rewrites,
            poison=self._poison,
            folds=folds,
            release=self.release if self._release else None,
        )

    def _refuse_released(self, why: str) -> None:
        if self._released:
            raise CompileError(f"compile: the model's memory was released: {why}")


def _quick_kind(args: tuple[Any, ...]) -> Key | None:
    """What tells CPU tensors apart; None where there is anything else."""
    if not args or not all(type(one) is Tensor and type(one._array) is np.ndarray for one in args):
        return None
    return tuple((one._array.shape, one._array.strides, one._array.dtype) for one in args)


def kind_of(shape: tuple[int, ...], dtype: str, strides: tuple[int, ...]) -> Key:
    """What a plan depends on of an input: steps along dims of size 1 mean nothing."""
    return tuple(shape), dtype, tuple(0 if n == 1 else step for n, step in zip(shape, strides, strict=True))


def example_of(kind: Key) -> Array:
    """Some numbers of one kind of input, from 0 to 1."""
    shape, dtype, strides = kind
    order = sorted(range(len(shape)), key=lambda d: (-strides[d], d))
    back = sorted(range(len(shape)), key=order.__getitem__)
    numbers = np.random.default_rng(0).random([shape[d] for d in order])
    return numbers.astype(dtype).transpose(back)


def _one_device(tensors: list[Tensor]) -> device:
    if not tensors:
        raise CompileError("compile: a compiled model needs a tensor as input")
    places = {tensor.device for tensor in tensors}
    if len(places) > 1:
        raise CompileError(f"compile: inputs on different devices: {', '.join(sorted(map(str, places)))}")
    return places.pop()


def _dense(array: Array) -> Array:
    """`array`, or a copy without gaps where it has some: plans are made for memory without."""
    return array if dense_order(array) is not None else array.copy(order="K")


def compile(
    model: Callable[..., Any],
    *example_inputs: Any,
    rewrites: str = "all",
    plans: int = 8,
    poison: bool = False,
    algorithms: str | None = None,
    release: bool = False,
) -> Compiled:
    """`model` for inference: captured on the examples, folded, fused and planned.

    Math      answers are the model's: bit for bit with rewrites="none"; with "all", where scales were folded into
              weights, within the bound that stats() states. Where folding would go beyond it on the example (the model
              then multiplies rounding errors), nothing is folded, and stats() says so; a model that was released by
              then is refused
    Raises    CompileError for a model in training mode, one that changes itself or its input, draws random numbers,
              moves between devices, or decides by the numbers it is given; ArgumentError for unknown options
    Source    the name is that of torch.compile; options and guarantees are medtorch's own
    Requires  REQ-F-CMP-001

    The model's numbers are copied: changing a module's later is noticed and refused; those that a plain function uses
    are not watched. `algorithms` is what convolutions on a CPU may use ("direct", "default", "fast"; None: what is in
    force now, see medtorch.set_cpu_algorithms); stats() tells what they chose and what that costs in accuracy. `plans`
    is how many kinds of input (shapes, dtypes, layouts) are kept. With `release` the model's parameters and buffers
    give up their memory while the plan is made, so that no two copies of all weights are ever there: the model cannot
    be used any more, also where compiling fails then, and other kinds of input than the example's are refused (call
    `release()` of what is returned after calls with all kinds to have several). `poison` overwrites dead memory with
    NaN after every step, for tests.
    """
    if not callable(model):
        raise ArgumentError(f"compile: the model must be callable, got {type(model).__name__}")
    if rewrites not in ("all", "none"):
        raise ArgumentError(f"compile: rewrites must be 'all' or 'none', got {rewrites!r}")
    if not isinstance(plans, int) or plans < 1:
        raise ArgumentError(f"compile: plans must be a whole number from 1 on, got {plans!r}")
    if not example_inputs:
        raise ArgumentError("compile: needs example inputs, as the model takes them")
    if algorithms is not None:
        checked_algorithms("compile", algorithms)
    if release and not hasattr(model, "named_parameters"):
        raise ArgumentError("compile: release=True takes a module: the tensors of a plain function are not known")
    found = Compiled(
        model, rewrites=rewrites == "all", plans=plans, poison=poison, algorithms=algorithms, release=release
    )
    found(*example_inputs)
    return found
