"""Faults in ops."""

from __future__ import annotations

from medtorch.core.backends.reference.reduction import ReductionKernels
from medtorch.core.backends.reference.softmax import SoftmaxKernels
from medtorch.core.ops.activation import Elu
from medtorch.core.ops.arithmetic import Mul, Sub
from medtorch.core.ops.attention import scaled_dot_product_attention
from medtorch.core.ops.avg_pool import AvgPool
from medtorch.core.ops.conv import Conv, ConvInputGrad
from medtorch.core.ops.dropout import _scaled
from medtorch.core.ops.extremes import Amax
from medtorch.core.ops.indexing import BasicIndex, IndexPut
from medtorch.core.ops.interpolate import Interpolate
from medtorch.core.ops.linear import Linear
from medtorch.core.ops.norm import _by_running_moments, batch_norm
from medtorch.core.ops.op import require
from medtorch.core.ops.pad import PadByIndex
from medtorch.core.ops.pool import _steps
from medtorch.core.ops.reduction import Mean
from medtorch.core.ops.softmax import Softmax
from medtorch.nn.functional import leaky_relu_
from medtorch.special import entr
from tests.falsifiers.seeding import Seeding, falsifies

ACTIVATION = "tests/core/ops/test_activation.py"
ATTENTION = "tests/core/backends/cpu/test_attention.py"
CATALOGUE = "tests/core/ops/test_catalogue.py"
COMPLEX = "tests/core/test_complex.py"
CONV = "tests/core/ops/test_conv.py"
DROPOUT = "tests/core/ops/test_dropout.py"
FUNCTIONAL = "tests/nn/test_functional.py"
INDEXING = "tests/core/ops/test_indexing.py"
INTERPOLATE = "tests/core/ops/test_interpolate.py"
LINEAR = "tests/core/ops/test_linear.py"
LOSS = "tests/core/ops/test_loss.py"
NORM = "tests/core/ops/test_norm.py"
PAD = "tests/core/ops/test_pad.py"
POOL = "tests/core/ops/test_pool.py"
REDUCTION = "tests/core/ops/test_reduction.py"
SOFTMAX = "tests/core/ops/test_softmax.py"
SPECIAL = "tests/test_special.py"


@falsifies(
    "REQ-F-OPS-001",
    "REQ-F-OPS-004",
    noticed_by=(
        f"{CATALOGUE}::test_gradients_follow_small_steps[sub with alpha]",
        f"{CATALOGUE}::test_results_follow_the_formula[sub]",
    ),
)
def test_a_difference_with_its_sides_exchanged(fault: Seeding):
    fault.edit(Sub.forward, "kernels.sub(a, b)", "kernels.sub(b, a)")


@falsifies("REQ-F-OPS-004", noticed_by=f"{CATALOGUE}::test_gradients_follow_small_steps[softmax]")
def test_a_softmax_whose_gradient_forgets_the_sum(fault: Seeding):
    fault.edit(Softmax.vjp, "y * (dy - (y * dy).sum(self.dim, keepdim=True))", "y * dy")


@falsifies("REQ-F-OPS-005", noticed_by=f"{CATALOGUE}::test_what_does_not_fit_is_refused_by_name[softmax-1]")
def test_an_op_that_refuses_nothing(fault: Seeding):
    fault.edit(require, "if not condition:", "if False:")


@falsifies(
    "REQ-F-OPS-007", noticed_by=f"{CATALOGUE}::test_sixteen_bits_are_close_to_float32[medtorch.float16-var_mean]"
)
def test_a_mean_of_sixteen_bits_over_one_number_too_many(fault: Seeding):
    fault.edit(ReductionKernels.mean, "x.dtype.type(_count(x, dims))", "x.dtype.type(_count(x, dims) + 1)")


@falsifies("REQ-F-OPS-106", noticed_by=f"{SOFTMAX}::test_scores_of_any_size_give_probabilities")
def test_a_softmax_over_another_dim(fault: Seeding):
    fault.edit(Softmax.forward, "kernels.softmax(x, self.dim)", "kernels.softmax(x, 0)")


