"""Faults that the tests of the mechanism itself seed; none is a falsifier of the product."""

from __future__ import annotations

import os

from medtorch.metrics import formulas
from tests.falsifiers.seeding import Seeding, falsifies

RECALL = "tests/metrics/test_classification.py::test_values_worked_out_on_paper[recall-expected3]"
RENAMED = "tests/metrics/test_classification.py::test_that_was_renamed"


@falsifies("REQ-F-MET-001", noticed_by=RECALL)
def that_is_noticed(fault: Seeding) -> None:
    fault.edit(formulas.recall_of, "axis=-1", "axis=-2")


@falsifies("REQ-F-MET-001", noticed_by=RECALL)
def that_no_test_looks_at(fault: Seeding) -> None:
    fault.put(formulas, "__doc__", "another")


@falsifies("REQ-F-MET-001", noticed_by=RECALL)
def that_only_breaks(fault: Seeding) -> None:
    fault.edit(formulas.recall_of, "counts.matrix", "counts.nothing")


@falsifies("REQ-S-SEC-001", noticed_by=RECALL)
def of_another_requirement(fault: Seeding) -> None:
    fault.edit(formulas.recall_of, "axis=-1", "axis=-2")


@falsifies("REQ-F-MET-001", noticed_by=RECALL)
def that_takes_the_process_along(fault: Seeding) -> None:
    os._exit(7)


@falsifies("REQ-F-MET-001", noticed_by=RENAMED)
def that_a_renamed_test_would_notice(fault: Seeding) -> None:
    fault.edit(formulas.recall_of, "axis=-1", "axis=-2")
