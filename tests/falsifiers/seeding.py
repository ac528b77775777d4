"""What a falsifier is: a fault seeded on purpose into the product, and the tests that must fail while it is there."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest


class Seeding:
    """Puts faults into the running program; what it changed is put back when the trial ends."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        self._cached: list[Any] = []

    def edit(self, function: Any, right: str, wrong: str) -> None:
        """Change the one place of a function's source that reads `right` into `wrong`.

        The code object is exchanged, so that whoever has imported the function runs the changed one. Constants of a
        module and closures that live already are not reached; `put` is for those.
        Raises    ValueError if there is not exactly one such place, or the change alters what encloses it
        """
        if hasattr(function, "cache_clear"):
            self._cached.append(function)
            function.cache_clear()
        plain = _plain(function)
        self._patch.setattr(plain, "__code__", _edited(plain.__code__, right, wrong))

    def put(self, owner: Any, name: str, value: object) -> None:
        """Give an attribute another value."""
        self._patch.setattr(owner, name, value)

    def forget(self) -> None:
        """Drop what functions with a memory remember of the fault."""
        for function in self._cached:
            function.cache_clear()


@contextmanager
def seeded(seed: Callable[[Seeding], None]) -> Iterator[None]:
    """A fault for as long as the context lasts."""
    with pytest.MonkeyPatch.context() as patch:
        seeding = Seeding(patch)
        seed(seeding)
        try:
            yield
        finally:
            patch.undo()
            seeding.forget()


@dataclass(frozen=True)
class Fault:
    """How a fault gets in, and the node ids of the tests that must notice it."""

    seed: Callable[[Seeding], None]
    noticed_by: tuple[str, ...]


def falsifies(*requirements: str, noticed_by: str | tuple[str, ...]) -> Callable[[Callable[[Seeding], None]], Any]:
    """Make of a function that seeds a fault the test that the fault is noticed.

    It holds only if each test of `noticed_by` holds without the fault, fails with it and holds again after it, and
    if these tests carry the markers of all the requirements.
    """
    nodes = (noticed_by,) if isinstance(noticed_by, str) else noticed_by
    if not nodes or not requirements:
        raise ValueError("a fault shows nothing if no test has to notice it, or it is about no requirement")

    def decorate(seed: Callable[[Seeding], None]) -> Any:
        def test(trials: Mapping[str, Any], request: pytest.FixtureRequest, needs: Callable[[str], None]) -> None:
            found = trials[request.node.nodeid]
            for trial in found["trials"]:
                for capability in trial["lacks"]:
                    needs(capability)
                assert trial["without"] == "held", f"without the fault {trial['node']} {trial['without']}"
                assert trial["with"] == "failed", f"with the fault {trial['node']} {trial['with']}: {trial['why']}"
                assert trial["after"] == "held", f"after the fault {trial['node']} {trial['after']}"
            shown = {identifier for trial in found["trials"] for identifier in trial["requirements"]}
            assert set(requirements) <= shown, "the tests that noticed the fault show other requirements"

        test.__name__, test.__module__, test.__doc__ = seed.__name__, seed.__module__, seed.__doc__
        test.fault = Fault(seed, nodes)  # type: ignore[attr-defined]
        return pytest.mark.requirement(*requirements)(test)

    return decorate


def _plain(function: Any) -> FunctionType:
    """The function that holds the code: without decorators, of a method, a property or a class method."""
    if isinstance(function, property):
        function = function.fget
    plain = inspect.unwrap(getattr(function, "__func__", function))
    if not isinstance(plain, FunctionType):
        raise TypeError(f"{function!r} is no function written in Python")
    return plain


def _edited(code: CodeType, right: str, wrong: str) -> CodeType:
    """The code of the same function compiled from its file with one place changed."""
    text = Path(code.co_filename).read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    region, first = inspect.getsourcelines(code)
    before, source = "".join(lines[: first - 1]), "".join(region)
    places = source.count(right)
    if places != 1:
        raise ValueError(f"{code.co_qualname} reads {right!r} in {places} places, one is needed")
    changed = source.replace(right, wrong)
    whole = compile(before + changed + text[len(before) + len(source) :], code.co_filename, "exec", dont_inherit=True)
    for found in _codes(whole):
        if (found.co_qualname, found.co_firstlineno) == (code.co_qualname, code.co_firstlineno):
            if found.co_freevars != code.co_freevars:
                raise ValueError(f"{code.co_qualname}: {wrong!r} closes over other variables")
            return found
    raise ValueError(f"{code.co_qualname}: not there any more with {wrong!r}")


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)
