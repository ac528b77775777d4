"""What an image may install is locked by digests, and the records know these digests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.validation.project import Project
from validation.soup.locks import Locked, lock_findings, read_lock
from validation.soup.records import load_records

pytestmark = pytest.mark.requirement("REQ-S-VAL-007")

ROOT = Path(__file__).resolve().parents[2]
ONE, OTHER = "1" * 64, "2" * 64
LOCK = f"# made by a command\nalpha==1.0 \\\n    --hash=sha256:{ONE} \\\n    --hash=sha256:{OTHER}\n"


def found(project: Project) -> list[str]:
    return [str(finding) for finding in lock_findings(project.root, load_records(project.root)[0])]


@pytest.fixture
def locked(project: Project, capsys: pytest.CaptureFixture[str]) -> Project:
    """A checkout whose record of alpha names the wheels of the lock."""
    project.write("requirements/image.txt", LOCK)
    assert project.command("soup", "locked") == 0
    assert capsys.readouterr().out == "alpha.yaml: 2 wheels of 1.0\n"
    return project


def test_a_lock_is_read_as_pip_reads_it(tmp_path: Path):
    path = tmp_path / "image.txt"
    path.write_text(LOCK + "Beta_Two==2.10\ngamma>=3\n")
    assert read_lock(path) == ([Locked("alpha", "1.0", (ONE, OTHER)), Locked("beta-two", "2.10", ())], ["gamma>=3"])


def test_a_lock_whose_wheels_are_recorded_has_no_finding(locked: Project, capsys: pytest.CaptureFixture[str]):
    assert found(locked) == []
    assert locked.command("soup", "locked") == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (ONE, "3" * 64, "1 of 2 wheels of alpha 1.0 are not those that its record names: 3333333333333333..."),
        ("==1.0", "==1.1", "alpha 1.1 is locked, its record does not know that version"),
        ("alpha", "gamma", "gamma is locked and has no SOUP record"),
        ("==1.0", ">=1.0", f"'alpha>=1.0 --hash=sha256:{ONE} --hash=sha256:{OTHER}' pins no version"),
        ("--hash=sha256", "--hash=md5", "alpha 1.0 is locked without a digest"),
    ],
)
def test_a_lock_that_the_records_do_not_know_is_found(locked: Project, old, new, message):
    locked.edit("requirements/image.txt", old, new)
    assert found(locked) == [f"error   S03  requirements/image.txt: {message}"]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("$pip --require-hashes -r /requirements/image.txt", None),
        ("$pip --no-deps /wheels/own.whl", None),
        ("$pip -r /requirements/image.txt", "installs from a list without --require-hashes: $pip -r "),
        ("python -m pip install alpha", "installs without --no-deps what no lock names: python -m pip install alpha"),
    ],
)
def test_an_installation_that_asks_for_no_digests_is_found(locked: Project, command, message):
    locked.write("Dockerfile", f"FROM base\n# pip install nothing\nRUN echo \\\n && {command} \\\n && true\n")
    lines = found(locked)
    assert len(lines) == (message is not None)
    assert all(line.startswith(f"error   S03  Dockerfile: {message}") for line in lines)


def test_a_finding_makes_check_fail(locked: Project):
    locked.edit("requirements/image.txt", ONE, "3" * 64)
    assert locked.command("check") == 1


@pytest.mark.needs("checkout")
def test_the_locks_of_this_projects_images_are_recorded():
    assert list(lock_findings(ROOT, load_records(ROOT)[0])) == []
    assert sum(len(read_lock(path)[0]) for path in (ROOT / "requirements").glob("image*.txt")) > 30
