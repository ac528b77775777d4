"""Calls of a module and the hooks around them, forwards and backwards."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import medtorch
from medtorch import nn
from medtorch.errors import AutogradError, ModuleError, UnsupportedError

pytestmark = pytest.mark.requirement("REQ-F-NN-002")


class Scale(nn.Module):
    """x * factor + shift."""

    def __init__(self, factor=2.0):
        super().__init__()
        self.factor = nn.Parameter(medtorch.tensor(factor))

    def forward(self, x, shift=0.0):
        return x * self.factor + shift


def ones(*shape):
    return medtorch.ones(*(shape or (3,)))


def test_a_module_without_forward_says_so():
    with pytest.raises(UnsupportedError, match=r'Module \[Module\] is missing the required "forward" function'):
        nn.Module()(1)


def test_forward_hooks_see_and_may_replace_arguments_and_results():
    scale, seen = Scale(), []
    scale.register_forward_pre_hook(lambda module, args: seen.append(("before", module is scale, len(args))))
    scale.register_forward_pre_hook(lambda module, args: args[0] + 1)
    scale.register_forward_hook(lambda module, args, result: seen.append(("after", args[0].tolist(), result.tolist())))
    scale.register_forward_hook(lambda module, args, result: result * 10)
    assert scale(ones()).tolist() == [40.0] * 3
    assert seen == [("before", True, 1), ("after", [2.0] * 3, [4.0] * 3)]


def test_hooks_with_kwargs_see_and_may_replace_keywords():
    scale = Scale()
    scale.register_forward_pre_hook(lambda m, args, kwargs: (args, {"shift": kwargs["shift"] + 1}), with_kwargs=True)
    scale.register_forward_hook(lambda m, args, kwargs, result: result + kwargs["shift"], with_kwargs=True)
    assert scale(ones(), shift=4.0).tolist() == [12.0] * 3
    scale.register_forward_pre_hook(lambda m, args, kwargs: args, with_kwargs=True)
    with pytest.raises(ModuleError, match="forward pre-hook must return None or a tuple of"):
        scale(ones(), shift=4.0)


def test_prepend_puts_a_hook_first_and_a_handle_takes_it_out():
    scale, seen = Scale(), []
    scale.register_forward_hook(lambda *a: seen.append("second"))
    with scale.register_forward_hook(lambda *a: seen.append("first"), prepend=True):
        scale(ones())
    scale(ones())
    assert seen == ["first", "second", "second"]


def test_a_hook_that_wants_to_be_called_always_is_called_after_a_failure_too():
    seen = []

    class Broken(nn.Module):
        def forward(self):
            raise ValueError("broken")

    broken = Broken()
    broken.register_forward_hook(lambda *a: seen.append("never"))
    broken.register_forward_hook(lambda module, args, result: seen.append(result), always_call=True)

    def also_broken(*args):
        raise ValueError("second")

    broken.register_forward_hook(also_broken, always_call=True)
    with pytest.raises(ValueError, match="broken") as caught:
        broken()
    assert seen == [None]
    assert caught.value.__notes__ == ["a forward hook with always_call=True raised too: ValueError('second')"]


def test_a_deep_copy_has_the_hooks_too():
    scale, seen = Scale(), []
    scale.register_forward_hook(lambda module, args, result: seen.append(module))
    other = copy.deepcopy(scale)
    other(ones())
    assert seen == [other]


def test_backward_hooks_see_the_gradients_of_outputs_and_inputs():
    scale, seen = Scale(3.0), []
    scale.register_full_backward_pre_hook(lambda module, grad_output: seen.append(grad_output[0].tolist()))
    scale.register_full_backward_hook(
        lambda module, grad_input, grad_output: seen.append((grad_input[0].tolist(), grad_output[0].tolist()))
    )
    x = ones().requires_grad_()
    scale(x * 1).backward(medtorch.tensor([1.0, 2.0, 3.0]))
    assert seen == [[1.0, 2.0, 3.0], ([3.0, 6.0, 9.0], [1.0, 2.0, 3.0])]
    assert x.grad.tolist() == [3.0, 6.0, 9.0]


def test_backward_hooks_may_replace_gradients():
    scale = Scale(3.0)
    scale.register_full_backward_pre_hook(lambda module, grad_output: (grad_output[0] * 2,))
    scale.register_full_backward_hook(lambda module, grad_input, grad_output: (grad_input[0] + 100,))
    x = ones().requires_grad_()
    scale(x).sum().backward()
    assert x.grad.tolist() == [106.0] * 3
    assert scale.factor.grad.item() == 6.0


def test_backward_hooks_of_several_inputs_and_outputs_have_none_where_there_is_no_gradient():
    class Two(nn.Module):
        def forward(self, x, number, y):
            return x * 2, 7, y * 3

    two, seen = Two(), []
    two.register_full_backward_hook(lambda m, gi, go: seen.append(([g is None for g in gi], [g is None for g in go])))
    x, y = ones().requires_grad_(), ones()
    out, _, _ = two(x, 5, y)
    out.sum().backward()
    assert seen == [([False, True, True], [False, True, True])]


def test_backward_hooks_of_inputs_that_want_no_gradient_are_called_with_none():
    scale, seen = Scale(), []
    handle = scale.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go[0].tolist())))
    scale(ones()).sum().backward()
    assert seen == [((None,), [1.0] * 3)]
    handle.remove()
    scale.register_full_backward_hook(lambda m, gi, go: (go[0],))
    with pytest.raises(ModuleError, match="none of whose inputs requires grad must return None"):
        scale(ones()).sum().backward()


def test_a_backward_hook_of_the_wrong_number_of_gradients_is_refused():
    scale = Scale()
    scale.register_full_backward_hook(lambda m, gi, go: (gi[0], gi[0]))
    with pytest.raises(ModuleError, match="invalid number of grad_input: got 2, but expected 1"):
        scale(ones().requires_grad_()).sum().backward()


def test_backward_hooks_need_tensors_as_result_and_recording():
    class Listing(nn.Module):
        def forward(self, x):
            return [x]

    listing = Listing()
    listing.register_full_backward_hook(lambda *a: None)
    with pytest.raises(ModuleError, match="Listing: a module with full backward hooks must return a tensor"):
        listing(ones().requires_grad_())
    with medtorch.no_grad():
        assert listing(ones())[0].tolist() == [1.0] * 3


def test_changing_in_place_what_a_backward_hook_watches_is_refused():
    class InPlace(nn.Module):
        def forward(self, x):
            return x.mul_(2)

    module = InPlace()
    module.register_full_backward_hook(lambda *a: None)
    with pytest.raises(AutogradError, match="made by a module with full backward hooks"):
        module(ones().requires_grad_() * 1)


def test_gradients_through_backward_hooks_can_be_differentiated_again():
    class Cube(nn.Module):
        def forward(self, x):
            return x**3

    cube = Cube()
    cube.register_full_backward_hook(lambda m, gi, go: None)
    x = medtorch.tensor([2.0]).requires_grad_()
    (slope,) = medtorch.autograd.grad(cube(x).sum(), x, create_graph=True)
    (bend,) = medtorch.autograd.grad(slope.sum(), x)
    assert (slope.item(), bend.item()) == (12.0, 12.0)


def test_backward_hooks_see_what_torchs_see(needs_torch, rng):
    torch = needs_torch
    values = rng.normal(size=(4, 3))
    traces = []
    for library in (medtorch, torch):
        net = library.nn.Sequential(library.nn.Linear(3, 3), library.nn.Sigmoid(), library.nn.Linear(3, 2)).double()
        with library.no_grad():
            for nr, parameter in enumerate(net.parameters()):
                parameter.copy_(
                    library.tensor(np.cos(np.arange(parameter.numel()) + nr).reshape(tuple(parameter.shape)))
                )
        trace = []
        for module in net:
            module.register_full_backward_pre_hook(
                lambda m, go, trace=trace: trace.extend(g.numpy().copy() for g in go)
            )
            module.register_full_backward_hook(
                lambda m, gi, go, trace=trace: trace.extend(g.numpy().copy() for g in gi)
            )
        net(library.tensor(values).requires_grad_()).sum().backward()
        traces.append(trace)
    assert len(traces[0]) == len(traces[1]) == 6
    for ours, theirs in zip(*traces, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_torchs_retired_backward_hook_is_refused():
    with pytest.raises(
        UnsupportedError, match="register_backward_hook is not supported; use register_full_backward_hook"
    ):
        Scale().register_backward_hook(lambda *a: None)
