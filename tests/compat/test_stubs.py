"""What only PyTorch code asks for: true answers, marks that change nothing, and refusals by name."""

from __future__ import annotations

import hashlib
from collections import OrderedDict, namedtuple

import pytest

import medtorch
from medtorch.compat import as_torch
from medtorch.errors import ArgumentError, DigestError, FileMissingError, UnsupportedError

pytestmark = pytest.mark.requirement("REQ-F-CPT-003")


@pytest.fixture
def torch():
    with as_torch() as module:
        yield module


def test_nothing_is_scripted_traced_compiled_or_exported(torch):
    import torch._dynamo.utils  # noqa: PLC0415

    answers = (
        torch.jit.is_scripting(),
        torch.jit.is_tracing(),
        torch.compiler.is_compiling(),
        torch._dynamo.is_compiling(),
        torch._dynamo.utils.is_compile_supported("cpu"),
        torch.onnx.is_in_onnx_export(),
        torch.distributed.is_available(),
        torch.backends.mps.is_available(),
    )
    assert answers == (False,) * len(answers)
    assert torch._C._get_tracing_state() is None
    assert torch._C._log_api_usage_once("event") is None
    assert torch.version.cuda is None


def test_marks_leave_code_as_it_is(torch):
    def function(x):
        return x + 1

    marks = (
        torch.jit.unused,
        torch.jit._overload_method,
        torch.jit._script_if_tracing,
        torch.jit.interface,
        torch.jit.ignore,
        torch.jit.export,
        torch.jit.script,
        torch.fx.wrap,
        torch.compile,
        torch.compiler.disable,
        torch.jit.ignore(drop=True),
        torch.library.register_fake("own::op"),
        torch.onnx.symbolic_helper.parse_args("v", "f"),
        torch.compile(mode="max-autotune"),
    )
    assert all(mark(function) is function for mark in marks)
    assert torch.fx.wrap("name") == "name"
    with pytest.raises(ArgumentError, match=r"^compile: unknown mode 'fast'"):
        torch.compile(function, mode="fast")


def test_isinstance_looks_into_containers(torch):
    from typing import Optional  # noqa: PLC0415

    ask = torch.jit.isinstance
    assert ask([1, 2], list[int])
    assert not ask([1, "2"], list[int])
    assert ask({"a": medtorch.ones(1)}, dict[str, torch.Tensor])
    assert ask((1, "a"), tuple[int, str])
    assert not ask((1,), tuple[int, str])
    assert ask(None, Optional[int])  # noqa: UP045
    assert ask(1.0, (int, float))


