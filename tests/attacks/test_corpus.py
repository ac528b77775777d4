"""Every file of the hostile corpus is refused by the right error, and nothing of it runs."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from medtorch import serialize
from medtorch.errors import FileMissingError, LimitError, LoadError, UnreadableError
from tests.attacks import assemble as a
from tests.attacks.corpus import CANARY, CODE, Attack, safetensors_corpus, torch_corpus

pytestmark = pytest.mark.requirement("REQ-S-SEC-001", "REQ-S-SEC-003", "REQ-S-SEC-004", "REQ-S-SEC-005")

TORCH = torch_corpus()
SAFETENSORS = safetensors_corpus()


@pytest.fixture(autouse=True)
def _no_canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    yield
    assert not (tmp_path / CANARY).exists()


def refuse(load, attack: Attack, path: Path) -> None:
    path.write_bytes(attack.data)
    with pytest.raises(LoadError, match=attack.words) as caught:
        load(path)
    assert type(caught.value) is attack.error
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("name", TORCH)
def test_a_hostile_pytorch_file_is_refused(name, tmp_path):
    refuse(serialize.load_torch, TORCH[name], tmp_path / "model.pth")


@pytest.mark.requirement("REQ-S-SEC-007")
@pytest.mark.parametrize("name", SAFETENSORS)
def test_a_hostile_safetensors_file_is_refused(name, tmp_path):
    refuse(serialize.load_safetensors, SAFETENSORS[name], tmp_path / "model.safetensors")


def test_the_payloads_are_real_they_run_under_pickle(tmp_path):
    """Without this the canary would prove nothing."""
    pickle.loads(a.pickled(a.call("builtins.exec", CODE)))
    assert (tmp_path / CANARY).exists()
    (tmp_path / CANARY).unlink()


def test_what_the_builders_make_is_sound_when_nothing_is_wrong(tmp_path):
    """Every attack differs from these files; so it is refused for what it does, not for how it was built."""
    state = a.ordered(w=a.tensor())
    old = a.ordered(w=a.tensor(a.old_storage()))
    net = (
        a.glob("__torch__.Net")
        + a.EMPTY_TUPLE
        + a.NEWOBJ
        + a.EMPTY_DICT
        + a.text("w")
        + a.tensor()
        + a.SETITEM
        + a.BUILD
    )
    for data in (a.torch_zip(state), a.torch_legacy(old), a.script_zip(net)):
        (tmp_path / "m.pth").write_bytes(data)
        assert serialize.load_torch(tmp_path / "m.pth")["w"].tolist() == [1.0, 2.0, 3.0, 4.0]
    (tmp_path / "m.safetensors").write_bytes(a.safetensors_file({"w": a.entry()}, a.FLOATS))
    assert serialize.load_safetensors(tmp_path / "m.safetensors")["w"].tolist() == [1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize("load", [serialize.load_torch, serialize.load_safetensors])
def test_what_is_no_file_is_refused(load, tmp_path):
    with pytest.raises(FileMissingError, match=r"nothing.pth: no such file"):
        load(tmp_path / "nothing.pth")
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nothing.pth")
    with pytest.raises(UnreadableError, match=r"not a regular file"):
        load(tmp_path)
    with pytest.raises(UnreadableError, match=r"/dev/zero: not a regular file"):
        load("/dev/zero")


def test_a_pipe_is_refused_without_waiting_for_its_writer(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnreadableError, match=r"pipe: not a regular file"):
        serialize.load_torch(tmp_path / "pipe")


def test_a_file_larger_than_the_limit_is_not_read(tmp_path):
    path = tmp_path / "huge.pth"
    with path.open("wb") as file:
        file.truncate(5 << 30)  # a hole: takes no disk
    with pytest.raises(LimitError, match=r"5368709120 is more than the limit of 4294967296 \(Limits.file_bytes\)"):
        serialize.load_torch(path)


def test_every_truncation_of_a_valid_file_is_refused(tmp_path):
    old = a.torch_legacy(a.ordered(w=a.tensor(a.old_storage())))
    for data in (a.torch_zip(a.ordered(w=a.tensor())), old):
        path = tmp_path / "cut.pth"
        for length in range(len(data)):
            path.write_bytes(data[:length])
            with pytest.raises(LoadError, match=r"cut.pth"):
                serialize.load_torch(path)
