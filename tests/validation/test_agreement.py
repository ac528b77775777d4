"""The trace and the tests name each other; whoever moves one without the other is found by `check`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.validation.project import Project
from validation.strict_yaml import load_yaml

pytestmark = pytest.mark.requirement("REQ-F-VAL-003")

TRACE = "requirements_trace.yaml"
TEST_FILE = "tests/test_all.py"


def test_an_untouched_checkout_agrees(checked: Callable):
    assert checked() == (0, "warning R24  tests: 1 tests show no requirement\n0 errors, 1 warnings\n")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "test_it_adds",
            "xtest_it_adds",
            "R03  REQ-F-SER-001: its test tests/test_all.py::test_it_adds does not exist",
        ),
        (
            "test_it_adds",
            "test_it_sums",
            "R04  tests/test_all.py::test_it_sums: the trace does not list it under REQ-F-SER-001",
        ),
        (
            '@pytest.mark.requirement("REQ-F-SER-001")\n',
            "",
            "R04  REQ-F-SER-001: the test tests/test_all.py::test_it_adds does not carry its marker",
        ),
        (
            "REQ-F-SER-001",
            "REQ-F-SER-010",
            "R04  tests/test_all.py::test_it_adds: there is no requirement REQ-F-SER-010",
        ),
        ("value + 1 > value", "True", "R25  tests/test_all.py: was edited since the trace was linked"),
        ("[1, 2]", "[]", "R06  tests/test_all.py: could not be collected"),
        (
            "import pytest\n",
            "import pytest\npytest.importorskip('absent_package')\n",
            "R06  tests/test_all.py: could not be",
        ),
        ("import pytest\n", "import pytest\nimport absent_package\n", "R06  tests/test_all.py: could not be collected"),
    ],
)
def test_a_moved_test_is_found(project: Project, checked: Callable, old, new, expected):
    project.edit(TEST_FILE, old, new)
    code, printed = checked()
    assert code == 1
    assert expected in printed


def test_a_deleted_file_of_tests_is_found(project: Project, checked: Callable):
    (project.root / TEST_FILE).unlink()
    project.write("tests/test_other.py", "def test_other():\n    assert True\n")
    code, printed = checked()
    assert code == 1
    assert "R03  REQ-F-SER-001: its test tests/test_all.py::test_it_adds does not exist" in printed
    assert "R25  tests/test_all.py: was removed since the trace was linked" in printed
    assert "R25  tests/test_other.py: is new since the trace was linked" in printed


@pytest.mark.parametrize(
    "setting",
    ["xfail_strict = true", "empty_parameter_set_mark = fail_at_collect", "enable_assertion_pass_hook = true"],
)
def test_a_setting_that_hides_failures_is_found(project: Project, checked: Callable, setting):
    project.edit("pytest.ini", setting, "")
    code, printed = checked()
    assert code == 1
    assert f"R05  pytest settings: {setting.split()[0]} is" in printed


def test_link_writes_the_markers_into_the_trace(project: Project, checked: Callable, capsys):
    project.edit(TEST_FILE, "test_it_adds", "test_it_sums")
    assert checked()[0] == 1
    assert project.command("link") == 0
    assert capsys.readouterr().out == (
        "+ REQ-F-SER-001 tests/test_all.py::test_it_sums\n- REQ-F-SER-001 tests/test_all.py::test_it_adds\n"
    )
    assert checked()[0] == 0
    assert (project.root / TRACE).read_text().startswith("# A trace.\n")
    assert load_yaml(project.root / TRACE)["requirements"][0]["tests"] == [{"node": "tests/test_all.py::test_it_sums"}]


def test_link_refuses_unknown_requirements_and_files_that_cannot_be_collected(project: Project, capsys):
    before = (project.root / TRACE).read_bytes()
    project.edit(TEST_FILE, "REQ-F-SER-001", "REQ-F-SER-010")
    project.write("tests/test_broken.py", "import absent_package\n")
    assert project.command("link") == 1
    printed = capsys.readouterr().err
    assert "nothing was linked: tests name REQ-F-SER-010, which is not in the trace" in printed
    assert "tests/test_broken.py could not be collected" in printed
    assert (project.root / TRACE).read_bytes() == before


DRAFT = """\
- id: REQ-F-SER-002
  title: A second one
  type: functional
  text: The library shall do more.
  rationale: Because.
  source: {section: Functional/Serialization, quote: saving and loading models}
  intended_use: [UC-1-load]
  safety_relevant: false
  risks: [58]
  requires: {capabilities: [cpu]}
  acceptance: {predicate: "it does more"}
  unverified: {reason: "Not built."}
"""


def test_add_takes_over_new_and_changed_requirements_as_drafts(project: Project, checked: Callable, capsys):
    drafts = project.write("drafts.yaml", DRAFT)
    assert project.command("add", str(drafts), "--by", "A Writer") == 0
    assert capsys.readouterr().out == "drafts.yaml: 1 added, 0 changed\n"
    assert checked()[0] == 0
    assert project.command("add", str(drafts), "--by", "A Writer") == 0
    assert capsys.readouterr().out == "drafts.yaml: 0 added, 0 changed\n"
    project.edit("drafts.yaml", "it does more", "it does much more")
    assert project.command("add", str(drafts), "--by", "Another") == 0
    assert capsys.readouterr().out == "drafts.yaml: 0 added, 1 changed\n"
    entry = load_yaml(project.root / TRACE)["requirements"][2]
    assert [(step["by"], step["change"]) for step in entry["history"]] == [
        ("A Writer", "created"),
        ("Another", "changed"),
    ]
    assert entry["status"] == "draft"
    assert checked()[0] == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1", "drafts.yaml: must be a list of requirements, each with an id"),
        (DRAFT + "  status: approved\n", "drafts.yaml: REQ-F-SER-002: status cannot be given here"),
        (DRAFT.replace("rationale: Because.", "colour: blue"), "nothing was written: error   R01"),
    ],
)
def test_add_refuses_what_does_not_belong_there(project: Project, capsys, text, message):
    before = (project.root / TRACE).read_bytes()
    assert project.command("add", str(project.write("drafts.yaml", text)), "--by", "A Writer") == 1
    assert message in capsys.readouterr().err
    assert (project.root / TRACE).read_bytes() == before
