"""Training gives the same weights bit for bit: run after run, on any number of threads, on every kernel set.

Oracle    the run itself, again and otherwise
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from types import ModuleType

import numpy as np
import pytest

import medtorch
import medtorch.nn.functional as F
from medtorch import nn, optim
from medtorch.core import backends
from medtorch.core.backends.cpu import CpuKernels
from medtorch.core.backends.cpu.door import native as door

pytestmark = pytest.mark.requirement("REQ-F-AUT-020", "REQ-F-OPS-301")

STEPS = 3


class Block(nn.Module):
    """Two convolutions with norms beside a shortcut, changed in place where torchvision's are."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.shortcut = nn.Sequential(nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        y = self.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        y += self.shortcut(x)
        return self.relu(y)


def small_resnet() -> nn.Module:
    stem = (nn.Conv2d(3, 20, 7, 2, 3, bias=False), nn.BatchNorm2d(20), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1))
    return nn.Sequential(
        *stem, Block(20, 20, 1), Block(20, 37, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(37, 11)
    )


class SmallUNet(nn.Module):
    """One level down and up, with a skip that is concatenated."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(1, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU())
        self.pool = nn.MaxPool2d(2)
        self.bottom = nn.Sequential(nn.Conv2d(12, 24, 3, padding=1), nn.InstanceNorm2d(24, affine=True), nn.SiLU())
        self.up = nn.ConvTranspose2d(24, 12, 2, 2)
        self.head = nn.Sequential(nn.Conv2d(24, 12, 3, padding=1), nn.BatchNorm2d(12), nn.GELU(), nn.Conv2d(12, 3, 1))

    def forward(self, x):
        skip = self.down(x)
        return self.head(medtorch.cat([self.up(self.bottom(self.pool(skip))), skip], 1))


MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], tuple[int, ...], int]] = {
    "ResNet": (small_resnet, (4, 3, 33, 33), (4,), 11),
    "U-Net": (SmallUNet, (2, 1, 32, 32), (2, 32, 32), 3),
}
RULES: dict[str, Callable[..., optim.Optimizer]] = {
    "SGD": lambda p: optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=1e-3),
    "AdamW": lambda p: optim.AdamW(p, lr=1e-3),
}


def trained(model_name: str, rule: str) -> tuple[str, str]:
    """Digests of the last gradients and of the weights after a few steps."""
    make, shape, truth, classes = MODELS[model_name]
    rng = np.random.default_rng(7)
    medtorch.manual_seed(3)
    model = make().train()
    optimizer = RULES[rule](model.parameters())
    for _ in range(STEPS):
        x = medtorch.from_numpy(rng.standard_normal(shape).astype(np.float32))
        y = medtorch.from_numpy(rng.integers(0, classes, truth))
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    return digest(p.grad for p in model.parameters()), digest(model.state_dict().values())


def digest(tensors) -> str:
    state = hashlib.sha256()
    for tensor in tensors:
        state.update(np.ascontiguousarray(tensor.detach().numpy()).tobytes())
    return state.hexdigest()


@pytest.fixture
def native(needs: Callable[[str], None]) -> Iterator[ModuleType]:
    needs("package:medtorch.core.backends.cpu._native")
    module = door()
    assert module is not None
    threads = module.thread_count()
    yield module
    module.set_thread_count(threads)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("rule", RULES)
def test_training_gives_the_same_bits_on_every_set_and_number_of_threads(native, monkeypatch, model, rule):
    found = {}
    for name in native.instruction_sets():
        kernels = CpuKernels(native, name)
        monkeypatch.setattr(backends, "_cpu", lambda kernels=kernels: kernels)
        for threads in (1, 2, 3, 7) if name == native.instruction_sets()[-1] else (1, 3):
            native.set_thread_count(threads)
            found[name, threads] = trained(model, rule)
    first = next(iter(found.values()))
    assert {key: value for key, value in found.items() if value != first} == {}
    assert first == trained(model, rule)  # and again


def test_another_seed_gives_other_weights():
    make, _, _, _ = MODELS["U-Net"]
    medtorch.manual_seed(3)
    one = digest(make().state_dict().values())
    medtorch.manual_seed(4)
    assert digest(make().state_dict().values()) != one
