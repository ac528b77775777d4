"""torch.special's functions against numbers recorded from SciPy 1.17.1, and their gradients against small steps."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

import medtorch
from medtorch import special
from medtorch.errors import UnsupportedNameError

pytestmark = pytest.mark.requirement("REQ-F-OPS-205")

INF = math.inf
_KNOWN = json.loads(Path(__file__).with_name("recorded_special.json").read_text())
POINTS, RECORDED = _KNOWN["points"], _KNOWN["recorded"]
BELOW, RECORDED_BELOW = _KNOWN["below"], _KNOWN["recorded_below"]
CHANCES, QUANTILES = _KNOWN["chances"], _KNOWN["quantiles"]


@pytest.mark.parametrize("name", RECORDED)
def test_values_are_those_recorded(name: str) -> None:
    found = getattr(special, name)(medtorch.tensor(POINTS, dtype=medtorch.float64))
    np.testing.assert_allclose(found.numpy(), RECORDED[name], rtol=1e-12, atol=2e-15)
    single = getattr(special, name)(medtorch.tensor(POINTS))
    assert single.dtype is medtorch.float32


@pytest.mark.parametrize("name", RECORDED_BELOW)
def test_values_below_zero_are_those_recorded(name: str) -> None:
    found = getattr(special, name)(medtorch.tensor(BELOW, dtype=medtorch.float64))
    np.testing.assert_allclose(found.numpy(), RECORDED_BELOW[name], rtol=1e-12, atol=1e-300)


def test_quantiles_are_those_recorded() -> None:
    found = special.ndtri(medtorch.tensor([*CHANCES, 0.0, 1.0, -0.1, 1.1], dtype=medtorch.float64)).numpy()
    np.testing.assert_allclose(found[: len(CHANCES)], QUANTILES, rtol=1e-12, atol=1e-15)
    assert (found[-4], found[-3]) == (-INF, INF)
    assert np.isnan(found[-2:]).all()


@pytest.mark.parametrize(
    "name", [*RECORDED, "ndtri", "sinc", "expit", "psi", "gammaln", "exp2", "expm1", "log1p", "erfinv", "erfc", "i0"]
)
def test_gradients_follow_small_steps(name: str) -> None:
    points = [0.1, 0.4, 0.8] if name in ("ndtri", "erfinv") else [0.4, 1.7, 6.0]
    x = medtorch.tensor(points, dtype=medtorch.float64, requires_grad=True)
    assert medtorch.autograd.gradcheck(getattr(special, name), (x,), atol=1e-7, rtol=1e-6, fast_mode=True)
    assert medtorch.autograd.gradgradcheck(getattr(special, name), (x,), atol=1e-6, rtol=1e-5, fast_mode=True)


def test_products_with_logarithms_are_zero_where_the_factor_is() -> None:
    x = medtorch.tensor([0.0, 0.0, 2.0], dtype=medtorch.float64)
    y = medtorch.tensor([-1.0, math.nan, 0.5], dtype=medtorch.float64)
    found = special.xlog1py(x, y).tolist()
    assert found[0] == 0.0
    assert math.isnan(found[1])
    assert math.isclose(found[2], 2 * math.log1p(0.5))
    assert math.isclose(special.xlog1py(2.0, y)[2].item(), 2 * math.log1p(0.5))
    assert special.entr(medtorch.tensor([-1.0, 0.0])).tolist() == [-INF, 0.0]


def test_what_there_is_not_is_said_by_name() -> None:
    with pytest.raises(UnsupportedNameError, match=r"^special.airy_ai is not supported"):
        special.airy_ai  # noqa: B018
    assert not hasattr(special, "zeta")