def test_assertions_raise_as_torchs(torch):
    torch._assert(True, "fine")
    with pytest.raises(AssertionError, match=r"^no good$"):
        torch._assert(False, "no good")
    with pytest.raises(RuntimeError, match=r"^told later$"):
        torch._check(False, lambda: "told later")
    with pytest.raises(IndexError, match="expected cond to be True"):
        torch._check_index(False)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda t: t.jit.trace(None, None), "torch.jit.trace is not supported; use medtorch.compile"),
        (lambda t: t.jit.load("x"), "torch.jit.load runs a program from a file"),
        (lambda t: t.jit.save(None, "x"), "torch.jit.save is not supported; use medtorch.save_bundle"),
        (lambda t: t.jit.ScriptModule(), "torch.jit.ScriptModule is not supported"),
        (lambda t: t.fx.symbolic_trace(None), "torch.fx.symbolic_trace is not supported"),
        (lambda t: t.fx.Tracer(), "torch.fx.Tracer is not supported"),
        (lambda t: t.fx.GraphModule(), "torch.fx.GraphModule is not supported"),
        (lambda t: t.onnx.export(), "torch.onnx.export is not supported"),
        (lambda t: t.hub.load("a/b", "m"), "code of 'a/b' is not fetched and run"),
        (lambda t: t.hub.download_url_to_file("u", "d"), "nothing is downloaded; put u at d"),
        (lambda t: t.ops.torchvision.deform_conv2d(), "torch.ops.torchvision.deform_conv2d is not supported"),
        (
            lambda t: t.library.Library("own", "DEF").define("op(Tensor a) -> Tensor"),
            "the operator 'own::op' is not here",
        ),
        (lambda t: t.library.Library("own", "IMPL").impl("op", print, "CPU"), "the operator 'own::op' is not here"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(call, text, torch):
    with pytest.raises(UnsupportedError) as caught:
        call(torch)
    assert text in str(caught.value)


def test_classes_that_cannot_be_made_can_be_derived_from_and_asked_for(torch):
    class Own(torch.fx.Tracer):
        pass

    assert not isinstance(medtorch.nn.ReLU(), (torch.fx.GraphModule, torch.jit.ScriptModule, torch.fx.Proxy))
    with pytest.raises(UnsupportedError, match="Tracer is not supported"):
        Own()


def test_operators_of_torchvision_compute(torch):
    boxes = medtorch.tensor([[0.0, 0, 10, 10], [1, 1, 10, 10], [20, 20, 30, 30]])
    kept = torch.ops.torchvision.nms(boxes, medtorch.tensor([0.9, 0.8, 0.7]), 0.5)
    assert kept.tolist() == [0, 2]
    rois = medtorch.tensor([[0.0, 0, 0, 4, 4]])
    pooled = torch.ops.torchvision.roi_align.default(medtorch.ones(1, 1, 8, 8), rois, 1.0, 2, 2, 2, False)
    assert pooled.tolist() == [[[[1.0, 1.0], [1.0, 1.0]]]]


def test_libraries_are_not_loaded_but_for_torchvisions_whose_operators_are_here(torch, tmp_path):
    torch.ops.load_library(tmp_path / "torchvision" / "_C.so")
    with pytest.raises(OSError, match="libraries of PyTorch operators cannot be loaded"):
        torch.ops.load_library(tmp_path / "own.so")


def test_versions_compare_by_their_numbers(torch):
    version = torch.__version__
    assert version >= "2.9"
    assert version > (1, 13)
    assert version < "10.0"
    assert version == "2.13.0"
    assert version.split(".")[:2] == ["2", "13"]


def test_weights_come_from_the_folder_of_downloads(torch, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    medtorch.save({"w": medtorch.ones(2)}, folder / "plain.pth")
    digest = hashlib.sha256((folder / "plain.pth").read_bytes()).hexdigest()[:8]
    (folder / f"net-{digest}.pth").write_bytes((folder / "plain.pth").read_bytes())
    (folder / "net-00000000.pth").write_bytes((folder / "plain.pth").read_bytes())
    load = torch.hub.load_state_dict_from_url
    assert load(f"https://example.org/net-{digest}.pth", check_hash=True)["w"].tolist() == [1.0, 1.0]
    with pytest.raises(DigestError, match="which its name does not say"):
        load("https://example.org/net-00000000.pth", check_hash=True)
    with pytest.raises(FileMissingError, match=r"missing\.pth is not there, and nothing is downloaded"):
        load("https://example.org/missing.pth")


def test_trees_are_flattened_and_put_back(torch):
    from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten  # noqa: PLC0415

    Pair = namedtuple("Pair", "a b")
    tree = {"x": [1, (2, 3)], "y": OrderedDict(z=Pair(4, None))}
    leaves, spec = tree_flatten(tree)
    assert leaves == [1, 2, 3, 4, None]
    assert tree_unflatten(leaves, spec) == tree
    assert tree_map(lambda v: [v], {"a": 1}, is_leaf=lambda v: v == 1) == {"a": [1]}
    with pytest.raises(ValueError, match="2 leaves for a tree of 5"):
        tree_unflatten([1, 2], spec)


def test_switches_can_be_set_and_read(torch):
    torch.backends.cudnn.benchmark = True
    assert torch.backends.cudnn.benchmark is True
    torch.use_deterministic_algorithms(True, warn_only=True)
    assert (torch.are_deterministic_algorithms_enabled(), torch.get_deterministic_debug_mode()) == (True, 1)
    torch.set_deterministic_debug_mode("default")
    assert not torch.are_deterministic_algorithms_enabled()
    torch.set_float32_matmul_precision("high")
    assert torch.get_float32_matmul_precision() == "high"
    torch.set_float32_matmul_precision("highest")
    with pytest.raises(ArgumentError, match="'low' is none of highest, high, medium"):
        torch.set_float32_matmul_precision("low")
    with pytest.raises(UnsupportedError, match="set_default_device: cuda: without device="):
        torch.set_default_device("cuda")
    with pytest.raises(UnsupportedError, match="set_num_interop_threads: 2: one op runs at a time"):
        torch.set_num_interop_threads(2)
