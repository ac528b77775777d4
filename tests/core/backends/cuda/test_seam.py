"""The seam between ops and CUDA devices, on a strict stand-in for CuPy: every op of the catalogue goes through it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import medtorch
from medtorch.core.backends.cuda import door
from medtorch.errors import BackendError, DeviceError, MissingDependencyError, UnsupportedError
from tests.core.backends.cuda.fake_cupy import FakeArray, FakeCupy, WrongDevice
from tests.core.ops.catalogue import OpRow, changed, run, tensors_out
from tests.core.ops.test_catalogue import ROWS, _compare, numbers_out

pytestmark = pytest.mark.requirement("REQ-F-GPU-001")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_ops_need_nothing_of_the_array_module_that_cupy_has_not(row: OpRow, two_devices: FakeCupy) -> None:
    for sample in row.drawn():
        for dtype in (medtorch.float64, medtorch.float16):
            if dtype is medtorch.float16 and row.half is None:
                continue
            expected = run(row, sample, dtype=dtype)
            found = run(row, sample, dtype=dtype, device="cuda:1")
            for tensor in tensors_out(found):
                assert tensor.device == medtorch.device("cuda:1"), str(sample)
                assert isinstance(tensor._array, FakeArray), str(sample)
                assert tensor._array.where == 1, str(sample)
            tolerance = 2e-3 if dtype is medtorch.float16 else 1e-12
            if any(tensor.dtype is medtorch.float32 for tensor in tensors_out(expected)):
                tolerance = max(tolerance, 1e-6)  # of whole numbers: the CPU has functions of its own
            _compare(numbers_out(found), numbers_out(expected), tolerance, sample)


@pytest.mark.parametrize("row", [r for r in ROWS if r.gradient], ids=lambda row: row.name)
def test_gradients_are_computed_where_the_tensors_are(row: OpRow, two_devices: FakeCupy) -> None:
    for sample in row.drawn()[:3]:
        leaves: list[Any] = []

        def leaf(array: Any, leaves: list[Any] = leaves) -> Any:
            tensor = medtorch.from_numpy(array.copy()).to("cuda:1")
            if array.dtype == np.float64:
                leaves.append(tensor.requires_grad_())
            return tensor

        args, kwargs = changed(sample, leaf)
        outs = [t for t in tensors_out(row.function(*args, **kwargs)) if t.requires_grad]
        if outs:
            for gradient in medtorch.autograd.grad([o.sum() for o in outs], leaves, allow_unused=True):
                assert gradient is None or gradient.device == medtorch.device("cuda:1"), str(sample)


def test_tensors_go_there_and_back_and_from_device_to_device(two_devices: FakeCupy) -> None:
    x = medtorch.arange(6.0).reshape(2, 3)
    there = x.to("cuda:1")
    assert (there.device, there.is_cuda, there.get_device()) == (medtorch.device("cuda", 1), True, 1)
    assert there.to("cuda:1") is there
    assert x.cuda().device == medtorch.device("cuda:0")
    beside = there.to("cuda:0")
    assert beside._array.where == 0
    np.testing.assert_array_equal(beside.cpu().numpy(), x.numpy())
    assert there.tolist() == x.tolist()
    assert there[1, 2].item() == 5.0


def test_gradients_cross_devices(two_devices: FakeCupy) -> None:
    x = medtorch.ones(3, requires_grad=True)
    (x.to("cuda:0") * 2).to("cuda:1").square().sum().cpu().backward()
    assert x.grad.device.type == "cpu"
    assert x.grad.tolist() == [8.0, 8.0, 8.0]


def test_in_place_work_happens_on_the_tensors_device(two_devices: FakeCupy) -> None:
    x = medtorch.zeros(2, 3, device="cuda:1")
    x[0] = 1
    x[:, 1].add_(5)
    x.copy_(x * 2)
    x[medtorch.tensor([1])] = medtorch.tensor(7.0)
    assert x.tolist() == [[2.0, 12.0, 2.0], [7.0, 7.0, 7.0]]
    assert x.clone()._array.where == 1


@pytest.mark.requirement("REQ-F-GPU-003")
@pytest.mark.parametrize(("a", "b"), [("cpu", "cuda:0"), ("cuda:0", "cuda:1")])
def test_tensors_on_different_devices_are_refused_by_name(two_devices: FakeCupy, a: str, b: str) -> None:
    x, y = medtorch.ones(2, device=a), medtorch.ones(2, device=b)
    with pytest.raises(
        DeviceError, match=rf"^add: tensors on different devices\n  a  \(2,\)  float32  {a}\n  b  \(2,\)  float32  {b}"
    ):
        x + y


def test_numbers_and_0d_tensors_of_the_host_may_meet_a_device(two_devices: FakeCupy) -> None:
    x = medtorch.ones(2, device="cuda:1")
    assert (x * medtorch.tensor(3.0) + 1).tolist() == [4.0, 4.0]


def test_a_device_tensor_is_no_numpy_array(two_devices: FakeCupy) -> None:
    with pytest.raises(DeviceError, match=r"^numpy: the tensor is on cuda:1; use cpu\(\) first"):
        medtorch.ones(2, device="cuda:1").numpy()


@pytest.mark.requirement("REQ-F-GPU-003")
def test_a_device_that_is_not_there_is_refused_by_name(two_devices: FakeCupy) -> None:
    with pytest.raises(DeviceError, match=r"^cuda:2: not there, have 2 CUDA devices$"):
        medtorch.ones(2, device="cuda:2")


@pytest.mark.requirement("REQ-F-GPU-003")
def test_without_cupy_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, install: Any) -> None:
    real = door.cupy
    install(None)
    monkeypatch.setattr(door, "cupy", real)
    real.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "cupy", None)
    with pytest.raises(MissingDependencyError, match=r"^cupy is not installed: pip install 'medtorch\[cuda\]'$"):
        medtorch.ones(2, device="cuda")
    assert medtorch.cuda.is_available() is False
    assert medtorch.cuda.device_count() == 0
    real.cache_clear()


@pytest.mark.requirement("REQ-F-GPU-003")
def test_a_driver_that_does_not_answer_is_named(install: Any) -> None:
    install(FakeCupy(-1))
    assert medtorch.cuda.is_available() is False
    with pytest.raises(BackendError, match=r"^cuda: the driver does not answer: cudaErrorInsufficientDriver"):
        medtorch.ones(2, device="cuda")


def test_the_stand_in_notices_work_on_the_wrong_device(two_devices: FakeCupy) -> None:
    array = medtorch.ones(2, device="cuda:1")._array
    with pytest.raises(WrongDevice):
        array + 1
    with pytest.raises(AttributeError, match="accumulate"):
        two_devices.maximum.accumulate(array)
    with pytest.raises(TypeError, match="Implicit conversion"):
        np.asarray(array)


def test_memory_of_other_libraries_is_taken_in_on_its_device(two_devices: FakeCupy) -> None:
    class Exporter:
        def __init__(self, kind: int) -> None:
            self.kind = kind

        def __dlpack_device__(self) -> tuple[int, int]:
            return self.kind, 1

    two_devices.from_dlpack = lambda exporter: FakeArray(np.ones(3, np.float32))
    found = medtorch.from_dlpack(Exporter(2))
    assert found.device == medtorch.device("cuda:1")
    assert (found + 1).tolist() == [2.0, 2.0, 2.0]
    with pytest.raises(DeviceError, match=r"^from_dlpack: memory of kind 7 is neither on the host"):
        medtorch.from_dlpack(Exporter(7))


@pytest.mark.requirement("REQ-F-GPU-002")
class TestNamespace:
    def test_cuda_means_the_chosen_device(self, two_devices: FakeCupy) -> None:
        assert medtorch.cuda.device_count() == 2
        assert medtorch.cuda.current_device() == 0
        medtorch.cuda.set_device(1)
        assert medtorch.ones(1).cuda().device == medtorch.device("cuda:1")
        with medtorch.cuda.device("cuda:0"):
            assert medtorch.device("cuda").index == 0
        assert medtorch.cuda.current_device() == 1
        with pytest.raises(DeviceError, match=r"^cuda:5: not there, have 2 CUDA devices$"):
            medtorch.cuda.set_device(5)
        with pytest.raises(DeviceError, match=r"^expected a CUDA device, got cpu$"):
            medtorch.cuda.set_device("cpu")

    def test_memory_is_told_device_by_device(self, two_devices: FakeCupy) -> None:
        assert medtorch.cuda.memory_allocated() == 1000
        assert medtorch.cuda.memory_allocated("cuda:1") == 1001
        assert medtorch.cuda.memory_reserved(1) == 2001
        assert medtorch.cuda.mem_get_info() == (60, 100)
        medtorch.cuda.empty_cache()
        assert two_devices.pool.freed == [0, 1]
        with pytest.raises(UnsupportedError, match=r"^cuda.max_memory_allocated: the memory pool keeps no peak"):
            medtorch.cuda.max_memory_allocated()

    def test_devices_are_waited_for_and_named(self, two_devices: FakeCupy) -> None:
        FakeCupy.synchronized.clear()
        medtorch.cuda.synchronize(1)
        assert FakeCupy.synchronized == [1]
        assert medtorch.cuda.get_device_name(1) == "Fake 1"
        assert medtorch.cuda.get_device_capability() == (9, 0)

    def test_seeding_starts_the_stream_that_all_devices_draw_from(self, two_devices: FakeCupy) -> None:
        medtorch.cuda.manual_seed(5)
        first = medtorch.rand(3, device="cuda:1").tolist()
        medtorch.cuda.manual_seed_all(5)
        assert medtorch.rand(3).tolist() == first

    def test_streams_and_graphs_are_refused_by_name(self) -> None:
        with pytest.raises(UnsupportedError, match=r"^cuda.Stream is not supported$"):
            medtorch.cuda.Stream()
        with pytest.raises(AttributeError, match="has no attribute 'warp'"):
            medtorch.cuda.warp()
