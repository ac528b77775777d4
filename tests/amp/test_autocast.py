"""Autocast: which functions run in which dtype, as PyTorch 2.13.0 was seen to choose on CPU."""

from __future__ import annotations

from typing import Any

import pytest

import medtorch
import medtorch.nn.functional as F
from medtorch import amp, nn
from medtorch.errors import ArgumentError, UnsupportedError

pytestmark = pytest.mark.requirement("REQ-F-AMP-001")

ones, eye, BF, F32 = medtorch.ones, medtorch.eye(2), medtorch.bfloat16, medtorch.float32

# of float32 and of bfloat16 inputs: recorded from torch.autocast("cpu", dtype=torch.bfloat16), PyTorch 2.13.0
CHOSEN: dict[str, tuple[Any, Any, Any]] = {
    "matmul": (lambda t: t(2, 2) @ t(2, 2), BF, BF),
    "mm": (lambda t: medtorch.mm(t(2, 2), t(2, 2)), BF, BF),
    "bmm": (lambda t: medtorch.bmm(t(1, 2, 2), t(1, 2, 2)), BF, BF),
    "addmm": (lambda t: medtorch.addmm(t(2, 2), t(2, 2), t(2, 2)), BF, BF),
    "einsum": (lambda t: medtorch.einsum("ij,jk->ik", t(2, 2), t(2, 2)), BF, BF),
    "linear": (lambda t: F.linear(t(2, 2), t(2, 2), t(2)), BF, BF),
    "conv2d": (lambda t: F.conv2d(t(1, 1, 3, 3), t(1, 1, 2, 2)), BF, BF),
    "conv_transpose2d": (lambda t: F.conv_transpose2d(t(1, 1, 3, 3), t(1, 1, 2, 2)), BF, BF),
    "attention": (lambda t: F.scaled_dot_product_attention(t(1, 2, 2), t(1, 2, 2), t(1, 2, 2)), BF, BF),
    "prelu": (lambda t: F.prelu(t(2, 2), t(2)), BF, BF),
    "mv": (lambda t: medtorch.mv(t(2, 2), t(2)), F32, BF),
    "add": (lambda t: t(2) + t(2), F32, BF),
    "softmax": (lambda t: t(2, 2).softmax(1), F32, BF),
    "layer_norm": (lambda t: F.layer_norm(t(2, 2), (2,)), F32, BF),
    "batch_norm": (lambda t: F.batch_norm(t(2, 2), ones(2), ones(2)), F32, BF),
    "sum": (lambda t: t(2).sum(), F32, BF),
    "gelu": (lambda t: F.gelu(t(2)), F32, BF),
    "max_pool2d": (lambda t: F.max_pool2d(t(1, 1, 4, 4), 2), F32, BF),
    "prod": (lambda t: t(2).prod(), F32, F32),
    "cross_entropy": (lambda t: F.cross_entropy(t(2, 2), medtorch.tensor([0, 1])), F32, F32),
    "mse_loss": (lambda t: F.mse_loss(t(2), t(2)), F32, F32),
    "binary_cross_entropy": (lambda t: F.binary_cross_entropy(t(2), t(2)), F32, F32),
    "kl_div": (lambda t: F.kl_div(t(2), t(2)), F32, F32),
    "grid_sample": (lambda t: F.grid_sample(t(1, 1, 3, 3), t(1, 2, 2, 2)), F32, F32),
    "max_pool3d": (lambda t: F.max_pool3d(t(1, 1, 4, 4, 4), 2), F32, F32),
    "pad reflect": (lambda t: F.pad(t(1, 1, 3, 3), (1, 1, 1, 1), mode="reflect"), F32, F32),
    "inv": (lambda t: medtorch.linalg.inv(eye.to(t(1).dtype)), F32, F32),
    "svd": (lambda t: medtorch.linalg.svd(t(2, 2))[0], F32, F32),
    "quantile": (lambda t: medtorch.quantile(t(4), 0.5), F32, F32),
}


@pytest.mark.parametrize("name", CHOSEN)
def test_functions_choose_their_dtype_as_in_pytorch(name: str) -> None:
    function, of_float32, of_bfloat16 = CHOSEN[name]
    with amp.autocast("cpu", dtype=BF):
        assert function(lambda *s: ones(*s)).dtype is of_float32
        assert function(lambda *s: ones(*s, dtype=BF)).dtype is of_bfloat16
    assert function(lambda *s: ones(*s)).dtype is F32


