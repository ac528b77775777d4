"""Forward mode: tangents through every op of the catalogue, through views, in-place changes and nested levels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import medtorch
from medtorch.autograd import forward_ad
from medtorch.core import forward
from medtorch.errors import ArgumentError, AutogradError, ShapeError, UnsupportedError
from tests.core.ops.catalogue import OpRow, Sample, Slopes, has_floats
from tests.core.ops.test_catalogue import ROWS

pytestmark = pytest.mark.requirement("REQ-F-AUT-010")


@pytest.mark.parametrize("row", [row for row in ROWS if row.gradient], ids=lambda row: row.name)
def test_tangents_are_the_gradients_along_them(row: OpRow) -> None:
    """<w, J t> of forward mode is <J^T w, t> of reverse mode, which small steps have judged."""
    samples = [sample for sample in row.drawn() if has_floats(sample)]
    for sample in samples:
        along, expected = _along(row, sample)
        assert abs(along - expected) < 1e-9 * max(1.0, abs(expected)), f"{row.name}{sample}: {along}, {expected}"


def _along(row: OpRow, sample: Sample) -> tuple[float, float]:
    slopes = Slopes(row, sample)
    with forward.new_level() as level:
        duals = [
            forward.make_dual(p, medtorch.from_numpy(np.asarray(d)), level=level)
            for p, d in zip(slopes.points, slopes.directions, strict=True)
        ]
        tangents = [forward.tangent_of(out, level) for out in slopes._outputs(duals)]
    pairs = zip(tangents, slopes.weights, strict=True)
    along = sum(float((t.numpy() * w).sum()) for t, w in pairs if t is not None)
    leaves = [p.clone().requires_grad_() for p in slopes.points]
    grads = slopes.gradient(leaves, [medtorch.from_numpy(w) for w in slopes.weights])
    return along, sum(float((g.numpy() * d).sum()) for g, d in zip(grads, slopes.directions, strict=True))


def _moved(function: Any, x: Any, direction: Any) -> Any:
    with forward_ad.dual_level():
        return forward_ad.unpack_dual(function(forward_ad.make_dual(x, direction))).tangent


def test_a_change_in_place_carries_the_tangent() -> None:
    def function(x: Any) -> Any:
        y = medtorch.zeros(4, dtype=x.dtype)
        y[1:3] = x
        y[2].mul_(3)
        y[1:3].add_(1)
        return y * y

    x, t = medtorch.tensor([2.0, 5.0], dtype=medtorch.float64), medtorch.tensor([1.0, 10.0], dtype=medtorch.float64)
    # y = (0, x0 + 1, 3 x1 + 1, 0): slopes of the squares 2 y dy
    assert _moved(function, x, t).tolist() == [0.0, 2 * 3 * 1.0, 2 * 16 * 30.0, 0.0]


def test_a_view_moves_with_its_base() -> None:
    def function(x: Any) -> Any:
        y = x.clone()
        part = y[1:]
        y.mul_(2)
        return part

    assert _moved(function, medtorch.ones(3), medtorch.tensor([1.0, 2.0, 3.0])).tolist() == [4.0, 6.0]


def test_the_second_derivative_is_a_tangent_of_a_tangent() -> None:
    x, one = medtorch.tensor(0.7, dtype=medtorch.float64), medtorch.ones((), dtype=medtorch.float64)
    second = _moved(lambda a: _moved(lambda b: b.sin() * a, a, one), x, one)
    np.testing.assert_allclose(second.item(), np.cos(0.7) - 0.7 * np.sin(0.7))  # d/dx (x cos x)


def test_forward_over_reverse_is_a_product_with_the_hessian() -> None:
    x = medtorch.tensor([0.3, -1.2], dtype=medtorch.float64)
    v = medtorch.tensor([1.0, 2.0], dtype=medtorch.float64)

    def gradient(a: Any) -> Any:
        leaf = a.requires_grad_()
        return medtorch.autograd.grad((leaf**3).sum() + leaf.prod(), leaf, create_graph=True)[0]

    # the Hessian of x0^3 + x1^3 + x0 x1 is [[6 x0, 1], [1, 6 x1]]
    np.testing.assert_allclose(_moved(gradient, x, v).detach().numpy(), [6 * 0.3 + 2, 1 - 6 * 1.2 * 2])


def test_a_tangent_can_be_differentiated_in_reverse() -> None:
    x = medtorch.tensor(0.5, dtype=medtorch.float64, requires_grad=True)
    tangent = _moved(lambda a: a.exp() * a, x, medtorch.ones((), dtype=medtorch.float64))
    (found,) = medtorch.autograd.grad(tangent, x)
    np.testing.assert_allclose(found.item(), np.exp(0.5) * 2.5)  # (x + 2) e^x


def test_detaching_leaves_the_tangent_behind() -> None:
    assert _moved(lambda a: a.detach() * 2, medtorch.ones(2), medtorch.ones(2)) is None
    assert _moved(lambda a: a.detach() * a, medtorch.ones(2) * 3, medtorch.ones(2)).tolist() == [3.0, 3.0]


def test_what_does_not_fit_is_refused_by_name() -> None:
    x = medtorch.ones(2)
    with pytest.raises(ArgumentError, match=r"^forward_ad: there is no dual level"):
        forward_ad.make_dual(x, x)
    with forward_ad.dual_level():
        with pytest.raises(ShapeError, match=r"^make_dual: tensor and tangent differ in shape\n  tensor   \(2,\)"):
            forward_ad.make_dual(x, medtorch.ones(3))
        with pytest.raises(AutogradError, match=r"^make_dual: tensor and tangent must be floating point, of one dtype"):
            forward_ad.make_dual(x, x.double())
        with pytest.raises(AutogradError, match=r"^make_dual: the tensor has a tangent of this level already"):
            forward_ad.make_dual(forward_ad.make_dual(x, x), x)
    assert forward_ad.unpack_dual(x).tangent is None


def test_saved_tensor_hooks_and_forward_mode_exclude_each_other() -> None:
    with (
        forward_ad.dual_level(),
        medtorch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t),
        pytest.raises(UnsupportedError, match=r"^mul: forward mode does not go with saved_tensors_hooks"),
    ):
        forward_ad.make_dual(medtorch.ones(2), medtorch.ones(2)) * 2


class Cubed(medtorch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_forward(x)
        return x**3

    @staticmethod
    def jvp(ctx: Any, direction: Any) -> Any:
        return 3 * ctx.saved_tensors[0] ** 2 * direction


class Opaque(medtorch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x * 2


def test_a_function_moves_tangents_by_its_jvp_or_refuses() -> None:
    assert _moved(Cubed.apply, medtorch.tensor([2.0]), medtorch.tensor([5.0])).tolist() == [60.0]
    with pytest.raises(UnsupportedError, match=r"^Opaque: forward mode needs a jvp\(ctx, \*tangents\)"):
        _moved(Opaque.apply, medtorch.tensor([2.0]), medtorch.tensor([5.0]))
