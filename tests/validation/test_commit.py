"""Which commit a report names, and on whose word."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from validation.commit import STATED, commit_of

pytestmark = pytest.mark.requirement("REQ-F-VAL-010")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for command in (["init", "-q"], ["config", "user.name", "A"], ["config", "user.email", "a@example.org"]):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    (tmp_path / "file").write_text("one")
    subprocess.run(["git", "-C", str(tmp_path), "add", "file"], check=True)
    subprocess.run(["git", "-C", str(tmp_path), "commit", "-qm", "first"], check=True)
    return tmp_path


@pytest.mark.needs("program:git")
def test_git_says_the_commit_and_what_differs_from_it(repository: Path):
    command = ["git", "-C", str(repository), "log", "-1", "--format=%H"]
    commit = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert commit_of(repository) == {"commit": commit, "changed_files": 0, "said_by": "git"}
    (repository / "file").write_text("two")
    (repository / "new").write_text("three")
    assert commit_of(repository) == {"commit": commit, "changed_files": 2, "said_by": "git"}


def test_without_a_repository_the_builder_s_word_counts_as_such(tmp_path: Path):
    stated = {"commit": "c" * 40, "changed_files": 0, "said_by": "git"}
    (tmp_path / STATED).write_text(json.dumps(stated))
    assert commit_of(tmp_path) == {**stated, "said_by": "builder"}


def test_a_builder_that_did_not_know_it_either_has_no_say(tmp_path: Path):
    (tmp_path / STATED).write_text(json.dumps({"commit": None, "changed_files": None, "said_by": None}))
    assert commit_of(tmp_path)["said_by"] is None


def test_without_both_nothing_is_known(tmp_path: Path):
    assert commit_of(tmp_path) == {"commit": None, "changed_files": None, "said_by": None}
