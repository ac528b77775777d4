"""Groups, options, closures, hooks: what every optimizer has."""

from __future__ import annotations

import pytest

import medtorch
from medtorch import optim
from medtorch.errors import ArgumentError, ModuleTypeError, UnsupportedError
from medtorch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
    required,
)

pytestmark = pytest.mark.requirement("REQ-F-OPT-001")


def param(*numbers):
    return medtorch.tensor(list(numbers) or [1.0]).requires_grad_()


def test_options_of_a_group_go_before_the_defaults():
    a, b = param(), param()
    a.grad, b.grad = medtorch.ones(1), medtorch.ones(1)
    optim.SGD([{"params": [a]}, {"params": b, "lr": 0.5}], lr=0.25).step()
    assert (a.item(), b.item()) == (0.75, 0.5)


def test_a_group_can_come_later():
    a, b = param(), param()
    optimizer = optim.SGD([a], lr=0.25)
    optimizer.add_param_group({"params": [b], "lr": 0.5})
    b.grad = medtorch.ones(1)
    optimizer.step()
    assert b.item() == 0.5
    assert [group["lr"] for group in optimizer.param_groups] == [0.25, 0.5]


def test_named_parameters_keep_their_names():
    optimizer = optim.SGD([("first", param()), ("second", param())], lr=0.1)
    assert optimizer.param_groups[0]["param_names"] == ["first", "second"]
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["first", "second"]


@pytest.mark.parametrize(
    ("params", "error", "text"),
    [
        (param(), ModuleTypeError, "should be an iterable of Tensors or dicts"),
        ([], ArgumentError, "empty parameter list"),
        ([1.0], ModuleTypeError, "can only optimize Tensors, but one of the params is float"),
        ([param() * 2], ArgumentError, "can't optimize a non-leaf Tensor"),
        ([{"params": {param()}}], ModuleTypeError, "which a set has not"),
        ([("a", param()), param()], ArgumentError, "Some param names are missing"),
    ],
)
def test_what_is_no_list_of_parameters_is_refused(params, error, text):
    with pytest.raises(error, match=text):
        optim.SGD(params, lr=0.1)


def test_a_parameter_in_two_places_is_refused():
    shared = param()
    with pytest.raises(ArgumentError, match="twice in one parameter group"):
        optim.SGD([shared, shared], lr=0.1)
    with pytest.raises(ArgumentError, match="more than one parameter group"):
        optim.SGD([{"params": [shared]}, {"params": [shared]}], lr=0.1)


def test_a_required_option_has_to_be_given():
    class Needy(optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {"lr": required})

    with pytest.raises(ArgumentError, match="required optimization parameter lr"):
        Needy([param()])
    assert Needy([{"params": [param()], "lr": 1}]).param_groups[0]["lr"] == 1


SWITCHES = ["foreach", "fused", "capturable", "differentiable"]
WITHOUT = {
    "SGD": {"capturable"},
    "Adagrad": {"capturable"},
    "Adam": set(),
    "AdamW": set(),
    "Adafactor": set(SWITCHES[1:]),
}


TOGETHER = ("SGD", "Adam", "AdamW")


@pytest.mark.parametrize("name", TOGETHER)
def test_foreach_and_fused_together_are_refused(name):
    with pytest.raises(ArgumentError, match=f"{name}: foreach and fused cannot both be True"):
        getattr(optim, name)([param()], foreach=True, fused=True)


