"""GradScaler: scaling, steps left out, growth, and its state under PyTorch's names."""

from __future__ import annotations

from typing import Any

import pytest

import medtorch
from medtorch import amp, nn, optim
from medtorch.errors import ArgumentError, TrainingError

pytestmark = pytest.mark.requirement("REQ-F-AMP-001")


def _set_up(**options: Any) -> tuple[Any, Any, Any]:
    weight = nn.Parameter(medtorch.tensor([1.0, 2.0]))
    return weight, optim.SGD([weight], lr=0.1), amp.GradScaler("cpu", init_scale=8.0, **options)


def test_a_step_is_that_of_the_unscaled_gradient() -> None:
    weight, optimizer, scaler = _set_up()
    scaler.scale((weight * 3).sum()).backward()
    assert weight.grad.tolist() == [24.0, 24.0]
    scaler.step(optimizer)
    scaler.update()
    assert weight.grad.tolist() == [3.0, 3.0]
    assert [round(v, 6) for v in weight.tolist()] == [0.7, 1.7]


def test_an_overflow_leaves_the_step_out_and_shrinks_the_scale() -> None:
    weight, optimizer, scaler = _set_up(backoff_factor=0.25)
    scaler.scale((weight * float("inf")).sum()).backward()
    assert scaler.step(optimizer) is None
    scaler.update()
    assert weight.tolist() == [1.0, 2.0]
    assert scaler.get_scale() == 2.0


def test_the_scale_grows_after_steps_without_overflow() -> None:
    weight, optimizer, scaler = _set_up(growth_interval=2)
    scales = []
    for _ in range(4):
        optimizer.zero_grad()
        scaler.scale(weight.sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        scales.append(scaler.get_scale())
    assert scales == [8.0, 16.0, 16.0, 32.0]


def test_gradients_may_be_clipped_in_between() -> None:
    weight, optimizer, scaler = _set_up()
    scaler.scale((weight * 3).sum()).backward()
    scaler.unscale_(optimizer)
    assert weight.grad.tolist() == [3.0, 3.0]
    with pytest.raises(TrainingError, match=r"^unscale_\(\) has already been called on this optimizer"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    with pytest.raises(TrainingError, match=r"^step\(\) has already been called since the last update\(\)"):
        scaler.step(optimizer)


def test_the_state_goes_on_where_it_was_taken() -> None:
    _, _, scaler = _set_up(growth_interval=5)
    scaler.load_state_dict(
        {"scale": 4.0, "growth_factor": 3.0, "backoff_factor": 0.1, "growth_interval": 7, "_growth_tracker": 6}
    )
    weight, optimizer, _ = _set_up()
    scaler.scale(weight.sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    assert scaler.state_dict() == {
        "scale": 12.0, "growth_factor": 3.0, "backoff_factor": 0.1, "growth_interval": 7, "_growth_tracker": 0,
    }  # fmt: skip
    with pytest.raises(TrainingError, match=r"^The source state dict is empty"):
        scaler.load_state_dict({})


def test_switched_off_it_changes_nothing() -> None:
    weight, optimizer, _ = _set_up()
    scaler = amp.GradScaler("cpu", enabled=False)
    loss = weight.sum()
    assert scaler.scale(loss) is loss
    loss.backward()
    scaler.step(optimizer)
    scaler.update()
    assert (scaler.get_scale(), scaler.state_dict()) == (1.0, {})
    assert [round(v, 6) for v in weight.tolist()] == [0.9, 1.9]


def test_what_does_not_fit_is_refused_by_name() -> None:
    with pytest.raises(ArgumentError, match=r"^GradScaler: growth_factor must be above 1, got 1.0"):
        amp.GradScaler("cpu", growth_factor=1.0)
    with pytest.raises(ArgumentError, match=r"^GradScaler: backoff_factor must be below 1, got 1.5"):
        amp.GradScaler("cpu", backoff_factor=1.5)
    with pytest.raises(ArgumentError, match=r"^GradScaler: device must be 'cpu' or 'cuda', got 'tpu'"):
        amp.GradScaler("tpu")
    with pytest.raises(TrainingError, match=r"^No inf checks were recorded prior to update"):
        amp.GradScaler("cpu").update()
