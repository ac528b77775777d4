"""Between two reports: every change is named, what it touches must be verified again, and the envelope is held."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.validation.project import Project, environment_of, requirements
from tests.validation.snapshots import advisory, write_snapshot
from validation.cli import main
from validation.diff import compare, tell
from validation.distributions import Installed
from validation.errors import IntegrityError
from validation.reassess import check_addendum
from validation.signing.trust import read_trust

pytestmark = pytest.mark.requirement("REQ-F-VAL-020")

DAY = "2026-11-20"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report, in a folder with a key and a trust file."""
    found = [Installed("Alpha", "1.0", "", "MIT", "py3-none-any", "a" * 64, (), ())]
    folder = tmp_path_factory.mktemp("diff")
    project = Project(folder / "checkout")
    project.record_everything(found)
    with pytest.MonkeyPatch.context() as patch:
        environment_of(patch, found)
        assert project.run()[0] == 0
    return folder


@pytest.fixture
def report(made: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((made / "checkout/out/report/report.json").read_bytes())
    return data


def changed(report: dict[str, Any], change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    new = copy.deepcopy(report)
    change(new["core"])
    return new


def first(core: dict[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = core["evaluation"]["requirements"][0]
    return entry


def test_two_equal_reports_differ_in_nothing(report):
    found = compare(report, report)
    assert tell(found) == [
        "nothing differs",
        "to verify again: 0 requirements",
        "the service declares no change envelope",
    ]


@pytest.mark.parametrize(
    ("change", "kind", "text", "again"),
    [
        (lambda core: core["evaluation"]["requirements"].clear(), "requirements", "REQ-F-SER-001 is gone", []),
        (
            lambda core: first(core).update(text="It shall fly."),
            "requirements",
            "reviewed by NOBODY",
            ["REQ-F-SER-001"],
        ),
        (lambda core: first(core).update(tests=[]), "tests", "1 tests gone, 0 new", ["REQ-F-SER-001"]),
        (lambda core: first(core).update(state="FAILED"), "verdicts", "REQ-F-SER-001: PASSED -> FAILED", []),
        (lambda core: core["evaluation"].update(verdict="FAIL"), "verdicts", "verdict PASS -> FAIL", []),
        (lambda core: core["soup"][0].update(version="1.1"), "software", "Alpha: 1.0 -> 1.1", ["REQ-F-SER-001"]),
        (lambda core: core["soup"][0].update(content_sha256="b"), "software", "Alpha: other files", ["REQ-F-SER-001"]),
        (lambda core: core["soup"].clear(), "software", "Alpha 1.0 is gone", ["REQ-F-SER-001"]),
        (lambda core: core["soup"][0].update(used_in=["validation"], version="2"), "software", "Alpha: 1.0 -> 2", []),
        (lambda core: core["bundle"].update(sha256="0" * 64), "bundle", "-> 0000000000000000", []),
        (lambda core: core.update(content={"sha256": "0" * 64}), "content", "None -> 0000000000000000", []),
        (lambda core: core["environment"].update(kernel="Linux 9"), "environment", "-> Linux 9", []),
        (lambda core: core["environment"]["cpu"].update(model="M"), "environment", "processor:", []),
        (lambda core: core["environment"].update(python={}), "environment", "python:", ["REQ-F-SER-001"]),
        (lambda core: core["test_files"].update({"tests/test_all.py": "0"}), "tests", "was edited", ["REQ-F-SER-001"]),
        (lambda core: core["tool"].update(sha256="0" * 64), "tool", "-> 0000000000000000", []),
    ],
)
def test_a_change_is_named_and_what_it_touches_is_to_be_verified_again(report, change, kind, text, again):
    found = compare(report, changed(report, change))
    assert any(text in line for line in found.changes[kind])
    assert sorted(found.again) == again


def test_a_changed_model_touches_the_tests_of_the_service(report):
    def with_service_test(core):
        first(core)["tests"] = ["tests/services/test_bundle.py::test_it"]

    old = changed(report, with_service_test)
    found = compare(old, changed(old, lambda core: core["bundle"].update(sha256="0" * 64)))
    assert found.again == {"REQ-F-SER-001": {"the model changed"}}


def test_a_lowered_threshold_with_a_review_names_the_reviewer(report):
    def lower(core):
        first(core)["acceptance"] = {"predicate": "anything"}
        first(core)["history"].append({"date": DAY, "by": "JD-001", "change": "lowered", "fingerprint": "x"})

    found = compare(report, changed(report, lower))
    assert any("reviewed by JD-001" in line for line in found.changes["requirements"])


@pytest.mark.parametrize(
    ("allowed", "outside"), [(None, []), (["bundle"], ["tool"]), (["bundle", "tool"], []), ([], ["bundle", "tool"])]
)
def test_changes_are_held_against_the_declared_envelope(report, allowed, outside):
    def change(core):
        core["bundle"]["sha256"] = core["tool"]["sha256"] = "0" * 64
        core["change_envelope"] = allowed
        core["evaluation"]["verdict"] = "INCOMPLETE"

    assert compare(report, changed(report, change)).outside == outside


def test_the_command_verifies_both_and_ends_with_1_outside_the_envelope(
    made: Path, tmp_path: Path, monkeypatch, capsys
):
    old = made / "checkout/out/report"
    found = [Installed("Alpha", "1.0", "", "MIT", "py3-none-any", "a" * 64, (), ())]
    environment_of(monkeypatch, found)
    shutil.copytree(made / "checkout", tmp_path / "checkout", ignore=shutil.ignore_patterns("out"))
    project = Project.__new__(Project)
    project.root = tmp_path / "checkout"
    service = project.root / "validation/services/good.yaml"
    service.write_text(service.read_text() + "change_envelope: {allowed: [bundle]}\n")
    project.edit("tests/test_all.py", "value + 1 > value", "value + 2 > value")
    project.write_trace(requirements())
    assert project.run()[0] == 0
    assert main(["diff", str(old), str(old)]) == 0
    assert main(["diff", str(old), str(project.out), "--json", str(tmp_path / "diff.json")]) == 1
    assert "outside the declared envelope: tests" in capsys.readouterr().out
    assert json.loads((tmp_path / "diff.json").read_bytes())["verify_again"].keys() == {"REQ-F-SER-001"}


# ---- newer advisories ----------------------------------------------------------------------------------------------


@pytest.mark.requirement("REQ-F-VAL-021")
@pytest.mark.needs("package:cryptography")
@pytest.mark.parametrize(
    ("fixed", "code", "said"), [("1.0", 0, "still valid: 0 new hits"), ("2.0", 1, "NO LONGER VALID")]
)
def test_a_report_is_held_against_newer_advisories_and_the_answer_is_signed(made, tmp_path, capsys, fixed, code, said):
    trust, key = tmp_path / "trust.json", tmp_path / "key.pem"
    assert main(["keygen", str(key), "--trust", str(trust), "--name", "M", "--role", "executor"]) == 0
    snapshot = write_snapshot(tmp_path / "all.zip", [advisory("A-1", "alpha", "0", fixed, "x")])
    folder = made / "checkout/out/report"
    arguments = ["--osv", str(snapshot), "--osv-retrieved", DAY, "--key", str(key), "--out", str(tmp_path / "addendum")]
    assert main(["--root", str(made / "checkout"), "reassess", str(folder), *arguments]) == code
    assert said in capsys.readouterr().out
    addendum = json.loads(check_addendum((tmp_path / "addendum").read_bytes(), folder, read_trust(trust)))
    assert addendum["predicate"]["still_valid"] == (code == 0)
    assert addendum["predicate"]["new_hits"] == ([] if code == 0 else ["A-1"])
    assert main(["verify", str(folder)]) == 0


@pytest.mark.requirement("REQ-F-VAL-021")
@pytest.mark.needs("package:cryptography")
def test_an_addendum_about_another_report_or_by_another_key_is_refused(made, tmp_path):
    folder = Path(shutil.copytree(made / "checkout/out/report", tmp_path / "report"))
    trust, key = tmp_path / "trust.json", tmp_path / "key.pem"
    assert main(["keygen", str(key), "--trust", str(trust), "--name", "M", "--role", "executor"]) == 0
    arguments = ["--osv", str(write_snapshot(tmp_path / "all.zip")), "--osv-retrieved", DAY, "--key", str(key)]
    out = tmp_path / "addendum"
    assert main(["--root", str(made / "checkout"), "reassess", str(folder), *arguments, "--out", str(out)]) == 0
    other = tmp_path / "other.json"
    assert main(["keygen", str(tmp_path / "2.pem"), "--trust", str(other), "--name", "N", "--role", "executor"]) == 0
    with pytest.raises(IntegrityError, match="I13"):
        check_addendum(out.read_bytes(), folder, read_trust(other))
    (folder / "digests.json").write_text("{}")
    with pytest.raises(IntegrityError, match="I14"):
        check_addendum(out.read_bytes(), folder, read_trust(trust))
