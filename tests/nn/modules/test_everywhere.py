"""Hooks for all modules are called for all modules, before the module's own."""

from __future__ import annotations

import pytest

import medtorch
from medtorch import nn
from medtorch.errors import UnsupportedError
from medtorch.nn.modules import module as everywhere

pytestmark = pytest.mark.requirement("REQ-F-NN-002")


@pytest.fixture
def net():
    return nn.Sequential(nn.Linear(2, 2), nn.ReLU())


def test_forward_hooks_see_every_call_inside_first_come_the_global_ones(net):
    seen = []
    net.register_forward_pre_hook(lambda m, args: seen.append("own before"))
    net.register_forward_hook(lambda m, args, out: seen.append("own after"))
    before = everywhere.register_module_forward_pre_hook(lambda m, args: seen.append(f"before {m._get_name()}"))
    after = everywhere.register_module_forward_hook(lambda m, args, out: seen.append(f"after {m._get_name()}"))
    with before, after:
        net(medtorch.ones(1, 2))
    assert seen == [
        "before Sequential", "own before", "before Linear", "after Linear", "before ReLU", "after ReLU",
        "after Sequential", "own after",
    ]  # fmt: skip
    seen.clear()
    net(medtorch.ones(1, 2))
    assert seen == ["own before", "own after"]


def test_what_a_forward_hook_returns_takes_the_place(net):
    with everywhere.register_module_forward_hook(lambda m, args, out: out * 0):
        assert net(medtorch.ones(1, 2)).tolist() == [[0, 0]]
    with everywhere.register_module_forward_pre_hook(lambda m, args: (args[0] * 0,)):
        assert nn.ReLU()(medtorch.ones(2)).tolist() == [0, 0]


def test_a_forward_hook_may_want_keywords_and_failures():
    seen = []

    class Failing(nn.Module):
        def forward(self, *, x):
            raise ValueError("no")

    def hook(module, args, kwargs, out):
        seen.append((kwargs, out))

    with (
        everywhere.register_module_forward_hook(hook, with_kwargs=True, always_call=True),
        pytest.raises(ValueError, match="no"),
    ):
        Failing()(x=3)
    assert seen == [({"x": 3}, None)]


def test_backward_hooks_see_and_may_replace_every_gradient(net):
    seen = []

    def before(module, grads):
        seen.append(f"before {module._get_name()}")
        return tuple(2 * g for g in grads)

    def after(module, grad_input, grad_output):
        seen.append(f"after {module._get_name()}")

    layer, x = nn.ReLU(), medtorch.ones(2).requires_grad_()
    with (
        everywhere.register_module_full_backward_pre_hook(before),
        everywhere.register_module_full_backward_hook(after),
    ):
        layer(x).sum().backward()
    assert seen == ["before ReLU", "after ReLU"]
    assert x.grad.tolist() == [2, 2]


def test_registration_hooks_see_and_may_replace_what_is_taken_in():
    seen = []

    def note(module, name, value):
        seen.append((name, type(value).__name__))

    with (
        everywhere.register_module_parameter_registration_hook(note),
        everywhere.register_module_buffer_registration_hook(note),
        everywhere.register_module_module_registration_hook(note),
    ):
        holder = nn.Module()
        holder.norm = nn.BatchNorm1d(1, affine=False)
        holder.add_module("act", nn.ReLU())
        holder.p = nn.Parameter(medtorch.ones(1))
        holder.register_parameter("none", None)
    assert seen == [
        ("running_mean", "Tensor"), ("running_var", "Tensor"), ("num_batches_tracked", "Tensor"),
        ("norm", "BatchNorm1d"), ("act", "ReLU"), ("p", "Parameter"),
    ]  # fmt: skip
    frozen = everywhere.register_module_parameter_registration_hook(lambda m, n, p: p.requires_grad_(False))
    with frozen:
        assert not any(p.requires_grad for p in nn.Linear(2, 2).parameters())


def test_torchs_retired_backward_hook_is_refused_everywhere():
    with pytest.raises(UnsupportedError, match="use register_module_full_backward_hook"):
        everywhere.register_module_backward_hook(lambda *args: None)


def test_compiling_in_place_is_refused(net):
    with pytest.raises(UnsupportedError, match=r"use medtorch\.compile\(model, \*example_inputs\)"):
        net.compile()
