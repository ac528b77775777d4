"""Every schedule gives the rates of its formula, group by group, and torch's."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest

import medtorch
from medtorch import optim
from medtorch.errors import ArgumentError, ModuleTypeError
from medtorch.optim import lr_scheduler as schedules

pytestmark = pytest.mark.requirement("REQ-F-OPT-005")

RATES = (0.5, 0.08)
EPOCHS = 25


def optimizer_of(library, name="SGD", **options):
    params = [library.tensor([1.0]).requires_grad_() for _ in RATES]
    groups = [{"params": [p], "lr": rate} for p, rate in zip(params, RATES, strict=True)]
    return getattr(library.optim, name)(groups, **options)


def rates(optimizer, schedule, epochs=EPOCHS, arguments=()):
    out = []
    for nr in range(epochs):
        out.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        schedule.step(*([arguments[nr]] if arguments else []))
    return np.array(out)


def cosine_restarts(e, t0=3, mult=2, low=0.01):
    length = t0
    while e >= length:
        e, length = e - length, length * mult
    return lambda base: low + (base - low) * (1 + math.cos(math.pi * e / length)) / 2


def one_cycle(e, total=EPOCHS, share=0.3, div=25.0, final=1e4):
    """Smith's cycle in torch's counting: the peak at share * total - 1."""
    peak = share * total - 1

    def at(base):
        start, end, x = (1 / div, 1, e / peak) if e <= peak else (1, 1 / div / final, (e - peak) / (total - 1 - peak))
        return 0.4 * (end + (start - end) / 2 * (1 + math.cos(math.pi * x)))

    return at


def cyclic(e, scale, up=3, down=5, low=0.02, high=0.4):
    """Smith's triangle, its height scaled by the cycle or the step."""
    place = e % (up + down)
    height = place / up if place <= up else (up + down - place) / down
    return lambda base: low + (high - low) * height * scale(1 + e // (up + down), e)


CYCLE = {"base_lr": 0.02, "max_lr": 0.4, "step_size_up": 3, "step_size_down": 5, "cycle_momentum": False}
FORMULAS = {
    "CyclicLR": (CYCLE, lambda e: cyclic(e, lambda cycle, step: 1)),
    "CyclicLR triangular2": (
        {**CYCLE, "mode": "triangular2"},
        lambda e: cyclic(e, lambda cycle, step: 0.5 ** (cycle - 1)),
    ),
    "CyclicLR exp_range": (
        {**CYCLE, "mode": "exp_range", "gamma": 0.95},
        lambda e: cyclic(e, lambda cycle, step: 0.95**step),
    ),
    "CyclicLR scale_fn": (
        {**CYCLE, "scale_fn": lambda x: 1 / (1 + x), "scale_mode": "iterations"},
        lambda e: cyclic(e, lambda cycle, step: 1 / (1 + step)),
    ),
    "StepLR": ({"step_size": 4, "gamma": 0.5}, lambda e: lambda b: b * 0.5 ** (e // 4)),
    "MultiStepLR": (
        {"milestones": [3, 7, 7, 20], "gamma": 0.5},
        lambda e: lambda b: b * 0.5 ** sum(e >= m for m in (3, 7, 7, 20)),
    ),
    "ConstantLR": ({"factor": 0.25, "total_iters": 6}, lambda e: lambda b: b * (0.25 if e < 6 else 1)),
    "LinearLR": (
        {"start_factor": 0.25, "end_factor": 0.75, "total_iters": 6},
        lambda e: lambda b: b * (0.25 + 0.5 * min(e, 6) / 6),
    ),
    "ExponentialLR": ({"gamma": 0.9}, lambda e: lambda b: b * 0.9**e),
    "PolynomialLR": ({"total_iters": 9, "power": 2.0}, lambda e: lambda b: b * (1 - min(e, 9) / 9) ** 2),
    "CosineAnnealingLR": (
        {"T_max": 6, "eta_min": 0.01},
        lambda e: lambda b: 0.01 + (b - 0.01) * (1 + math.cos(math.pi * e / 6)) / 2,
    ),
    "CosineAnnealingWarmRestarts": ({"T_0": 3, "T_mult": 2, "eta_min": 0.01}, cosine_restarts),
    "LambdaLR": ({"lr_lambda": [lambda e: 1 / (1 + e), lambda e: 0.5**e]}, None),
    "MultiplicativeLR": ({"lr_lambda": lambda e: 0.9}, lambda e: lambda b: b * 0.9**e),
    "OneCycleLR": ({"max_lr": 0.4, "total_steps": EPOCHS, "cycle_momentum": False}, one_cycle),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_rates_follow_the_formula(name):
    options, formula = FORMULAS[name]
    optimizer = optimizer_of(medtorch)
    found = rates(optimizer, getattr(schedules, name.split()[0])(optimizer, **options))
    if name == "LambdaLR":
        expected = [[RATES[0] / (1 + e), RATES[1] * 0.5**e] for e in range(EPOCHS)]
    else:
        expected = [[formula(e)(base) for base in RATES] for e in range(EPOCHS)]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", FORMULAS)
def test_rates_equal_torchs_to_the_last_bit(name, needs_torch):
    options, _ = FORMULAS[name]
    found = []
    for library in (medtorch, needs_torch):
        optimizer = optimizer_of(library)
        found.append(rates(optimizer, getattr(library.optim.lr_scheduler, name.split()[0])(optimizer, **options)))
    np.testing.assert_array_equal(found[0], found[1])


@pytest.mark.parametrize("name", sorted(set(FORMULAS) - {"LambdaLR", "MultiplicativeLR", "OneCycleLR"}))
def test_a_step_to_a_given_epoch_is_the_formula_there(name):
    options, formula = FORMULAS[name]
    optimizer = optimizer_of(medtorch)
    schedule = getattr(schedules, name.split()[0])(optimizer, **options)
    optimizer.step()
    for epoch in (5, 17, 2):
        schedule.step(epoch)
        assert schedule.get_last_lr() == pytest.approx([formula(epoch)(base) for base in RATES], rel=1e-12)


@pytest.mark.parametrize("name", FORMULAS)
def test_a_resumed_schedule_goes_on_to_the_bit(name):
    options, _ = FORMULAS[name]
    optimizer = optimizer_of(medtorch)
    schedule = getattr(schedules, name.split()[0])(optimizer, **options)
    rates(optimizer, schedule, 9)
    saved = copy.deepcopy((optimizer.state_dict(), schedule.state_dict()))
    whole = rates(optimizer, schedule, 10)
    again = optimizer_of(medtorch)
    resumed = getattr(schedules, name.split()[0])(again, **options)
    again.load_state_dict(saved[0])
    resumed.load_state_dict(saved[1])
    np.testing.assert_array_equal(rates(again, resumed, 10), whole)


@pytest.mark.parametrize("options", [{}, {"three_phase": True}, {"anneal_strategy": "linear", "pct_start": 0.25}])
@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_one_cycle_turns_momentum_the_other_way_as_torch_does(name, options, needs_torch):
    seen = []
    for library in (medtorch, needs_torch):
        optimizer = optimizer_of(library, name, **({"momentum": 0.9} if name == "SGD" else {}))
        schedule = library.optim.lr_scheduler.OneCycleLR(optimizer, [0.4, 0.2], epochs=3, steps_per_epoch=5, **options)
        key = "momentum" if name == "SGD" else "betas"
        trace = []
        for _ in range(15):
            trace.append([(g["lr"], g[key] if name == "SGD" else g[key][0]) for g in optimizer.param_groups])
            optimizer.step()
            schedule.step()
        seen.append(np.array(trace))
    np.testing.assert_array_equal(seen[0], seen[1])
    assert seen[0][:, 0, 1].min() == pytest.approx(0.85, abs=0.03)
    assert seen[0][0, 0, 1] == 0.95


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_a_cycle_turns_momentum_the_other_way_as_torch_does(name, needs_torch):
    seen = []
    for library in (medtorch, needs_torch):
        optimizer = optimizer_of(library, name, **({"momentum": 0.9} if name == "SGD" else {}))
        schedule = library.optim.lr_scheduler.CyclicLR(optimizer, 0.1, [0.4, 0.2], 3, base_momentum=[0.7, 0.8])
        trace = []
        for _ in range(15):
            trace.append([(g["lr"], g["momentum"] if name == "SGD" else g["betas"][0]) for g in optimizer.param_groups])
            optimizer.step()
            schedule.step()
        seen.append(np.array(trace))
    np.testing.assert_array_equal(seen[0], seen[1])
    assert seen[0][3].tolist() == [[0.4, 0.7], [0.2, 0.8]]


class Halving:
    """A scale that remembers how often it was asked."""

    def __init__(self):
        self.asked = 0

    def __call__(self, x):
        self.asked += 1
        return 0.5


def test_an_object_with_fields_as_scale_is_saved_with_them():
    first = schedules.CyclicLR(optimizer_of(medtorch), 0.1, 0.4, 3, scale_fn=Halving(), cycle_momentum=False)
    second = schedules.CyclicLR(optimizer_of(medtorch), 0.1, 0.4, 3, scale_fn=Halving(), cycle_momentum=False)
    rates(first.optimizer, first, 4)
    second.load_state_dict(first.state_dict())
    assert second._scale_fn_custom.asked == 5
    assert second.last_epoch == 4


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"mode": "square"}, "mode is invalid and scale_fn is None: 'square'"),
        ({"scale_fn": lambda x: 1, "scale_mode": "days"}, "scale_mode must be 'cycle' or 'iterations', got 'days'"),
        ({"cycle_momentum": True}, None),
    ],
)
def test_an_impossible_cycle_is_refused(options, text):
    optimizer = optimizer_of(medtorch, "Adagrad" if text is None else "SGD")
    with pytest.raises(ArgumentError, match=text or "optimizer must support momentum or beta1"):
        schedules.CyclicLR(optimizer, 0.1, 0.4, **{"cycle_momentum": False, **options})


