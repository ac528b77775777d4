"""What a test executed as proof: passed assertions counted, and what it hands to the `evidence` fixture."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from _pytest.recwarn import WarningsChecker  # pytest.warns has no public class

from validation.canonical import sha256
from validation.paired import SIDES, Outcome, judge, measure

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    ">=": operator.ge,
    ">": operator.gt,
}


class Counter:
    """Counts the assertions that passed while a test's call phase is running."""

    def __init__(self) -> None:
        self.running = False
        self.passed = 0

    def add(self) -> None:
        if self.running:
            self.passed += 1

    @contextmanager
    def call_phase(self) -> Iterator[None]:
        """Count from zero while the block runs."""
        self.running, self.passed = True, 0
        try:
            yield
        finally:
            self.running = False


class Evidence:
    """The `evidence` fixture: checks and measurements that go into the report with their numbers.

    Requires  REQ-F-VAL-009
    """

    def __init__(self, counter: Counter, acceptance: Callable[[str], Mapping[str, Any]]) -> None:
        self._counter = counter
        self._acceptance = acceptance
        self.items: list[dict[str, Any]] = []

    def check(self, name: str, actual: float, expected: float, tolerance: float = 0.0) -> None:
        """Assert |actual - expected| <= tolerance, and record the three numbers. Fails the test otherwise."""
        gap = abs(actual - expected)
        good = bool(gap <= tolerance)
        self._record("check", name, good, actual=actual, expected=expected, tolerance=tolerance)
        if not good:
            pytest.fail(f"{name}: {actual!r} differs from {expected!r} by {gap!r}, more than {tolerance!r}")

    def measure(self, requirement: str, value: float, samples: Sequence[float] = ()) -> None:
        """Hold a measured value against the acceptance criterion written in the trace. Fails the test if it is missed.

        Raises    KeyError if there is no such requirement; TypeError if its acceptance is no threshold
        """
        acceptance = self._acceptance(requirement)
        if "threshold" not in acceptance:
            raise TypeError(f"{requirement} has no threshold to measure against")
        self._bound(requirement, acceptance, value, samples)

    def paired(self, requirement: str, candidate: Callable[[], object], reference: Callable[[], object]) -> None:
        """Measure candidate against reference in turn, and hold the ratio of their times against the trace's criterion.

        The criterion's `clock`, `confidence`, `min_pairs`, `min_sample_ms` and `max_wall_over_cpu` say how; all samples
        go into the report. Where they cannot tell, the requirement is INCONCLUSIVE: neither passed nor failed.

        Raises    KeyError if there is no such requirement; TypeError if its acceptance is no threshold with <= or >=
        Requires  REQ-F-VAL-018
        """
        acceptance = self._acceptance(requirement)
        if "threshold" not in acceptance:
            raise TypeError(f"{requirement} has no threshold to measure against")
        if acceptance["operator"] not in SIDES:
            raise TypeError(f"{requirement}: a ratio is held against <= or >=, not {acceptance['operator']}")
        item = measure(candidate, reference, acceptance)
        found = judge(item)
        good = found.outcome is Outcome.VERIFIED
        self.items.append({"kind": "paired", "name": requirement, "good": good, "value": found.median, **item})
        if good:
            self._counter.add()
        elif found.outcome is Outcome.FAILED:
            pytest.fail(f"{requirement}: {found.reason}")
        else:
            pytest.skip(f"inconclusive: {requirement}: {found.reason}")

    def accept(self, requirement: str, criterion: Mapping[str, Any], value: float) -> None:
        """Hold a measured value against a criterion of the service file. Fails the test if it is missed."""
        self._bound(requirement, {"unit": "1", **criterion}, value, ())

    def attach(self, name: str, data: bytes) -> None:
        """Record the digest of something a person may want to see. An attachment alone proves nothing."""
        self.items.append({"kind": "attach", "name": name, "bytes": len(data), "sha256": sha256(data)})

    def _bound(self, requirement: str, criterion: Mapping[str, Any], value: float, samples: Sequence[float]) -> None:
        good = bool(_COMPARE[criterion["operator"]](value, criterion["threshold"]))
        bound = {key: criterion[key] for key in ("metric", "operator", "threshold", "unit")}
        self._record("measure", requirement, good, value=value, samples=list(samples), **bound)
        if not good:
            message = f"{bound['metric']} {value!r} {bound['unit']} is not {bound['operator']} {bound['threshold']}"
            pytest.fail(f"{requirement}: {message}")

    def _record(self, kind: str, name: str, good: bool, **numbers: Any) -> None:
        self.items.append({"kind": kind, "name": name, "good": good, **{key: _plain(v) for key, v in numbers.items()}})
        if good:
            self._counter.add()


def _plain(value: Any) -> Any:
    """A number as JSON can hold it; nan and the infinities become text."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, (str, bool, int)):
        return value
    number = float(value)
    return number if math.isfinite(number) else repr(number)


@contextmanager
def counted_helpers(counter: Counter) -> Iterator[None]:
    """Count pytest.raises, pytest.warns and numpy.testing, whose assertions pytest does not see."""
    patch = pytest.MonkeyPatch()
    patch.setattr(pytest.RaisesExc, "__exit__", _counted(pytest.RaisesExc.__exit__, counter))
    patch.setattr(pytest.RaisesGroup, "__exit__", _counted(pytest.RaisesGroup.__exit__, counter))
    patch.setattr(WarningsChecker, "__exit__", _counted(WarningsChecker.__exit__, counter))
    _count_numpy(patch, counter)
    try:
        yield
    finally:
        patch.undo()


def _count_numpy(patch: pytest.MonkeyPatch, counter: Counter) -> None:
    try:
        from numpy.testing._private import utils  # noqa: PLC0415  numpy is optional here
    except ImportError:
        return
    # assert_array_equal, assert_allclose and their like all end in assert_array_compare, however they were imported.
    patch.setattr(utils, "assert_array_compare", _counted(utils.assert_array_compare, counter))
    patch.setattr(utils, "assert_", _counted(utils.assert_, counter))


def _counted(function: Callable[..., Any], counter: Counter) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        result = function(*args, **kwargs)
        if result is not False:  # __exit__ returns False when another exception goes through
            counter.add()
        return result

    return wrapper
