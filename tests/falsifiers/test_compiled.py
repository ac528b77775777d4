"""Faults in the compiler of models."""

from __future__ import annotations

from medtorch.core.backends.reference.fused import FusedKernels
from medtorch.core.graph.accuracy import compare, largest_gap
from medtorch.core.graph.arena import Life
from medtorch.core.graph.capture import capture, check_evaluation
from medtorch.core.graph.compiled import Compiled
from medtorch.core.graph.images import _along
from medtorch.core.graph.native_program import NativeProgram
from medtorch.core.graph.saved.checks import fields_of
from medtorch.core.graph.state import _check
from tests.falsifiers.seeding import Seeding, falsifies

BITS = "tests/core/graph/test_bits.py"
CAPTURE = "tests/core/graph/test_capture.py"
COMPILED = "tests/core/graph/test_compiled.py"
IMAGES = "tests/core/graph/test_images.py"
FUSED = "tests/core/backends/reference/test_fused.py"
RELEASE = "tests/core/graph/test_release.py"
MEMORY = "tests/core/graph/test_memory.py"
NATIVE_PROGRAM = "tests/core/graph/test_native_program.py"
SAVED = "tests/core/graph/test_saved.py"
ZOO = "tests/core/graph/test_zoo.py"


@falsifies("REQ-F-CMP-006", noticed_by=f"{COMPILED}::test_infinite_numbers_are_compared_where_the_model_is_finite")
def test_a_plan_that_is_not_compared_with_the_model(fault: Seeding):
    fault.edit(compare, "if not gap <= FACTORS.get(kind, 0.0):", "if False:")


@falsifies("REQ-F-CMP-005", noticed_by=f"{MEMORY}::test_a_chain_needs_two_neighbours_at_a_time")
def test_memory_that_is_shared_by_values_that_live_together(fault: Seeding):
    fault.edit(Life.meets, "self.first <= other.last and other.first <= self.last", "False")


@falsifies("REQ-F-CMP-006", noticed_by=f"{COMPILED}::test_the_least_used_plan_goes_first")
def test_plans_that_are_never_let_go(fault: Seeding):
    fault.edit(Compiled._made, "while len(self._plans) > self._limit:", "while False:")


@falsifies("REQ-F-CMP-001", noticed_by=f"{CAPTURE}::test_a_gradient_is_refused_while_recording")
def test_a_gradient_that_is_taken_through_a_plan(fault: Seeding):
    fault.edit(Compiled._refuse_grad, "if tensor.requires_grad:", "if False:")


@falsifies(
    "REQ-F-CMP-006", noticed_by=f"{COMPILED}::test_a_model_that_was_changed_must_be_compiled_again[written-0.weight]"
)
def test_a_model_that_was_changed_and_runs_by_its_old_plan(fault: Seeding):
    fault.edit(_check, "if not same or guard.counter[0] != guard.version:", "if False:")


@falsifies("REQ-F-CMP-010", noticed_by=f"{SAVED}::test_fields_left_out_or_added_are_refused")
def test_a_plan_with_fields_that_are_not_known(fault: Seeding):
    fault.edit(fields_of, "set(data) != names", "False")


@falsifies("REQ-F-CMP-002", noticed_by=f"{CAPTURE}::test_a_model_in_training_mode_is_refused_by_the_module_that_is")
def test_a_model_in_training_mode_that_is_captured(fault: Seeding):
    fault.edit(check_evaluation, "if module.training:", "if False:")


@falsifies("REQ-F-CMP-002", noticed_by=f"{CAPTURE}::test_a_model_that_does_not_do_the_same_twice_is_found_out")
def test_a_model_that_does_another_thing_with_other_numbers(fault: Seeding):
    fault.edit(capture, "_check_same(first, second)", "pass")


@falsifies("REQ-F-CMP-007", noticed_by=f"{ZOO}::test_a_folded_model_stays_within_the_stated_bound[lenet]")
def test_a_gap_told_larger_than_it_is(fault: Seeding):
    fault.edit(largest_gap, "return worst / scale if scale else worst", "return 2.0 * worst + 1.0")


@falsifies("REQ-F-CMP-008", noticed_by=f"{BITS}::test_a_sample_is_alone_in_every_batch[lenet]")
def test_answers_in_another_order_than_the_batch(fault: Seeding):
    fault.edit(
        NativeProgram.run,
        'run.array(look).copy(order="K") if copied else run.array(look)',
        'run.array(look)[::-1].copy(order="K") if copied else run.array(look)[::-1]',
    )


@falsifies(
    "REQ-F-CMP-009", noticed_by=f"{NATIVE_PROGRAM}::test_an_output_that_looks_into_the_workspace_or_the_input_is_a_copy"
)
def test_answers_that_lie_in_the_workspace(fault: Seeding):
    fault.edit(NativeProgram.run, 'run.array(look).copy(order="K") if copied else run.array(look)', "run.array(look)")


@falsifies(
    "REQ-F-CMP-003",
    noticed_by=f"{FUSED}::test_conv_fused_is_convolution_then_bias_then_residual_then_activation[False-none]",
)
def test_a_residual_that_is_left_out(fault: Seeding):
    fault.edit(FusedKernels._finished, "y if residual is None else self.add(y, residual)", "y")


@falsifies("REQ-F-CMP-011", noticed_by=f"{RELEASE}::test_other_inputs_and_saving_are_refused_once_the_memory_is_gone")
def test_a_plan_that_is_made_of_a_model_without_memory(fault: Seeding):
    fault.edit(Compiled._refuse_released, "if self._released:", "if False:")


@falsifies("REQ-F-CMP-012", noticed_by=f"{IMAGES}::test_whatever_may_mix_images_is_said_to[softmax-0]")
def test_a_softmax_over_the_batch_that_is_cut_into_images(fault: Seeding):
    fault.edit(_along, "op.dim % ndim != 0", "True")