def test_one_cycle_ends_after_its_last_step():
    optimizer = optimizer_of(medtorch)
    schedule = schedules.OneCycleLR(optimizer, 0.1, total_steps=3, cycle_momentum=False)
    rates(optimizer, schedule, 3)
    with pytest.raises(ArgumentError, match=r"Tried to step 4 times\. The specified number of total steps is 3"):
        schedule.step()


LOSSES = [5, 4, 3, 3, 3, 3, 3, 3, 2, 2, 2, 2, 2, 2, 2, 2, float("nan"), 2, 2, 2, 2, 1, 1, 1, 1]
PLATEAUS = [
    {"patience": 2},
    {"patience": 1, "cooldown": 3, "factor": 0.5},
    {"patience": 0, "min_lr": [0.1, 0.01]},
    {"patience": 2, "mode": "max"},
    {"patience": 1, "threshold": 1.0, "threshold_mode": "abs"},
    {"patience": 1, "mode": "max", "threshold": 1.0, "threshold_mode": "abs"},
]


@pytest.mark.parametrize("options", PLATEAUS)
def test_plateaus_are_seen_where_torch_sees_them(options, needs_torch):
    found = []
    for library in (medtorch, needs_torch):
        optimizer = optimizer_of(library)
        schedule = library.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
        found.append(rates(optimizer, schedule, arguments=LOSSES))
    np.testing.assert_array_equal(found[0], found[1])


