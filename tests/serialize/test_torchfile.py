"""Files that PyTorch wrote: the values, shapes, strides, sharing and flags that were saved."""

from __future__ import annotations

import ast
import hashlib
import io
import struct
from collections import Counter, OrderedDict
from pathlib import Path

import numpy as np
import pytest

import medtorch
from medtorch.errors import ArgumentError, DigestError, LimitError, UnreadableError, UnsafeError, UnsupportedFileError
from medtorch.serialize import Limits, inspect_torch, load_torch
from tests.attacks import assemble as a

pytestmark = pytest.mark.requirement("REQ-F-SER-001", "REQ-F-SER-002")

FIXTURES = Path(__file__).parent / "fixtures"
FORMATS = ("zip", "legacy")


def ramp(*shape: int, dtype: str = "float32") -> np.ndarray:
    """0, 1, 2, ... divided by 4: what the fixtures hold."""
    return (np.arange(np.prod(shape, dtype=int), dtype=np.float64) / 4).reshape(shape).astype(dtype)


def exactly(tensor, expected: np.ndarray) -> bool:
    array = tensor.detach().numpy()
    return array.dtype == expected.dtype and array.shape == expected.shape and array.tobytes() == expected.tobytes()


@pytest.mark.parametrize("name", ["state_zip", "state_legacy", "state_protocol4"])
def test_a_state_dict_comes_back_with_its_order_and_its_metadata(name):
    state = load_torch(FIXTURES / f"{name}.pt")
    assert type(state) is OrderedDict
    assert list(state) == [
        "0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var", "1.num_batches_tracked",
    ]  # fmt: skip
    assert exactly(state["0.weight"], ramp(2, 3))
    assert exactly(state["1.running_var"], ramp(2))
    assert exactly(state["1.num_batches_tracked"], np.array(0))
    assert state._metadata == OrderedDict({"": {"version": 1}, "0": {"version": 1}, "1": {"version": 2}})
    assert not any(tensor.requires_grad for tensor in state.values())


@pytest.mark.parametrize("kind", FORMATS)
def test_every_dtype_comes_back_bit_for_bit(kind):
    tensors = load_torch(FIXTURES / f"dtypes_{kind}.pt")
    for name in ("uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"):
        assert exactly(tensors[name], ramp(7, dtype=name)), name
        assert tensors[name].dtype is getattr(medtorch, name)
    assert tensors["bfloat16"].dtype is medtorch.bfloat16
    bits = tensors["bfloat16"].numpy().view(np.uint16)
    assert bits.tolist() == (ramp(7).view(np.uint32) >> 16).tolist()  # quarters up to 1.5 need no rounding
    assert exactly(tensors["bool"], np.array([True, False, True]))
    assert exactly(tensors["scalar"], np.float32(5).reshape(()))
    assert tensors["empty"].shape == (0, 3)


@pytest.mark.requirement("REQ-F-SER-003")
@pytest.mark.parametrize("kind", FORMATS)
def test_views_keep_their_strides_and_share_their_storage(kind):
    tensors = load_torch(FIXTURES / f"views_{kind}.pt")
    base = ramp(4, 6)
    strides = {
        "base": (6, 1), "transposed": (1, 6), "column": (6,), "steps": (12, 3), "expanded": (0, 1), "offset": (1,),
        "channels_last": (12, 1, 6, 2), "tied": (6, 1),
    }  # fmt: skip
    assert {name: tensor.stride() for name, tensor in tensors.items()} == strides
    assert exactly(tensors["transposed"], base.T)
    assert exactly(tensors["column"], base[:, 2])
    assert exactly(tensors["steps"], base[1::2, ::3])
    assert exactly(tensors["expanded"], np.zeros((5, 1), np.float32))
    assert exactly(tensors["offset"], base.reshape(-1)[10:13])
    assert exactly(tensors["channels_last"], ramp(1, 2, 2, 3))
    assert tensors["tied"] is tensors["base"]
    tensors["base"].numpy()[1, 2] = 99.0
    assert tensors["transposed"].numpy()[2, 1] == 99.0
    assert tensors["column"].numpy()[1] == 99.0
    assert tensors["channels_last"].numpy().max() < 99.0


