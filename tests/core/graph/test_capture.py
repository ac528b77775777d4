"""What a capture follows (views, in-place changes, shapes) and what it refuses, by name."""

from __future__ import annotations

import numpy as np
import pytest

import medtorch
from medtorch import nn
from medtorch.core.modes import STATE
from medtorch.errors import ArgumentError, AutogradError, CompileError
from medtorch.nn import functional as F
from tests.core.graph.models import eager, image

pytestmark = pytest.mark.requirement("REQ-F-CMP-001", "REQ-F-CMP-002")


def same(function, *inputs, rewrites=("none", "all")):
    """Compiled on the inputs, `function` gives its own bits for other numbers."""
    others = [image(tuple(x.shape), seed=77) if x.is_floating_point() else x for x in inputs]
    wanted = function(*[x.clone() for x in others])
    for mode in rewrites:
        found = medtorch.compile(function, *inputs, rewrites=mode, poison=True)(*others)
        assert found.numpy().tobytes() == wanted.numpy().tobytes(), mode


# -- followed ----------------------------------------------------------------------------------------------------------


def zeros_filled(x):
    out = medtorch.zeros(2, 6, 3)
    out[:, :3] = x
    out[:, 3:].copy_(x * 2)
    return out


def changed_through_a_view(x):
    y = x + 1
    first, rest = y[:, 0], y[:, 1:]
    flat = y.view(-1)
    first.mul_(3)
    flat[1] = 5.0
    rest += 1
    return y * 1 + flat.view(y.shape) + medtorch.cat((first.unsqueeze(1), rest), 1)


def changed_after_use(x):
    y = x.clone()
    before = y * 2
    y.relu_()
    y += before
    return y - before


def detached_and_changed(x):
    y = x * 1
    y.detach().mul_(2)
    y.data.add_(1)
    return y


def through_a_mask(x):
    y = x.clone()
    y[x > 0] = 0.0
    return y


def cast_on_the_way(x):
    y = medtorch.zeros(2, 3, 3, dtype=medtorch.float64)
    y.copy_(x)
    return (y / 3).float()


def overlapping(x):
    y = x.clone()
    y[:, 1:] = y[:, :-1]
    return y


def by_its_shape(x):
    total = x.sum()
    for place in range(x.shape[1]):
        total = total + x[:, place].mean() * place
    return total if x.shape[0] > 100 else total * len(x)


def several_results(x):
    values, places = x.topk(2, dim=1)
    low, high = x.aminmax()
    a, b, c = x.unbind(1)
    return values.sum() + places.sum() + (high - low) + (a * b + c).sum()


@pytest.mark.parametrize(
    "function",
    [
        zeros_filled,
        changed_through_a_view,
        changed_after_use,
        detached_and_changed,
        cast_on_the_way,
        overlapping,
        by_its_shape,
        several_results,
    ],
)
def test_a_function_is_followed_bit_for_bit(function):
    same(function, image((2, 3, 3)))


def test_what_is_changed_in_place_keeps_its_layout_in_memory():
    def turned(x):
        y = (x * 1).permute(0, 2, 1)
        y.copy_(x)  # written through a permuted view: rows of y are columns in memory
        return y.sum(1) + y.contiguous().view(-1)[0]

    same(turned, image((2, 7, 7)), rewrites=("none",))


def test_constants_that_a_model_makes_and_changes_belong_to_each_call():
    def counting(x):
        counter = medtorch.zeros(3)
        counter += 1
        counter[1] = 7
        return x + counter

    same(counting, image((2, 3)))


def test_embedding_lookups_take_whole_numbers():
    table = nn.Embedding(5, 3).eval()
    places = medtorch.tensor([[0, 4], [2, 2]])
    compiled = medtorch.compile(table, places)
    other = medtorch.tensor([[1, 1], [3, 0]])
    assert compiled(other).numpy().tobytes() == eager(table, other).numpy().tobytes()