def test_a_plateau_is_more_bad_epochs_than_patience():
    optimizer = optimizer_of(medtorch)
    schedule = schedules.ReduceLROnPlateau(optimizer, patience=2, factor=0.1)
    found = rates(optimizer, schedule, 8, arguments=[3, 2, 2, 2, 2, 1, 1, 1])
    # 2 is reached in epoch 1 and not bettered in 2, 3 and 4: three bad ones, so epoch 5 is the first with less
    np.testing.assert_allclose(found[:, 0], [0.5] * 5 + [0.05] * 3)


def test_a_plateau_is_resumed_with_its_count():
    optimizer = optimizer_of(medtorch)
    schedule = schedules.ReduceLROnPlateau(optimizer, patience=2)
    rates(optimizer, schedule, 3, arguments=[1, 1, 1])
    resumed = schedules.ReduceLROnPlateau(optimizer, patience=2)
    resumed.load_state_dict(schedule.state_dict())
    resumed.step(1)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.05)


def make_sequence(library, optimizer):
    s = library.optim.lr_scheduler
    parts = [s.ConstantLR(optimizer, 0.1, 3), s.ExponentialLR(optimizer, 0.9), s.CosineAnnealingLR(optimizer, 4)]
    return s.SequentialLR(optimizer, parts, milestones=[3, 8])


