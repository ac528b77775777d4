"""The plugin in an ordinary pytest run: markers, capabilities, evidence, and its paragraph in the summary."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.validation.project import Project

CHECKOUT = Path(__file__).resolve().parents[2]
LIMITS = """\
import pytest

@pytest.mark.requirement("REQ-P-SPD-001")
def test_within(evidence):
    evidence.measure("REQ-P-SPD-001", 1.5, samples=[1.4, 1.6])

@pytest.mark.requirement("REQ-P-SPD-001")
def test_beyond(evidence):
    evidence.measure("REQ-P-SPD-001", 1.51)

@pytest.mark.requirement("REQ-P-SPD-001")
def test_not_a_number(evidence):
    evidence.measure("REQ-P-SPD-001", float("nan"))

def test_without_threshold(evidence):
    with pytest.raises(TypeError, match="REQ-F-SER-001 has no threshold to measure against"):
        evidence.measure("REQ-F-SER-001", 1.0)

def test_accept(evidence):
    evidence.accept("REQ-F-SER-001", {"metric": "dice", "operator": ">=", "threshold": 0.7}, 0.7)

def test_do_not_accept(evidence):
    evidence.accept("REQ-F-SER-001", {"metric": "dice", "operator": ">=", "threshold": 0.7}, 0.69)

def test_check(evidence):
    evidence.check("a sum", 0.3, 0.2, tolerance=0.05)
"""


def pytest_run(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=project.root,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.requirement("REQ-F-VAL-009")
def test_a_measured_value_is_held_against_the_trace(project: Project):
    project.write("tests/test_limits.py", LIMITS)
    printed = pytest_run(project, "tests/test_limits.py").stdout
    assert "4 failed, 3 passed" in printed
    assert "Failed: REQ-P-SPD-001: ratio 1.51 1 is not <= 1.5" in printed
    assert "Failed: REQ-P-SPD-001: ratio nan 1 is not <= 1.5" in printed
    assert "Failed: REQ-F-SER-001: dice 0.69 1 is not >= 0.7" in printed
    assert "Failed: a sum: 0.3 differs from 0.2 by" in printed


@pytest.mark.requirement("REQ-F-VAL-006", "REQ-F-VAL-008")
def test_an_ordinary_run_sums_up_the_traced_tests_and_names_broken_rules(project: Project):
    project.edit("tests/test_all.py", "    assert value + 1 > value", "    return")
    printed = pytest_run(project).stdout
    assert "traced tests: 1 NOT_VERIFIED, 2 NO_EVIDENCE" in printed
    assert "R08 NO_EVIDENCE tests/test_all.py::test_it_adds[1]: the test ended without a single" in printed


@pytest.mark.requirement("REQ-F-VAL-008")
def test_an_unknown_capability_is_an_error_that_lists_the_known_ones(project: Project):
    project.edit("tests/test_all.py", '"gpu"', '"teleport"')
    ended = pytest_run(project)
    assert ended.returncode != 0
    assert "no probe for 'teleport'; there are: checkout, compiler" in ended.stdout + ended.stderr


@pytest.mark.requirement("REQ-F-VAL-003")
@pytest.mark.parametrize("marker", ["requirement()", "requirement(5)", 'requirement("REQ-F-SER-001", level="full")'])
def test_a_marker_that_names_no_requirement_is_an_error(project: Project, marker):
    project.edit("tests/test_all.py", 'requirement("REQ-F-SER-001")', marker)
    ended = pytest_run(project)
    assert ended.returncode == 4
    assert "requirement() takes one or more ids and nothing else" in ended.stderr


@pytest.mark.requirement("REQ-F-VAL-003")
def test_a_misspelt_marker_is_an_error(project: Project):
    project.edit("tests/test_all.py", "mark.requirement", "mark.requirment")
    assert "'requirment' not found in `markers` configuration option" in pytest_run(project).stdout


@pytest.mark.requirement("REQ-F-VAL-005")
def test_a_request_without_a_folder_is_refused(project: Project):
    ended = pytest_run(project, "--validation-out=x")
    assert ended.returncode == 4
    assert "--validation-request and --validation-out belong together" in ended.stderr