def test_a_compiled_model_inside_of_another_is_captured_with_it():
    inner = nn.Conv2d(1, 2, 3).eval()
    x = image((1, 1, 6, 6))
    fast = medtorch.compile(inner, x)
    outer = medtorch.compile(lambda t: fast(t).relu() * 2, x)
    other = image((1, 1, 6, 6), seed=4)
    assert outer(other).numpy().tobytes() == (eager(inner, other).relu() * 2).numpy().tobytes()


def test_the_examples_and_the_model_are_left_as_they_are():
    model, x = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(inplace=True)).eval(), image((1, 1, 6, 6))
    before = {name: t.numpy().copy() for name, t in model.state_dict().items()}, x.numpy().copy()
    medtorch.compile(model, x)
    assert all(np.array_equal(t.numpy(), before[0][name]) for name, t in model.state_dict().items())
    assert np.array_equal(x.numpy(), before[1])
    assert STATE.capture is None


def test_a_failing_capture_leaves_no_trace():
    with pytest.raises(CompileError):
        medtorch.compile(lambda x: x * x.sum().item(), image((2,)))
    assert STATE.capture is None
    assert float(image((1,)).item()) == pytest.approx(0.125730, abs=1e-6)


# -- refused -----------------------------------------------------------------------------------------------------------


def refused(function, match, *inputs):
    with pytest.raises(CompileError, match=match):
        medtorch.compile(function, *(inputs or (image((2, 3)),)))


READ = r"^compile: {}: the model reads the numbers of {}, which follow from its input; what it does next may depend"


@pytest.mark.parametrize(
    ("function", "name", "what"),
    [
        (lambda x: x if x.sum() > 0 else -x, "item", r"the result of lt \(op 1\)"),
        (lambda x: x * x.max().item(), "item", r"the result of amax \(op 0\)"),
        (lambda x: x * float(x[0, 0]), "item", r"the result of .* \(op \d\)"),
        (lambda x: x * len(x.tolist()), "tolist", "input 0"),
        (lambda x: x * x.numpy().max(), "numpy", "input 0"),
        (lambda x: x * np.asarray(x).max(), "numpy", "input 0"),
        (lambda x: x * len(repr(x)), "repr", "input 0"),
        (lambda x: x if medtorch.equal(x, x * 1) else -x, "item", r"the result of all \(op 2\)"),
        (lambda x: x + medtorch.from_dlpack(x), "__dlpack__", "input 0"),
        (lambda x: x + x.new_tensor(x), "numpy", "input 0"),
    ],
)
def test_reading_numbers_that_follow_from_the_input_is_refused(function, name, what):
    refused(function, READ.format(name, what))


def test_a_model_that_catches_the_refusal_is_refused_all_the_same():
    def stubborn(x):
        try:
            return x if x.sum() > 0 else -x
        except Exception:
            return x * 3

    refused(stubborn, READ.format("item", r"the result of lt \(op 1\)"))


def test_reading_numbers_of_the_model_itself_is_allowed():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.factor = nn.Parameter(medtorch.tensor(2.0))

        def forward(self, x):
            return x * self.factor.item() if self.factor > 1 else x

    x = image((2, 3))
    assert medtorch.compile(Scaled().eval(), x)(x).numpy().tobytes() == (x * 2).numpy().tobytes()


def test_shapes_that_follow_from_numbers_are_refused():
    text = r"^compile: nonzero: the shape of its result follows from the numbers it is given, not from their shape"
    refused(lambda x: x.nonzero(), text)
    refused(lambda x: x[x > 0], text)
    refused(through_a_mask, text)


def test_random_numbers_are_refused():
    text = (
        r"^compile: the model draws random numbers, so that its answer is not a function of its input; put it in eval"
    )
    refused(lambda x: F.dropout(x, 0.5, training=True), text)
    refused(lambda x: x + medtorch.randn(2, 3), text)
    refused(lambda x: x.clone().uniform_(), text)


def test_a_model_in_training_mode_is_refused_by_the_module_that_is():
    refused(
        nn.Linear(3, 2), r"^compile: the model must be in evaluation mode, but it is in training mode: call eval\(\)$"
    )
    model = nn.Sequential(nn.Linear(3, 2), nn.Dropout()).eval()
    model[1].train()
    refused(
        model, r"^compile: the model must be in evaluation mode, but its module '1' \(Dropout\) is in training mode"
    )