def test_float64_is_left_alone_and_halves_can_be_chosen() -> None:
    with medtorch.autocast("cpu", dtype=medtorch.float16):
        assert (ones(2, 2, dtype=medtorch.float64) @ ones(2, 2, dtype=medtorch.float64)).dtype is medtorch.float64
        assert (ones(2, 2) @ ones(2, 2)).dtype is medtorch.float16
        assert medtorch.get_autocast_dtype("cpu") is medtorch.float16


def test_contexts_nest_and_end() -> None:
    product = lambda: (ones(2, 2) @ ones(2, 2)).dtype  # noqa: E731
    with medtorch.autocast("cpu"):
        assert medtorch.is_autocast_enabled("cpu")
        assert product() is BF
        with medtorch.autocast("cpu", enabled=False):
            assert not medtorch.is_autocast_enabled("cpu")
            assert product() is F32
        assert product() is BF
        with medtorch.autocast("cuda"):
            assert product() is BF
    assert not medtorch.is_autocast_enabled("cpu")
    assert medtorch.autocast("cpu")(product)() is BF
    assert product() is F32


def test_a_parameter_is_cast_once_and_gets_a_float32_gradient() -> None:
    layer = nn.Linear(3, 3)
    x = ones(2, 3)
    with medtorch.autocast("cpu"):
        y = layer(layer(x))
        kept = medtorch.core.modes.STATE.casting.done
        assert {id(layer.weight), id(layer.bias)} == set(kept)
        loss = F.mse_loss(y, ones(2, 3))
    assert loss.dtype is F32
    loss.backward()
    assert layer.weight.grad.dtype is F32
    assert bool(layer.weight.grad.isfinite().all())


def test_the_kept_cast_follows_a_change_in_place() -> None:
    w = ones(2, 2, requires_grad=True)
    with medtorch.autocast("cpu"):
        before = (ones(2, 2) @ w).detach()
        with medtorch.no_grad():
            w.mul_(3)
        after = ones(2, 2) @ w
    assert (before.tolist(), after.tolist()) == ([[2.0, 2.0]] * 2, [[6.0, 6.0]] * 2)


def test_training_under_autocast_follows_float32_within_its_rounding() -> None:
    def gradient(enabled: bool) -> Any:
        medtorch.manual_seed(0)
        model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))
        x, y = medtorch.randn(32, 8), medtorch.randn(32, 1)
        with medtorch.autocast("cpu", enabled=enabled):
            loss = F.mse_loss(model(x), y)
        loss.backward()
        return model[0].weight.grad

    exact, close = gradient(False), gradient(True)
    assert float((exact - close).norm() / exact.norm()) < 2**-5  # a few roundings of bfloat16's 8 bits


def test_a_function_may_choose_its_own_dtype() -> None:
    class Probe(medtorch.autograd.Function):
        @staticmethod
        @amp.custom_fwd(device_type="cpu", cast_inputs=F32)
        def forward(ctx: Any, x: Any) -> Any:
            ctx.inside = medtorch.is_autocast_enabled("cpu")
            assert (x.dtype, ctx.inside) == (F32, False)
            return x * 2

        @staticmethod
        @amp.custom_bwd(device_type="cpu")
        def backward(ctx: Any, dy: Any) -> Any:
            assert not medtorch.is_autocast_enabled("cpu")
            return dy * 2

    x = ones(2, dtype=BF, requires_grad=True)
    with medtorch.autocast("cpu"):
        y = Probe.apply(x)
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_what_there_is_not_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedError, match=r"^autocast: dtype must be bfloat16 or float16, got medtorch.float64"):
        medtorch.autocast("cpu", dtype=medtorch.float64)
    with pytest.raises(UnsupportedError, match=r"^autocast: device_type must be one of cpu, cuda, got 'xla'"):
        medtorch.autocast("xla")
    with pytest.raises(ArgumentError, match=r"^autocast: device_type must be a string such as 'cpu', got int"):
        medtorch.autocast(3)  # type: ignore[arg-type]
    assert amp.is_autocast_available("cpu")
    assert not amp.is_autocast_available("xla")
