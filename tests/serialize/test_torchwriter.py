"""Files in PyTorch's format: what is written comes back, here and in PyTorch."""

from __future__ import annotations

import io
from collections import OrderedDict

import numpy as np
import pytest

import medtorch
from medtorch.errors import SaveError, UnsupportedError

pytestmark = pytest.mark.requirement("REQ-F-CPT-004")

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]


def value():
    shared = medtorch.arange(6.0).reshape(2, 3)
    return {
        "shared": [shared, shared],
        "turned": shared.t(),
        "empty": medtorch.zeros(0, 3),
        "number": medtorch.tensor(5),
        "parameter": medtorch.nn.Parameter(medtorch.ones(2)),
        "plain": (1, -1, 1 << 40, -(1 << 70), 2.5, float("inf"), None, True, False, "ü", ""),
        "ordered": OrderedDict(b=1, a=[]),
        3: {"size": shared.shape, "dtype": medtorch.float16, "device": medtorch.device("cpu"), "tuple": ()},
        **{name: medtorch.ones(2).to(getattr(medtorch, name)) for name in DTYPES},
    }


def written(obj) -> io.BytesIO:
    file = io.BytesIO()
    medtorch.save(obj, file)
    file.seek(0)
    return file


def test_what_is_saved_is_loaded():
    wanted, found = value(), medtorch.load(written(value()))
    assert found["plain"] == wanted["plain"]
    assert found["ordered"] == wanted["ordered"]
    assert list(found["ordered"]) == ["b", "a"]
    assert found[3]["size"] == (2, 3)
    assert found[3]["dtype"] is medtorch.float16
    assert found["turned"].tolist() == wanted["turned"].tolist()
    assert found["parameter"].requires_grad
    assert [found[name].dtype.name for name in DTYPES] == DTYPES
    found["shared"][0][0, 0] = 100
    assert found["shared"][1][0, 0].item() == 100


def test_pytorch_reads_the_file(needs_torch):
    found = needs_torch.load(written(value()), weights_only=True)
    wanted = value()
    for name in ("turned", "empty", "number", "parameter", *DTYPES):
        assert np.array_equal(found[name].detach().numpy(), wanted[name].detach().numpy())
    assert found["plain"] == wanted["plain"]
    assert isinstance(found["parameter"], needs_torch.nn.Parameter)
    assert found["shared"][0].data_ptr() == found["shared"][1].data_ptr()


def test_a_file_written_to_disk_appears_whole(tmp_path):
    path = tmp_path / "state.pth"
    medtorch.save({"a": medtorch.ones(3)}, path)
    assert medtorch.load(path)["a"].tolist() == [1.0, 1.0, 1.0]
    assert [p.name for p in tmp_path.iterdir()] == ["state.pth"]


def test_the_same_value_gives_the_same_bytes():
    assert written(value()).getvalue() == written(value()).getvalue()


@pytest.mark.parametrize(
    ("obj", "text"),
    [
        ({"a": [1, {2}]}, r"^save: obj\['a'\]\[1\] is a set; only tensors and plain data can be saved$"),
        (medtorch.nn.ReLU(), r"^save: obj is a ReLU; only tensors and plain data"),
        ({b"k": 1}, r"^save: a key of obj is a bytes"),
        ([np.ones(2)], r"^save: obj\[0\] is a ndarray"),
    ],
)
def test_what_is_no_plain_data_is_refused_with_its_place(obj, text):
    with pytest.raises(SaveError, match=text):
        medtorch.save(obj, io.BytesIO())


def test_a_value_within_itself_is_refused():
    ring: list[object] = []
    ring.append(ring)
    with pytest.raises(SaveError, match="is nested more than 200 deep"):
        medtorch.save(ring, io.BytesIO())


def test_other_ways_of_saving_and_loading_are_refused(tmp_path):
    with pytest.raises(UnsupportedError, match=r"^save: only the zip format with pickle protocol 2 is written"):
        medtorch.save({}, tmp_path / "x", pickle_protocol=4)
    for options in ({"mmap": True}, {"pickle_module": io}, {"encoding": "latin1"}, {"map_location": lambda s, _: s}):
        with pytest.raises(UnsupportedError, match=r"^load: "):
            medtorch.load(written({}), **options)
