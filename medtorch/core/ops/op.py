"""The contract of an op: check before dispatch, forward through kernels it is handed, gradient written in ops.

    check(self, *specs)            what comes out, from shapes and dtypes alone; refuses by name what does not fit
    forward(self, kernels, *arrays)  one call of a kernel; the same text for every device
    vjp(self, ...)                 the gradient of each input. It asks for what it needs by the names of its parameters:
                                   `dy` the gradient of the output (a tuple of several outputs; None where none came),
                                   an input's name from `check` (its tensor, saved), `y` the output (saved), or one of
                                   `outputs` (that output alone, saved),
                                   `<input>_spec` and `y_spec` (their Spec, which costs nothing to keep),
                                   `needs` (for each input, whether anybody wants its gradient).
                                   What it does not name is not kept, nor what, by `uses`, serves only inputs that
                                   want no gradient.

Because a gradient is made of ops on tensors, it can be differentiated again. An op's own numbers (dim, stride, ...) are
the fields of a frozen dataclass, which a class becomes by itself when its first op is made: to write the methods of
them all while `import medtorch` runs would take a third of its time. Ops never import Tensor: an op that is called on
tensors asks them to run it.

Requires  REQ-F-OPS-001
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields, make_dataclass
from inspect import CO_VARARGS
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar, Literal, dataclass_transform

from medtorch.core.spec import Spec, describe
from medtorch.errors import ArgumentError, OpError, UnsupportedError

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor

Array = Any  # the array type of whichever backend runs: numpy.ndarray or cupy.ndarray

Promotion = Literal["together", "float", "none"]
Tangents = Literal["", "linear", "bilinear", "diagonal"]
Specs = Spec | tuple[Spec, ...]

_settling = Lock()


@dataclass_transform(frozen_default=True)
class Op:
    """Base of every op. See the text at the top of this file."""

    name: ClassVar[str] = "op"
    views: ClassVar[bool] = False
    """Whether the output shares the input's memory."""
    promotes: ClassVar[Promotion] = "none"
    """How inputs of different dtypes meet: brought to one dtype; that and at least floating; or left alone."""
    uses: ClassVar[dict[str, tuple[int, ...]]] = {}
    """Which inputs' gradients a saved input serves, where not all: it is kept (else None) if one of those is wanted."""
    takes_complex: ClassVar[bool] = False
    """Whether complex numbers may come in. A gradient of complex numbers is dL/dRe + i dL/dIm, as in torch."""
    tangents: ClassVar[Tangents] = ""
    """What forward mode may rely on. "linear": in all inputs together. "bilinear": in the first two each; a third, if
    there is one, is a bias of the channels. "diagonal": each number of the one output depends on the same number of the
    one input alone. "": none of these."""
    wants: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[tuple[str, ...]] = ()
    outputs: ClassVar[tuple[str, ...]] = ()
    """Names of several outputs, for a vjp that wants some of them."""
    variadic: ClassVar[bool] = False

    write: Callable[..., Any] | None = None
    """write(self, kernels, out, *arrays): `forward` into the memory of `out`, which may be the first input's."""

    check: Callable[..., Any]
    forward: Callable[..., Any]

    def __init_subclass__(cls) -> None:
        if "name" not in cls.__dict__:
            cls.name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()
        if "vjp" in cls.__dict__:
            cls.wants, _ = _parameters(cls.vjp)
        if "check" in cls.__dict__:
            cls.inputs, cls.variadic = _parameters(cls.check)
        cls.__init__ = _first_of_its_kind  # type: ignore[method-assign,assignment]

    def vjp(self, *args: Any, **kwargs: Any) -> Any:
        raise UnsupportedError(f"{self.name} has no gradient")

    def __call__(self, *inputs: Any) -> Any:
        for value in inputs:
            run = getattr(value, "_run", None)
            if run is not None:
                return run(self, inputs)
        raise ArgumentError(
            f"{self.name}: expected a tensor, got {', '.join(type(v).__name__ for v in inputs) or 'nothing'}"
        )


def settled(kind: type[Op]) -> type[Op]:
    """`kind`, made the frozen dataclass that it is declared to be, with what it inherits fields from."""
    with _settling:
        for each in reversed(kind.__mro__):
            if vars(each).get("__init__") is _first_of_its_kind:
                dataclass(frozen=True, init=False)(each)
                _give_init(each)
    return kind


def _give_init(kind: type[Op]) -> None:
    """Last and in one go: another thread meets either the old __init__, and waits, or a class that is complete."""
    rows = [(f.name, Any, field(default=f.default)) for f in fields(kind)]  # type: ignore[arg-type]
    kind.__init__ = make_dataclass(kind.__name__, rows, frozen=True, eq=False, repr=False).__init__  # type: ignore[method-assign,misc]


def _first_of_its_kind(self: Op, *args: Any, **fields: Any) -> None:
    """The __init__ of a class of which no op was made yet."""
    settled(type(self)).__init__(self, *args, **fields)


def _parameters(method: Callable[..., Any]) -> tuple[tuple[str, ...], bool]:
    """The names of a method's parameters after self, and whether the last takes any number."""
    code = method.__code__
    variadic = bool(code.co_flags & CO_VARARGS)
    return code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount + variadic], variadic


def require(condition: bool, error: type[OpError], op: Op | str, message: str, /, **specs: Spec | None) -> None:
    """Unless `condition`, raise `error`: the op's name, what is wrong, every input's shape, dtype and device."""
    if not condition:
        name = op if isinstance(op, str) else op.name
        raise error(f"{name}: {message}{describe(**specs)}")


def sum_to(gradient: Tensor, spec: Spec) -> Tensor:
    """Undo broadcasting: add up what was stretched."""
    return gradient if gradient.shape == spec.shape else gradient.sum_to_size(spec.shape)
