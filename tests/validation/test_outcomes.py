"""What the plugin records of tests of every kind, and what the report makes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.validation.project import Project, environment_of, requirement
from validation.canonical import file_sha256

pytestmark = pytest.mark.requirement("REQ-F-VAL-006")

KINDS = """\
import os
import numpy
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from pathlib import Path
from tests.helper import holds

pytestmark = pytest.mark.requirement("REQ-F-SER-001")


def test_asserts():
    assert True

@pytest.mark.parametrize("x", [1, 0, 2])
def test_fails_for_one_of_three(x):
    assert x, "<script>alert(1)</script>"

def test_returns_early():
    if os.environ["MEDTORCH_SERVICE"]:
        return
    assert True

def test_only_raises():
    with pytest.raises(ValueError, match="good"):
        raise ValueError("good")

def test_only_warns():
    with pytest.warns(UserWarning):
        import warnings
        warnings.warn("good", UserWarning)

def test_only_numpy():
    assert_allclose(numpy.ones(3), 1.0)

def test_only_numpy_equal():
    assert_array_equal(numpy.ones(3), numpy.ones(3))

def test_only_a_helper_asserts():
    holds(1)

@pytest.fixture
def asserting():
    assert True

def test_only_its_fixture_asserts(asserting):
    pass

def test_only_evidence(evidence):
    evidence.check("a sum", 0.1 + 0.2, 0.3, tolerance=1e-12)

def test_only_attaches(evidence):
    evidence.attach("a picture", b"PNG")

@pytest.mark.skip(reason="not today")
def test_skipped_in_words():
    assert True

def test_skips_itself():
    pytest.skip("half way")

@pytest.mark.skipif(True, reason="always")
def test_skipped_under_a_condition():
    assert True

@pytest.mark.needs("gpu")
def test_needs_a_gpu():
    assert False

def test_asks_for_two_gpus(needs):
    needs("multi_gpu")
    assert False

@pytest.mark.needs("cpu")
@pytest.mark.skip(reason="although there is a CPU")
def test_skipped_before_its_probe():
    assert True

@pytest.mark.needs("cpu")
def test_skips_itself_although_the_probe_found_it():
    pytest.skip("although there is a CPU")

@pytest.mark.xfail(reason="known")
def test_expected_failure():
    assert False

@pytest.mark.xfail(reason="known", strict=False)
def test_unexpected_pass():
    assert True

@pytest.mark.xfail(reason="known")
def test_unexpected_pass_strict():
    assert True

def test_xfails_itself():
    pytest.xfail("known")

@pytest.fixture
def broken():
    raise RuntimeError("the fixture broke in " + str(Path(__file__).parent))

def test_setup_breaks(broken):
    assert True

@pytest.fixture
def breaks_afterwards():
    yield
    raise RuntimeError("after")

def test_teardown_breaks(breaks_afterwards):
    assert True

class TestInAClass:
    def test_method(self):
        assert True
