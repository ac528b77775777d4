"""Which steps treat images by themselves: what a rule says is held to the op, computed slice by slice."""

from __future__ import annotations

import numpy as np
import pytest

from medtorch.core.backends.reference import ReferenceKernels
from medtorch.core.devices import device
from medtorch.core.dtypes import from_numpy as dtype_of
from medtorch.core.graph import ops as fused
from medtorch.core.graph.images import for_some, taken_in_parts
from medtorch.core.graph.ir import Node
from medtorch.core.graph.saved.operations import OPS
from medtorch.core.ops import arithmetic, norm, reduction, softmax
from medtorch.core.ops.attention import ScaledDotProductAttention
from medtorch.core.ops.avg_pool import AdaptiveAvgPool, AvgPool
from medtorch.core.ops.comparison import Where
from medtorch.core.ops.conv import Conv
from medtorch.core.ops.interpolate import Interpolate
from medtorch.core.ops.matmul import Matmul
from medtorch.core.ops.max_pool import AdaptiveMaxPool, MaxPool
from medtorch.core.ops.pad import Pad
from medtorch.core.ops.shape import Cat, Expand, Flip, Permute, Roll, Select, Slice, Split, Unbind
from medtorch.core.spec import Spec
from tests.core.backends.cpu.conftest import native, sets

pytestmark = pytest.mark.requirement("REQ-F-CMP-012")

__all__ = ["native", "sets"]

IMAGES = 6
KERNELS = ReferenceKernels(np)
PADS, BARE = ((1, 1), (1, 1)), ((0, 0), (0, 0))
IMAGE = (IMAGES, 4, 5, 7)