def make_chain(library, optimizer):
    s = library.optim.lr_scheduler
    return s.ChainedScheduler([s.ConstantLR(optimizer, 0.1, 4), s.ExponentialLR(optimizer, 0.9)])


def test_a_sequence_changes_at_its_milestones():
    optimizer = optimizer_of(medtorch)
    found = rates(optimizer, make_sequence(medtorch, optimizer), 9)[:, 0]
    np.testing.assert_allclose(found, [0.05] * 3 + [0.5 * 0.9**e for e in range(5)] + [0.5], rtol=1e-12)


def test_a_chain_multiplies():
    optimizer = optimizer_of(medtorch)
    found = rates(optimizer, make_chain(medtorch, optimizer), 9)[:, 0]
    np.testing.assert_allclose(found, [0.5 * 0.9**e * (0.1 if e < 4 else 1) for e in range(9)], rtol=1e-12)


@pytest.mark.parametrize("make", [make_sequence, make_chain])
def test_combined_schedules_equal_torchs(make, needs_torch):
    found = []
    for library in (medtorch, needs_torch):
        optimizer = optimizer_of(library)
        found.append(rates(optimizer, make(library, optimizer)))
    np.testing.assert_array_equal(found[0], found[1])


@pytest.mark.parametrize("make", [make_sequence, make_chain])
def test_combined_schedules_are_resumed(make):
    optimizer = optimizer_of(medtorch)
    schedule = make(medtorch, optimizer)
    rates(optimizer, schedule, 5)
    saved = copy.deepcopy((optimizer.state_dict(), schedule.state_dict()))
    whole = rates(optimizer, schedule, 10)
    again = optimizer_of(medtorch)
    resumed = make(medtorch, again)
    again.load_state_dict(saved[0])
    resumed.load_state_dict(saved[1])
    np.testing.assert_array_equal(rates(again, resumed, 10), whole)


def test_an_object_with_fields_as_lambda_is_saved_with_them():
    class Factor:
        def __init__(self, base):
            self.base = base

        def __call__(self, epoch):
            return self.base**epoch

    optimizer = optimizer_of(medtorch)
    schedule = schedules.LambdaLR(optimizer, Factor(0.5))
    saved = schedule.state_dict()
    assert saved["lr_lambdas"] == [{"base": 0.5}] * 2
    other = schedules.LambdaLR(optimizer, Factor(0.1))
    other.load_state_dict(saved)
    assert other.lr_lambdas[0].base == 0.5


