"""A crash at any moment of a save leaves the old bundle or the new one, whole: the process is ended there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from medtorch.errors import FileMissingError, SaveError
from medtorch.serialize import atomic, read_bundle
from tests.serialize import bundles

pytestmark = pytest.mark.requirement("REQ-F-BUN-005")

ROOT = Path(__file__).resolve().parents[2]

# Ends the process at the k-th step that changes the disk, before or after it is done.
CRASH = """
import os, pathlib, shutil, sys
from medtorch.serialize import atomic
from tests.serialize import bundles
path, stop, when, exchange = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
if exchange == "no":
    atomic._exchange = lambda one, other: False
steps = 0
def crashing(step):
    def wrapped(*args, **kw):
        global steps
        steps += 1
        if steps == stop and when == "before":
            os._exit(9)
        result = step(*args, **kw)
        if steps == stop:
            os._exit(9)
        return result
    return wrapped
atomic._write = crashing(atomic._write)
atomic._sync_folder = crashing(atomic._sync_folder)
atomic._exchange = crashing(atomic._exchange)
atomic._remove = crashing(atomic._remove)
pathlib.Path.rename = crashing(pathlib.Path.rename)
pathlib.Path.replace = crashing(pathlib.Path.replace)
pathlib.Path.mkdir = crashing(pathlib.Path.mkdir)
bundles.save(path, description=bundles.description(version="2"), overwrite=True)
print(steps)
"""


def crash(path: Path, stop: int, when: str = "before", exchange: str = "yes") -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", CRASH, str(path), str(stop), when, exchange]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def version_at(path: Path) -> str:
    return read_bundle(path, sha256=None, allow_unverified=True).description.version


@pytest.mark.parametrize(("name", "exchange"), [("b", "yes"), ("b", "no"), ("b.zip", "yes")])
def test_a_crash_at_any_step_leaves_the_old_bundle_or_the_new_one(name, exchange, tmp_path):
    seen = []
    for stop in range(1, 20):
        path = tmp_path / f"{stop}" / name
        path.parent.mkdir()
        bundles.save(path)
        ended = crash(path, stop, "before" if stop % 2 else "after", exchange)
        if ended.returncode == 0:
            assert version_at(path) == "2"
            break
        assert ended.returncode == 9, ended.stderr
        if path.exists():
            seen.append(version_at(path))
        else:  # only between the two renames, where the system cannot exchange names
            assert exchange == "no"
            aside = atomic.find_set_aside(path)
            assert [version_at(found) for found in aside] == ["1.2.0-rc.1"]
            with pytest.raises(
                FileMissingError, match=r"an interrupted save left the complete former bundle at .*old-"
            ):
                read_bundle(path, sha256="0" * 64)
            seen.append("aside")
    assert stop == len(seen) + 1
    assert len(seen) >= 3
    assert seen == sorted(seen, key=["1.2.0-rc.1", "aside", "2"].index)
    assert {"1.2.0-rc.1", "2"} <= set(seen)


@pytest.mark.parametrize("name", ["b", "b.zip"])
@pytest.mark.parametrize("step", ["_write", "_sync_folder"])
def test_an_error_while_saving_leaves_the_old_bundle_and_nothing_else(name, step, tmp_path, monkeypatch):
    path = tmp_path / name
    digest = bundles.save(path)

    def full(*args):
        raise OSError(28, "No space left on device")

    if step == "_sync_folder" and name == "b.zip":
        monkeypatch.setattr(atomic.Path, "replace", full)
    else:
        monkeypatch.setattr(atomic, step, full)
    with pytest.raises(SaveError, match=rf"{name}: cannot be written: No space left on device"):
        bundles.save(path, description=bundles.description(version="2"), overwrite=True)
    assert read_bundle(path, sha256=digest).description.version == "1.2.0-rc.1"
    assert [found.name for found in tmp_path.iterdir()] == [name]


def test_a_failed_second_rename_puts_the_old_bundle_back(tmp_path, monkeypatch):
    path = tmp_path / "b"
    digest = bundles.save(path)
    rename = Path.rename

    def second_fails(self, target):
        if ".tmp-" in self.name:
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(atomic, "_exchange", lambda one, other: False)
    monkeypatch.setattr(atomic.Path, "rename", second_fails)
    with pytest.raises(SaveError, match=r"b: cannot be written: Input/output error"):
        bundles.save(path, description=bundles.description(version="2"), overwrite=True)
    assert read_bundle(path, sha256=digest).verified
    assert [found.name for found in tmp_path.iterdir()] == ["b"]


def test_a_folder_that_is_not_there_is_not_made(tmp_path):
    with pytest.raises(SaveError, match=r"b: cannot be written: No such file or directory"):
        bundles.save(tmp_path / "nowhere" / "b")
    with pytest.raises(SaveError, match=r"b.zip: cannot be written: No such file or directory"):
        bundles.save(tmp_path / "nowhere" / "b.zip")


def test_a_folder_is_not_replaced_by_a_file(tmp_path):
    (tmp_path / "b.zip").mkdir()
    with pytest.raises(SaveError, match=r"b.zip: is a folder"):
        bundles.save(tmp_path / "b.zip", overwrite=True)


def test_names_are_exchanged_in_one_step_where_the_system_can(tmp_path):
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    if not atomic._exchange(tmp_path / "one", tmp_path / "other"):
        assert sys.platform != "linux" or not (tmp_path / "one" / "other").exists()
        return
    assert (tmp_path / "one" / "other").exists()
    assert (tmp_path / "other" / "one").exists()
    with pytest.raises(OSError, match=r"nothing|No such file"):
        atomic._exchange(tmp_path / "one", tmp_path / "nothing")
