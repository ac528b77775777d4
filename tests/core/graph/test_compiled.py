"""What the user holds: nested inputs and outputs, plans that are kept, threads, and a model that changes meanwhile."""

from __future__ import annotations

import gc
import json
import threading
from collections import OrderedDict, namedtuple

import numpy as np
import pytest

import medtorch
from medtorch import nn
from medtorch.core.backends.reference import ReferenceKernels
from medtorch.core.graph import accuracy
from medtorch.errors import CompileError
from tests.core.graph.models import eager, gap, image, lively, zoo

pytestmark = pytest.mark.requirement("REQ-F-CMP-004", "REQ-F-CMP-006")

Pair = namedtuple("Pair", "low high")


# -- structure ---------------------------------------------------------------------------------------------------------


def nested(inputs, scale=1, *, names=None):
    a, b = inputs["images"]
    found = OrderedDict(sum=a + b, rest=[a * scale, (b, None)])
    return {"pair": Pair(found["sum"].amin(), found["sum"].amax()), "all": found, "n": 3, "text": names}


def test_several_inputs_and_nested_outputs_are_rebuilt():
    x, y = image((2, 3)), image((3,), seed=1)
    compiled = medtorch.compile(nested, {"images": (x, y)})
    other = image((2, 3), seed=2)
    found = compiled({"images": (other, y)}, scale=2, names="cells")
    wanted = nested({"images": (other, y)}, scale=2, names="cells")
    assert isinstance(found["pair"], Pair)
    assert type(found["all"]) is OrderedDict
    assert (found["n"], found["text"], found["all"]["rest"][1][1]) == (3, "cells", None)
    pairs = [
        (found["pair"].low, wanted["pair"].low),
        (found["pair"].high, wanted["pair"].high),
        (found["all"]["sum"], wanted["all"]["sum"]),
        (found["all"]["rest"][0], wanted["all"]["rest"][0]),
        (found["all"]["rest"][1][0], wanted["all"]["rest"][1][0]),
    ]
    assert all(a.numpy().tobytes() == b.numpy().tobytes() for a, b in pairs)


def test_other_plain_arguments_are_another_plan():
    compiled = medtorch.compile(lambda x, n: x * n, image((2,)), 1)
    x = image((2,), seed=1)
    for n in (1, 2, 1.0, True):
        assert compiled(x, n).numpy().tobytes() == (x * n).numpy().tobytes()
    assert compiled.stats()["plans_cached"] == 4


def test_inputs_of_other_dtypes_and_layouts_are_planned_for():
    compiled = medtorch.compile(lambda x: x.sum(1), image((4, 5, 6, 7)), rewrites="none")
    for x in (
        image((4, 5, 6, 7), seed=1).double(),
        image((4, 5, 6, 7), seed=1).to(memory_format="channels_last"),
        image((7, 6, 5, 4), seed=1).permute(3, 2, 1, 0),
    ):
        assert compiled(x).numpy().tobytes() == x.sum(1).numpy().tobytes()
    assert compiled.stats()["plans_cached"] == 4


def test_an_input_with_gaps_in_memory_gives_the_same():
    compiled = medtorch.compile(lambda x: x.relu() + 1, image((4, 5)))
    x = image((8, 10), seed=1)[::2, ::2]
    assert compiled(x).numpy().tobytes() == (x.relu() + 1).contiguous().numpy().tobytes()
    assert compiled.stats()["captures"] == 1


# -- plans -------------------------------------------------------------------------------------------------------------


def test_the_least_used_plan_goes_first():
    compiled = medtorch.compile(medtorch.relu, image((1,)), plans=2)
    compiled(image((2,)))
    compiled(image((1,)))  # used again: 2 is the older one now
    compiled(image((3,)))
    stats = compiled.stats()
    assert [plan["inputs"][0]["shape"] for plan in stats["plans"]] == [[3], [1]]
    assert (stats["captures"], stats["plans_evicted"], stats["plans_limit"]) == (3, 1, 2)
    compiled(image((2,)))
    assert compiled.stats()["captures"] == 4


def test_plans_share_their_constants_and_take_them_along_when_they_go():
    model = zoo("cifar_resnet20")
    compiled = medtorch.compile(model, image((1, 3, 16, 16)), plans=2)
    one = compiled.stats()
    compiled(image((2, 3, 16, 16)))
    both = compiled.stats()
    assert both["constants_bytes"] == one["constants_bytes"]
    # 19 convolutions folded with their norms: weight and bias; the linear layer's, too. Twice the numbers of the
    # model would be a copy a plan.
    folded = sum(p.numel() for n, p in model.named_parameters() if "bn" not in n)
    assert one["constants_bytes"] < 4 * folded * 1.1

    small = medtorch.compile(lambda x: x * image((x.shape[0],), seed=x.shape[0]), image((5,)), plans=1)
    small(image((7,)))
    gc.collect()
    assert (small.stats()["constants"], small.stats()["constants_bytes"]) == (1, 28)


