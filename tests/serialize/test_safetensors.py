"""safetensors files: read as written, byte for byte as the safetensors package writes them."""

from __future__ import annotations

import hashlib
import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import medtorch
from medtorch.errors import DigestError, FormatError, LimitError, SaveError
from medtorch.serialize import Limits, load_safetensors, read_safetensors, save_safetensors
from medtorch.serialize.safetensors import pack_safetensors
from tests.attacks import assemble as a

pytestmark = pytest.mark.requirement("REQ-F-SER-007")

NUMPY_DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")


def every_dtype() -> dict[str, np.ndarray]:
    found = {f"t.{name}": np.arange(5).astype(name).reshape(5, 1) for name in NUMPY_DTYPES}
    return {**found, "scalar": np.array(2.5, np.float32), "empty": np.zeros((0, 3), np.int16), 'q"\\\né': np.ones(3)}


def test_a_file_by_hand_is_read(tmp_path):
    header = {"__metadata__": {"k": "v"}, "b": a.entry("I16", (2,), 0, 4), "a": a.entry("F32", (1, 1), 4, 8)}
    (tmp_path / "m.safetensors").write_bytes(a.safetensors_file(header, struct.pack("<hhf", 5, -6, 0.5)))
    file = read_safetensors(tmp_path / "m.safetensors")
    assert file.metadata == {"k": "v"}
    assert file.sha256 == hashlib.sha256((tmp_path / "m.safetensors").read_bytes()).hexdigest()
    assert list(file.tensors) == ["b", "a"]
    assert file.tensors["b"].tolist() == [5, -6]
    assert file.tensors["a"].tolist() == [[0.5]]
    assert file.tensors["b"].dtype is medtorch.int16


def test_a_file_whose_tensors_are_not_aligned_is_read():
    header = {"a": a.entry("U8", (1,), 0, 1), "b": a.entry("F64", (2,), 1, 17)}
    data = a.safetensors_file(header, b"\x07" + struct.pack("<dd", 1.5, -2.5), pad=False)
    tensors = load_safetensors(io.BytesIO(data))
    assert tensors["b"].tolist() == [1.5, -2.5]
    tensors["b"].numpy()[0] = 3.0
    assert tensors["a"].tolist() == [7]


def test_what_is_saved_is_loaded(tmp_path):
    arrays = every_dtype()
    save_safetensors(arrays, tmp_path / "m.safetensors", {"b": "2", "a": "1"})
    file = read_safetensors(tmp_path / "m.safetensors")
    assert file.metadata == {"a": "1", "b": "2"}
    assert set(file.tensors) == set(arrays)
    for name, array in arrays.items():
        loaded = file.tensors[name].numpy()
        assert (loaded.dtype, loaded.shape, loaded.tobytes()) == (array.dtype, array.shape, array.tobytes())


def test_bfloat16_is_saved_and_loaded_bit_for_bit(tmp_path):
    tensor = medtorch.tensor([1.0, -2.5, 3.140625]).to(medtorch.bfloat16)
    save_safetensors({"w": tensor}, tmp_path / "m.safetensors")
    loaded = load_safetensors(tmp_path / "m.safetensors")["w"]
    assert loaded.dtype is medtorch.bfloat16
    assert loaded.float().tolist() == [1.0, -2.5, 3.140625]
    assert (tmp_path / "m.safetensors").read_bytes()[-6:] == struct.pack("<3H", 0x3F80, 0xC020, 0x4049)


def test_tensors_of_any_stride_byte_order_and_gradient_are_saved_by_value(tmp_path):
    base = np.arange(12, dtype=np.float32).reshape(3, 4)
    tensors = {
        "transposed": medtorch.from_numpy(base).t(),
        "steps": base[::2, 1::2],
        "big": base.astype(">f4"),
        "grad": medtorch.ones(2).requires_grad_(),
        "expanded": medtorch.ones(1).expand(3),
    }
    save_safetensors(tensors, tmp_path / "m.safetensors")
    loaded = load_safetensors(tmp_path / "m.safetensors")
    assert loaded["transposed"].tolist() == base.T.tolist()
    assert loaded["steps"].tolist() == base[::2, 1::2].tolist()
    assert loaded["big"].tolist() == base.tolist()
    assert (loaded["grad"].tolist(), loaded["grad"].requires_grad) == ([1.0, 1.0], False)
    assert loaded["expanded"].tolist() == [1.0] * 3


def test_the_tensors_of_a_written_file_are_aligned():
    file = b"".join(pack_safetensors({"odd": np.ones(3, np.uint8), "w": np.ones(2), "h": np.ones(1, np.float16)}))
    length = int.from_bytes(file[:8], "little")
    assert length % 8 == 0
    assert file.index(struct.pack("<dd", 1, 1)) == 8 + length