@falsifies("REQ-F-OPS-100", noticed_by=f"{CONV}::test_transposed_convolution_is_the_adjoint_of_convolution")
def test_a_convolution_that_is_turned_round(fault: Seeding):
    fault.edit(Conv.forward, "kernels.conv(input, weight,", "kernels.conv(input, weight[:, :, ::-1],")


@falsifies("REQ-F-OPS-101", noticed_by=f"{CONV}::test_transposed_convolution_is_the_adjoint_of_convolution")
def test_a_transposed_convolution_that_is_turned_round(fault: Seeding):
    fault.edit(ConvInputGrad.forward, "grad, weight, bias,", "grad, weight[:, :, ::-1], bias,")


@falsifies("REQ-F-OPS-107", noticed_by=f"{PAD}::test_what_stands_around_is_what_the_mode_says[reflect-expected1]")
def test_padding_exchanged_between_the_sides(fault: Seeding):
    fault.edit(
        PadByIndex.forward, "self.mode, self.pads", "self.mode, tuple((after, before) for before, after in self.pads)"
    )


@falsifies("REQ-F-OPS-105", noticed_by=f"{INTERPOLATE}::test_bytes_are_rounded_once_a_dim[False-bilinear]")
def test_corners_aligned_the_other_way(fault: Seeding):
    fault.edit(Interpolate.forward, "self.align_corners", "not self.align_corners")


@falsifies(
    "REQ-F-OPS-105", noticed_by=f"{INTERPOLATE}::test_the_scale_that_was_asked_for_counts_unless_it_is_to_be_recomputed"
)
def test_resizing_without_the_scale_that_was_given(fault: Seeding):
    fault.edit(Interpolate.forward, "self.scales", "(None,) * len(self.size)")


@falsifies("REQ-F-OPS-110", noticed_by=f"{DROPOUT}::test_each_number_is_dropped_with_probability_p_and_the_rest_scaled")
def test_dropout_that_does_not_scale(fault: Seeding):
    fault.edit(_scaled, "kept * (1 / (1 - p))", "kept * 1.0")


@falsifies("REQ-F-OPS-110", noticed_by=f"{DROPOUT}::test_channels_are_dropped_whole[dropout1d-shape0]")
def test_dropout_that_keeps_what_it_should_leave_out(fault: Seeding):
    fault.edit(_scaled, ">= p", "< p")


@falsifies("REQ-F-OPS-112", noticed_by=f"{LINEAR}::test_every_leading_place_is_a_sample_of_its_own")
def test_a_linear_layer_that_forgets_its_bias(fault: Seeding):
    fault.edit(Linear.forward, "kernels.linear(x, weight, bias)", "kernels.linear(x, weight, None)")


@falsifies("REQ-F-OPS-114", noticed_by=f"{ATTENTION}::test_gradients_are_those_of_the_scores_kept")
def test_attention_of_unscaled_scores(fault: Seeding):
    fault.edit(scaled_dot_product_attention, "1 / math.sqrt(max(query.shape[-1], 1))", "1.0")


@falsifies("REQ-F-OPS-108", noticed_by=f"{LOSS}::test_ignored_targets_count_for_nothing_even_where_scores_are_nan")
def test_a_loss_that_counts_ignored_targets(fault: Seeding):
    fault.edit(
        SoftmaxKernels.pick_class, "return self.xp.where(kept, found, self.xp.zeros((), x.dtype))", "return found"
    )


@falsifies(
    "REQ-F-OPS-003",
    noticed_by=(
        f"{INDEXING}::test_adding_twice_in_one_place_is_exact_in_sixteen_bits_and_wraps_in_small_whole_numbers"
    ),
)
def test_numbers_written_where_they_should_be_added(fault: Seeding):
    fault.edit(IndexPut.forward, "if self.accumulate:", "if False:")


@falsifies("REQ-F-OPS-002", noticed_by=f"{REDUCTION}::test_a_dtype_is_taken_before_adding_up")
def test_a_mean_that_is_not_divided(fault: Seeding):
    fault.edit(
        Mean.forward, "kernels.mean(x, self.dims(x), self.keepdim)", "kernels.sum(x, self.dims(x), self.keepdim)"
    )