@pytest.mark.requirement("REQ-F-SER-004")
@pytest.mark.parametrize("kind", FORMATS)
def test_a_training_checkpoint_comes_back_with_its_plain_data(kind):
    data = load_torch(FIXTURES / f"checkpoint_{kind}.pt")
    assert list(data) == [
        "epoch", "state_dict", "optimizer", "schedule", "note", "size", "device", "dtype", "raw", "large", "best",
    ]  # fmt: skip
    assert exactly(data["state_dict"]["module.weight"], ramp(2, 2))
    assert data["state_dict"]["module.weight"].requires_grad
    moment = data["optimizer"]["state"][0]["exp_avg"]
    assert moment.shape == (2, 2)
    assert moment.numpy() == pytest.approx(0.1)
    assert data["optimizer"]["param_groups"][0]["lr"] == 0.5
    assert data["schedule"] == {"milestones": Counter({3: 1, 5: 1})}
    assert type(data["schedule"]["milestones"]) is Counter
    assert (data["epoch"], data["note"], data["raw"], data["large"]) == (7, "grüße", b"\x00\xff", 1 << 100)
    assert data["size"] == (2, 3)
    assert isinstance(data["size"], medtorch.Size)
    assert data["device"] == medtorch.device("cuda", 1)
    assert data["dtype"] is medtorch.float16
    assert data["best"] == (0.25, None, [True, False])


@pytest.mark.requirement("REQ-F-SER-005")
def test_a_torchscript_archive_gives_its_tensors_by_path():
    found = inspect_torch(FIXTURES / "script.pt")
    assert found.format == "torchscript"
    norm = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    assert list(found.data) == [
        "steps", "conv.weight", "conv.bias", *(f"norms.0.{name}" for name in norm), *(f"again.{name}" for name in norm),
        "CONSTANTS.c0",
    ]  # fmt: skip
    assert exactly(found.data["conv.weight"], ramp(2, 1, 3, 3))
    assert exactly(found.data["steps"], ramp(3))
    assert exactly(found.data["CONSTANTS.c0"], np.array([[0.5, 0.25]], np.float32))
    assert found.data["again.weight"] is found.data["norms.0.weight"]
    assert found.data["conv.weight"].requires_grad


@pytest.mark.requirement("REQ-S-SEC-001")
def test_a_whole_pickled_module_is_refused_with_the_name_of_its_class():
    with pytest.raises(UnsafeError, match=r"refused global torch.nn.modules.linear.Linear: .*save module.state_dict"):
        load_torch(FIXTURES / "whole_module.pt")


@pytest.mark.parametrize(
    ("name", "kind"), [("state_zip", "zip"), ("state_legacy", "legacy"), ("script", "torchscript")]
)
def test_inspection_names_the_format_and_the_digest(name, kind):
    found = inspect_torch(FIXTURES / f"{name}.pt")
    assert (found.format, found.notes) == (kind, ())
    assert found.sha256 == hashlib.sha256((FIXTURES / f"{name}.pt").read_bytes()).hexdigest()


def test_attributes_of_tensors_are_left_out_and_noted():
    state = a.EMPTY_DICT + a.text("colour") + a.whole(3) + a.SETITEM
    held = a.call("torch._utils._rebuild_parameter_with_state", a.tensor(), a.TRUE, a.NONE, state)
    typed = a.call(
        "torch._tensor._rebuild_from_type_v2",
        a.glob("torch._utils._rebuild_tensor_v2"),
        a.glob("torch.Tensor"),
        a.tup(a.storage(), a.whole(0), a.whole_tuple((4,)), a.whole_tuple((1,)), a.FALSE, a.NONE),
        a.tup(a.NONE, state),
    )
    found = inspect_torch(io.BytesIO(a.torch_zip(a.tup(held, typed))))
    assert found.notes == ("left out: attribute 'colour' of a tensor",) * 2
    assert [tensor.tolist() for tensor in found.data] == [[1.0, 2.0, 3.0, 4.0]] * 2
    assert [tensor.requires_grad for tensor in found.data] == [True, False]