ALONE = [
    (fused.ConvFused("relu", 0.0, (1, 1), PADS, (1, 1), 1), [IMAGE, (3, 4, 3, 3), (3,), (IMAGES, 3, 5, 7)]),
    (fused.ConvFused("none", 0.0, (2, 2), PADS, (1, 1), 4), [IMAGE, (4, 1, 3, 3), None, None]),
    (
        fused.ConvGated("silu", 0.0, (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
        [IMAGE, (3, 4, 1, 1), (3,), (IMAGES, 3, 5, 7), (IMAGES, 4, 1, 1)],
    ),
    (fused.ConvGated("none", 0.0, (1, 1), PADS, (1, 1), 1), [IMAGE, (3, 4, 3, 3), None, None, (IMAGES, 4, 1, 1)]),
    (Conv((1, 1), PADS, (1, 1), 1), [IMAGE, (3, 4, 3, 3), (3,)]),
    (fused.ConvTransposeFused("none", 0.0, (2, 2), PADS, (1, 1), 1, (9, 13)), [IMAGE, (4, 2, 3, 3), (2,), None]),
    (fused.LinearFused("gelu", 0.0), [(3 * IMAGES, 4), (5, 4), (5,), (3 * IMAGES, 5)]),
    (fused.LinearFused("none", 0.0), [(IMAGES, 3, 4), (5, 4), None, None]),
    (fused.ScaleShift("relu", 0.0, 1), [IMAGE, (4,), (4,)]),
    (fused.NormalizeFused("relu", 0.0, (2, 3), 1e-5), [IMAGE, (4,), (4,)]),
    (norm.Standardize((1, 2, 3), 1e-5), [IMAGE]),
    (norm.BatchNorm(3.0), [IMAGE, (4,), (4,), (4,), None]),
    (fused.AddActivated("relu", 0.0), [IMAGE, IMAGE]),
    (arithmetic.Add(), [IMAGE, (4, 1, 7)]),
    (arithmetic.Mul(), [(IMAGES, 4, 1, 1), IMAGE]),
    (arithmetic.Sub(), [(1, 4, 1, 1), IMAGE]),
    (arithmetic.Mul(), [IMAGE, ()]),
    (fused.Activate("silu", 0.0), [IMAGE]),
    (fused.Regroup((IMAGES, 140)), [IMAGE]),
    (fused.Regroup((IMAGES * 4, 35)), [IMAGE]),
    (fused.Regroup((IMAGES, 2, 3)), [(IMAGES * 2, 3)]),
    (fused.Arrange(IMAGE, (0, 2, 3, 1)), [(IMAGES, 4, 1, 1)]),
    (Expand(IMAGE), [(IMAGES, 4, 1, 7)]),
    (AvgPool((2, 2), (2, 2), (0, 0), False, True, None), [IMAGE]),
    (AdaptiveAvgPool((1, 1)), [IMAGE]),
    (MaxPool((3, 3), (2, 2), (1, 1), (1, 1), False), [IMAGE]),
    (AdaptiveMaxPool((2, 3)), [IMAGE]),
    (Interpolate("bilinear", (10, 14), (None, None), False, False), [IMAGE]),
    (Cat(1), [IMAGE, (IMAGES, 1, 5, 7), IMAGE]),
    (Cat(3), [IMAGE, IMAGE]),
    (Permute((0, 2, 3, 1)), [IMAGE]),
    (Slice(1, 1, 3), [IMAGE]),
    (Select(2, 3), [IMAGE]),
    (Split((1, 3), 1), [IMAGE]),
    (Roll((1, -2), (-1, 2)), [IMAGE]),
    (Pad(PADS, 2.0), [IMAGE]),
    (reduction.Mean((2, 3), False), [IMAGE]),
    (reduction.Sum(-1, True), [IMAGE]),
    (softmax.Softmax(1), [IMAGE]),
    (softmax.LogSoftmax(-1), [IMAGE]),
    (Matmul(), [(IMAGES, 3, 4), (IMAGES, 4, 5)]),
    (Matmul(), [(IMAGES, 3, 4), (4, 5)]),
    (Matmul(), [(IMAGES, 4), (4, 5)]),
    (ScaledDotProductAttention(0.5, False), [(IMAGES, 2, 3, 4), (IMAGES, 2, 5, 4), (IMAGES, 2, 5, 6), (3, 5)]),
    (ScaledDotProductAttention(0.5, True), [(IMAGES, 3, 4), (IMAGES, 5, 4), (IMAGES, 5, 6), None]),
]  # fmt: skip

WIDE = (IMAGES, 48, 15, 13)
LARGER = [
    (fused.ConvFused("silu", 0.0, (1, 1), PADS, (1, 1), 1), [WIDE, (33, 48, 3, 3), (33,), (IMAGES, 33, 15, 13)]),
    (fused.ConvFused("none", 0.0, (2, 2), PADS, (1, 1), 48), [WIDE, (48, 1, 3, 3), (48,), None]),
    (fused.ConvFused("relu", 0.0, (1, 1), BARE, (1, 1), 1), [WIDE, (200, 48, 1, 1), None, None]),
    (fused.ConvFused("none", 0.0, (1, 1), BARE, (1, 1), 1), [(IMAGES, 300, 1, 1), (70, 300, 1, 1), (70,), None]),
    (fused.ConvTransposeFused("none", 0.0, (2, 2), BARE, (1, 1), 1, (30, 26)), [WIDE, (48, 20, 2, 2), None, None]),
    (fused.LinearFused("gelu", 0.0), [(IMAGES * 50, 200), (130, 200), (130,), None]),
    (fused.LinearFused("none", 0.0), [(IMAGES, 1000), (130, 1000), (130,), None]),
    (fused.NormalizeFused("relu", 0.0, (2, 3), 1e-5), [WIDE, (48,), (48,)]),
    (norm.Standardize((2,), 1e-5), [(IMAGES, 50, 700)]),
    (AdaptiveAvgPool((1, 1)), [WIDE]),
    (reduction.Mean((2, 3), False), [WIDE]),
    (reduction.Sum((1, 2, 3), True), [WIDE]),
    (softmax.Softmax(2), [(IMAGES, 50, 700)]),
    (Matmul(), [(IMAGES, 50, 100), (IMAGES, 100, 70)]),
    (ScaledDotProductAttention(0.1, False), [(IMAGES, 4, 70, 32), (IMAGES, 4, 70, 32), (IMAGES, 4, 70, 32), None]),
]  # fmt: skip

MIXING = [
    (fused.LinearFused("none", 0.0), [(IMAGES,), (5, IMAGES), None, None]),
    (fused.ScaleShift("relu", 0.0, 0), [IMAGE, (IMAGES,), None]),
    (fused.NormalizeFused("none", 0.0, (0, 2, 3), 1e-5), [IMAGE, (4,), (4,)]),
    (norm.Standardize((-4,), 1e-5), [IMAGE]),
    (fused.Regroup((4, IMAGES * 35)), [IMAGE]),
    (fused.Regroup((1, IMAGES, 140)), [IMAGE]),
    (fused.Arrange(IMAGE, (1, 0, 2, 3)), [IMAGE]),
    (fused.Arrange(IMAGE, (0, 1, 2, 3)), [(1, 4, 1, 1)]),
    (Expand(IMAGE), [(4, 5, 7)]),
    (arithmetic.Add(), [(1, 4), (4,)]),
    (arithmetic.Add(), [(IMAGES,), (4, 1)]),
    (arithmetic.Add(), [(), ()]),
    (fused.Activate("relu", 0.0), [()]),
    (Expand(()), [()]),
    (Cat(0), [IMAGE, IMAGE]),
    (Cat(-4), [IMAGE, IMAGE]),
    (Permute((1, 0, 2, 3)), [IMAGE]),
    (Slice(0, 0, 3), [IMAGE]),
    (Select(0, 1), [IMAGE]),
    (Split((2, 4), 0), [IMAGE]),
    (Roll((1,), (0,)), [IMAGE]),
    (Flip((0,)), [IMAGE]),
    (Unbind(0), [IMAGE]),
    (Pad(((0, 0), *PADS, (0, 0)), 0.0), [IMAGE]),
    (reduction.Mean(None, False), [IMAGE]),
    (reduction.Sum((), False), [IMAGE]),
    (reduction.Sum((0, 2), False), [IMAGE]),
    (softmax.Softmax(0), [IMAGE]),
    (softmax.Softmax(-4), [IMAGE]),
    (Matmul(), [(3, IMAGES), (IMAGES, 5)]),
    (Matmul(), [(1, 3, 4), (IMAGES, 4, 5)]),
    (Matmul(), [(4, 4), (IMAGES, 4, 5)]),
    (ScaledDotProductAttention(1.0, False), [(IMAGES, 3), (IMAGES, 3), (IMAGES, 3), None]),
    (ScaledDotProductAttention(1.0, False), [(1, 3, 4), (IMAGES, 5, 4), (IMAGES, 5, 6), None]),
    (ScaledDotProductAttention(1.0, False), [(IMAGES, 3, 4), (IMAGES, 5, 4), (IMAGES, 5, 6), (2, 1, 3, 5)]),
    (Where(), [(1,), (4, 5), (4, 5)]),
]  # fmt: skip


def as_node(op, arrays):
    """A node of `op`, and what is known of its values."""
    specs = {nr: Spec(a.shape, dtype_of(a.dtype), device("cpu")) for nr, a in enumerate(arrays) if a is not None}
    inputs = tuple(None if array is None else nr for nr, array in enumerate(arrays))
    made = op.check(*(None if nr is None else specs[nr] for nr in inputs))
    made = made if isinstance(made, tuple) else (made,)
    outputs = tuple(range(len(arrays), len(arrays) + len(made)))
    return Node(op, inputs, outputs), specs | dict(zip(outputs, made, strict=True))


def drawn(shapes, rng):
    return [None if shape is None else rng.uniform(-1, 1, shape) for shape in shapes]


def results(op, arrays):
    found = op.forward(KERNELS, *arrays)
    return list(found) if isinstance(found, tuple) else [found]


@pytest.mark.parametrize(("op", "shapes"), ALONE, ids=lambda one: getattr(one, "name", ""))
@pytest.mark.parametrize("some", [1, 2, 3])
def test_slices_of_what_comes_in_make_slices_of_what_comes_out(op, shapes, some, rng):
    arrays = drawn(shapes, rng)
    node, specs = as_node(op, arrays)
    parts = taken_in_parts(node, specs, IMAGES)
    assert parts is not None
    assert any(parts)
    whole = results(op, arrays)
    for start in range(0, IMAGES, some):

        def cut(array, start=start):
            rows = array.shape[0] // IMAGES
            return array[start * rows : (start + some) * rows]

        given = [cut(a) if part else a for a, part in zip(arrays, parts, strict=True)]
        for found, wanted in zip(results(for_some(op, some, IMAGES), given), map(cut, whole), strict=True):
            assert found.shape == wanted.shape
            np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)  # double: sums in another order


@pytest.mark.parametrize(("op", "shapes"), MIXING, ids=lambda one: getattr(one, "name", ""))
def test_whatever_may_mix_images_is_said_to(op, shapes, rng):
    arrays = drawn(shapes, rng)
    if isinstance(op, Where):
        arrays[0] = arrays[0] > 0
    node, specs = as_node(op, arrays)
    assert taken_in_parts(node, specs, IMAGES) is None


def test_an_op_without_a_rule_mixes_images():
    class Unheard(fused.Activate):
        """Something new."""

    node, specs = as_node(Unheard("relu", 0.0), [np.zeros(IMAGE)])
    assert taken_in_parts(node, specs, IMAGES) is None


def test_a_dim_that_images_do_not_divide_is_not_cut():
    node, specs = as_node(fused.Activate("relu", 0.0), [np.zeros((IMAGES + 1, 3))])
    assert taken_in_parts(node, specs, IMAGES) is None
    assert taken_in_parts(node, specs, IMAGES + 1) == (True,)


def test_the_fused_ops_of_plans_all_have_rules():
    named = {type(op).__name__ for op, _ in ALONE}
    assert {name for name, op in OPS.items() if op.__module__ == fused.__name__} <= named


@pytest.mark.parametrize(("op", "shapes"), ALONE + LARGER, ids=lambda one: getattr(one, "name", ""))
@pytest.mark.parametrize("last", [True, False], ids=["channels last", "row-major"])
def test_native_kernels_give_every_slice_the_bits_of_the_whole(op, shapes, last, sets, rng):
    def laid(array):
        return np.moveaxis(np.ascontiguousarray(np.moveaxis(array, 1, -1)), -1, 1) if last and array.ndim > 3 else array

    arrays = [None if a is None else laid(a.astype(np.float32)) for a in drawn(shapes, rng)]
    node, specs = as_node(op, arrays)
    parts = taken_in_parts(node, specs, IMAGES)
    for kernels in sets:
        with kernels.quiet():
            found = op.forward(kernels, *arrays)
            whole = list(found) if isinstance(found, tuple) else [found]
            for some in (1, 2, 3):
                for start in range(0, IMAGES, some):

                    def cut(array, start=start, some=some):
                        rows = array.shape[0] // IMAGES
                        return array[start * rows : (start + some) * rows]

                    given = [cut(a) if part else a for a, part in zip(arrays, parts, strict=True)]
                    made = for_some(op, some, IMAGES).forward(kernels, *given)
                    made = list(made) if isinstance(made, tuple) else [made]
                    for one, wanted in zip(made, map(cut, whole), strict=True):
                        assert one.tobytes() == wanted.tobytes()