@pytest.mark.parametrize(
    "name",
    [
        "SGD",
        "Adam",
        "AdamW",
        "RMSprop",
        "Adadelta",
        "Adagrad",
        "Adamax",
        "NAdam",
        "RAdam",
        "Rprop",
        "ASGD",
        "Adafactor",
    ],
)
@pytest.mark.parametrize("switch", SWITCHES)
def test_switches_between_torchs_implementations_are_refused_by_name(name, switch):
    if switch in WITHOUT.get(name, {"fused"}):
        with pytest.raises(TypeError, match=switch):
            getattr(optim, name)([param()], **{switch: True})
        return
    if name in TOGETHER and switch in ("foreach", "fused"):  # a meaning that it has here, too
        assert getattr(optim, name)([param()], **{switch: True}).param_groups[0][switch] is True
        return
    with pytest.raises(UnsupportedError, match=f"{name}: {switch}=True is not supported"):
        getattr(optim, name)([param()], **{switch: True})
    assert getattr(optim, name)([param()], **{switch: False}).param_groups[0][switch] is False


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: optim.SGD([param()], lr=-1), "SGD: lr must not be negative, got -1"),
        (lambda: optim.SGD([param()], lr=float("nan")), "SGD: lr must not be negative, got nan"),
        (lambda: optim.SGD([param()], momentum=-1), "SGD: momentum must not be negative"),
        (lambda: optim.SGD([param()], nesterov=True), "Nesterov momentum requires a momentum and zero dampening"),
        (lambda: optim.Adam([param()], betas=(1.0, 0.9)), "Invalid beta parameter at index 0: 1.0"),
        (lambda: optim.Adam([param()], eps=-1), "Adam: eps must not be negative"),
        (lambda: optim.AdamW([param()], weight_decay=-1), "AdamW: weight_decay must not be negative"),
        (lambda: optim.RMSprop([param()], alpha=-1), "RMSprop: alpha must not be negative"),
        (lambda: optim.Adadelta([param()], rho=1.1), "Adadelta: Invalid rho value: 1.1"),
        (lambda: optim.Adagrad([param()], lr_decay=-0.5), "Adagrad: .* Invalid lr_decay value: -0.5"),
        (lambda: optim.Adamax([param()], betas=(0.0, 1.0)), "Adamax: Invalid beta parameter at index 1: 1.0"),
        (lambda: optim.NAdam([param()], momentum_decay=-1), "NAdam: momentum_decay must not be negative"),
        (lambda: optim.RAdam([param()], betas=(1.0, 0.0)), "RAdam: Invalid beta parameter at index 0"),
        (lambda: optim.Rprop([param()], etas=(1.0, 0.5)), "Rprop: Invalid eta values: 1.0, 0.5"),
        (lambda: optim.ASGD([param()], weight_decay=-1), "ASGD: weight_decay must not be negative"),
        (lambda: optim.Adafactor([param()], d=0.5), "Adafactor: Clipping threshold d should be >= 1 but is: 0.5"),
        (lambda: optim.Adafactor([param()], beta2_decay=0.8), "beta2_decay should be <= 0 but is: 0.8"),
        (lambda: optim.Adafactor([param()], eps=(-1e-30, 1e-3)), "epsilon1 should be >= 0 but is: -1e-30"),
        (lambda: optim.Muon([param()]), r"Muon only supports 2D parameters .* \(1,\)"),
        (lambda: optim.Muon([medtorch.ones(1, 1).requires_grad_()], ns_steps=100), "must be less than 100, got 100"),
        (
            lambda: optim.Muon([medtorch.ones(1, 1).requires_grad_()], ns_coefficients=(1.0, 2.0)),
            "exactly 3 values, got",
        ),
        (lambda: optim.Muon([param()], adjust_lr_fn="arbitrary"), "function arbitrary is not supported"),
        (lambda: optim.LBFGS([param()], line_search_fn="armijo"), "only 'strong_wolfe' is supported .* 'armijo'"),
        (lambda: optim.LBFGS([{"params": [param()]}, {"params": [param()]}]), "LBFGS doesn't support per-parameter"),
        (lambda: optim.LBFGS([param()]).step(), "LBFGS: step needs a closure"),
    ],
)
def test_impossible_numbers_are_refused_by_name(make, text):
    with pytest.raises(ArgumentError, match=text):
        make()


