"""Modes, conversions and printing of whole modules."""

from __future__ import annotations

import numpy as np
import pytest

import medtorch
from medtorch import nn
from medtorch.errors import ArgumentError, ModuleTypeError, UnsupportedError

pytestmark = pytest.mark.requirement("REQ-F-NN-001")


def net():
    return nn.Sequential(nn.Conv2d(1, 2, 3, bias=False), nn.BatchNorm2d(2), nn.Sequential(nn.ReLU(), nn.Linear(2, 2)))


def test_train_and_eval_reach_every_module():
    model = net()
    assert all(module.training for module in model.modules())
    assert model.eval() is model
    assert not any(module.training for module in model.modules())
    model[2].train()
    assert [module.training for module in model.modules()] == [False, False, False, True, True, True]
    with pytest.raises(ArgumentError, match="training mode is expected to be boolean"):
        model.train("yes")


def test_requires_grad_reaches_every_parameter():
    model = net().requires_grad_(False)
    assert not any(p.requires_grad for p in model.parameters())


def test_zero_grad_forgets_or_fills_with_zeros():
    model = net()
    first, *rest = model.parameters()
    first.grad = medtorch.ones(*first.shape)
    model.zero_grad(set_to_none=False)
    assert first.grad.numpy().max() == 0
    assert all(p.grad is None for p in rest)
    model.zero_grad()
    assert first.grad is None


def test_apply_calls_inner_modules_first():
    seen = []
    net().apply(lambda module: seen.append(type(module).__name__))
    assert seen == ["Conv2d", "BatchNorm2d", "ReLU", "Linear", "Sequential", "Sequential"]


@pytest.mark.parametrize(
    ("convert", "expected"),
    [
        (lambda m: m.double(), "float64"),
        (lambda m: m.half(), "float16"),
        (lambda m: m.double().float(), "float32"),
        (lambda m: m.to(medtorch.float64), "float64"),
        (lambda m: m.to("cpu", medtorch.float64), "float64"),
        (lambda m: m.to(dtype=medtorch.float16), "float16"),
        (lambda m: m.to(medtorch.zeros(1, dtype=medtorch.float64)), "float64"),
    ],
)
def test_conversions_cast_floats_keep_whole_numbers_and_the_parameters_themselves(convert, expected):
    model = net()
    parameters = list(model.parameters())
    parameters[0].grad = medtorch.ones(*parameters[0].shape)
    numbers = parameters[0].detach().numpy().copy()
    assert convert(model) is model
    assert all(a is b for a, b in zip(parameters, model.parameters(), strict=True))
    assert {p.dtype.name for p in model.parameters()} == {expected}
    assert parameters[0].grad.dtype.name == expected
    assert model[1].running_mean.dtype.name == expected
    assert model[1].num_batches_tracked.dtype is medtorch.int64
    np.testing.assert_allclose(parameters[0].detach().numpy(), numbers, atol=1e-3)


@pytest.mark.requirement("REQ-F-NN-001")
def test_bfloat16_is_a_conversion_too(needs):
    needs("package:ml_dtypes")
    assert net().bfloat16()[0].weight.dtype is medtorch.bfloat16


def test_type_casts_everything():
    model = net().type(medtorch.float64)
    assert model[1].num_batches_tracked.dtype is medtorch.float64


def test_memory_format_changes_images_only():
    model = nn.Sequential(nn.Conv2d(2, 4, 3), nn.Linear(2, 2)).to(memory_format=medtorch.channels_last)
    assert model[0].weight.is_contiguous(memory_format=medtorch.channels_last)
    assert not model[0].weight.is_contiguous()
    assert model[1].weight.is_contiguous()


def test_impossible_conversions_are_refused():
    with pytest.raises(
        ModuleTypeError, match=r"only accepts floating point dtypes, but got desired dtype=medtorch\.int64"
    ):
        net().to(medtorch.int64)
    with pytest.raises(ArgumentError, match=r"Module.to: unknown arguments \['place'\]"):
        net().to(place="cpu")
    with pytest.raises(UnsupportedError, match="share_memory is not supported"):
        net().share_memory()


def test_to_empty_keeps_shapes_and_dtypes():
    model = net().double().to_empty(device="cpu")
    assert model[0].weight.shape == (2, 1, 3, 3)
    assert model[0].weight.dtype is medtorch.float64


@pytest.mark.needs("gpu")
def test_cuda_and_cpu_move_parameters_and_buffers():
    model = net().cuda()
    assert {p.device.type for p in (*model.parameters(), *model.buffers())} == {"cuda"}
    model.cpu()
    assert {p.device.type for p in (*model.parameters(), *model.buffers())} == {"cpu"}


def test_printing_is_torchs():
    assert repr(net()) == (
        "Sequential(\n"
        "  (0): Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1), bias=False)\n"
        "  (1): BatchNorm2d(2, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)\n"
        "  (2): Sequential(\n"
        "    (0): ReLU()\n"
        "    (1): Linear(in_features=2, out_features=2, bias=True)\n"
        "  )\n"
        ")"
    )


def test_printing_lists_extra_lines_before_modules():
    class Noted(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Identity()

        def extra_repr(self):
            return "one\ntwo"

    assert repr(Noted()) == "Noted(\n  one\n  two\n  (inner): Identity()\n)"
    assert repr(nn.Module()) == "Module()"


def test_arguments_go_on_to_a_mixin_behind_module_only_if_asked_for():
    class Mixin:
        def __init__(self, size=0):
            self.size = size

    class Plain(nn.Module, Mixin):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)

    class Cooperating(Plain):
        call_super_init = True

    assert Cooperating(size=3).size == 3
    assert Cooperating(4).size == 4
    with pytest.raises(ModuleTypeError, match="got an unexpected keyword argument 'size'"):
        Plain(size=3)
    with pytest.raises(ModuleTypeError, match="takes 1 positional argument but 2 were given"):
        Plain(3)
