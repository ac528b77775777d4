"""An op's class: a frozen dataclass, which it becomes when its first op is made."""

from __future__ import annotations

import threading
from dataclasses import FrozenInstanceError, fields, replace

import pytest

from medtorch.core.ops.op import Op, settled
from medtorch.core.spec import Spec

pytestmark = pytest.mark.requirement("REQ-F-OPS-001")


class Turned(Op):
    angle: float
    axis: int = 2

    def check(self, x: Spec, by: Spec | None) -> Spec:
        return x

    def vjp(self, dy: object, x_spec: Spec) -> object:
        return dy


class TurnedTwice(Turned):
    again: float = 0.5


class Still(Op):
    def check(self, *xs: Spec) -> Spec:
        return xs[0]


def test_numbers_are_taken_in_order_by_name_and_by_default():
    assert vars(TurnedTwice(1.5)) == {"angle": 1.5, "axis": 2, "again": 0.5}
    assert vars(TurnedTwice(1.5, again=4.0, axis=0)) == {"angle": 1.5, "axis": 0, "again": 4.0}
    assert [f.name for f in fields(settled(TurnedTwice))] == ["angle", "axis", "again"]


def test_a_missing_and_an_unknown_number_are_refused():
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'angle'"):
        Turned()
    with pytest.raises(TypeError, match="unexpected keyword argument 'length'"):
        Turned(1.0, length=3)
    with pytest.raises(TypeError, match="takes 1 positional argument but 2 were given"):
        Still(3)


def test_ops_of_one_class_with_equal_numbers_are_equal():
    assert Turned(1.0) == Turned(1.0, 2)
    assert hash(Turned(1.0)) == hash(Turned(1.0, 2))
    assert Turned(1.0) != Turned(2.0)
    assert Turned(1.0) != TurnedTwice(1.0)
    assert Still() == Still()
    assert replace(Turned(1.0), axis=7) == Turned(1.0, 7)


def test_an_op_says_its_numbers_and_refuses_to_change():
    assert repr(TurnedTwice(1.0)) == "TurnedTwice(angle=1.0, axis=2, again=0.5)"
    op = Turned(1.0)
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'angle'"):
        op.angle = 3.0


def test_check_and_vjp_name_what_goes_in_and_what_is_kept():
    assert (Turned.inputs, Turned.variadic, Turned.wants) == (("x", "by"), False, ("dy", "x_spec"))
    assert (Still.inputs, Still.variadic, Still.wants) == (("xs",), True, ())
    assert (Turned.name, TurnedTwice.name) == ("turned", "turned_twice")


def test_threads_that_make_the_first_op_at_once_all_get_a_whole_one():
    for _ in range(20):
        kind = type("Fresh", (Turned,), {"__annotations__": {"last": "int"}, "last": 3})
        start, made = threading.Barrier(4), []

        def make(kind=kind, start=start, made=made):
            start.wait()
            made.append(kind(1.0, last=9))

        threads = [threading.Thread(target=make) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [vars(op) for op in made] == [{"angle": 1.0, "axis": 2, "last": 9}] * 4