@pytest.mark.parametrize("name", ["SGD", "Adagrad", "RMSprop", "Rprop", "ASGD"])
def test_a_learning_rate_may_be_a_tensor_of_one_element(name):
    plain, boxed = param(2.0), param(2.0)
    plain.grad, boxed.grad = medtorch.ones(1), medtorch.ones(1)
    getattr(optim, name)([plain], lr=0.25).step()
    optimizer = getattr(optim, name)([boxed], lr=medtorch.tensor(0.25))
    optimizer.step()
    assert boxed.item() == plain.item() != 2.0
    assert optimizer.param_groups[0]["lr"].item() == 0.25


def test_a_learning_rate_of_several_elements_is_refused():
    with pytest.raises(ArgumentError, match="SGD: Tensor lr must be 1-element"):
        optim.SGD([param()], lr=medtorch.tensor([0.1, 0.2]))


def test_another_option_as_a_tensor_is_refused():
    with pytest.raises(UnsupportedError, match="SGD: momentum as a tensor is not supported"):
        optim.SGD([param()], momentum=medtorch.tensor(0.1))


def test_names_in_one_group_and_none_in_the_next_are_refused():
    optimizer = optim.SGD([("a", param())], lr=0.1)
    with pytest.raises(ArgumentError, match="cannot add param group without names to the optimizer"):
        optimizer.add_param_group({"params": [param()]})


def test_sparse_adam_is_refused_by_name():
    with pytest.raises(UnsupportedError, match="SparseAdam is not supported: it needs sparse gradients"):
        optim.SparseAdam([param()])


def test_zero_grad_forgets_or_fills_with_zeros():
    p = param()
    optimizer = optim.SGD([p], lr=0.1)
    p.grad = medtorch.ones(1)
    optimizer.zero_grad(set_to_none=False)
    assert p.grad.tolist() == [0.0]
    optimizer.zero_grad()
    assert p.grad is None


def test_a_closure_is_evaluated_with_gradients_and_its_loss_given_back():
    p = param(3.0)
    optimizer = optim.SGD([p], lr=0.5)

    def closure():
        optimizer.zero_grad()
        loss = (p**2).sum()
        loss.backward()
        return loss

    with medtorch.no_grad():
        assert optimizer.step(closure).item() == 9.0
    assert p.item() == 0.0


def test_a_step_is_not_recorded():
    p = param()
    p.grad = medtorch.ones(1)
    optim.Adam([p], lr=0.1).step()
    assert p.is_leaf
    assert p.requires_grad


def test_step_hooks_are_called_around_each_step_also_of_ones_own_optimizers():
    class Still(optim.Optimizer):
        def step(self, closure=None):
            seen.append("step")

    seen: list[str] = []
    optimizer = Still([param()], {})
    optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append("before"))
    handle = optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append("after"))
    optimizer.step()
    handle.remove()
    optimizer.step()
    assert seen == ["before", "step", "after", "before", "step"]


def test_hooks_of_all_optimizers_are_around_those_of_one():
    seen: list[str] = []
    optimizer = optim.SGD([param()], lr=0.1)
    optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append("own before"))
    optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append("own after"))
    before = register_optimizer_step_pre_hook(lambda o, args, kwargs: seen.append("before"))
    after = register_optimizer_step_post_hook(lambda o, args, kwargs: seen.append("after"))
    with before, after:
        optimizer.step()
    assert seen == ["before", "own before", "own after", "after"]
    optimizer.step()
    assert seen[4:] == ["own before", "own after"]


def test_a_step_pre_hook_can_change_the_arguments():
    optimizer = optim.SGD([param()], lr=0.1)
    optimizer.register_step_pre_hook(lambda o, args, kwargs: ((o, lambda: 7), {}))
    assert optimizer.step() == 7
    optimizer.register_step_pre_hook(lambda o, args, kwargs: "nonsense")
    with pytest.raises(ArgumentError, match="must return None or a tuple"):
        optimizer.step()


def test_an_optimizer_without_a_step_says_so():
    with pytest.raises(NotImplementedError):
        optim.Optimizer([param()], {}).step()