def test_constants_are_copies_that_cannot_be_written_to():
    model = nn.Linear(3, 2).eval()
    compiled = medtorch.compile(model, image((1, 3)))
    plan = next(iter(compiled._plans.values()))
    arrays = [constant.array for constant in plan.program.graph.constants.values()]
    assert arrays
    assert not any(a.flags.writeable for a in arrays)
    assert not any(np.may_share_memory(a, p.detach().numpy()) for a in arrays for p in model.parameters())


def test_stats_are_plain_data():
    stats = medtorch.compile(zoo("lenet"), image((1, 1, 32, 32))).stats()
    assert json.loads(json.dumps(stats)) == stats
    assert set(stats) == {
        "algorithms", "rewrites", "captures", "plans_cached", "plans_limit", "plans_evicted", "constants",
        "constants_bytes", "released", "plan", "plans",
    }  # fmt: skip


# -- threads -----------------------------------------------------------------------------------------------------------


def test_threads_may_call_at_once(monkeypatch):
    class Writing(ReferenceKernels):
        writes = frozenset(
            {
                "conv_fused",
                "conv_gated",
                "conv_transpose_fused",
                "scale_shift",
                "add_activated",
                "activate",
                "copy_into",
            }
        )

    kernels = Writing(np)
    monkeypatch.setattr("medtorch.core.graph.plan.kernels_for", lambda place: kernels)
    model = zoo("unet")
    compiled = medtorch.compile(model, image((1, 1, 16, 16)), poison=True)
    shapes = [(1, 1, 16, 16), (1, 1, 32, 16), (2, 1, 16, 16)]
    inputs = [image(shapes[n % 3], seed=n) for n in range(12)]
    alone = [compiled(x).numpy().tobytes() for x in inputs]
    fresh = medtorch.compile(model, image((1, 1, 16, 16)), poison=True)
    found, barrier = {}, threading.Barrier(6)

    def work(start):
        barrier.wait()
        for n in range(start, 12, 6):
            for _ in range(3):
                found.setdefault(n, []).append(fresh(inputs[n]).numpy().tobytes())

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [set(found[n]) for n in range(12)] == [{wanted} for wanted in alone]
    assert fresh.stats()["captures"] == 3  # each shape once, however many threads met it first


def test_a_model_is_captured_in_one_thread_while_another_computes_freely():
    inside, done = threading.Event(), threading.Event()
    answers = []

    def slow(x):
        inside.set()
        assert done.wait(10)
        return x * 2

    def other():
        inside.wait(10)
        answers.append(image((2,)).sum().item())  # a read, which the capturing thread may not do
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    x = image((2,))
    assert medtorch.compile(slow, x)(x).numpy().tobytes() == (x * 2).numpy().tobytes()
    thread.join()
    assert len(answers) == 1


# -- a model that changes ----------------------------------------------------------------------------------------------

CHANGED = r"^compile: {} of the model was changed, moved or replaced since the model was compiled; compile it again$"


def written(model):
    with medtorch.no_grad():
        model[0].weight.mul_(2)


def loaded(model):
    model.load_state_dict({name: t * 1 for name, t in model.state_dict().items()})


def replaced(model):
    model[1].running_mean = medtorch.zeros(2)


def new_parameter(model):
    model[0].weight = nn.Parameter(model[0].weight.detach().clone())


def cast(model):
    model.double()


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (written, "0.weight"),
        (loaded, "0.weight"),
        (replaced, "1.running_mean"),
        (new_parameter, "0.weight"),
        (cast, "0.weight"),
    ],
)
def test_a_model_that_was_changed_must_be_compiled_again(change, name):
    model, x = lively(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))), image((1, 1, 4, 4))
    compiled = medtorch.compile(model, x)
    change(model)
    with pytest.raises(CompileError, match=CHANGED.format(name)):
        compiled(x)


class Tied(nn.Module):
    """Two layers with one weight, and a number that decides."""

    def __init__(self):
        super().__init__()
        self.one, self.other = nn.Linear(3, 3), nn.Linear(3, 3)
        self.other.weight = self.one.weight
        self.unused = nn.Linear(3, 3)
        self.register_buffer("limit", medtorch.tensor(2.0))

    def forward(self, x):
        return self.other(self.one(x)) if self.limit > 1 else x


