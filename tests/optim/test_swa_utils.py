"""Averages of weights are the averages of their formulas; batch norm is counted anew for them."""

from __future__ import annotations

import math

import numpy as np
import pytest

import medtorch
from medtorch import nn, optim
from medtorch.errors import ArgumentError
from medtorch.optim import swa_utils

pytestmark = pytest.mark.requirement("REQ-F-OPT-009")


def models(rng, count=4):
    """One model whose weights change, and what they were each time."""
    model, seen = nn.Linear(3, 2).double(), []
    for _ in range(count):
        values = rng.normal(size=(2, 3))
        with medtorch.no_grad():
            model.weight.copy_(medtorch.tensor(values))
        seen.append(values)
        yield model, seen


def test_the_default_is_the_plain_mean_of_all_models(rng):
    averaged = None
    for model, seen in models(rng):
        averaged = averaged or swa_utils.AveragedModel(model)
        averaged.update_parameters(model)
        np.testing.assert_allclose(averaged.module.weight.detach().numpy(), np.mean(seen, 0), rtol=1e-12)
    assert averaged.n_averaged.item() == 4


@pytest.mark.parametrize("how", ["avg_fn", "multi_avg_fn"])
def test_an_exponential_average_forgets_by_its_decay(how, rng):
    function = {"avg_fn": swa_utils.get_ema_avg_fn, "multi_avg_fn": swa_utils.get_ema_multi_avg_fn}[how](0.9)
    averaged, expected = None, None
    for model, seen in models(rng):
        averaged = averaged or swa_utils.AveragedModel(model, **{how: function})
        averaged.update_parameters(model)
        expected = seen[-1] if expected is None else 0.9 * expected + 0.1 * seen[-1]
        np.testing.assert_allclose(averaged.module.weight.detach().numpy(), expected, rtol=1e-12)


def test_buffers_are_those_of_the_last_model_or_averaged_too():
    model = nn.BatchNorm1d(1)
    last, mean = swa_utils.AveragedModel(model), swa_utils.AveragedModel(model, use_buffers=True)
    for value in (1.0, 2.0, 6.0):
        model.running_mean.fill_(value)
        last.update_parameters(model)
        mean.update_parameters(model)
    assert last.module.running_mean.item() == 6.0
    assert mean.module.running_mean.item() == pytest.approx(3.0)


def test_the_average_is_a_module_with_torchs_keys_and_the_models_outputs(rng):
    model = nn.Linear(3, 2)
    averaged = swa_utils.AveragedModel(model)
    assert list(averaged.state_dict()) == ["n_averaged", "module.weight", "module.bias"]
    x = medtorch.tensor(rng.normal(size=(4, 3)).astype(np.float32))
    assert averaged(x).tolist() == model(x).tolist()
    assert averaged.module.weight is not model.weight


def test_two_functions_are_refused():
    fn = swa_utils.get_swa_avg_fn()
    with pytest.raises(ArgumentError, match="Only one of avg_fn and multi_avg_fn"):
        swa_utils.AveragedModel(nn.Linear(1, 1), avg_fn=fn, multi_avg_fn=swa_utils.get_swa_multi_avg_fn())


@pytest.mark.parametrize("make", [swa_utils.get_ema_avg_fn, swa_utils.get_ema_multi_avg_fn])
def test_a_decay_outside_0_and_1_is_refused(make):
    with pytest.raises(ArgumentError, match=r"Invalid decay value 1\.5"):
        make(1.5)


def test_update_bn_takes_the_mean_of_the_batches_statistics(rng):
    model = nn.Sequential(nn.BatchNorm1d(3)).double().eval()
    batches = [rng.normal(size=(5, 3)) * nr for nr in (1, 2, 3)]
    swa_utils.update_bn([medtorch.tensor(batches[0]), *((medtorch.tensor(b), 0) for b in batches[1:])], model)
    np.testing.assert_allclose(model[0].running_mean.numpy(), np.mean([b.mean(0) for b in batches], 0), rtol=1e-12)
    np.testing.assert_allclose(model[0].running_var.numpy(), np.mean([b.var(0, ddof=1) for b in batches], 0), rtol=1e-9)
    assert model[0].momentum == 0.1
    assert not model.training


def test_update_bn_leaves_a_model_without_batch_norm_alone():
    called = []

    class Counting(nn.Module):
        def forward(self, x):
            called.append(x)

    swa_utils.update_bn([medtorch.ones(1)], Counting())
    assert called == []


@pytest.mark.parametrize(
    ("strategy", "share"), [("linear", lambda s: s), ("cos", lambda s: (1 - math.cos(math.pi * s)) / 2)]
)
def test_swalr_anneals_to_its_rate_and_stays_there(strategy, share):
    optimizer = optim.SGD([medtorch.ones(1).requires_grad_()], lr=0.5)
    schedule = swa_utils.SWALR(optimizer, swa_lr=0.05, anneal_epochs=4, anneal_strategy=strategy)
    for epoch in range(8):
        a = share(min(1, epoch / 4))
        assert optimizer.param_groups[0]["lr"] == pytest.approx(0.05 * a + 0.5 * (1 - a), rel=1e-12)
        optimizer.step()
        schedule.step()


def test_swalr_refuses_what_is_no_schedule():
    optimizer = optim.SGD([medtorch.ones(1).requires_grad_()], lr=0.5)
    with pytest.raises(ArgumentError, match="must be one of 'cos' or 'linear', instead got up"):
        swa_utils.SWALR(optimizer, 0.1, anneal_strategy="up")
    with pytest.raises(ArgumentError, match="anneal_epochs must be equal or greater than 0, got -1"):
        swa_utils.SWALR(optimizer, 0.1, anneal_epochs=-1)


@pytest.mark.parametrize("epochs", [0, 3])
def test_swalr_gives_torchs_rates(epochs, needs_torch):
    def rates(library):
        optimizer = library.optim.SGD([library.ones(1).requires_grad_()], lr=0.5)
        schedule = library.optim.swa_utils.SWALR(optimizer, 0.05, anneal_epochs=epochs)
        out = []
        for _ in range(6):
            out.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step()
        return out

    assert rates(medtorch) == pytest.approx(rates(needs_torch), rel=1e-12)