class Counting(nn.Module):
    """Changes itself."""

    def __init__(self, how):
        super().__init__()
        self.register_buffer("calls", medtorch.zeros(1))
        self.how = how

    def forward(self, x):
        if self.how == "buffer":
            self.calls += 1
        elif self.how == "data":
            y = x * 1
            y.data = x
        elif self.how == "input":
            x.mul_(2)
        else:
            x[:, 0].mul_(2)
        return x * 2


def test_changing_the_model_or_its_input_in_place_is_refused():
    refused(
        Counting("buffer").eval(), r"^compile: add_: the model changes its own buffer calls in place; a compiled model"
    )
    refused(Counting("input").eval(), r"^compile: mul_: the model changes input 0 in place; a compiled model leaves")
    refused(
        Counting("view of input").eval(), r"^compile: mul_: the model changes input 0 in place; a compiled model leaves"
    )
    refused(Counting("data").eval(), r"^compile: the model gives a tensor other memory \(x.data = ...\) while it runs$")


def test_moving_to_another_device_is_refused(monkeypatch):
    elsewhere = medtorch.device("cuda:0")
    refused(
        lambda x: (x * 2).to(elsewhere),
        r"^compile: to: the model moves the result of mul \(op 0\) from cpu to cuda:0; a compiled model stays on one.*"
        r"\n  tensor  \(2, 3\)  float32  cpu$",
    )


def test_a_model_that_does_not_do_the_same_twice_is_found_out():
    calls = []

    def unsteady(x):
        calls.append(1)
        return x * 2 if len(calls) % 2 else x + 2

    refused(
        unsteady,
        r"^compile: for other numbers of the same shape the model does something else: op 0 is mul for the exa",
    )

    def longer(x):
        calls.append(1)
        return x * 2 if len(calls) % 2 else (x * 2).relu()

    calls.clear()
    refused(
        longer, r"does something else: 1 ops for the example, 2 for others, or other outputs; such a model cannot be"
    )


def test_numbers_that_leave_by_a_side_door_are_found_out():
    def sly(x):
        return x * medtorch.from_numpy(np.array(x._array.max()))  # around every method that is watched

    refused(sly, r"^compile: a constant \(\)  float32  cpu that the model uses follows from its input by a way around")


def test_what_a_model_hands_out_must_be_tensors_in_plain_containers():
    refused(
        lambda x: {1, 2}, r"^compile: the model's output holds a set; tensors, numbers, texts and None in tuples, lists"
    )
    with pytest.raises(CompileError, match=r"^compile: the model's input holds a ndarray; tensors, numbers"):
        medtorch.compile(nn.ReLU().eval(), np.zeros(3))
    with pytest.raises(CompileError, match=r"^compile: a compiled model needs a tensor as input$"):
        medtorch.compile(lambda n: medtorch.zeros(n), 3)


def test_unknown_options_are_refused():
    x = image((2,))
    with pytest.raises(ArgumentError, match=r"^compile: rewrites must be 'all' or 'none', got 'some'$"):
        medtorch.compile(medtorch.relu, x, rewrites="some")
    with pytest.raises(ArgumentError, match=r"^compile: plans must be a whole number from 1 on, got 0$"):
        medtorch.compile(medtorch.relu, x, plans=0)
    with pytest.raises(ArgumentError, match=r"^compile: needs example inputs, as the model takes them$"):
        medtorch.compile(medtorch.relu)
    with pytest.raises(ArgumentError, match=r"^compile: the model must be callable, got int$"):
        medtorch.compile(3, x)


def test_a_gradient_is_refused_while_recording():
    model, x = nn.Linear(3, 2).eval(), image((2, 3))
    compiled = medtorch.compile(model, x)
    wanting = x.clone().requires_grad_()
    with pytest.raises(
        AutogradError, match=r"^compile: input 0 requires grad; a compiled model is for inference: call it"
    ):
        compiled(wanting)
    with medtorch.no_grad():
        assert not compiled(wanting).requires_grad
    assert not compiled(x).requires_grad
    with medtorch.inference_mode():
        assert compiled(x).is_inference()
