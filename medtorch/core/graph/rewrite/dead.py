"""Nodes, constants and inputs of nodes that no output needs."""

from __future__ import annotations

from medtorch.core.graph.ir import Graph, Value


def drop_dead(graph: Graph) -> tuple[Graph, dict[str, int]]:
    """The graph without what does not reach an output."""
    needed: set[Value] = set(graph.outputs)
    kept = []
    for node in reversed(graph.nodes):
        if any(value in needed for value in node.outputs):
            kept.append(node)
            needed.update(value for value in node.inputs if value is not None)
    made = {value for node in kept for value in node.outputs}
    constants = {value: constant for value, constant in graph.constants.items() if value in needed}
    specs = {v: spec for v, spec in graph.specs.items() if v in made or v in constants or v in graph.inputs}
    smaller = Graph(graph.inputs, constants, tuple(reversed(kept)), graph.outputs, specs)
    return smaller, {"dead nodes removed": len(graph.nodes) - len(kept)}
