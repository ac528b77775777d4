"""Anomaly mode and hooks around backward steps."""

from __future__ import annotations

from typing import Any

import pytest

import medtorch
from medtorch import autograd
from medtorch.errors import ArgumentError, AutogradError, ModifiedError


@pytest.mark.requirement("REQ-F-AUT-012")
def test_a_nan_in_a_gradient_names_the_op_and_its_call() -> None:
    x = medtorch.zeros(2, requires_grad=True)
    expected = r"^SqrtBackward0 gives NaN in its gradient 0; its forward call"
    with pytest.raises(AutogradError, match=expected) as caught, autograd.detect_anomaly():
        (x.sqrt() * 0).sum().backward()
    assert "(x.sqrt() * 0).sum().backward()" in str(caught.value)
    (medtorch.zeros(2, requires_grad=True).sqrt() * 0).sum().backward()  # outside nobody looks


@pytest.mark.requirement("REQ-F-AUT-012")
def test_an_error_on_the_way_back_is_told_with_the_op() -> None:
    with autograd.detect_anomaly(check_nan=False):
        x = medtorch.ones(2, requires_grad=True)
        y = x.exp()
        z = y.sum()
        y.detach().mul_(2)
        with pytest.raises(ModifiedError) as caught:
            z.backward() if z.grad_fn is None else y.sum().backward()
    assert any(
        "while going back through ExpBackward0" in note and "y = x.exp()" in note for note in caught.value.__notes__
    )


@pytest.mark.requirement("REQ-F-AUT-012")
def test_without_the_mode_in_the_forward_the_call_is_not_known() -> None:
    y = (medtorch.zeros(2, requires_grad=True).sqrt() * 0).sum()
    with pytest.raises(AutogradError, match=r"anomaly mode was off when it was called"), autograd.detect_anomaly():
        y.backward()


@pytest.mark.requirement("REQ-F-AUT-012")
def test_the_mode_is_turned_at_once_or_for_a_while() -> None:
    assert not autograd.is_anomaly_enabled()
    with autograd.set_detect_anomaly(True, check_nan=False):
        assert autograd.is_anomaly_enabled()
        assert not autograd.is_anomaly_check_nan_enabled()
    assert not autograd.is_anomaly_enabled()
    autograd.set_detect_anomaly(True)
    assert autograd.is_anomaly_check_nan_enabled()
    autograd.set_detect_anomaly(False)
    assert not autograd.is_anomaly_enabled()

    @autograd.detect_anomaly()
    def inside() -> bool:
        return autograd.is_anomaly_enabled()

    assert inside()


@pytest.mark.requirement("REQ-F-AUT-012")
def test_a_hook_on_several_tensors_gets_all_gradients_once() -> None:
    a, b = (medtorch.ones(2, requires_grad=True) for _ in range(2))
    seen: list[Any] = []
    handle = autograd.graph.register_multi_grad_hook([a, b], seen.append)
    for _ in range(2):
        (a * 2 + b * 3).sum().backward()
    assert [[g.tolist() for g in grads] for grads in seen] == [[[2.0, 2.0], [3.0, 3.0]]] * 2
    handle.remove()
    (a * b).sum().backward()
    assert len(seen) == 2


@pytest.mark.requirement("REQ-F-AUT-012")
def test_a_hook_on_any_of_several_tensors_is_called_once_a_pass() -> None:
    a, b = (medtorch.ones(2, requires_grad=True) for _ in range(2))
    seen: list[Any] = []
    autograd.graph.register_multi_grad_hook([a, b], seen.append, mode="any")
    for _ in range(2):
        (a * 2 + b * 2).sum().backward()
    assert [g.tolist() for g in seen] == [[2.0, 2.0], [2.0, 2.0]]
    with pytest.raises(ArgumentError, match=r"^register_multi_grad_hook: mode must be 'all' or 'any', got 'some'"):
        autograd.graph.register_multi_grad_hook([a], seen.append, mode="some")


@pytest.mark.requirement("REQ-F-AUT-012")
def test_hooks_of_a_node_change_what_goes_in_and_out() -> None:
    x = medtorch.ones(2, requires_grad=True)
    y = x * 3
    y.grad_fn.register_prehook(lambda dys: (dys[0] * 10,))
    y.grad_fn.register_hook(lambda grads, dys: (grads[0] + dys[0], *grads[1:]))
    y.sum().backward()
    assert x.grad.tolist() == [40.0, 40.0]  # 10 * 3 + 10


@pytest.mark.requirement("REQ-F-AUT-012")
def test_saved_tensors_may_be_kept_on_the_host_and_hooks_barred() -> None:
    x = medtorch.ones(3, requires_grad=True)
    with autograd.graph.save_on_cpu():
        y = (x.exp() * x).sum()
    y.backward()
    assert [round(v, 4) for v in x.grad.tolist()] == [5.4366] * 3
    with (
        autograd.graph.disable_saved_tensors_hooks("not in here"),
        pytest.raises(AutogradError, match=r"^not in here"),
        autograd.graph.save_on_cpu(),
    ):
        pass


@pytest.mark.requirement("REQ-F-AUT-012")
def test_a_change_nobody_saw_is_noticed_once_it_is_told() -> None:
    x = medtorch.ones(2, requires_grad=True)
    w = medtorch.ones(2)
    y = (x * w).sum()
    autograd.graph.increment_version(w)
    with pytest.raises(ModifiedError, match=r"^MulBackward0: a tensor saved for backward was changed in place"):
        y.backward()
    assert autograd.graph.get_gradient_edge(y).output_nr == 0
