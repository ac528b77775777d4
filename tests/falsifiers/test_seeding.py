"""The mechanism itself: a fault that nobody notices, and one that only breaks a test, do not pass for noticed."""

from __future__ import annotations

import inspect
from functools import lru_cache
from pathlib import Path

import pytest

from tests.falsifiers import faults
from tests.falsifiers.seeding import Fault, Seeding, falsifies, seeded
from tests.falsifiers.trials import try_faults

pytestmark = pytest.mark.requirement("REQ-F-VAL-024")
ROOT = Path(__file__).resolve().parents[2]
TRIED = (
    faults.that_no_test_looks_at, faults.that_only_breaks, faults.that_takes_the_process_along,
    faults.that_a_renamed_test_would_notice, faults.of_another_requirement, faults.that_is_noticed,
)  # fmt: skip


@pytest.fixture(scope="module")
def tried(tmp_path_factory):
    return try_faults(ROOT, tmp_path_factory.mktemp("tried"), {made.__name__: made.fault for made in TRIED})


def ended(made, tried):
    """Run a falsifier as pytest would; returns what it complains about."""
    plain = inspect.unwrap(made)

    class Request:
        class node:
            nodeid = made.__name__

    try:
        plain(tried, Request(), lambda capability: pytest.skip(capability))
    except AssertionError as error:
        return str(error).splitlines()[0]
    return "nothing"


def test_a_fault_that_is_noticed_is_told(tried):
    assert ended(faults.that_is_noticed, tried) == "nothing"


def test_a_fault_that_no_test_looks_at_makes_its_falsifier_fail(tried):
    assert ended(faults.that_no_test_looks_at, tried) == f"with the fault {faults.RECALL} held: "


def test_a_fault_that_only_breaks_the_test_makes_its_falsifier_fail(tried):
    said = ended(faults.that_only_breaks, tried)
    assert said.startswith(f"with the fault {faults.RECALL} broke: AttributeError: 'ConfusionCounts'")


def test_a_fault_that_takes_the_process_along_makes_its_falsifier_fail_and_no_other(tried):
    assert ended(faults.that_takes_the_process_along, tried) == f"with the fault {faults.RECALL} ended its process: "
    assert ended(faults.that_is_noticed, tried) == "nothing"


def test_a_test_that_is_not_there_makes_its_falsifier_fail(tried):
    assert ended(faults.that_a_renamed_test_would_notice, tried) == f"without the fault {faults.RENAMED} is not there"


def test_faults_that_cannot_be_tried_at_all_fail_with_what_pytest_said(tmp_path):
    fault = Fault(faults.that_is_noticed.fault.seed, ("tests/nowhere.py::test_nothing",))
    with pytest.raises(pytest.fail.Exception, match="the faults could not be tried:\nexit status 4"):
        try_faults(ROOT, tmp_path, {"one": fault})


def test_a_fault_noticed_by_the_tests_of_another_requirement_makes_its_falsifier_fail(tried):
    assert ended(faults.of_another_requirement, tried) == "the tests that noticed the fault show other requirements"


@pytest.mark.parametrize("moment", ["without", "after"])
def test_a_test_that_fails_without_the_fault_makes_its_falsifier_fail(tried, moment):
    trial = {**tried["that_is_noticed"]["trials"][0], moment: "failed"}
    said = ended(faults.that_is_noticed, {"that_is_noticed": {"trials": [trial]}})
    assert said == f"{moment} the fault {faults.RECALL} failed"


def test_a_test_that_the_machine_cannot_run_leaves_its_falsifier_out_for_the_same_reason(tried):
    trial = {**tried["that_is_noticed"]["trials"][0], "without": "was skipped", "lacks": ["gpu"]}
    with pytest.raises(pytest.skip.Exception, match=r"^gpu$"):
        ended(faults.that_is_noticed, {"that_is_noticed": {"trials": [trial]}})


def test_a_falsifier_without_a_test_that_must_notice_is_refused():
    with pytest.raises(ValueError, match="no test has to notice it"):
        falsifies("REQ-F-MET-001", noticed_by=())


def double(value):
    return value * 2


@lru_cache
def remembered(value):
    return value + 1


class Holder:
    @property
    def size(self):
        return 3

    @classmethod
    def of(cls, value):
        return [cls, value]


def test_an_edit_reaches_whoever_holds_the_function_and_ends_with_the_context():
    held = double
    with seeded(lambda fault: fault.edit(double, "* 2", "* 3")):
        assert held(5) == 15
    assert held(5) == 10


def test_an_edit_reaches_properties_class_methods_and_functions_that_remember():
    def seed(fault: Seeding):
        fault.edit(Holder.size, "3", "4")
        fault.edit(Holder.of, "[cls, value]", "[value, cls]")
        fault.edit(remembered, "+ 1", "+ 2")

    assert remembered(1) == 2
    with seeded(seed):
        assert (Holder().size, Holder.of(1), remembered(1)) == (4, [1, Holder], 3)
    assert (Holder().size, Holder.of(1), remembered(1)) == (3, [Holder, 1], 2)


@pytest.mark.parametrize(("right", "found"), [("* 7", 0), ("value", 2)])
def test_a_place_that_is_not_there_once_is_refused(right, found):
    with pytest.raises(ValueError, match=f"in {found} places"), seeded(lambda fault: fault.edit(double, right, "")):
        pass


def test_what_is_not_written_in_python_is_refused():
    with pytest.raises(TypeError, match="is no function written in Python"), seeded(lambda f: f.edit(len, "a", "b")):
        pass