def test_every_tensor_that_a_plan_rests_on_is_watched_and_no_other():
    x = image((2, 3))
    model = Tied().eval()
    compiled = medtorch.compile(model, x)
    model.other.weight = nn.Parameter(medtorch.zeros(3, 3))
    with pytest.raises(CompileError, match=CHANGED.format("other.weight")):
        compiled(x)
    model = Tied().eval()
    compiled = medtorch.compile(model, x)
    model.limit.fill_(0)  # read by the model itself: no op of the plan takes it
    with pytest.raises(CompileError, match=CHANGED.format("limit")):
        compiled(x)
    model = Tied().eval()
    compiled = medtorch.compile(model, x)
    with medtorch.no_grad():
        model.unused.weight.mul_(2)
    assert compiled(x).numpy().tobytes() == eager(model, x).numpy().tobytes()
    with pytest.raises(CompileError, match=CHANGED.format("unused.weight")):
        compiled(image((5, 3)))  # a new plan is made of a model that is unchanged


def test_a_model_in_training_mode_is_not_captured_for_new_shapes():
    model, x = lively(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))), image((1, 1, 4, 4))
    compiled = medtorch.compile(model, x)
    before = compiled(x).numpy().tobytes()
    model.train()
    assert compiled(x).numpy().tobytes() == before  # planned already, for evaluation
    with pytest.raises(
        CompileError, match=r"^compile: the model must be in evaluation mode, but it is in training mode"
    ):
        compiled(image((2, 1, 4, 4)))


# -- accuracy ----------------------------------------------------------------------------------------------------------


def test_a_plan_that_gives_another_answer_is_not_handed_out(monkeypatch):
    class Wrong(ReferenceKernels):
        def conv_fused(self, *arguments):
            return super().conv_fused(*arguments) * np.float32(1.001)

    monkeypatch.setattr("medtorch.core.graph.plan.kernels_for", lambda place: Wrong(np))
    with pytest.raises(
        CompileError, match=r"^compile: on the example, output 0 is 0\.001 of its largest number away from"
    ):
        medtorch.compile(nn.Conv2d(1, 2, 3, bias=False).eval(), image((1, 1, 6, 6)))


class Amplifying(nn.Module):
    """The sine of large numbers: a rounding before it is a large part of the result."""

    def __init__(self):
        super().__init__()
        self.scaled = lively(nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)))

    def forward(self, x):
        return (self.scaled(x) * 1e5).sin()


@pytest.mark.requirement("REQ-F-CMP-007")
def test_where_folding_would_go_beyond_the_bound_nothing_is_folded():
    model, x, other = Amplifying().eval(), image((1, 2, 8, 8)), image((1, 2, 8, 8), seed=4)
    compiled = medtorch.compile(model, x)
    assert compiled(other).numpy().tobytes() == eager(model, other).numpy().tobytes()
    plan = compiled.stats()["plan"]
    assert plan["rewrites"]["folding left out, as the example is ill-conditioned"] == 1
    assert "scales folded into weights" not in plan["rewrites"]
    assert (plan["accuracy"]["folded"], plan["accuracy"]["bit_equal_on_example"]) == (False, True)
    ((key, made),) = compiled.plans()
    assert compiled.remade(key, made).counts == made.counts


@pytest.mark.requirement("REQ-F-CMP-007")
def test_a_model_without_memory_cannot_be_planned_again_without_folding():
    with pytest.raises(CompileError, match=r"^compile: on the example, output 0 is .* more than the promised 0\.00012"):
        medtorch.compile(Amplifying().eval(), image((1, 2, 8, 8)), release=True)


def test_a_plan_without_rewrites_must_be_equal_bit_for_bit():
    a = np.ones(3, np.float32)
    b = np.nextafter(a, np.float32(2))
    assert accuracy.compare([a], (a.copy(),), exact=True) == accuracy.Accuracy(bit_equal=True, largest=0.0)
    assert not accuracy.compare([a], (b,), exact=False).bit_equal
    with pytest.raises(
        CompileError, match=r"^compile: output 0 is not that of the model bit for bit, although nothing was"
    ):
        accuracy.compare([a], (b,), exact=True)


def test_infinite_numbers_are_compared_where_the_model_is_finite():
    wanted = np.array([np.inf, 1.0, np.nan], np.float32)
    assert accuracy.compare([wanted.copy()], (wanted,), exact=False).largest == 0.0
    with pytest.raises(CompileError, match="is nan of its largest number away"):
        accuracy.compare([np.array([np.inf, np.nan, np.nan], np.float32)], (wanted,), exact=False)


def test_half_precision_stays_within_its_bound():
    model, x = (
        lively(nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU())).half(),
        image((1, 1, 6, 6)).half(),
    )
    compiled = medtorch.compile(model, x)
    assert compiled.stats()["plan"]["accuracy"]["bound"] == {"float16": 2.0**-6}
    assert gap(compiled(x), eager(model, x)) < 2.0**-9
