"""What a compiled model tells of its plans, as plain data.

Requires  REQ-F-CMP-007
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

from medtorch.core.graph.accuracy import FACTORS
from medtorch.core.graph.arithmetic import multiply_adds
from medtorch.core.graph.plan import Plan, kernel_names


def describe_plans(plans: list[tuple[Any, Plan]]) -> dict[str, Any]:
    """The newest plan in full, and one line for each."""
    if not plans:
        return {"plan": None, "plans": []}
    return {"plan": _in_full(plans[0][1]), "plans": [_in_short(key, plan) for key, plan in plans]}


def _in_full(plan: Plan) -> dict[str, Any]:
    program = plan.program
    return {
        "ops_captured": plan.captured_ops,
        "steps": len(program.graph.nodes),
        "rewrites": dict(plan.counts),
        "concatenated_in_place": len(program.layout.placed),
        "written_over": len(program.layout.over),
        "kernels": kernel_names(program.graph),
        "slices": [{"first_step": s.first, "last_step": s.last - 1, "images": s.images} for s in program.stretches],
        "native_calls": program.native_calls,
        "native_jobs": program.jobs,
        "python_steps": dict(sorted(Counter(program.python_steps).items())),
        "arena_bytes": program.arena_bytes,
        "arena_values": len(program.layout.lives),
        "values_bytes": program.values_bytes,
        "workspaces": program.workspaces,
        "convolutions": dict(plan.algorithms.convolutions),
        "multiply_adds": asdict(multiply_adds(program.graph, program.kernels)),
        "accuracy": _accuracy(plan),
    }


def _accuracy(plan: Plan) -> dict[str, Any]:
    kinds = sorted({program_spec.dtype.name for program_spec in _output_specs(plan)})
    return {
        "folded": plan.folded,
        "bound": {kind: FACTORS.get(kind, 0.0) for kind in kinds},
        "bound_means": "largest difference from the model over the largest number of the output",
        "bit_equal_on_example": plan.accuracy.bit_equal,
        "largest_on_example": plan.accuracy.largest,
        "largest_from_direct_on_example": plan.algorithms.largest_from_direct,
    }


def _output_specs(plan: Plan) -> list[Any]:
    graph = plan.program.graph
    return [graph.specs[value] for value in graph.outputs]


def _in_short(key: Any, plan: Plan) -> dict[str, Any]:
    inputs = [{"shape": list(shape), "dtype": dtype} for shape, dtype, _ in key[2:]]
    return {"inputs": inputs, "steps": len(plan.program.graph.nodes), "arena_bytes": plan.program.arena_bytes}