@pytest.mark.parametrize(
    ("tensors", "metadata", "words"),
    [
        ({"w": [1.0]}, None, r"^save_safetensors: 'w' is a list, not a tensor or an array$"),
        ({"w": np.ones(2, np.complex64)}, None, r"^tensor 'w': safetensors files are not written with complex64$"),
        ({"w": np.ones(2, object)}, None, r"^tensor 'w': no dtype for NumPy's object"),
        ({"__metadata__": np.ones(2)}, None, r"^no name for a tensor: '__metadata__'$"),
        ({3: np.ones(2)}, None, r"^no name for a tensor: 3$"),
        ({"\ud800": np.ones(2)}, None, r"a name or metadata that is not valid Unicode"),
        ({"w": np.ones(2)}, {"epoch": 3}, r"^metadata must be text to text, got 'epoch': 3$"),
    ],
)
def test_what_the_format_has_not_is_not_saved(tensors, metadata, words, tmp_path):
    with pytest.raises(SaveError, match=words):
        save_safetensors(tensors, tmp_path / "m.safetensors", metadata)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_kept_when_asked(tmp_path):
    path = tmp_path / "m.safetensors"
    save_safetensors({"w": np.ones(1)}, path)
    with pytest.raises(SaveError, match=r"m.safetensors: exists already \(overwrite=True replaces it\)"):
        save_safetensors({"w": np.zeros(1)}, path, overwrite=False)
    assert load_safetensors(path)["w"].tolist() == [1.0]
    save_safetensors({"w": np.zeros(1)}, path)
    assert load_safetensors(path)["w"].tolist() == [0.0]


def test_the_expected_digest_is_checked_first():
    with pytest.raises(DigestError, match=r"expected sha256 0{64}"):
        load_safetensors(io.BytesIO(b"no safetensors at all"), sha256="0" * 64)


@pytest.mark.requirement("REQ-S-SEC-003")
def test_limits_hold():
    data = a.safetensors_file({"w": a.entry()}, a.FLOATS)
    assert load_safetensors(io.BytesIO(data), limits=Limits(tensors=1))["w"].shape == (4,)
    with pytest.raises(LimitError, match=r"Limits.json_bytes"):
        load_safetensors(io.BytesIO(data), limits=Limits(json_bytes=20))
    many = a.safetensors_file({"a": a.entry("F32", (0,), 0, 0), "b": a.entry("F32", (0,), 0, 0)})
    with pytest.raises(LimitError, match=r"Limits.tensors"):
        load_safetensors(io.BytesIO(many), limits=Limits(tensors=1))


@pytest.mark.requirement("REQ-S-SEC-006")
def test_a_changed_byte_of_the_header_is_refused_or_read_as_another_name():
    data = a.safetensors_file({"weight": a.entry()}, a.FLOATS)
    start = data.index(b"weight")
    for at in range(len(data) - 16):
        changed = bytearray(data)
        changed[at] ^= 1
        if start <= at < start + 6:
            continue  # a letter of the name: another file, as sound as the first
        with pytest.raises((FormatError, LimitError), match="stream"):
            load_safetensors(io.BytesIO(bytes(changed)))


@pytest.mark.needs("package:safetensors")
def test_the_safetensors_package_writes_the_same_bytes():
    from safetensors.numpy import save  # noqa: PLC0415  optional

    assert b"".join(pack_safetensors(every_dtype())) == save(every_dtype())
    assert b"".join(pack_safetensors(every_dtype(), {"é": "ü"})) == save(every_dtype(), {"é": "ü"})


@pytest.mark.needs("package:safetensors")
def test_the_safetensors_package_reads_what_is_saved(tmp_path):
    from safetensors import safe_open  # noqa: PLC0415  optional

    arrays = every_dtype()
    save_safetensors(arrays, tmp_path / "m.safetensors", {"a": "1", "b": "2"})
    with safe_open(tmp_path / "m.safetensors", "numpy") as file:
        assert file.metadata() == {"a": "1", "b": "2"}
        assert set(file.keys()) == set(arrays)
        for name, array in arrays.items():
            assert file.get_tensor(name).tobytes() == array.tobytes()
            assert file.get_tensor(name).shape == array.shape


@pytest.mark.needs("package:safetensors")
@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=12).filter(lambda name: name != "__metadata__"),
        st.tuples(st.sampled_from(NUMPY_DTYPES), st.lists(st.integers(0, 4), max_size=4)),
        max_size=5,
    )
)
def test_any_names_shapes_and_dtypes_go_both_ways(described):
    from safetensors.numpy import load, save  # noqa: PLC0415  optional

    arrays = {
        name: np.arange(np.prod(shape, dtype=int)).astype(dtype).reshape(shape)
        for name, (dtype, shape) in described.items()
    }
    theirs = save(arrays)
    assert b"".join(pack_safetensors(arrays)) == theirs
    ours = load_safetensors(io.BytesIO(theirs))
    assert {name: tensor.tolist() for name, tensor in ours.items()} == {
        name: array.tolist() for name, array in load(theirs).items()
    }