@pytest.mark.parametrize("device", ["cuda:3", "mps:0", "cpu", "xla:1"])
def test_storages_of_every_device_come_to_the_cpu(device):
    tensor = load_torch(io.BytesIO(a.torch_zip(a.tensor(a.storage(device=device)))))
    assert tensor.device == medtorch.device("cpu")
    assert tensor.tolist() == [1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize(("kind", "dtype"), [
    ("Half", "f2"), ("Float", "f4"), ("Double", "f8"), ("Short", "i2"), ("Int", "i4"), ("Long", "i8"), ("Byte", "u1"),
])  # fmt: skip
def test_a_zip_file_of_a_big_endian_machine_is_read_in_its_byte_order(kind, dtype):
    values = np.array([1, 2, 100, 7], f">{dtype}")
    parts = a.torch_parts(a.tensor(a.storage(kind=f"torch.{kind}Storage")), {"0": values.tobytes()})
    parts[1].data = b"big"
    tensor = load_torch(io.BytesIO(a.zip_file(parts)))
    assert tensor.tolist() == [1, 2, 100, 7]
    assert tensor.numpy().dtype == np.dtype(dtype)


def test_bfloat16_of_a_big_endian_machine_is_read_in_its_byte_order():
    parts = a.torch_parts(
        a.tensor(a.storage(kind="torch.BFloat16Storage", count=2), size=(2,)), {"0": b"\x3f\x80\xc0\x00"}
    )
    parts[1].data = b"big"
    assert load_torch(io.BytesIO(a.zip_file(parts))).float().tolist() == [1.0, -2.0]


def test_a_file_without_a_byte_order_is_little_endian():
    parts = [part for part in a.torch_parts(a.tensor()) if not part.name.endswith(b"byteorder")]
    assert load_torch(io.BytesIO(a.zip_file(parts))).tolist() == [1.0, 2.0, 3.0, 4.0]


def test_a_legacy_file_is_little_endian_whatever_the_machine_was():
    """torch writes storages of this format little-endian on every machine (THPStorage_writeFileRaw)."""
    facts = a.EMPTY_DICT + a.text("little_endian") + a.FALSE + a.SETITEM
    data = a.torch_legacy(a.tensor(a.old_storage()), facts=facts)
    assert load_torch(io.BytesIO(data)).tolist() == [1.0, 2.0, 3.0, 4.0]


def test_a_view_of_a_storage_in_an_old_file_shares_its_memory():
    view = a.tup(a.text("v"), a.whole(1), a.whole(2))
    body = a.tup(a.tensor(a.old_storage()), a.tensor(a.old_storage(view=view), size=(2,)))
    root, part = load_torch(io.BytesIO(a.torch_legacy(body)))
    assert part.tolist() == [2.0, 3.0]
    root.numpy()[1] = 9.0
    assert part.tolist() == [9.0, 3.0]


def test_a_state_dict_of_python_2_is_read():
    """Names are SHORT_BINSTRING, the OrderedDict gets its items as a list of lists."""

    def old_text(value: str) -> bytes:
        return b"U" + bytes([len(value)]) + value.encode()

    storage = (
        a.tup(old_text("storage"), a.glob("torch.FloatStorage"), old_text("0"), old_text("cpu"), a.whole(4), a.NONE)
        + a.PERSID
    )
    tensor = a.call("torch._utils._rebuild_tensor", storage, a.whole(0), a.whole_tuple((2, 2)), a.whole_tuple((2, 1)))
    pair = a.EMPTY_LIST + a.MARK + old_text("conv.weight") + tensor + b"e"
    body = a.call("collections.OrderedDict", a.EMPTY_LIST + pair + a.APPEND)
    state = load_torch(io.BytesIO(a.torch_legacy(body)))
    assert list(state) == ["conv.weight"]
    assert state["conv.weight"].tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_untyped_storages_of_newer_files_are_read():
    storage = a.storage(kind="torch.storage.UntypedStorage", count=16)
    body = a.call(
        "torch._utils._rebuild_tensor_v3", storage, a.whole(1), a.whole_tuple((3,)), a.whole_tuple((1,)), a.FALSE,
        a.NONE, a.glob("torch.float32"),
    )  # fmt: skip
    assert load_torch(io.BytesIO(a.torch_zip(body))).tolist() == [2.0, 3.0, 4.0]


@pytest.mark.parametrize(("shape", "strides"), [((1, 4), (1 << 61, 1)), ((0, 4), (1 << 61, 1 << 61)), ((4, 0), (0, 0))])
def test_strides_that_lead_nowhere_do_no_harm(shape, strides):
    tensor = load_torch(io.BytesIO(a.torch_zip(a.tensor(size=shape, stride=strides))))
    assert tuple(tensor.shape) == shape
    assert tensor.tolist() == ([[1.0, 2.0, 3.0, 4.0]] if shape == (1, 4) else [[]] * shape[0])


def test_a_bare_storage_is_a_flat_tensor():
    assert load_torch(io.BytesIO(a.torch_zip(a.storage()))).tolist() == [1.0, 2.0, 3.0, 4.0]


@pytest.mark.requirement("REQ-F-SER-004")
def test_numpy_numbers_and_arrays_are_plain_data():
    def dtype(code: str, order: str = "<") -> bytes:
        fresh = a.call("numpy.dtype", a.text(code), a.FALSE, a.TRUE)
        return (
            fresh
            + a.tup(a.whole(3), a.text(order), a.NONE, a.NONE, a.NONE, a.whole(-1), a.whole(-1), a.whole(0))
            + a.BUILD
        )

    def raw(data: bytes) -> bytes:
        return a.call("_codecs.encode", a.text(data.decode("latin1")), a.text("latin1"))

    def array(code: str, order: str, shape: tuple[int, ...], data: bytes, fortran: bytes = a.FALSE) -> bytes:
        blank = a.call("numpy._core.multiarray._reconstruct", a.glob("numpy.ndarray"), a.tup(a.whole(0)), raw(b"b"))
        return blank + a.tup(a.whole(1), a.whole_tuple(shape), dtype(code, order), fortran, raw(data)) + a.BUILD

    body = a.tup(
        a.call("numpy._core.multiarray.scalar", dtype("f8"), raw(struct.pack("<d", -2.5))),
        array("i2", ">", (3,), struct.pack(">3h", 1, -2, 300)),
        array("u1", "|", (2, 2), bytes([1, 2, 3, 4]), a.TRUE),
        a.call("numpy.core.multiarray.scalar", dtype("b1", "|"), raw(b"\x01")),
    )
    number, big, fortran, truth = load_torch(io.BytesIO(a.torch_zip(body)))
    assert (number, type(number)) == (-2.5, np.float64)
    assert big.tolist() == [1, -2, 300]
    assert big.dtype == np.int16
    assert fortran.tolist() == [[1, 3], [2, 4]]
    assert truth is np.True_


def test_compressed_archives_are_read():
    body = a.ordered(w=a.tensor())
    parts = [a.Part(part.name, part.data, method=8) for part in a.torch_parts(body)]
    tensor = load_torch(io.BytesIO(a.zip_file(parts)))["w"]
    tensor += 1
    assert tensor.tolist() == [2.0, 3.0, 4.0, 5.0]


def test_zip64_fields_are_read():
    part = a.torch_parts(a.tensor())
    size = len(part[0].data)
    part[0].size = part[0].packed = 0xFFFFFFFF
    part[0].extra = part[0].local_extra = struct.pack("<HHQQ", 1, 16, size, size)
    assert load_torch(io.BytesIO(a.zip_file(part))).tolist() == [1.0, 2.0, 3.0, 4.0]


def test_loaded_tensors_can_be_written_to_and_the_file_stays(tmp_path):
    data = (FIXTURES / "views_zip.pt").read_bytes()
    (tmp_path / "m.pt").write_bytes(data)
    load_torch(tmp_path / "m.pt")["base"].numpy()[:] = -1
    assert (tmp_path / "m.pt").read_bytes() == data


@pytest.mark.requirement("REQ-S-SEC-003")
def test_data_nested_as_deep_as_any_limit_allows_are_read():
    body = a.EMPTY_LIST * 200 + a.APPEND * 199
    value = load_torch(io.BytesIO(a.torch_zip(body)), limits=Limits(nesting=200))
    depth = 0
    while value:
        value, depth = value[0], depth + 1
    assert depth == 199


def test_a_text_stream_is_refused():
    with pytest.raises(UnreadableError, match=r"gives str instead of bytes; open it in binary mode"):
        load_torch(io.StringIO("hello"))


@pytest.mark.requirement("REQ-S-SEC-006")
def test_the_expected_digest_is_checked_before_the_file_is_parsed():
    hostile = a.torch_zip(a.call("os.system", a.text("true")))
    with pytest.raises(
        DigestError, match=r"not the expected ones\n  expected sha256 0{64}\n  found    sha256 [0-9a-f]{64}"
    ):
        load_torch(io.BytesIO(hostile), sha256="0" * 64)
    with pytest.raises(UnsafeError):
        load_torch(io.BytesIO(hostile), sha256=hashlib.sha256(hostile).hexdigest())
    good = (FIXTURES / "state_zip.pt").read_bytes()
    assert len(load_torch(io.BytesIO(good), sha256="sha256:" + hashlib.sha256(good).hexdigest().upper())) == 7
    with pytest.raises(ArgumentError, match=r"sha256 must be 64 hexadecimal digits, got 'abc'"):
        load_torch(io.BytesIO(good), sha256="abc")


@pytest.mark.requirement("REQ-S-SEC-003")
@pytest.mark.parametrize(("name", "bound"), [
    ("file_bytes", 100), ("pickle_bytes", 100), ("objects", 10), ("memo_entries", 5), ("nesting", 1),
    ("string_bytes", 3), ("archive_entries", 3), ("name_bytes", 5), ("tensors", 2), ("dims", 1), ("tensor_bytes", 20),
])  # fmt: skip
def test_every_limit_can_be_set_and_is_named_when_it_is_passed(name, bound):
    with pytest.raises(LimitError, match=rf"more than the limit of {bound}|deeper than the limit of {bound}") as caught:
        load_torch(FIXTURES / "state_zip.pt", limits=Limits(**{name: bound}))
    assert f"Limits.{name}" in str(caught.value)


@pytest.mark.parametrize("key", ["uint16", "float8_e4m3fn", "complex32"])
def test_dtypes_that_medtorch_has_not_are_named(key):
    body = a.call(
        "torch._utils._rebuild_tensor_v3", a.storage(kind="torch.storage.UntypedStorage", count=16), a.whole(0),
        a.whole_tuple((2,)), a.whole_tuple((1,)), a.FALSE, a.NONE, a.glob(f"torch.{key}"),
    )  # fmt: skip
    with pytest.raises(UnsupportedFileError, match=rf"holds the dtype torch.{key}"):
        load_torch(io.BytesIO(a.torch_zip(body)))


@pytest.mark.parametrize(("kind", "code"), [("ComplexFloatStorage", "<4f"), ("ComplexDoubleStorage", "<4d")])
def test_complex_numbers_are_pairs_of_numbers(kind, code):
    body = a.tensor(a.storage(kind=f"torch.{kind}", count=2), size=(2,))
    loaded = load_torch(io.BytesIO(a.torch_zip(body, {"0": struct.pack(code, 1.0, 2.0, 3.0, -4.0)})))
    assert loaded.numpy().tolist() == [1 + 2j, 3 - 4j]


@pytest.mark.parametrize(("kind", "code"), [("ComplexFloatStorage", ">4f"), ("ComplexDoubleStorage", ">4d")])
def test_complex_numbers_of_another_byte_order_keep_their_halves_apart(kind, code):
    body = a.tensor(a.storage(kind=f"torch.{kind}", count=2), size=(2,))
    parts = a.torch_parts(body, {"0": struct.pack(code, 1.0, 2.0, 3.0, -4.0)})
    parts = [part for part in parts if not part.name.endswith(b"byteorder")]
    loaded = load_torch(io.BytesIO(a.zip_file([*parts, a.Part(b"archive/byteorder", b"big")])))
    assert loaded.numpy().tolist() == [1 + 2j, 3 - 4j]


CHECKPOINTS = {
    "brain_meshnet3d/meshnet_15ch_3class.pth": "brain_meshnet3d/meshnet_state_dict.tsv",
    "cifar_resnet/resnet20-12fca82f.th": "cifar_resnet/resnet20_state_dict.tsv",
    "cifar_resnet/resnet44-014dd654.th": "cifar_resnet/resnet44_state_dict.tsv",
    "cxr_pneumonia_lenet/pneunomia_lenet.pt": "cxr_pneumonia_lenet/pneunomia_lenet_state_dict.tsv",
    "espnet_city/decoder_espnet_p_2_q_3.pth": "espnet_city/decoder_espnet_p_2_q_3_state_dict.tsv",
    "espnet_city/encoder_espnet_p_2_q_8.pth": "espnet_city/encoder_espnet_p_2_q_8_state_dict.tsv",
    "retina_drive_wnet/wnet_drive.pth": "retina_drive_wnet/wnet_drive_state_dict.tsv",
    "small_formats/pnet.pt": "small_formats/pnet_state_dict.tsv",
    "small_formats/tinyvgg.pth": "small_formats/tinyvgg_state_dict.tsv",
}
KEYS = {"cifar_resnet": "state_dict", "retina_drive_wnet": "model_state_dict"}


@pytest.mark.parametrize("file", CHECKPOINTS)
def test_a_checkpoint_of_others_has_the_recorded_names_shapes_and_dtypes(file, shared_data):
    lines = (shared_data / CHECKPOINTS[file]).read_text(encoding="utf-8").splitlines()
    recorded = [(name, ast.literal_eval(shape), dtype) for name, shape, dtype in (line.split("\t") for line in lines)]
    data = load_torch(shared_data / file)
    key = KEYS.get(file.partition("/")[0])
    state = data if key is None else data[key]
    found = [(name, tuple(tensor.shape), tensor.numpy().dtype.name) for name, tensor in state.items()]
    assert sorted(found) == sorted(recorded)
    assert len(found) > 5


@pytest.mark.parametrize("file", CHECKPOINTS)
def test_a_checkpoint_of_others_has_the_values_that_torch_reads(file, shared_data, needs_torch):
    ours = load_torch(shared_data / file)
    theirs = needs_torch.load(shared_data / file, map_location="cpu", weights_only=True)
    count = same(ours, theirs, needs_torch)
    assert count > 5


def same(ours, theirs, torch) -> int:
    """Compare nested data value by value; the number of tensors that were compared."""
    if isinstance(theirs, torch.Tensor):
        shown = (tuple(ours.shape), str(ours.dtype).replace("medtorch", "torch"), ours.stride(), ours.requires_grad)
        assert shown == (tuple(theirs.shape), str(theirs.dtype), theirs.stride(), theirs.requires_grad)
        bits = torch.uint8 if theirs.numel() else theirs.dtype
        expected = theirs.detach().contiguous().reshape(-1).view(bits).numpy().tobytes()
        same_bits = ours.detach().numpy().tobytes() == expected
        assert same_bits
        return 1
    if isinstance(theirs, dict):
        assert type(ours) is type(theirs)
        assert list(ours) == list(theirs)
        return sum(same(ours[key], theirs[key], torch) for key in theirs)
    if type(theirs) in (list, tuple):
        assert type(ours) is type(theirs)
        assert len(ours) == len(theirs)
        return sum(same(one, other, torch) for one, other in zip(ours, theirs, strict=True))
    assert str(ours).replace("medtorch", "torch") == str(theirs)
    return 0


@pytest.mark.parametrize(
    "name", sorted(path.name for path in FIXTURES.glob("*.pt") if path.stem not in ("script", "whole_module"))
)
def test_the_fixtures_are_what_torch_reads(name, needs_torch):
    # torch's own safe reader takes no file of protocol 4; this one is ours.
    theirs = needs_torch.load(FIXTURES / name, map_location="cpu", weights_only="protocol4" not in name)
    assert same(load_torch(FIXTURES / name), theirs, needs_torch) >= 2


@pytest.mark.requirement("REQ-F-SER-005")
def test_a_torchscript_archive_has_the_state_dict_that_torch_reads(needs_torch):
    theirs = needs_torch.jit.load(str(FIXTURES / "script.pt")).state_dict()
    ours = load_torch(FIXTURES / "script.pt")
    assert set(theirs) == {name for name in ours if not name.startswith("CONSTANTS.")}
    assert all(ours[name].tolist() == theirs[name].tolist() for name in theirs)


@pytest.mark.parametrize("new", [True, False], ids=FORMATS)
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_what_torch_saves_here_and_now_is_read(new, protocol, needs_torch, rng):
    torch = needs_torch
    base = torch.from_numpy(rng.standard_normal((3, 4, 5)).astype(np.float32))
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.PReLU())
    data = {
        "model": model.state_dict(),
        "parameters": list(model.parameters()),
        "views": [base, base.permute(2, 0, 1), base[:, 1:3, ::2], base[0, 0, 0], base[:0], base.expand(2, 3, 4, 5)],
        "dtypes": [base.to(dtype) for dtype in (torch.float16, torch.bfloat16, torch.float64, torch.int8, torch.bool)],
        "random": torch.get_rng_state(),
        "numbers": [0, -1, 255, 256, 65535, 65536, -(2**31), 2**31, 2**62, -(2**63), 2**64, 1.5, float("inf")],
        "texts": ["", "a" * 300, "ü" * 300, "\x00"],
        "empty": [{}, [], (), torch.empty(0), torch.empty(2, 0, 3)],
    }
    file = io.BytesIO()
    torch.save(data, file, _use_new_zipfile_serialization=new, pickle_protocol=protocol)
    file.seek(0)
    ours = load_torch(file)
    assert same(ours, data, torch) == 8 + 5 + 6 + 5 + 1 + 2
    ours["views"][0].numpy()[1, 2, 3] = 77.0
    assert ours["views"][1].numpy()[3, 1, 2] == 77.0
