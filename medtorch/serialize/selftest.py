"""Whether a model is the one that a bundle describes: its names, shapes and dtypes, and its recorded answers.

Requires  REQ-F-BUN-004
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from medtorch.core import dtypes
from medtorch.errors import GoldenError, StateDictError
from medtorch.serialize.bundle import BundleData, GoldenCase
from medtorch.serialize.digest import sha256_of
from medtorch.serialize.edge import to_array
from medtorch.serialize.manifest import Tolerance
from medtorch.serialize.safetensors import tensor_bytes
from medtorch.serialize.storages import Array

_SHOWN = 8


@dataclass(frozen=True)
class GoldenResult:
    """How far one output of one case was from the recorded one; `share` is the part of the tolerance it used.

    `exact` says that it had to be the recorded one bit for bit, and was.
    """

    case: str
    output: int
    largest_error: float
    share: float
    exact: bool = False


def check_state_dict(weights: Mapping[str, Any], state_dict: Mapping[str, Any], name: str) -> None:
    """Compare weights with the state dict of the architecture, before they are loaded into it.

    Raises    StateDictError that lists missing and unexpected names, and every difference in shape or dtype
    """
    problems = [f"missing: {key}" for key in state_dict if key not in weights]
    problems += [f"unexpected: {key}" for key in weights if key not in state_dict]
    for key, wanted in state_dict.items():
        if key in weights:
            have, need = _words(weights[key]), _words(wanted)
            if have != need:
                problems.append(f"{key}: is {have}, the architecture has {need}")
    if problems:
        more = [f"and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else []
        listed = "\n  ".join([*problems[:_SHOWN], *more])
        raise StateDictError(f"{name}: the weights do not fit the architecture\n  {listed}")


def run_golden(
    bundle: BundleData, model: Callable[..., Any], arithmetic: str | None = None
) -> tuple[GoldenResult, ...]:
    """Give the golden inputs to `model` and compare its outputs with the recorded ones.

    Where `arithmetic`, the name of what computes here, is the one that the bundle was recorded by, every bit must be
    equal; else the bundle's tolerance holds.

    Math      |given - recorded| <= absolute + relative * |recorded|, in float64, for every element
    Raises    GoldenError naming the case, the output and the largest difference, or the two digests
    Requires  REQ-F-BUN-007
    """
    exact = arithmetic is not None and arithmetic == bundle.manifest.arithmetic
    tolerance = None if exact else bundle.manifest.tolerance
    return tuple(result for case in bundle.golden for result in _run_case(case, model, tolerance, str(bundle.path)))


def _run_case(
    case: GoldenCase, model: Callable[..., Any], tolerance: Tolerance | None, name: str
) -> list[GoldenResult]:
    where = f"{name}: golden case {case.name!r}"
    given = model(*case.inputs)
    outputs = tuple(given) if isinstance(given, (tuple, list)) else (given,)
    if len(outputs) != len(case.outputs):
        raise GoldenError(f"{where}: the model gives {len(outputs)} outputs, {len(case.outputs)} are recorded")
    pairs = [
        (index, _array(output, f"{where}, output {index}"), to_array(wanted, where))
        for index, (output, wanted) in enumerate(zip(outputs, case.outputs, strict=True))
    ]
    if tolerance is None:
        return [_same_bits(case.name, index, given, wanted, where) for index, given, wanted in pairs]
    return [_compare(case.name, index, given, wanted, tolerance, where) for index, given, wanted in pairs]


def _array(value: Any, what: str) -> Array:
    if not hasattr(value, "shape"):
        raise GoldenError(f"{what}: the model gives a {type(value).__name__}, not a tensor")
    return to_array(value, what)


def _same_bits(case: str, index: int, given: Array, wanted: Array, where: str) -> GoldenResult:
    if _words(given) != _words(wanted):
        raise GoldenError(f"{where}, output {index}: is {_words(given)}, recorded is {_words(wanted)}")
    found, recorded = (sha256_of(tensor_bytes(array)) for array in (given, wanted))
    if found != recorded:
        raise GoldenError(
            f"{where}, output {index}: is sha256 {found}, recorded by the same arithmetic is {recorded}: "
            "every bit has to be equal"
        )
    return GoldenResult(case, index, 0.0, 0.0, exact=True)


def _compare(case: str, index: int, given: Array, wanted: Array, tolerance: Tolerance, where: str) -> GoldenResult:
    if _words(given) != _words(wanted):
        raise GoldenError(f"{where}, output {index}: is {_words(given)}, recorded is {_words(wanted)}")
    if not wanted.size:
        return GoldenResult(case, index, 0.0, 0.0)
    recorded = wanted.astype(np.float64)
    error = np.abs(given.astype(np.float64) - recorded)
    allowed = tolerance.absolute + tolerance.relative * np.abs(recorded)
    bad = ~(error <= allowed)  # also where the error is nan
    if bad.any():
        worst = int(np.nanargmax(np.where(np.isnan(error), np.inf, error)))
        place = tuple(int(at) for at in np.unravel_index(worst, error.shape))
        raise GoldenError(
            f"{where}, output {index}: {int(bad.sum())} of {bad.size} values differ; at {place} the model gives "
            f"{given[place]}, recorded is {wanted[place]} "
            f"(allowed: {tolerance.absolute} + {tolerance.relative} * |recorded|)"
        )
    share = np.divide(error, allowed, out=np.zeros_like(error), where=allowed > 0)
    return GoldenResult(case, index, float(error.max()), float(share.max()))


def _words(value: Any) -> str:
    array = to_array(value, "a value")
    return f"{dtypes.from_numpy(array.dtype).name} {tuple(array.shape)}"
