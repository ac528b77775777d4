"""Faults around the native kernels and the choice of what computes."""

from __future__ import annotations

from medtorch.core.algorithms import get_cpu_algorithms
from medtorch.core.backends.cpu.conv import ConvKernels
from medtorch.core.backends.cpu.door import threads_asked_for
from medtorch.core.backends.cpu.elementwise import ElementwiseKernels
from medtorch.core.backends.cpu.reduction import FoldFamily
from tests.falsifiers.seeding import Seeding, falsifies

ACTIVATION_GRAD = "tests/core/backends/cpu/test_activation_grad.py"
CHOICE = "tests/core/backends/cpu/test_choice.py"
ELEMENTWISE = "tests/core/backends/cpu/test_elementwise.py"
NORM = "tests/core/backends/cpu/test_norm.py"
REDUCTION = "tests/core/backends/cpu/test_reduction.py"
SKIPPED_PADDING = "tests/core/backends/cpu/test_skipped_padding.py"
WINOGRAD = "tests/core/backends/cpu/test_winograd.py"


@falsifies(
    "REQ-F-OPS-300",
    "REQ-F-OPS-301",
    noticed_by=(
        f"{NORM}::test_every_kernel_set_and_layout_gives_the_same_bits[group]",
        f"{NORM}::test_every_kernel_set_and_layout_gives_the_same_bits[layer]",
    ),
)
def test_a_native_mean_over_one_number_too_many(fault: Seeding):
    fault.edit(FoldFamily.fold_over, "by = divisor if", "by = divisor + 1 if")


@falsifies(
    "REQ-F-OPS-311",
    noticed_by=(f"{REDUCTION}::test_sums_and_means_follow_the_fixed_order_in_any_layout_on_every_kernel_set[two runs]"),
)
def test_a_sum_that_folds_its_runs_the_other_way_round(fault: Seeding):
    fault.edit(FoldFamily.fold_over, "for first, last in found:", "for first, last in found[::-1]:")


@falsifies(
    "REQ-F-OPS-310", noticed_by=f"{ELEMENTWISE}::test_functions_are_right_to_the_stated_units_of_the_last_place[exp]"
)
def test_one_function_computed_for_another(fault: Seeding):
    fault.edit(ElementwiseKernels.exp, '"exp"', '"expm1"')


@falsifies(
    "REQ-F-OPS-300",
    noticed_by=f"{ACTIVATION_GRAD}::test_one_kernel_gives_the_bits_of_the_gradient_that_is_recorded[sigmoid]",
)
def test_a_difference_computed_as_a_sum(fault: Seeding):
    fault.edit(ElementwiseKernels.sub, '"sub"', '"add"')


@falsifies(
    "REQ-F-OPS-303",
    noticed_by=f"{CHOICE}::test_an_impossible_number_of_threads_in_the_environment_is_refused_by_name[0]",
)
def test_a_number_of_threads_that_is_none(fault: Seeding):
    fault.edit(threads_asked_for, "if not text.strip().isdecimal() or int(text) < 1:", "if False:")


@falsifies("REQ-F-OPS-320", noticed_by=f"{WINOGRAD}::test_a_thread_s_choice_goes_before_the_process_s")
def test_a_thread_that_follows_the_process(fault: Seeding):
    fault.edit(get_cpu_algorithms, "_of_thread.name or _of_process", "_of_process")


@falsifies(
    "REQ-F-OPS-320",
    noticed_by=f"{WINOGRAD}::test_the_choice_follows_from_the_shape_of_one_image[{{'stride': (2, 2)}}-direct]",
)
def test_an_algorithm_chosen_without_the_stride(fault: Seeding):
    fault.edit(ConvKernels.conv_algorithm, "numbers(stride, 1)", "(1, 1, 1)")


@falsifies(
    "REQ-F-OPS-302",
    "REQ-F-OPS-321",
    noticed_by=f"{WINOGRAD}::test_the_error_stays_within_what_is_stated[False-16-(12, 12)-1-winograd2]",
)
def test_the_fast_algorithm_where_another_was_asked_for(fault: Seeding):
    fault.edit(get_cpu_algorithms, "_of_thread.name or _of_process", '"fast"')


@falsifies(
    "REQ-F-OPS-322", noticed_by=f"{SKIPPED_PADDING}::test_places_that_lie_in_padding_for_every_window_leave_the_bias"
)
def test_padding_that_is_taken_for_an_image(fault: Seeding):
    fault.edit(ConvKernels.conv, "numbers([before for before, _ in padding], 0)", "numbers([0 for _ in padding], 0)")
