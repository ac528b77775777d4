"""How many images at a time: the cheapest choice by the bytes that are moved, from shapes alone."""

from __future__ import annotations

import itertools

import pytest

from medtorch.core.devices import device
from medtorch.core.dtypes import float32
from medtorch.core.graph import stretches
from medtorch.core.graph.ir import Graph, Node
from medtorch.core.graph.ops import Activate, ConvFused
from medtorch.core.graph.probe import Seen
from medtorch.core.graph.stretches import Stretch, chosen_stretches
from medtorch.core.ops.shape import Permute
from medtorch.core.spec import Spec

pytestmark = pytest.mark.requirement("REQ-F-CMP-012")


def network(batch, layers, order=(0, 2, 3, 1)):
    """A graph of 1x1 convolutions: (channels, side) of the image and of what each layer makes of it."""
    specs = {0: Spec((batch, layers[0][0], layers[0][1], layers[0][1]), float32, device("cpu"))}
    nodes, constants = [], {}
    for nr, ((inputs, side), (outputs, _)) in enumerate(itertools.pairwise(layers)):
        weight, made = 1000 + nr, nr + 1
        specs[weight] = Spec((outputs, inputs, 1, 1), float32, device("cpu"))
        specs[made] = Spec((batch, outputs, side, side), float32, device("cpu"))
        op = ConvFused("none", 0.0, (1, 1), ((0, 0), (0, 0)), (1, 1), 1)
        nodes.append(Node(op, (nr, weight, None, None), (made,)))
        constants[weight] = None
    graph = Graph((0,), constants, tuple(nodes), (len(nodes),), specs)
    orders = dict.fromkeys(specs, order)
    return graph, Seen(orders, {}, frozenset(range(len(nodes))), ())


def test_what_fits_into_caches_runs_for_the_whole_batch():
    assert chosen_stretches(*network(8, [(16, 28)] * 5)) == ()


def test_large_images_run_one_by_one():
    assert chosen_stretches(*network(8, [(64, 112)] * 5)) == (Stretch(0, 4, 1),)  # 6.4 MB for an image and step


def test_images_of_middle_size_run_in_groups():
    assert chosen_stretches(*network(8, [(64, 80)] * 5)) == (Stretch(0, 4, 2),)  # 3.3 MB


def test_one_image_is_never_cut():
    assert chosen_stretches(*network(1, [(64, 224)] * 5)) == ()


def test_what_comes_while_a_step_computes_is_no_reason_to_cut():
    assert chosen_stretches(*network(8, [(512, 28)] * 5)) == ()  # 3.2 MB for an image, 411 million operations


def test_large_weights_are_read_once():
    # 2.2 MB of activations for an image, 16 MB of weights: to read those twice costs more than it saves.
    assert chosen_stretches(*network(8, [(2048, 12)] * 5)) == ()


def test_early_layers_are_cut_and_late_ones_are_not():
    found = chosen_stretches(*network(8, [(64, 112)] * 5 + [(64, 14)] * 9))
    assert [(one.first, one.images) for one in found] == [(0, 1)]
    assert 4 <= found[0].last <= 6


def test_a_step_that_mixes_images_ends_a_stretch():
    graph, seen = network(8, [(64, 112)] * 9)
    nodes = list(graph.nodes)
    nodes[4] = Node(Permute((1, 0, 2, 3)), (4,), (5,))
    mixed = Graph(graph.inputs, graph.constants, tuple(nodes), graph.outputs, graph.specs)
    assert chosen_stretches(mixed, seen) == (Stretch(0, 4, 1), Stretch(5, 8, 1))


def test_a_step_from_python_ends_a_stretch():
    graph, seen = network(8, [(64, 112)] * 9)
    seen = Seen(seen.orders, seen.shares, frozenset({0, 1, 2, 3, 5, 6, 7}), ())
    assert chosen_stretches(graph, seen) == (Stretch(0, 4, 1), Stretch(5, 8, 1))


@pytest.mark.parametrize("order", [(1, 0, 2, 3), None])
def test_images_that_do_not_lie_one_after_the_other_are_not_cut(order):
    assert chosen_stretches(*network(8, [(64, 112)] * 5, order)) == ()


def test_a_dim_of_one_before_the_images_means_nothing():
    nodes = (Node(Activate("relu", 0.0), (0,), (1,)),)
    specs = {value: Spec((8, 1, 1024, 1024), float32, device("cpu")) for value in (0, 1)}
    seen = Seen(dict.fromkeys(specs, (1, 0, 2, 3)), {}, frozenset({0}), ())
    assert chosen_stretches(Graph((0,), {}, nodes, (1,), specs), seen) == (Stretch(0, 1, 1),)


def test_no_more_steps_are_written_out_than_can_be_planned(monkeypatch):
    graph = network(64, [(64, 80)] * 5)
    assert chosen_stretches(*graph) == (Stretch(0, 4, 2),)
    monkeypatch.setattr(stretches, "MOST_STEPS", 4 * 16)
    assert chosen_stretches(*graph) == (Stretch(0, 4, 4),)


def test_a_batch_that_groups_do_not_divide_is_cut_as_well():
    assert chosen_stretches(*network(7, [(64, 80)] * 5)) == (Stretch(0, 4, 2),)


class Table:
    """Costs out of a hat."""

    def __init__(self, rng, steps, sizes):
        self.steps = [{size: int(rng.integers(0, 20)) for size in sizes} for _ in range(steps)]
        self.changes = [int(rng.integers(0, 15)) for _ in range(steps)]

    def step(self, nr, images):
        return self.steps[nr][images]

    def change(self, nr):
        return self.changes[nr]

    def total(self, way):
        changes = sum(self.changes[nr] for nr in range(1, len(way)) if way[nr] != way[nr - 1])
        return changes + sum(self.steps[nr][size] for nr, size in enumerate(way))


@pytest.mark.parametrize("trial", range(20))
def test_no_other_choice_costs_less(trial, rng):
    sizes = [1, 2, 8]
    table = Table(rng, 6, sizes)
    found = stretches._cheapest(table, sizes, 6)
    assert table.total(found) == min(map(table.total, itertools.product(sizes, repeat=6)))
