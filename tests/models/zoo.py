"""What the tests of architectures share: cases, weights that need no random numbers, and measuring.

Everything recorded comes from the origin of the architecture, torchvision, MONAI or segmentation_models_pytorch
(versions in recorded_zoo.json), made by tests/models/record_zoo.py. The same measuring runs on both sides, so it knows
tensors only by what torch and medtorch have in common.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import medtorch
from medtorch import nn
from medtorch.models import get_model

RECORDED = Path(__file__).with_name("recorded_zoo.json")
BINS = 16
TOLERANCE = {"float32": 1e-4, "float64": 1e-9}  # of the largest output; what the requirement allows
GRADIENT_TOLERANCE = 1e-7  # torch rounds the 1/6 in the gradient of a hard sigmoid to float32, 3e-8 away from it
HEAVY = 30_000_000  # numbers of a model whose keys are checked in the long run only


@dataclass(frozen=True)
class Case:
    """One architecture with a configuration and an input, small enough to run."""

    name: str
    shape: tuple[int, ...]
    config: Mapping[str, Any] = field(default_factory=dict)
    train: bool = False
    gain: float = 2  # of each weight; less where so many layers grow what rounding leaves
    slow: bool = False
    part: str = ""  # run this member alone: where the rest is nothing but large linear layers
    call: Callable[[Any, Any], Any] = lambda model, x: model(x)  # how the model takes the input
    rounded: float = 0.0  # what the origin rounds away itself in float64

    @property
    def id(self) -> str:
        told = (
            [f"{k}={v}" for k, v in self.config.items()]
            + ["train"] * self.train
            + [f"gain={self.gain}"] * (self.gain != 2)
            + [self.part] * bool(self.part)
        )
        return " ".join([self.name, "x".join(map(str, self.shape)), *told])


def uniform(position: int, shape: Sequence[int]) -> np.ndarray:
    """Numbers in [-1, 1) mixed from `position` and the index alone, by integer arithmetic that is exact anywhere."""
    n = np.arange(math.prod(shape), dtype=np.uint64)
    mixed = (n * np.uint64(2654435761) + np.uint64(position * 40503 + 12345)) & np.uint64(0xFFFFFFFF)
    for factor in (2246822519, 3266489917):
        mixed ^= mixed >> np.uint64(15)
        mixed = (mixed * np.uint64(factor)) & np.uint64(0xFFFFFFFF)
    mixed ^= mixed >> np.uint64(16)
    return (mixed / 2**31 - 1).reshape(shape)


def filled(state: Mapping[str, Any], gain: float = 2) -> dict[str, np.ndarray]:
    """A float64 array for each floating entry, by the position of its key; signals neither die out nor explode."""
    arrays = {}
    for position, (key, entry) in enumerate(state.items()):
        shape = tuple(entry.shape)
        if "float" not in str(entry.dtype):
            continue
        numbers = uniform(position, shape)
        if key.endswith("running_var"):
            numbers = 1 + 0.3 * numbers
        elif len(shape) > 1:
            numbers = numbers * math.sqrt(3 * gain / math.prod(shape[1:]))
        else:
            numbers = 0.1 * numbers + key.endswith("weight")
        arrays[key] = numbers
    return arrays


def keys(state: Mapping[str, Any]) -> list[Any]:
    """Number of entries, and start of the sha256 over `key shape dtype` lines."""
    text = "\n".join(f"{k} {tuple(v.shape)} {str(v.dtype).split('.')[-1]}" for k, v in state.items())
    return [len(state), hashlib.sha256(text.encode()).hexdigest()[:16]]


def size(state: Mapping[str, Any]) -> int:
    return sum(math.prod(v.shape) for v in state.values())


def outputs(out: Any) -> list[Any]:
    """The tensors of an output: one, or nested tuples, lists and dicts by name of several or None."""
    if out is None:
        return []
    if isinstance(out, Mapping):
        return [x for part in out.values() for x in outputs(part)]
    if isinstance(out, (list, tuple)):
        return [x for part in out for x in outputs(part)]
    return [out]


def measure(case: Case, model: Any, x: Any, like: Any) -> dict[str, Any]:
    """Shapes and projections of the outputs and of every parameter's gradient.

    Math      an output y as y . u_0 ... y . u_7, over sqrt(size); a gradient g as g . u / max|g| and log max|g|,
              those of parameters i, i + 16, ... summed: each counts alike, however large its gradient is
    """
    outs = outputs(case.call(model, x))
    weights = [like(uniform(90_000 + i, tuple(y.shape))) for i, y in enumerate(outs)]
    total = sum(((y * w).sum() for y, w in zip(outs, weights, strict=True)), start=0.0)
    total.backward()
    values = [y.detach().cpu().double().numpy() for y in outs]
    return {
        "shapes": [list(v.shape) for v in values],
        "largest": max(float(np.abs(v).max()) for v in values),
        "outputs": [[_project(v, k) for k in range(8)] for v in values],
        "gradients": _gradients([(n, p.grad) for n, p in model.named_parameters()]),
    }


def _project(value: np.ndarray, k: int) -> float:
    return float((value * uniform(70_000 + k, value.shape)).sum() / math.sqrt(value.size))


def _gradients(named: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    given = {n: g.detach().cpu().double().numpy() for n, g in named if g is not None}
    largest = {n: float(np.abs(g).max()) for n, g in given.items()}
    floor = 1e-9 * max(largest.values())  # below it a gradient is rounding, as that of a bias before a norm
    angles, sizes = np.zeros(BINS), np.zeros(BINS)
    for i, (name, g) in enumerate(given.items()):
        if largest[name] > floor:
            angles[i % BINS] += (g * uniform(i, g.shape)).sum() / largest[name] / math.sqrt(g.size)
            sizes[i % BINS] += math.log(largest[name])
    return {"given": len(given), "angles": angles.tolist(), "sizes": sizes.tolist()}


def image(case: Case) -> np.ndarray:
    return uniform(99_999, case.shape)


def recorded() -> dict[str, Any]:
    return json.loads(RECORDED.read_text())


def names(family: str) -> list[Any]:
    """The names of a family, as parameters of a test; large ones in the long run only."""
    return [
        pytest.param(name, marks=pytest.mark.slow if entry["size"] > HEAVY else ())
        for name, entry in recorded()["models"].items()
        if entry["family"] == family
    ]


def params(cases: Sequence[Case]) -> list[Any]:
    """Cases as parameters of a test."""
    return [pytest.param(case, id=case.id, marks=pytest.mark.slow if case.slow else ()) for case in cases]


def check_keys(name: str) -> None:
    """The state has torchvision's keys in torchvision's order, shapes and dtypes."""
    with nn.init.skip_init():
        state = get_model(name).state_dict()
    assert keys(state) == recorded()["models"][name]["keys"]


def built(case: Case, dtype: Any) -> Any:
    """The model of a case, filled, in `dtype`."""
    with nn.init.skip_init():
        model = get_model(case.name, **case.config).to(dtype)
    model = model.get_submodule(case.part)
    state = model.state_dict()
    arrays = filled(state, case.gain)
    model.load_state_dict({k: medtorch.tensor(arrays[k], dtype=dtype) if k in arrays else v for k, v in state.items()})
    return model.train(case.train)


def check_recorded(case: Case) -> None:
    """Outputs in float32 and float64, and gradients in float64, are those recorded; keys too where cases have them."""
    expected = recorded()["cases"][case.id]
    if "keys" in expected:
        with nn.init.skip_init():
            assert keys(get_model(case.name, **case.config).state_dict()) == expected["keys"]
    for name in ("float64", "float32"):
        dtype = medtorch.float64 if name == "float64" else medtorch.float32
        model, x = built(case, dtype), medtorch.tensor(image(case), dtype=dtype)
        if name == "float64":
            found = measure(case, model, x, lambda a: medtorch.tensor(a, dtype=medtorch.float64))
            compare(found, expected, case.rounded)
            continue
        with medtorch.no_grad():
            values = [y.double().numpy() for y in outputs(case.call(model, x))]
        assert _gap([[_project(v, k) for k in range(8)] for v in values], expected) <= TOLERANCE["float32"]


def check_compiled(case: Case) -> None:
    """What medtorch.compile makes of the model gives the model's outputs, to what fusing may round."""
    model, x = built(case, medtorch.float32).eval(), medtorch.tensor(image(case), dtype=medtorch.float32)
    with medtorch.no_grad():
        expected = outputs(model(x))
    found = outputs(medtorch.compile(model, x)(x))
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert np.abs(a.numpy() - b.numpy()).max() <= 1e-5 * max(1.0, float(b.abs().max()))


