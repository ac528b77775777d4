"""Faults in the compiler of models."""

from __future__ import annotations

from medtorch.core.graph.accuracy import compare
from medtorch.core.graph.arena import Life
from medtorch.core.graph.capture import capture, check_evaluation
from medtorch.core.graph.compiled import Compiled
from medtorch.core.graph.saved.checks import fields_of
from medtorch.core.graph.state import _check
from tests.falsifiers.seeding import Seeding, falsifies

CAPTURE = "tests/core/graph/test_capture.py"
COMPILED = "tests/core/graph/test_compiled.py"
MEMORY = "tests/core/graph/test_memory.py"
SAVED = "tests/core/graph/test_saved.py"


@falsifies("REQ-F-CMP-006", noticed_by=f"{COMPILED}::test_infinite_numbers_are_compared_where_the_model_is_finite")
def test_a_plan_that_is_not_compared_with_the_model(fault: Seeding):
    fault.edit(compare, "if not gap <= FACTORS.get(kind, 0.0):", "if False:")


@falsifies("REQ-F-CMP-005", noticed_by=f"{MEMORY}::test_a_chain_needs_two_neighbours_at_a_time")
def test_memory_that_is_shared_by_values_that_live_together(fault: Seeding):
    fault.edit(Life.meets, "self.first <= other.last and other.first <= self.last", "False")


@falsifies("REQ-F-CMP-006", noticed_by=f"{COMPILED}::test_the_least_used_plan_goes_first")
def test_a_plan_for_ever(fault: Seeding):
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
