"""Mutations of valid files, random programs of opcodes, random bytes: only a LoadError may come out of any reader."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medtorch.serialize import opcodes
from medtorch.serialize.known import _MISSING, _REBUILDERS, _SCRIPT, _VALUES
from tests.attacks import assemble as a
from tests.attacks import fuzz_target
from tests.attacks.fuzz_target import READERS, feed

pytestmark = pytest.mark.requirement("REQ-S-SEC-008")

SETTINGS = settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))

STATE = a.ordered(
    w=a.tensor(), b=a.call("torch._utils._rebuild_parameter", a.tensor(size=(2, 2), stride=(2, 1)), a.TRUE, a.NONE)
)
NET = (
    a.glob("__torch__.Net")
    + a.EMPTY_TUPLE
    + a.NEWOBJ
    + b"q\x00"
    + a.EMPTY_DICT
    + a.text("w")
    + a.tensor()
    + a.SETITEM
    + a.BUILD
)
HEADER = (
    b'{"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},'
    b'"b":{"dtype":"I16","shape":[4],"data_offsets":[8,16]}}'
)
VALID = {
    fuzz_target._torch: [
        a.torch_zip(STATE),
        a.torch_legacy(a.ordered(w=a.tensor(a.old_storage()))),
        a.script_zip(NET),
        a.zip_file([a.Part(part.name, part.data, method=8) for part in a.torch_parts(STATE)]),
    ],
    fuzz_target._pickle_in_zip: [a.pickled(STATE)],
    fuzz_target._pickle_in_script: [a.pickled(NET)],
    fuzz_target._safetensors: [a.safetensors_file(HEADER, a.FLOATS)],
    fuzz_target._header: [HEADER],
    fuzz_target._json: [HEADER],
}

GLOBALS = [f"{module}.{name}" for module, name in _VALUES] + [str(name) for name in (*_REBUILDERS, *_SCRIPT, *_MISSING)]
WORDS = [
    *(a.glob(name) for name in GLOBALS),
    a.glob("torch.Tensor"), a.glob("torch.nn.parameter.Parameter"), a.glob("numpy.ndarray"), a.glob("__torch__.Net"),
    a.storage(), a.tensor(), a.tensor(size=(0,)), a.ordered(a=a.NONE), a.text("storage"), a.text("_metadata"),
    a.text("0"), a.text("f4"), a.text("latin1"), a.text("<"), a.whole(4), a.whole(-1), a.whole(1 << 40),
    a.whole_tuple((2, 2)),
    b"q\x00", b"q\x01", b"h\x00", b"h\x01", b"\x94", b"G" + bytes(8), b"C\x04abcd", b"\x8c\x02ab", b"U\x02\xff\xfe",
    *(bytes([number]) for number in opcodes.NAMES if opcodes.NAMES[number] not in ("STOP",)),
]  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, originals: list[bytes]) -> bytes:
    """A valid file with a few bytes changed, put in, taken out or copied elsewhere."""
    data = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        span = draw(st.integers(0, 12))
        kind = draw(st.sampled_from(["flip", "set", "insert", "delete", "copy", "cut"]))
        if kind == "flip" and at < len(data):
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "set" and at < len(data):
            data[at] = draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF, *b"(.})Rb"]))
        elif kind == "insert":
            data[at:at] = draw(st.binary(max_size=8) | st.sampled_from(WORDS))
        elif kind == "delete":
            del data[at : at + span]
        elif kind == "copy":
            data[at:at] = data[at : at + 4 * span]
        elif kind == "cut" and draw(st.booleans()):
            del data[at:]
    return bytes(data)


@pytest.mark.parametrize("reader", VALID, ids=lambda reader: reader.__name__)
def test_the_valid_files_are_taken(reader):
    assert all(feed(reader, data) for data in VALID[reader])


@pytest.mark.parametrize("reader", VALID, ids=lambda reader: reader.__name__)
@SETTINGS
@given(data=st.data())
def test_a_mutated_file_is_taken_or_refused_by_a_load_error(reader, data):
    feed(reader, data.draw(mutated(VALID[reader])))


@pytest.mark.parametrize(
    "reader", [fuzz_target._pickle_in_zip, fuzz_target._pickle_in_legacy, fuzz_target._pickle_in_script]
)
@SETTINGS
@given(program=st.lists(st.sampled_from(WORDS), max_size=30))
def test_a_random_program_of_opcodes_is_taken_or_refused_by_a_load_error(reader, program):
    feed(reader, a.pickled(b"".join(program)))


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
@SETTINGS
@given(data=st.binary(max_size=200))
def test_random_bytes_are_refused_by_a_load_error(reader, data):
    feed(reader, data)


def test_the_target_would_show_another_error():
    """A finding is an error that is no LoadError: the target lets it through."""

    def broken(data: bytes) -> None:
        raise IndexError

    with pytest.raises(IndexError):
        feed(broken, b"")


def test_the_entry_point_for_atheris_reaches_every_reader(monkeypatch):
    reached = []
    monkeypatch.setattr(fuzz_target, "feed", lambda reader, data: reached.append((reader, data)))
    for number in range(len(READERS)):
        fuzz_target.one_input(bytes([number]) + b"data")
    fuzz_target.one_input(b"")
    assert reached == [(reader, b"data") for reader in READERS]


@pytest.mark.parametrize("reader", VALID, ids=lambda reader: reader.__name__)
def test_thousands_of_quick_mutations_are_taken_or_refused_by_a_load_error(reader, rng):
    """No shrinking and no strategy, so that many more are tried than hypothesis could in the time."""
    taken = 0
    for _ in range(1500):
        data = bytearray(VALID[reader][rng.integers(len(VALID[reader]))])
        for _ in range(rng.integers(1, 4)):
            _mutate(data, rng)
        taken += feed(reader, bytes(data))
    assert taken < 1500


def _mutate(data: bytearray, rng: np.random.Generator) -> None:
    at, span = int(rng.integers(len(data) + 1)), int(rng.integers(12))
    match rng.integers(5):
        case 0 if at < len(data):
            data[at] ^= 1 << int(rng.integers(8))
        case 1 if at < len(data):
            data[at] = int(rng.integers(256))
        case 2:
            data[at:at] = WORDS[rng.integers(len(WORDS))]
        case 3:
            del data[at : at + span]
        case _:
            data[at:at] = data[at : at + 4 * span]
