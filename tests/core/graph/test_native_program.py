"""The native program: what becomes a job and what stays with Python, whose memory is whose, many threads at once."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import medtorch
from medtorch import nn
from medtorch.core import backends
from medtorch.core.graph.recording import Span, Touch, jobs_are_all, span_of
from medtorch.nn import functional as F
from tests.core.backends.cpu.conftest import native, sets
from tests.core.graph.models import eager, gap, image, tensor, zoo

pytestmark = pytest.mark.requirement("REQ-F-CMP-009")

__all__ = ["native", "sets"]


@pytest.fixture(autouse=True)
def fast(sets, monkeypatch):
    """The widest native kernels of this machine."""
    monkeypatch.setattr(backends, "_cpu", lambda: sets[-1])


def plan_of(compiled):
    return compiled.stats()["plan"]


def same_bits(function, x, **options):
    """The function compiled without rewrites, after it gave the bytes of the function itself for other numbers."""
    compiled = medtorch.compile(function, x, rewrites="none", poison=True, **options)
    other = image(tuple(x.shape), seed=9)
    assert compiled(other).numpy().tobytes() == eager(function, other).numpy().tobytes()
    return compiled


@pytest.mark.parametrize("name", ["lenet", "tinyvgg", "unet"])
def test_a_network_is_one_native_call(name):
    shape = {"lenet": (2, 1, 32, 32), "tinyvgg": (1, 3, 64, 64), "unet": (1, 1, 32, 32)}[name]
    plan = plan_of(medtorch.compile(zoo(name), image(shape)))
    assert (plan["native_calls"], plan["python_steps"]) == (1, {})
    assert plan["native_jobs"] >= plan["kernels"]["conv_fused"] + plan["kernels"].get("linear_fused", 0)


def test_a_step_without_native_kernels_runs_between_two_native_calls():
    compiled = same_bits(lambda x: (x * 2).asinh() + 1, image((3, 4)))
    plan = plan_of(compiled)
    assert plan["python_steps"] == {"asinh": 1}
    assert plan["native_calls"] == 2


def test_looks_into_memory_cost_no_step():
    compiled = same_bits(lambda x: (x * 2).permute(2, 0, 1)[1:].unsqueeze(0) + 1, image((3, 4, 5)))
    assert (plan_of(compiled)["native_jobs"], plan_of(compiled)["python_steps"]) == (2, {})


def test_an_output_that_looks_into_the_workspace_or_the_input_is_a_copy():
    x = image((4, 6))
    compiled = medtorch.compile(lambda x: ((x * 2)[1:3], x[0], x), x, rewrites="none", poison=True)
    first = [t.numpy().copy() for t in compiled(x)]
    again = compiled(x)
    for one, other in zip(first, again, strict=True):
        assert np.array_equal(one, other.numpy())
    again[0].zero_()
    again[2].zero_()
    assert np.array_equal(compiled(x)[0].numpy(), first[0])
    assert x.numpy().any()


def test_two_outputs_of_one_piece_of_memory_are_both_right():
    def twice(x):
        y = x * 2
        return y, y.reshape(-1)

    found = medtorch.compile(twice, image((2, 3)), rewrites="none", poison=True)(tensor(np.arange(6).reshape(2, 3)))
    assert np.array_equal(found[0].numpy(), [[0, 2, 4], [6, 8, 10]])
    assert np.array_equal(found[1].numpy(), [0, 2, 4, 6, 8, 10])


def test_a_part_that_numpy_writes_is_not_taken_for_a_job():
    def filled(x):
        out = medtorch.zeros(2, 6, 3)
        out[:, :3] = x
        out[:, 3:] = x * 2
        return out + 1

    same_bits(filled, image((2, 3, 3)))


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
def test_pads_are_native_jobs(mode):
    compiled = same_bits(lambda x: F.pad(x * 2, (1, 2, 0, 3), mode) + 1, image((2, 3, 5, 6)))
    assert plan_of(compiled)["python_steps"] == {}


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_a_part_of_a_concatenation_is_resized_by_native_jobs(mode):
    def resized(x):
        first = (x * 2).contiguous(memory_format=medtorch.channels_last)
        y = medtorch.cat([first, first + 1], 1)
        return F.interpolate(y[:, :3], scale_factor=2, mode=mode) + 1

    compiled = same_bits(resized, image((2, 3, 5, 6)))
    assert plan_of(compiled)["python_steps"] == {}


def test_whole_numbers_and_doubles_run_from_python_within_the_plan():
    compiled = medtorch.compile(lambda x, n: (x.double() * 2).float() + n * 3, image((4,)), medtorch.arange(4))
    x = image((4,), seed=3)
    wanted = (x.numpy().astype(np.float64) * 2).astype(np.float32) + np.arange(4) * 3
    assert np.array_equal(compiled(x, medtorch.arange(4)).numpy(), wanted.astype(np.float32))


def test_threads_at_once_each_get_their_own_answer():
    model = zoo("cifar_resnet20")
    inputs = [image((2, 3, 16, 16), seed=n) for n in range(6)]
    compiled = medtorch.compile(model, inputs[0])
    wanted = [compiled(x).numpy().tobytes() for x in inputs]
    wrong: list[int] = []

    def work(nr):
        for _ in range(10):
            if compiled(inputs[nr]).numpy().tobytes() != wanted[nr]:
                wrong.append(nr)

    threads = [threading.Thread(target=work, args=(nr,)) for nr in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert wrong == []
    assert 1 <= plan_of(compiled)["workspaces"] <= 6


def test_values_share_the_block():
    plan = plan_of(
        medtorch.compile(
            nn.Sequential(*[nn.Conv2d(8, 8, 3, padding=1) for _ in range(6)]).eval(), image((1, 8, 16, 16))
        )
    )
    assert plan["arena_bytes"] < plan["values_bytes"] / 2


@pytest.mark.parametrize("algorithms", ["direct", "default", "fast"])
def test_the_algorithms_of_a_plan_are_those_asked_for_and_told(algorithms):
    model = nn.Sequential(nn.Conv2d(32, 32, 3, padding=1), nn.Conv2d(32, 32, 1)).eval()
    x = image((1, 32, 24, 24))
    compiled = medtorch.compile(model, x, algorithms=algorithms)
    with medtorch.cpu_algorithms(algorithms):
        wanted = eager(model, x).numpy()
    assert compiled(x).numpy().tobytes() == wanted.tobytes()
    stats = compiled.stats()
    used = {"direct": {"direct": 2}, "default": {"direct": 1, "winograd2": 1}, "fast": {"direct": 1, "winograd4": 1}}
    assert stats["algorithms"] == algorithms
    assert stats["plan"]["convolutions"] == used[algorithms]
    away = stats["plan"]["accuracy"]["largest_from_direct_on_example"]
    assert (away == 0) == (algorithms == "direct")
    assert away < 1e-5


def test_unknown_algorithms_are_refused():
    with pytest.raises(medtorch.errors.ArgumentError, match=r'^compile: no algorithms \'quick\'; have "direct"'):
        medtorch.compile(nn.ReLU().eval(), image((2,)), algorithms="quick")


ACTIVATIONS = [
    nn.ReLU(), nn.ReLU6(), nn.LeakyReLU(0.2), nn.ELU(0.7), nn.SiLU(), nn.Mish(), nn.GELU(), nn.GELU(approximate="tanh"),
    nn.Hardswish(), nn.Hardsigmoid(), nn.Sigmoid(), nn.Tanh(), nn.Softplus(),
]  # fmt: skip


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_every_activation_ends_a_product_without_changing_a_bit(activation):
    layers = [
        (nn.Conv2d(16, 24, 3, padding=1), (2, 16, 9, 9)),
        (nn.Conv2d(16, 16, 3, padding=1, groups=16), (2, 16, 9, 9)),
        (nn.Linear(20, 33), (5, 20)),
    ]
    for layer, shape in layers:
        model = nn.Sequential(layer, activation).eval()
        compiled = medtorch.compile(model, image(shape), poison=True)
        assert plan_of(compiled)["steps"] == 1
        other = image(shape, seed=4) * 5
        assert compiled(other).numpy().tobytes() == eager(model, other).numpy().tobytes()


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_every_activation_ends_a_sum(activation):
    compiled = medtorch.compile(lambda a, b: activation(a + b), image((2, 3, 5)), image((3, 1)), poison=True)
    a, b = image((2, 3, 5), seed=3) * 5, image((3, 1), seed=4)
    assert plan_of(compiled)["steps"] == 1
    assert gap(compiled(a, b), eager(lambda: activation(a + b))) == 0


def test_a_kernel_that_refuses_numbers_still_does():
    target = tensor([0.0, 1.0])
    compiled = medtorch.compile(lambda x: F.binary_cross_entropy(x * 1, target), tensor([0.25, 0.5]), rewrites="none")
    assert plan_of(compiled)["python_steps"] == {"binary_cross_entropy": 1}
    with pytest.raises(medtorch.errors.ArgumentError):
        compiled(tensor([0.25, 1.5]))


# -- what jobs do to memory --------------------------------------------------------------------------------------------


def test_a_span_reaches_from_the_lowest_to_the_highest_byte():
    x = np.zeros((4, 6), np.float32)
    address = x.ctypes.data
    assert span_of(x[1:3, ::-2]) == Span(address + 24 + 4, address + 24 + 24 + 24)
    assert span_of(x[:0]) == Span(0, 0)


def test_memory_of_unknown_origin_is_found():
    x, y, z = (np.zeros(8, np.float32) for _ in range(3))

    def touch(array, writes):
        return Touch(array.ctypes.data, span_of(array), writes)

    assert jobs_are_all([[touch(y, True), touch(x, False)]], [x], [y])
    assert jobs_are_all([[touch(z, True), touch(x, False)], [touch(y, True), touch(z, False)]], [x], [y])
    assert jobs_are_all([], [x], [x[2:]])
    assert not jobs_are_all([], [x], [x[2:]], written=True)
    assert not jobs_are_all([[touch(y, True), touch(z, False)]], [x], [y])  # reads what nobody wrote
    assert not jobs_are_all([[touch(y[:4], True), touch(x, False)]], [x], [y])  # writes a part
    assert not jobs_are_all([], [x], [y])


def test_a_job_that_leaves_its_memory_is_refused(native, sets):
    recorder = native.Recorder(False)
    recorder.start()
    try:
        x = recorder.addresses(64).view(np.float32)
        y = recorder.addresses(64).view(np.float32)
        assert sets[-1].set.map_into(y, "relu", (x,), (), "", ())
    finally:
        recorder.stop()
    at = [touch[0] for touch in recorder.touched(0)]
    places = [(1, 0), (1, 64), *((0, address) for address in at[2:])]
    assert len(native.program(recorder, places, [0, 128])) == 1
    with pytest.raises(ValueError, match="a job leaves its memory"):
        native.program(recorder, places, [0, 127])
    with pytest.raises(ValueError, match="a job leaves its memory"):
        native.program(recorder, [(1, -4), *places[1:]], [0, 128])
    with pytest.raises(ValueError, match="no such piece of memory"):
        native.program(recorder, [(2, 0), *places[1:]], [0, 128])
    with pytest.raises(ValueError, match="a place is missing"):
        native.program(recorder, places[:-1], [0, 128])


def test_weights_that_were_packed_are_let_go_and_packed_once_for_all_plans():
    model = nn.Sequential(nn.Conv2d(8, 16, 1), nn.Flatten(), nn.Linear(16 * 16, 32)).eval()
    compiled = medtorch.compile(model, image((1, 8, 4, 4)))
    kept = compiled.stats()["constants_bytes"]
    assert kept == 4 * (16 + 32)  # the biases
    before = {form for forms in compiled._pool._packed.values() for form in map(id, forms.values())}
    compiled(image((3, 8, 4, 4)))
    after = {form for forms in compiled._pool._packed.values() for form in map(id, forms.values())}
    assert compiled.stats()["captures"] == 2
    assert before == after
    x = image((3, 8, 4, 4), seed=4)
    assert compiled(x).numpy().tobytes() == eager(model, x).numpy().tobytes()
