"""How a tensor looks in print: torch's layout, with NumPy doing the columns.

Source    semantics of torch's tensor printing (4 digits, 3 items at each end of more than 1000 elements)
Requires  REQ-F-TEN-006
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from medtorch.core import dtypes
from medtorch.core.backends import move
from medtorch.core.devices import CPU
from medtorch.errors import ArgumentError

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor


@dataclass(frozen=True)
class _Options:
    precision: int = 4
    threshold: int = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_options = _Options()


def set_printoptions(
    precision: int | None = None,
    threshold: int | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Choose how tensors are printed. Raises ArgumentError for an unknown profile."""
    global _options  # noqa: PLW0603  torch's interface is process-wide state
    profiles = {"default": _Options(), "short": _Options(2, 1000, 2), "full": _Options(4, 1 << 62)}
    if profile is not None and profile not in profiles:
        raise ArgumentError(f"set_printoptions: profile must be one of {', '.join(profiles)}, got {profile!r}")
    base = _options if profile is None else profiles[profile]
    given: dict[str, Any] = {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "linewidth": linewidth,
        "sci_mode": sci_mode,
    }
    _options = replace(base, **{name: value for name, value in given.items() if value is not None})


def text(tensor: Tensor) -> str:
    """`tensor([[1., 2.]], dtype=..., device=..., grad_fn=...)`; what goes without saying is left out."""
    name = "Parameter containing:\ntensor(" if type(tensor).__name__ == "Parameter" else "tensor("
    notes = []
    usual = (dtypes.get_default_dtype(), dtypes.of_scalar(0j), dtypes.int64, dtypes.bool_)
    if tensor.dtype not in usual or tensor.numel() == 0:
        notes.append(f"dtype={tensor.dtype!r}")
    if tensor.numel() == 0 and tensor.ndim != 1:
        notes.insert(0, f"size={tuple(tensor.shape)}")
    if tensor.is_cuda:
        notes.insert(0, f"device='{tensor.device}'")
    if tensor.grad_fn is not None:
        notes.append(f"grad_fn={tensor.grad_fn!r}")
    elif tensor.requires_grad:
        notes.append("requires_grad=True")
    body = _numbers(np.asarray(move(tensor._array, CPU)))
    return name + ", ".join([body, *notes]) + ")"


def _numbers(array: np.ndarray[Any, Any]) -> str:
    if array.size == 0:
        return "[]"
    o = _options
    values = array.astype(np.float64) if dtypes.from_numpy(array.dtype).is_floating_point else array
    form = {"float_kind": _float_form(values, o)} if values.dtype.kind == "f" else None
    if values.dtype.kind == "c":
        form = {"complex_kind": _complex_form(values, o)}
    if values.dtype.kind == "b":
        width = 4 if bool(values.all()) else 5
        form = {"bool": lambda value: str(bool(value)).rjust(width)}
    return np.array2string(
        values,
        max_line_width=o.linewidth,
        separator=", ",
        prefix="tensor(",
        threshold=o.threshold,
        edgeitems=o.edgeitems,
        formatter=form,  # type: ignore[arg-type]
    )


def _complex_form(values: np.ndarray[Any, Any], o: _Options) -> Any:
    """Both parts as floating-point numbers are shown, the sign of the second between them."""
    real, imag = _float_form(values.real, o), _float_form(np.abs(values.imag), o)
    return lambda value: f"{real(value.real)}{'-' if np.signbit(value.imag) else '+'}{imag(abs(value.imag))}j"


def _float_form(values: np.ndarray[Any, Any], o: _Options) -> Any:
    """Whole numbers as `1.`, others with `precision` digits, in powers of ten where sizes differ a lot; one width."""
    shown = values.ravel()
    if shown.size > o.threshold:
        index = np.unique(np.concatenate([np.arange(o.edgeitems), shown.size - 1 - np.arange(o.edgeitems)]))
        shown = shown[index] if values.ndim == 1 else shown
    finite = np.abs(shown[np.isfinite(shown) & (shown != 0)])
    low, high = (finite.min(), finite.max()) if finite.size else (1.0, 1.0)
    whole = bool(finite.size == 0 or np.all(finite == np.round(finite)))
    power = high > 1e8 or (not whole and (high / low > 1e3 or low < 1e-4)) if o.sci_mode is None else o.sci_mode
    if power:
        form = f"{{:.{o.precision}e}}"
    else:
        form = "{:.0f}." if whole else f"{{:.{o.precision}f}}"

    def plain(value: float) -> str:
        return form.format(value) if np.isfinite(value) else str(value)

    sample = shown if shown.size <= 2 * o.threshold else shown[:: shown.size // o.threshold + 1]
    width = max((len(plain(float(v))) for v in sample if np.isfinite(v)), default=0)
    return lambda value: plain(value).rjust(width if values.ndim else 0)
