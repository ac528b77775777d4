"""Gradients of convolutions that are asked for directly are those of the backward pass."""

from __future__ import annotations

import numpy as np
import pytest

import medtorch
from medtorch import nn
from medtorch.nn import functional as F

pytestmark = pytest.mark.requirement("REQ-F-OPS-100")

CONVS = {
    1: (F.conv1d, nn.grad.conv1d_input, nn.grad.conv1d_weight),
    2: (F.conv2d, nn.grad.conv2d_input, nn.grad.conv2d_weight),
    3: (F.conv3d, nn.grad.conv3d_input, nn.grad.conv3d_weight),
}


@pytest.mark.parametrize("dims", CONVS)
def test_both_gradients_are_linear_maps_dual_to_the_convolution(dims, rng):
    convolve, of_input, of_weight = CONVS[dims]
    how = (2, 1, 2, 2)
    x, w = (medtorch.tensor(rng.normal(size=size)) for size in ((2, 4, *[8] * dims), (6, 2, *[3] * dims)))
    y = convolve(x, w, None, *how)
    dy = medtorch.tensor(rng.normal(size=tuple(y.shape)))
    dx, dw = of_input(x.shape, w, dy, *how), of_weight(x, w.shape, dy, *how)
    # <conv(x, w), dy> = <x, dx> = <w, dw>, as conv is linear in each
    expected = (y * dy).sum().item()
    assert (x * dx).sum().item() == pytest.approx(expected, rel=1e-10)
    assert (w * dw).sum().item() == pytest.approx(expected, rel=1e-10)


def test_they_can_be_differentiated_again(rng):
    w = medtorch.tensor(rng.normal(size=(2, 1, 3))).requires_grad_()
    dx = nn.grad.conv1d_input((1, 1, 5), w, medtorch.ones(1, 2, 3).double())
    (dx**2).sum().backward()
    sums = w.detach().numpy().sum(0)[0]
    full = np.convolve(np.ones(3), sums)
    expected = 2 * np.array([full[k : k + 3].sum() for k in range(3)])
    np.testing.assert_allclose(w.grad.numpy(), np.broadcast_to(expected, (2, 1, 3)), rtol=1e-10)
