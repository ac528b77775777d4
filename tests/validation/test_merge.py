"""Runs of one plan on several machines: merged into one report, unless they contradict each other or claim too much."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.validation.project import Project, environment_of, requirements
from validation import capabilities, verify_standalone
from validation.canonical import canonical_json, digest, file_sha256, readable_json
from validation.cli import main
from validation.distributions import Installed
from validation.evaluate import evaluate
from validation.report import FILES, VIEWS, read_run

pytestmark = pytest.mark.requirement("REQ-F-VAL-019")

INCLUDE = {"include": ["REQ-F-*"], "not_applicable": []}
# A probe that says what the file `gpu` in the checkout says: a machine with a GPU, or one without.
PROBE = """\
import pytest
from pathlib import Path
from validation import capabilities

capabilities._PROBES["gpu"] = lambda: (Path(__file__).with_name("gpu").exists(), "a stand-in")
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two reports of one service: from a machine without a GPU, and from one with."""
    found = [Installed("Alpha", "1.0", "", "MIT", "py3-none-any", "a" * 64, (), ())]
    folder = tmp_path_factory.mktemp("merge")
    project = Project(folder / "checkout")
    project.record_everything(found)
    project.write("tests/conftest.py", PROBE)
    project.write_trace(requirements())
    project.service("good", bundle=_bundle(project), requirements=INCLUDE)
    with pytest.MonkeyPatch.context() as patch:
        environment_of(patch, found)
        patch.setitem(capabilities._PROBES, "gpu", lambda: (False, "a stand-in"))
        assert project.run()[0] == 2
        shutil.copytree(project.out, folder / "cpu")
        project.write("tests/gpu", "")
        assert project.run()[0] == 0
        shutil.copytree(project.out, folder / "gpu")
    return folder


def _bundle(project: Project) -> dict[str, str]:
    return {"path": "bundle", "sha256": file_sha256(project.root / "bundle/bundle.json")}


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "parts", ignore=shutil.ignore_patterns("checkout")))


def merge(folder: Path, *names: str) -> int:
    return main(["merge", *(str(folder / name) for name in names), "--out", str(folder / "whole")])


def second_opinion(folder: Path) -> tuple[int, str]:
    command = [sys.executable, str(verify_standalone.__file__), str(folder / "whole")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout + done.stderr


def reseal(part: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """A part changed by somebody who makes all its digests anew."""
    report = json.loads((part / "report.json").read_bytes())
    change(report["core"])
    report["core_sha256"] = digest(report["core"])
    (part / "report.json").write_bytes(readable_json(report))
    for name, render in VIEWS.items():
        (part / name).write_bytes(render(report))
    (part / "digests.json").write_bytes(readable_json({name: file_sha256(part / name) for name in FILES}))


@pytest.mark.parametrize("names", [("cpu", "gpu"), ("gpu", "cpu")])
def test_what_each_machine_could_show_counts_in_the_whole(folder: Path, names):
    assert merge(folder, *names) == 0
    report = json.loads((folder / "whole" / "report.json").read_bytes())
    states = {entry["id"]: entry["state"] for entry in report["core"]["evaluation"]["requirements"]}
    assert states == {"REQ-F-GPU-001": "PASSED", "REQ-F-SER-001": "PASSED"}
    assert [shard["verdict"] for shard in report["core"]["shards"]] == [
        {"cpu": "INCOMPLETE", "gpu": "PASS"}[name] for name in names
    ]
    assert main(["verify", str(folder / "whole")]) == 0
    assert second_opinion(folder)[0] == 0


def test_one_report_is_nothing_to_merge(folder: Path, capsys):
    assert merge(folder, "cpu") == 4
    assert "merge takes two or more reports" in capsys.readouterr().err


def test_runs_about_different_things_are_not_merged(folder: Path, capsys):
    reseal(folder / "gpu", lambda core: core["service"].update(title="Another"))
    assert merge(folder, "cpu", "gpu") == 4
    assert "they differ in service" in capsys.readouterr().err


def test_a_gpu_result_from_a_machine_without_one_is_refused(folder: Path, capsys):
    def deny(core: dict[str, Any]) -> None:
        for found in core["capabilities"]:
            if found["capability"] == "gpu":
                found["present"] = False

    reseal(folder / "gpu", deny)
    assert merge(folder, "cpu", "gpu") == 3
    assert "I23 part 1 passed REQ-F-GPU-001 on a machine without gpu" in capsys.readouterr().err


def test_parts_that_contradict_each_other_are_refused(folder: Path, made: Path, capsys):
    outcomes = folder / "cpu" / "outcomes.jsonl"
    events = [json.loads(line) for line in outcomes.read_text().splitlines()]
    for event in events:
        if event["event"] == "outcome" and "test_it_adds[1]" in event["node"]:
            event["phases"][1]["outcome"] = "failed"
    outcomes.write_bytes(b"".join(canonical_json(event) for event in events))
    plan, sha, events = read_run(folder / "cpu")
    reseal(folder / "cpu", lambda core: core.update(evaluation=evaluate(plan, sha, events, core["given_findings"])))
    assert merge(folder, "cpu", "gpu") == 3
    assert "I22 tests/test_all.py::test_it_adds[1] is FAILED in part 0, PASSED in part 1" in capsys.readouterr().err


ATTACKS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a part removed": (lambda whole: shutil.rmtree(whole / "shards" / "1"), "I02"),
    "a part added": (lambda whole: shutil.copytree(whole / "shards" / "0", whole / "shards" / "2"), "I02"),
    "parts exchanged": (
        lambda whole: (
            (whole / "shards" / "0").rename(whole / "x"),
            (whole / "shards" / "1").rename(whole / "shards" / "0"),
            (whole / "x").rename(whole / "shards" / "1"),
        ),
        "I03",
    ),
    "a part edited": (lambda whole: (whole / "shards" / "1" / "pytest.txt").write_text("x"), "I02"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_merged_report_holds_only_with_its_own_parts(folder: Path, name, capsys):
    assert merge(folder, "cpu", "gpu") == 0
    capsys.readouterr()
    attack, code = ATTACKS[name]
    attack(folder / "whole")
    assert main(["verify", str(folder / "whole")]) == 3
    assert f"validation: {code} " in capsys.readouterr().err
    exit_code, said = second_opinion(folder)
    assert exit_code == 3
    assert f"refused: {code} " in said


def test_an_outcome_that_no_part_has_is_refused(folder: Path, capsys):
    assert merge(folder, "cpu", "gpu") == 0
    whole = folder / "whole"
    text = (whole / "outcomes.jsonl").read_text()
    (whole / "outcomes.jsonl").write_text(text.replace('"shard":1', '"shard":0'))
    (whole / "digests.json").write_bytes(readable_json({name: file_sha256(whole / name) for name in FILES}))
    assert main(["verify", str(whole)]) == 3
    assert "I22 the merged outcomes do not follow" in capsys.readouterr().err
    assert "refused: I22" in second_opinion(folder)[1]