"""

EXPECTED = {
    "test_asserts": ("PASSED", ""),
    "test_fails_for_one_of_three": ("FAILED", ""),
    "test_returns_early": ("NO_EVIDENCE", "R08"),
    "test_only_raises": ("PASSED", ""),
    "test_only_warns": ("PASSED", ""),
    "test_only_numpy": ("PASSED", ""),
    "test_only_numpy_equal": ("PASSED", ""),
    "test_only_a_helper_asserts": ("PASSED", ""),
    "test_only_its_fixture_asserts": ("NO_EVIDENCE", "R08"),
    "test_only_evidence": ("PASSED", ""),
    "test_only_attaches": ("NO_EVIDENCE", "R08"),
    "test_skipped_in_words": ("NOT_VERIFIED", "R06"),
    "test_skips_itself": ("NOT_VERIFIED", "R06"),
    "test_skipped_under_a_condition": ("NOT_VERIFIED", "R06"),
    "test_needs_a_gpu": ("NOT_VERIFIED", ""),
    "test_asks_for_two_gpus": ("NOT_VERIFIED", ""),
    "test_skipped_before_its_probe": ("FAILED", "R07"),
    "test_skips_itself_although_the_probe_found_it": ("FAILED", "R07"),
    "test_expected_failure": ("FAILED", "R22"),
    "test_unexpected_pass": ("FAILED", "R22"),
    "test_unexpected_pass_strict": ("FAILED", ""),
    "test_xfails_itself": ("FAILED", "R22"),
    "test_setup_breaks": ("ERROR", ""),
    "test_teardown_breaks": ("ERROR", ""),
    "TestInAClass::test_method": ("PASSED", ""),
    "test_deleted": ("NOT_RUN", "R03"),
}
FILE = "tests/test_kinds.py"
SER = ("Functional/Serialization", "saving and loading models")


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """One run over tests of every kind: the folder of the report, and the report."""
    project = Project(tmp_path_factory.mktemp("kinds") / "checkout")
    project.write("tests/__init__.py", "")
    project.write("tests/helper.py", "def holds(value):\n    assert value\n")
    project.write(FILE, KINDS)
    project.write("tests/test_broken.py", "import absent_package\n\ndef test_hidden():\n    assert True\n")
    project.write("tests/test_left_out.py", "import pytest\npytest.skip('all', allow_module_level=True)\n")
    nodes = [f"{FILE}::{name}" for name in EXPECTED]
    others = ["tests/test_broken.py::test_hidden", "tests/test_left_out.py::test_x", "tests/test_gone.py::test_x"]
    project.write_trace(
        [
            requirement("REQ-F-SER-001", *SER, tests=nodes),
            requirement("REQ-F-SER-002", *SER, tests=others[:1]),
            requirement("REQ-F-SER-003", *SER, tests=others[1:2]),
            requirement("REQ-F-SER-004", *SER, tests=others[2:]),
            requirement("REQ-F-SER-005", *SER, tests=[f"{FILE}::test_asserts"]),
            requirement("REQ-F-SER-006", *SER, unverified={"reason": "There is no such machine."}),
        ]
    )
    with pytest.MonkeyPatch.context() as patch:
        environment_of(patch, [])
        code, report = project.run("good")
    assert code == 1
    return project.out, report["core"]["evaluation"]


def _test(evaluation: dict[str, Any], function: str) -> dict[str, Any]:
    return next(test for test in evaluation["tests"] if test["function"] == function)


@pytest.mark.parametrize("name", EXPECTED)
def test_each_kind_of_test_gets_its_state(kinds, name):
    test = _test(kinds[1], f"{FILE}::{name}")
    if name == "test_needs_a_gpu" and "skipped" not in json.dumps(test) and test["state"] == "FAILED":
        expected = ("FAILED", "")  # there is a GPU here, and the test asserts False
    else:
        expected = EXPECTED[name]
    assert (test["state"], test["rule"]) == expected


def test_a_failure_keeps_its_text_and_its_case(kinds):
    [bad] = _test(kinds[1], f"{FILE}::test_fails_for_one_of_three")["not_passed"]
    assert bad["node"] == f"{FILE}::test_fails_for_one_of_three[0]"
    assert "<script>alert(1)</script>" in bad["failure"]


def test_a_file_that_cannot_be_collected_is_an_error_of_its_tests(kinds):
    test = _test(kinds[1], "tests/test_broken.py::test_hidden")
    assert test["state"] == "ERROR"
    assert "No module named 'absent_package'" in test["reason"]


def test_a_file_that_leaves_itself_out_verifies_nothing(kinds):
    test = _test(kinds[1], "tests/test_left_out.py::test_x")
    assert (test["state"], test["rule"]) == ("NOT_VERIFIED", "R06")


def test_a_file_that_is_gone_was_not_run(kinds):
    test = _test(kinds[1], "tests/test_gone.py::test_x")
    assert (test["state"], test["rule"]) == ("NOT_RUN", "R03")


def test_a_requirement_is_as_good_as_its_worst_test(kinds):
    states = {entry["id"]: entry["state"] for entry in kinds[1]["requirements"]}
    assert states == {
        "REQ-F-SER-001": "FAILED",
        "REQ-F-SER-002": "ERROR",
        "REQ-F-SER-003": "NOT_VERIFIED",
        "REQ-F-SER-004": "NOT_RUN",
        "REQ-F-SER-005": "PASSED",
        "REQ-F-SER-006": "NOT_VERIFIED",
    }


def test_a_test_without_the_marker_of_a_requirement_breaks_a_rule(kinds):
    lines = [f"{entry['rule']} {entry['where']}: {entry['message']}" for entry in kinds[1]["findings"]]
    assert f"R04 REQ-F-SER-005: the test {FILE}::test_asserts does not carry its marker" in lines


@pytest.mark.requirement("REQ-F-VAL-005")
def test_the_plan_stands_before_the_outcomes_and_is_the_same_after(kinds):
    lines = [json.loads(line) for line in (kinds[0] / "outcomes.jsonl").read_text().splitlines()]
    plan = file_sha256(kinds[0] / "plan.json")
    assert lines[0] == {"event": "start", "plan_sha256": plan}
    assert {line["event"] for line in lines[1:-1]} == {"outcome"}
    assert (lines[-1]["event"], lines[-1]["plan_sha256"]) == ("end", plan)


@pytest.mark.requirement("REQ-S-VAL-003")
def test_no_file_of_the_report_names_a_folder_of_this_machine(kinds):
    folder = kinds[0]
    texts = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
    assert "the fixture broke in" in texts["report.html"]
    for name, text in texts.items():
        for word in (str(folder.parents[1]), str(Path.home()) + "/", "/site-packages/pytest"):
            found = text.replace("<environment>", "").find(word)
            assert found == -1, f"{name}: {text[max(0, found - 100) : found + 100]}"