@falsifies("REQ-F-OPS-002", noticed_by=f"{REDUCTION}::test_the_three_forms_of_max")
def test_the_smallest_for_the_largest(fault: Seeding):
    fault.edit(Amax.forward, "kernels.amax(", "kernels.amin(")


@falsifies("REQ-F-OPS-103", noticed_by=f"{POOL}::test_infinity_outside_of_a_window_does_not_reach_its_mean")
def test_padding_counted_where_it_should_not_be(fault: Seeding):
    fault.edit(
        AvgPool.forward,
        "self.count(x.shape[2:]), self.count_include_pad,",
        "self.count(x.shape[2:]), not self.count_include_pad,",
    )


@falsifies(
    "REQ-F-OPS-003", noticed_by=f"{INDEXING}::test_basic_keys_give_views_of_the_same_memory[slice(None, None, 2)]"
)
def test_an_index_that_counts_its_steps_forwards(fault: Seeding):
    fault.edit(BasicIndex.forward, "slice(a, b, c)", "slice(a, b, 1)")


@falsifies("REQ-F-OPS-101", noticed_by=f"{CONV}::test_the_size_of_the_pieces_does_not_show[1]")
def test_the_adjoint_of_another_convolution(fault: Seeding):
    fault.edit(ConvInputGrad.forward, "grad, weight, bias, self.size", "grad, weight[..., ::-1], bias, self.size")


@falsifies("REQ-F-OPS-102", "REQ-F-OPS-103", noticed_by=f"{POOL}::test_a_window_with_nan_is_nan_and_names_its_last_nan")
def test_windows_that_step_by_one_where_no_stride_was_given(fault: Seeding):
    fault.edit(_steps, "        return kernel", "        return (1,) * len(kernel)")


@falsifies("REQ-F-OPS-104", noticed_by=f"{NORM}::test_the_gradient_of_running_moments_in_evaluation_is_not_asked_for")
def test_an_eps_that_is_subtracted(fault: Seeding):
    fault.edit(_by_running_moments, "(var + eps)", "(var - eps)")


@falsifies("REQ-F-OPS-104", noticed_by=f"{NORM}::test_a_single_value_per_channel_is_refused_by_name")
def test_moments_of_one_value(fault: Seeding):
    fault.edit(batch_norm, "values = input.numel() // max(channels, 1)", "values = input.numel()")


@falsifies(
    "REQ-F-OPS-109",
    noticed_by=f"{ACTIVATION}::test_at_a_kink_the_slope_is_the_one_that_torch_takes[elu-kinks1-slopes1]",
)
def test_a_slope_with_another_factor(fault: Seeding):
    fault.edit(Elu.vjp, "self.scale * self.alpha * self.input_scale", "self.scale * self.alpha + self.input_scale")


@falsifies("REQ-F-OPS-214", noticed_by=f"{COMPLEX}::test_a_real_input_of_a_complex_product_gets_a_real_gradient")
def test_a_complex_gradient_that_is_not_conjugated(fault: Seeding):
    fault.edit(Mul.vjp, "dy * b.conj()", "dy * b")


@falsifies(
    "REQ-F-OPS-006", noticed_by=f"{CATALOGUE}::test_results_dtypes_and_gradients_equal_those_of_pytorch[sub with alpha]"
)
def test_a_difference_beside_pytorch_with_its_sides_exchanged(fault: Seeding):
    fault.edit(Sub.forward, "kernels.sub(a, b)", "kernels.sub(b, a)")


@falsifies(
    "REQ-F-OPS-115",
    noticed_by=f"{FUNCTIONAL}::test_names_with_an_underscore_write_over_the_input[leaky_relu_-leaky_relu]",
)
def test_a_name_with_an_underscore_that_leaves_its_input_alone(fault: Seeding):
    fault.edit(leaky_relu_, "negative_slope, True", "negative_slope, False")


@falsifies("REQ-F-OPS-205", noticed_by=f"{SPECIAL}::test_products_with_logarithms_are_zero_where_the_factor_is")
def test_a_logarithm_with_another_factor(fault: Seeding):
    fault.edit(entr, "return ", "return -")
