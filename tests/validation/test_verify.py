"""Attacks on a report: each is refused with exit code 3, naming what is wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.validation.project import Project, environment_of
from validation.canonical import digest, file_sha256, readable_json
from validation.cli import main
from validation.distributions import Installed
from validation.report import FILES, VIEWS

pytestmark = pytest.mark.requirement("REQ-S-VAL-001")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a service that failed one of its tests."""
    found = [Installed("Alpha", "1.0", "", "MIT", "py3-none-any", "a" * 64, (), ())]
    project = Project(tmp_path_factory.mktemp("verify") / "checkout")
    project.record_everything(found)
    project.edit("tests/test_all.py", "value + 1 > value", "value == 1")
    with pytest.MonkeyPatch.context() as patch:
        environment_of(patch, found)
        assert project.run()[0] == 1
    return project.out


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy to attack."""
    return Path(shutil.copytree(made, tmp_path / "report"))


@pytest.fixture
def refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Verifies the folder, expecting exit code 3; returns what was said."""

    def verify(*arguments: str) -> str:
        assert main(["verify", str(folder), *arguments]) == 3
        return capsys.readouterr().err

    return verify


def read(folder: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((folder / "report.json").read_bytes())
    return data


def forge(folder: Path, report: dict[str, Any]) -> None:
    """What a forger who knows the tool would do: make page, JUnit file and every digest anew."""
    report["core_sha256"] = digest(report["core"])
    (folder / "report.json").write_bytes(readable_json(report))
    for name, render in VIEWS.items():
        (folder / name).write_bytes(render(report))
    seal(folder)


def seal(folder: Path) -> None:
    (folder / "digests.json").write_bytes(readable_json({name: file_sha256(folder / name) for name in FILES}))


def test_an_intact_report_gives_its_verdict_as_exit_code(folder: Path, capsys):
    assert main(["verify", str(folder)]) == 1
    assert capsys.readouterr().out.startswith("intact: good, 20")


def test_the_digest_that_run_printed_ties_the_folder_to_that_run(folder: Path, refused: Callable):
    assert main(["verify", str(folder), "--digest", file_sha256(folder / "digests.json")]) == 1
    assert f"digests.json is not the one with the digest {'0' * 64}" in refused("--digest", "0" * 64)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("place", [0, 0.5, 1])
def test_a_flipped_byte_of_any_file_is_found(folder: Path, refused: Callable, name, place):
    content = bytearray((folder / name).read_bytes())
    content[int(place * (len(content) - 1))] ^= 1
    (folder / name).write_bytes(content)
    assert f"{name} was changed" in refused()


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_found(folder: Path, refused: Callable, name):
    (folder / name).unlink()
    assert f"{name} is missing" in refused()


def test_an_added_file_is_found(folder: Path, refused: Callable):
    (folder / "deeper").mkdir()
    (folder / "deeper" / "more.txt").write_text("more")
    assert "deeper/more.txt was added" in refused()


def test_without_digests_it_is_no_report(folder: Path, refused: Callable):
    (folder / "digests.json").unlink()
    assert "holds no digests.json: it is no validation report" in refused()


@pytest.mark.parametrize("text", ["[]", "{}", "no json"])
def test_digests_that_name_other_files_are_refused(folder: Path, refused: Callable, text):
    (folder / "digests.json").write_text(text)
    assert "digests.json" in refused()


def test_a_verdict_that_does_not_follow_is_found(folder: Path, refused: Callable):
    report = read(folder)
    report["core"]["evaluation"]["verdict"] = "PASS"
    forge(folder, report)
    assert "its result does not follow from the raw outcomes (verdict)" in refused()


def test_a_requirement_declared_passed_is_found(folder: Path, refused: Callable):
    report = read(folder)
    report["core"]["evaluation"]["requirements"][0]["state"] = "PASSED"
    forge(folder, report)
    assert "does not follow from the raw outcomes (requirements)" in refused()


def test_a_dropped_requirement_is_found(folder: Path, refused: Callable):
    report = read(folder)
    report["core"]["evaluation"]["requirements"].clear()
    forge(folder, report)
    assert "does not follow from the raw outcomes (requirements)" in refused()


def test_a_flipped_outcome_is_found(folder: Path, refused: Callable):
    path = folder / "outcomes.jsonl"
    path.write_text(
        path.read_text().replace('"outcome":"failed"', '"outcome":"passed"').replace('"assertions":0', '"assertions":1')
    )
    seal(folder)
    assert "does not follow from the raw outcomes" in refused()


def test_a_dropped_outcome_is_found(folder: Path, refused: Callable):
    path = folder / "outcomes.jsonl"
    path.write_text("".join(line for line in path.read_text().splitlines(keepends=True) if '"failed"' not in line))
    seal(folder)
    assert "does not follow from the raw outcomes" in refused()


def test_a_lowered_threshold_in_the_plan_is_found(folder: Path, refused: Callable):
    path = folder / "plan.json"
    path.write_text(path.read_text().replace("every assertion of its tests holds", "nothing"))
    seal(folder)
    assert "report.json belongs to another plan" in refused()


def test_a_plan_changed_together_with_the_report_breaks_the_seal_of_the_start(folder: Path, refused: Callable):
    path = folder / "plan.json"
    path.write_text(path.read_text().replace("every assertion of its tests holds", "nothing"))
    report = read(folder)
    report["core"]["plan_sha256"] = file_sha256(path)
    forge(folder, report)
    assert "does not follow from the raw outcomes" in refused()


def test_a_missing_plan_is_found_even_if_the_digests_do_not_name_it(folder: Path, refused: Callable):
    (folder / "plan.json").unlink()
    names = [name for name in FILES if name != "plan.json"]
    (folder / "digests.json").write_bytes(readable_json({name: file_sha256(folder / name) for name in names}))
    assert "digests.json must name exactly" in refused()


def test_a_page_that_shows_something_else_is_found(folder: Path, refused: Callable):
    path = folder / "report.html"
    path.write_text(path.read_text().replace("FAIL", "PASS"))
    seal(folder)
    assert "report.html does not show what report.json says" in refused()


def test_a_junit_file_that_says_something_else_is_found(folder: Path, refused: Callable):
    path = folder / "junit.xml"
    path.write_text(path.read_text().replace("FAILED", "PASSED"))
    seal(folder)
    assert "junit.xml does not show what report.json says" in refused()


def test_another_core_digest_is_found(folder: Path, refused: Callable):
    report = read(folder)
    report["core"]["limitations"] = []
    (folder / "report.json").write_bytes(readable_json(report))
    seal(folder)
    assert "core_sha256 is not the digest of its core" in refused()


def test_another_bundle_or_tool_than_the_plan_names_is_found(folder: Path, refused: Callable):
    report = read(folder)
    report["core"]["bundle"]["sha256"] = "0" * 64
    forge(folder, report)
    assert "names another tool or bundle than its plan" in refused()


@pytest.mark.parametrize("text", ["null", "[]", '{"core": 1}', '{"core": {}, "core_sha256": ""}', "{"])
def test_a_report_that_is_no_report_is_refused_without_a_crash(folder: Path, refused: Callable, text):
    (folder / "report.json").write_text(text)
    seal(folder)
    assert "report.json" in refused()
