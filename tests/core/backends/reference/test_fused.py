"""Fused kernels: the formula, memory that is handed in, memory that is an input's."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from medtorch.core.backends.reference import ReferenceKernels
from medtorch.errors import ArgumentError

pytestmark = pytest.mark.requirement("REQ-F-CMP-003")

KERNELS = ReferenceKernels(np)
ACTIVATIONS = {
    "none": lambda y: y,
    "relu": lambda y: np.maximum(y, 0),
    "relu6": lambda y: np.clip(y, 0, 6),
    "leaky_relu": lambda y: np.where(y > 0, y, 0.25 * y),
}
POINTWISE = ((1, 1), ((0, 0), (0, 0)), (1, 1), 1)


def f32(rng, *shape):
    return (4 * rng.standard_normal(shape)).astype(np.float32)


def strided(shape):
    """Memory for a result between that of others."""
    whole = np.full((shape[0], shape[1] + 2, *shape[2:]), 77, np.float32)
    return whole, whole[:, 1:-1]


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("given", [False, True])
def test_conv_fused_is_convolution_then_bias_then_residual_then_activation(name, given, rng):
    x, weight, bias, residual = f32(rng, 2, 3, 4, 4), f32(rng, 5, 3, 1, 1), f32(rng, 5), f32(rng, 2, 5, 4, 4)
    whole, out = strided((2, 5, 4, 4)) if given else (None, None)
    found = KERNELS.conv_fused(x, weight, bias, residual, *POINTWISE, name, 0.25, out)
    product = np.einsum("nchw,oc->nohw", x.astype(np.float64), weight[:, :, 0, 0].astype(np.float64))
    wanted = ACTIVATIONS[name](product + bias[:, None, None] + residual)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
    if given:
        assert found is out
        assert (whole[:, [0, -1]] == 77).all()


def test_conv_gated_is_the_convolution_of_the_product_with_the_gate(rng):
    x, gate, weight = f32(rng, 2, 3, 4, 4), f32(rng, 2, 3, 1, 1), f32(rng, 5, 3, 1, 1)
    found = KERNELS.conv_gated(x, gate, weight, None, None, *POINTWISE, "none", 0.0, None)
    wanted = np.einsum("nchw,oc->nohw", x.astype(np.float64) * gate, weight[:, :, 0, 0].astype(np.float64))
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_conv_transpose_fused_is_the_transposed_convolution_then_the_rest(name, rng):
    x, weight, bias = f32(rng, 2, 3, 4, 4), f32(rng, 3, 5, 1, 1), f32(rng, 5)
    whole, out = strided((2, 5, 4, 4))
    found = KERNELS.conv_transpose_fused(x, weight, bias, None, (4, 4), *POINTWISE, name, 0.25, out)
    product = np.einsum("nchw,co->nohw", x.astype(np.float64), weight[:, :, 0, 0].astype(np.float64))
    np.testing.assert_allclose(found, ACTIVATIONS[name](product + bias[:, None, None]), rtol=1e-5, atol=1e-5)
    assert found is out
    assert (whole[:, [0, -1]] == 77).all()


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("lead", [(4,), (2, 3)])
def test_linear_fused_takes_any_leading_dims(name, lead, rng):
    x, weight, bias, residual = f32(rng, *lead, 6), f32(rng, 5, 6), f32(rng, 5), f32(rng, *lead, 5)
    out = np.empty((*lead, 5), np.float32)
    found = KERNELS.linear_fused(x, weight, bias, residual, name, 0.25, out)
    wanted = ACTIVATIONS[name](x.astype(np.float64) @ weight.T.astype(np.float64) + bias + residual)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
    assert found is out


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dim", [0, 1, 2])
def test_scale_shift_rounds_twice_and_may_write_over_its_input(name, dim, rng):
    x = f32(rng, 2, 3, 4)
    scale, shift = f32(rng, x.shape[dim]), f32(rng, x.shape[dim])
    across = [1, 1, 1]
    across[dim] = -1
    wanted = ACTIVATIONS[name]((x * scale.reshape(across)) + shift.reshape(across)).astype(np.float32)
    assert KERNELS.scale_shift(x, scale, shift, dim, name, 0.25, x) is x
    assert np.array_equal(x, wanted)


def test_scale_shift_without_a_shift_is_a_product(rng):
    x, scale = f32(rng, 2, 3), f32(rng, 3)
    assert np.array_equal(KERNELS.scale_shift(x, scale, None, 1, "none", 0.0, None), x * scale)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_add_activated_may_write_over_either_input(name, rng):
    for over in (0, 1):
        both = [f32(rng, 3, 4), f32(rng, 3, 4)]
        wanted = ACTIVATIONS[name](both[0] + both[1]).astype(np.float32)
        assert KERNELS.add_activated(*both, name, 0.25, both[over]) is both[over]
        assert np.array_equal(both[over], wanted)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activate_may_write_over_its_input(name, rng):
    x = f32(rng, 3, 4)
    wanted = ACTIVATIONS[name](x).astype(np.float32)
    assert KERNELS.activate(x, name, 0.25, x) is x
    assert np.array_equal(x, wanted)


@pytest.mark.parametrize("kind", [np.float16, ml_dtypes.bfloat16, np.float64])
def test_other_floating_dtypes_come_back_as_they_came(kind, rng):
    x = f32(rng, 2, 3, 4, 4).astype(kind)
    weight = f32(rng, 5, 3, 1, 1).astype(kind)
    for found in (
        KERNELS.conv_fused(x, weight, None, None, *POINTWISE, "relu", 0.0, None),
        KERNELS.linear_fused(x, weight[:, :1, 0, 0].repeat(4, 1), None, None, "leaky_relu", 0.1, None),
        KERNELS.scale_shift(x, x[0, :, 0, 0], x[0, :, 1, 1], 1, "relu6", 0.0, None),
        KERNELS.add_activated(x, x, "leaky_relu", 0.1, None),
    ):
        assert found.dtype == kind


def test_an_unknown_activation_is_refused(rng):
    with pytest.raises(ArgumentError, match=r"^unknown activation 'celu'; have none, relu, relu6, leaky_relu, elu, "):
        KERNELS.activate(f32(rng, 2), "celu", 0.0, None)


def test_a_linear_layer_of_no_features_gives_its_bias():
    weight, bias = np.zeros((4, 0), np.float32), np.arange(4, dtype=np.float32)
    found = KERNELS.linear_fused(np.zeros((2, 3, 0), np.float32), weight, bias, None, "none", 0.0, None)
    np.testing.assert_array_equal(found, np.broadcast_to(bias, (2, 3, 4)))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_normalize_fused_is_the_norm_then_the_activation_and_may_write_over_its_input(name, rng):
    x, weight, bias = f32(rng, 2, 3, 4, 5), f32(rng, 1, 3, 1, 1), f32(rng, 1, 3, 1, 1)
    wide = x.astype(np.float64)
    mean = wide.mean((2, 3), keepdims=True)
    standard = (wide - mean) / np.sqrt(((wide - mean) ** 2).mean((2, 3), keepdims=True) + 1e-5)
    wanted = ACTIVATIONS[name](standard * weight + bias)
    assert KERNELS.normalize_fused(x, weight, bias, (2, 3), 1e-5, name, 0.25, x) is x
    np.testing.assert_allclose(x, wanted, rtol=1e-5, atol=1e-5)
