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
the fields of a frozen dataclass. Ops never import Tensor: an op that is called on tensors asks them to run it.

Requires  REQ-F-OPS-001
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from medtorch.core.spec import Spec, describe
from medtorch.errors import ArgumentError, OpError, UnsupportedError

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor

Array = Any  # the array type of whichever backend runs: numpy.ndarray or cupy.ndarray

Promotion = Literal["together", "float", "none"]
Tangents = Literal["", "linear", "bilinear", "diagonal"]
Specs = Spec | tuple[Spec, ...]


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
            cls.wants = tuple(inspect.signature(cls.vjp).parameters)[1:]
        if "check" in cls.__dict__:
            parameters = list(inspect.signature(cls.check).parameters.values())[1:]
            cls.inputs = tuple(p.name for p in parameters)
            cls.variadic = any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters)

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

    def __repr__(self) -> str:
        fields = ", ".join(f"{k}={v!r}" for k, v in vars(self).items())
        return f"{self.name}({fields})"


def require(condition: bool, error: type[OpError], op: Op | str, message: str, /, **specs: Spec | None) -> None:
    """Unless `condition`, raise `error`: the op's name, what is wrong, every input's shape, dtype and device."""
    if not condition:
        name = op if isinstance(op, str) else op.name
        raise error(f"{name}: {message}{describe(**specs)}")


def sum_to(gradient: Tensor, spec: Spec) -> Tensor:
    """Undo broadcasting: add up what was stretched."""
    return gradient if gradient.shape == spec.shape else gradient.sum_to_size(spec.shape)
