"""Ten steps are five steps, saved, loaded, and five steps more: bit for bit."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import medtorch
from medtorch import optim
from medtorch.errors import ArgumentError, StateDictError, UnsupportedError

pytestmark = pytest.mark.requirement("REQ-F-OPT-006")

SETTINGS = [
    ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ("Adam", {"lr": 0.01, "amsgrad": True}),
    ("AdamW", {"lr": 0.01}),
    ("RMSprop", {"lr": 0.01, "centered": True, "momentum": 0.9}),
]


class Run:
    """A parameter, an optimizer, a schedule, and gradients that depend on the parameter."""

    def __init__(self, name, options, start):
        self.param = medtorch.tensor(start).requires_grad_()
        self.optimizer = getattr(optim, name)([self.param], **options)
        self.schedule = optim.lr_scheduler.CosineAnnealingLR(self.optimizer, T_max=7)

    def go(self, steps):
        for _ in range(steps):
            self.optimizer.zero_grad()
            (self.param**4 - 2 * self.param**2).sum().backward()
            self.optimizer.step()
            self.schedule.step()
        return self


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "options"), SETTINGS)
def test_a_resumed_run_gives_the_same_bits(name, options, dtype, rng):
    start = rng.normal(size=17).astype(dtype)
    whole = Run(name, options, start).go(10)
    first = Run(name, options, start).go(5)
    saved = copy.deepcopy((first.param.detach().numpy(), first.optimizer.state_dict(), first.schedule.state_dict()))
    second = Run(name, options, saved[0])
    second.optimizer.load_state_dict(saved[1])
    second.schedule.load_state_dict(saved[2])
    second.go(5)
    assert second.param.detach().numpy().tobytes() == whole.param.detach().numpy().tobytes()


def test_the_loaded_state_is_a_copy(rng):
    first = Run("Adam", {"lr": 0.1}, rng.normal(size=3)).go(2)
    second = Run("Adam", {"lr": 0.1}, rng.normal(size=3))
    second.optimizer.load_state_dict(first.optimizer.state_dict())
    before = first.optimizer.state[first.param]["exp_avg"].tolist()
    second.go(1)
    assert first.optimizer.state[first.param]["exp_avg"].tolist() == before


def test_state_goes_to_the_dtype_of_the_parameter_and_the_count_of_steps_stays():
    first = Run("Adam", {"lr": 0.1}, np.ones(3)).go(4)
    second = Run("Adam", {"lr": 0.1}, np.ones(3, np.float32))
    second.optimizer.load_state_dict(first.optimizer.state_dict())
    state = second.optimizer.state[second.param]
    assert state["exp_avg"].dtype is medtorch.float32
    assert state["step"].item() == 4.0


def test_a_count_of_steps_that_is_a_plain_number_is_understood():
    run = Run("Adam", {"lr": 0.1}, np.ones(2)).go(3)
    saved = run.optimizer.state_dict()
    saved["state"] = {0: {**saved["state"][0], "step": 3}}
    run.optimizer.load_state_dict(saved)
    assert run.optimizer.state[run.param]["step"].item() == 3.0
    run.go(1)
    assert run.optimizer.state[run.param]["step"].item() == 4.0


def test_options_come_from_the_file():
    saved = Run("SGD", {"lr": 0.5, "momentum": 0.25}, np.ones(2)).optimizer.state_dict()
    other = Run("SGD", {"lr": 0.1}, np.ones(2))
    other.optimizer.load_state_dict(saved)
    assert other.optimizer.param_groups[0]["lr"] == 0.5
    assert other.optimizer.param_groups[0]["momentum"] == 0.25
    assert other.optimizer.param_groups[0]["params"] == [other.param]


def test_an_option_younger_than_the_file_has_its_default():
    run = Run("Adam", {"lr": 0.1}, np.ones(2))
    saved = run.optimizer.state_dict()
    del saved["param_groups"][0]["decoupled_weight_decay"]
    run.optimizer.load_state_dict(saved)
    assert run.optimizer.param_groups[0]["decoupled_weight_decay"] is False


def test_weight_decay_of_adamw_stays_decoupled_though_an_old_file_says_nothing():
    run = Run("AdamW", {"lr": 0.1}, np.ones(2))
    saved = run.optimizer.state_dict()
    del saved["param_groups"][0]["decoupled_weight_decay"]
    run.optimizer.load_state_dict(saved)
    assert run.optimizer.param_groups[0]["decoupled_weight_decay"] is True


def test_a_state_of_torch_is_read_and_goes_on_as_torch_does(needs_torch, rng):
    torch, start = needs_torch, rng.normal(size=4)
    theirs = torch.tensor(start).requires_grad_()
    reference = torch.optim.Adam([theirs], lr=0.1, amsgrad=True)
    grads = rng.normal(size=(6, 4))
    for grad in grads[:3]:
        theirs.grad = torch.tensor(grad)
        reference.step()
    ours = medtorch.tensor(theirs.detach().numpy().copy()).requires_grad_()
    optimizer = optim.Adam([ours], lr=0.9)
    optimizer.load_state_dict(translated(reference.state_dict()))
    for grad in grads[3:]:
        theirs.grad, ours.grad = torch.tensor(grad), medtorch.tensor(grad)
        reference.step()
        optimizer.step()
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-13, atol=1e-14)


def translated(value):
    if isinstance(value, dict):
        return {key: translated(inside) for key, inside in value.items()}
    if isinstance(value, list):
        return [translated(inside) for inside in value]
    return medtorch.tensor(value.numpy()) if hasattr(value, "numpy") else value


def test_a_file_of_other_groups_is_refused():
    run = Run("SGD", {"lr": 0.1}, np.ones(2))
    saved = run.optimizer.state_dict()
    with pytest.raises(StateDictError, match="a different number of parameter groups: 2, here 1"):
        run.optimizer.load_state_dict({**saved, "param_groups": saved["param_groups"] * 2})
    with pytest.raises(StateDictError, match="group 0 has 2 parameters, here 1"):
        run.optimizer.load_state_dict({**saved, "param_groups": [{**saved["param_groups"][0], "params": [0, 1]}]})
    with pytest.raises(StateDictError, match="has no param_groups"):
        run.optimizer.load_state_dict({"state": {}})


def test_a_state_of_another_shape_is_refused():
    run = Run("Adam", {"lr": 0.1}, np.ones(2)).go(1)
    saved = run.optimizer.state_dict()
    saved["state"][0] = {**saved["state"][0], "exp_avg": medtorch.zeros(3)}
    with pytest.raises(StateDictError, match=r"'exp_avg' has shape .*\[3\].*, its parameter .*\[2\]"):
        run.optimizer.load_state_dict(saved)


def test_a_file_that_asks_for_a_switch_is_refused():
    run = Run("Adam", {"lr": 0.1}, np.ones(2))
    saved = run.optimizer.state_dict()
    saved["param_groups"][0]["capturable"] = True
    with pytest.raises(UnsupportedError, match="Adam: capturable=True is not supported"):
        run.optimizer.load_state_dict(saved)


def test_hooks_of_saving_and_loading_are_called_in_order():
    run = Run("SGD", {"lr": 0.1}, np.ones(2))
    seen = []
    run.optimizer.register_state_dict_pre_hook(lambda o: seen.append("before saving"))
    run.optimizer.register_state_dict_post_hook(lambda o, s: {**s, "epoch": 3})
    run.optimizer.register_load_state_dict_pre_hook(lambda o, s: seen.append(s["epoch"]))
    run.optimizer.register_load_state_dict_post_hook(lambda o: seen.append("after loading"))
    saved = run.optimizer.state_dict()
    assert saved["epoch"] == 3
    run.optimizer.load_state_dict(saved)
    assert seen == ["before saving", 3, "after loading"]


def test_a_schedule_of_other_names_is_refused():
    run = Run("SGD", {"lr": 0.1}, np.ones(2))
    saved = run.schedule.state_dict()
    with pytest.raises(StateDictError, match=r"CosineAnnealingLR: state misses \['T_max'\], and has \['step_size'\]"):
        run.schedule.load_state_dict({**{k: v for k, v in saved.items() if k != "T_max"}, "step_size": 3})


def test_resuming_a_schedule_by_number_needs_the_first_rates():
    optimizer = optim.SGD([medtorch.ones(1).requires_grad_()], lr=0.1)
    with pytest.raises(ArgumentError, match=r"'initial_lr' is not specified in param_groups\[0\]"):
        optim.lr_scheduler.StepLR(optimizer, 2, last_epoch=3)