def compare(found: Mapping[str, Any], expected: Mapping[str, Any], rounded: float = 0.0) -> None:
    """What was measured in float64 is what was measured elsewhere."""
    assert found["shapes"] == expected["shapes"]
    assert _gap(found["outputs"], expected) <= max(TOLERANCE["float64"], rounded)
    assert found["gradients"]["given"] == expected["gradients"]["given"]
    for kind in ("angles", "sizes"):
        gap = np.abs(np.subtract(found["gradients"][kind], expected["gradients"][kind])).max()
        assert gap <= 1e-6, f"{kind} of gradients, scaled: rounding grows on the way back"


def _gap(projections: Any, expected: Mapping[str, Any]) -> float:
    return float(np.abs(np.subtract(projections, expected["outputs"])).max() / expected["largest"])


def check_torchvision(case: Case, torch: Any, torchvision: Any) -> None:
    """torchvision's own random weights load strictly; outputs and each parameter's gradient are its own."""
    torch.manual_seed(0)
    check_origin(case, torch, torchvision_model(case, torchvision))


def check_origin(case: Case, torch: Any, theirs: Any) -> None:
    """The weights of the origin's model load strictly; outputs and each parameter's gradient are its own."""
    theirs.train(case.train)
    with nn.init.skip_init():
        ours = get_model(case.name, **case.config)
    ours = ours.get_submodule(case.part).train(case.train)
    ours.load_state_dict({k: medtorch.from_numpy(v.numpy()) for k, v in theirs.state_dict().items()})
    x = image(case)
    for name in ("float32", "float64"):
        theirs, ours = theirs.to(getattr(torch, name)), ours.to(getattr(medtorch, name))
        state = theirs.state_dict() if name == "float64" else {}
        if case.train and state:  # the float32 run has moved the running statistics on each side
            ours.load_state_dict({k: medtorch.from_numpy(v.numpy()) for k, v in state.items()})
        expected = outputs(case.call(theirs, torch.tensor(x, dtype=getattr(torch, name))))
        found = outputs(case.call(ours, medtorch.tensor(x, dtype=getattr(medtorch, name))))
        assert len(found) == len(expected)
        for a, b in zip(found, expected, strict=True):
            assert tuple(a.shape) == tuple(b.shape)
            scale = max(1.0, float(b.detach().abs().max()))
            assert np.abs(a.detach().numpy() - b.detach().numpy()).max() <= max(TOLERANCE[name], case.rounded) * scale
    weights = [uniform(90_000 + i, tuple(y.shape)) for i, y in enumerate(expected)]
    sum((y * torch.tensor(w)).sum() for y, w in zip(expected, weights, strict=True)).backward()
    sum(((y * medtorch.tensor(w)).sum() for y, w in zip(found, weights, strict=True)), start=0.0).backward()
    theirs_named = dict(theirs.named_parameters())
    largest = max(float(p.grad.abs().max()) for p in theirs_named.values() if p.grad is not None)
    for key, p in ours.named_parameters():
        grad = theirs_named[key].grad
        assert (p.grad is None) == (grad is None), key
        if grad is not None:
            bound = GRADIENT_TOLERANCE * max(float(grad.abs().max()), 1e-6 * largest)
            assert np.abs(p.grad.numpy() - grad.numpy()).max() <= bound, key


def torchvision_model(case: Case, torchvision: Any) -> Any:
    config = dict(case.config)
    if case.name in ("googlenet", "inception_v3"):
        config.setdefault("init_weights", True)  # without it torchvision warns that this will change
    if "weights_backbone" in config or case.name.startswith(
        ("fcn", "deeplab", "lraspp", "fasterrcnn", "maskrcnn", "retinanet")
    ):
        config["weights_backbone"] = None  # else torchvision fetches weights
    model = torchvision.models.get_model(case.name, weights=None, **config)
    return model.get_submodule(case.part)