def test_stepping_the_schedule_before_the_optimizer_is_warned_about():
    optimizer = optimizer_of(medtorch)
    schedule = schedules.StepLR(optimizer, 2)
    with pytest.warns(UserWarning, match=r"lr_scheduler\.step\(\) was called before optimizer\.step\(\)"):
        schedule.step()


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda o: schedules.StepLR(3, 1), ModuleTypeError, "int is not an Optimizer"),
        (lambda o: schedules.ConstantLR(o, 2.0), ArgumentError, "Constant multiplicative factor"),
        (lambda o: schedules.LinearLR(o, 0.0), ArgumentError, "Starting multiplicative factor"),
        (lambda o: schedules.LinearLR(o, end_factor=2.0), ArgumentError, "Ending multiplicative factor"),
        (lambda o: schedules.CosineAnnealingWarmRestarts(o, 0), ArgumentError, "positive integer T_0, but got 0"),
        (lambda o: schedules.CosineAnnealingWarmRestarts(o, 1, 0), ArgumentError, "T_mult >= 1, but got 0"),
        (
            lambda o: schedules.CosineAnnealingWarmRestarts(o, 1).step(-1),
            ArgumentError,
            "non-negative epoch, but got -1",
        ),
        (
            lambda o: schedules.LambdaLR(o, [len]),
            ArgumentError,
            "lr_lambda must have one value a param_group: got 1 for 2",
        ),
        (lambda o: schedules.LambdaLR(o, 0.1), ModuleTypeError, "lr_lambda should be a function, but got float"),
        (lambda o: schedules.OneCycleLR(o, 0.1), ArgumentError, "either total_steps OR"),
        (
            lambda o: schedules.OneCycleLR(o, 0.1, total_steps=0),
            ArgumentError,
            "positive integer total_steps, but got 0",
        ),
        (lambda o: schedules.OneCycleLR(o, 0.1, epochs=1, steps_per_epoch=0), ArgumentError, "integer steps_per_epoch"),
        (lambda o: schedules.OneCycleLR(o, 0.1, 5, pct_start=1.5), ArgumentError, "pct_start, but got 1.5"),
        (lambda o: schedules.OneCycleLR(o, 0.1, 5, anneal_strategy="up"), ArgumentError, "instead got up"),
        (lambda o: schedules.ReduceLROnPlateau(o, factor=1.0), ArgumentError, "Factor should be < 1.0"),
        (lambda o: schedules.ReduceLROnPlateau(o, "best"), ArgumentError, "mode best is unknown"),
        (lambda o: schedules.ReduceLROnPlateau(o, threshold_mode="x"), ArgumentError, "threshold mode x is unknown"),
        (lambda o: schedules.ReduceLROnPlateau(o, min_lr=[1]), ArgumentError, "min_lr must have one value"),
        (lambda o: schedules.ChainedScheduler([]), ArgumentError, "expects at least one scheduler"),
        (lambda o: schedules.ChainedScheduler([schedules.ReduceLROnPlateau(o)]), ArgumentError, "needs a metric"),
        (lambda o: schedules.SequentialLR(o, [schedules.StepLR(o, 1)], [1]), ArgumentError, "one milestone fewer"),
        (
            lambda o: schedules.ChainedScheduler([schedules.StepLR(o, 1), schedules.StepLR(optimizer_of(medtorch), 1)]),
            ArgumentError,
            "the one at index 1 does not",
        ),
        (lambda o: schedules.ChainedScheduler([schedules.StepLR(o, 1)]).step(3), ArgumentError, "takes no epoch"),
    ],
)
def test_what_cannot_be_scheduled_is_refused_by_name(make, error, text):
    with pytest.raises(error, match=text):
        make(optimizer_of(medtorch))


def test_cycling_momentum_needs_one():
    class Plain(optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {"lr": 0.1})

        def step(self, closure=None):
            return None

    with pytest.raises(ArgumentError, match="must support momentum or beta1"):
        schedules.OneCycleLR(Plain([medtorch.ones(1).requires_grad_()]), 0.1, total_steps=5)


@pytest.mark.parametrize("name", ["StepLR", "CyclicLR", "OneCycleLR", "ReduceLROnPlateau", "SequentialLR"])
def test_a_rate_that_is_a_tensor_stays_that_tensor(name):
    def made(lr):
        optimizer = optim.SGD([medtorch.ones(1).requires_grad_()], lr=lr)
        if name == "SequentialLR":
            return optimizer, schedules.SequentialLR(
                optimizer, [schedules.ConstantLR(optimizer, 0.5, 2), schedules.StepLR(optimizer, 2, 0.5)], [3]
            )
        options = {"StepLR": {"step_size": 2, "gamma": 0.5}, "ReduceLROnPlateau": {"patience": 1}}.get(
            name, FORMULAS[name][0] if name in FORMULAS else {}
        )
        return optimizer, getattr(schedules, name)(optimizer, **options)

    boxed = medtorch.tensor(0.5, dtype=medtorch.float64)
    (first, plain), (second, with_tensor) = made(0.5), made(boxed)
    for _ in range(8):
        for optimizer, schedule in ((first, plain), (second, with_tensor)):
            optimizer.step()
            schedule.step(*([1.0] if name == "ReduceLROnPlateau" else []))
        assert second.param_groups[0]["lr"] is boxed
        assert boxed.item() == first.param_groups[0]["lr"]
