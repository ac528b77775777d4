"""What is aimed at, and by how much a run meets or misses it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.numbers import geometric_mean, ratios, summary
from benchmarks.peers import is_ours

Cell = Mapping[str, Any]  # one workload: name, candidates
COMPILED, FAST, EAGER = "medtorch compiled", "medtorch compiled fast", "medtorch eager"


@dataclass(frozen=True)
class Goal:
    """One line of the table. `met` is None where the run did not measure it."""

    text: str
    wanted: str
    found: str
    met: bool | None


def rounds(cell: Cell, name: str) -> list[list[float]]:
    """The samples of a candidate; none where it was not timed."""
    found: list[list[float]] = cell["candidates"].get(name, {}).get("rounds", [])
    return found


def median(cell: Cell, name: str) -> float:
    return summary([summary(one).median for one in rounds(cell, name)]).median


def speedup(cell: Cell, ours: str, other: str) -> float:
    """How many times quicker `ours` is than `other`: the median over rounds."""
    return summary(ratios(rounds(cell, other), rounds(cell, ours))).median


def best_peer(cell: Cell) -> str | None:
    """The quickest of those that are not medtorch."""
    peers = [name for name in cell["candidates"] if not is_ours(name) and rounds(cell, name)]
    return min(peers, key=lambda name: median(cell, name), default=None)


def against(cells: Iterable[Cell], ours: str, other: str | None = None) -> dict[str, float]:
    """Speed-ups by workload over `other`, or over the best peer of each; without those that lack one of the two."""
    found = {}
    for cell in cells:
        peer = other or best_peer(cell)
        if peer is not None and rounds(cell, peer) and rounds(cell, ours):
            found[cell["name"]] = speedup(cell, ours, peer)
    return found


def memory(cells: Iterable[Cell], ours: str, other: str) -> dict[str, float]:
    """Peak memory of `ours` over that of `other`, by workload."""
    found = {}
    for cell in cells:
        mine, theirs = (cell["candidates"].get(name, {}).get("peak_bytes") for name in (ours, other))
        if mine and theirs:
            found[cell["name"]] = mine / theirs
    return found


def table(result: Mapping[str, Any]) -> list[Goal]:
    """Every goal, in the order of the list."""
    inference, training = result["inference"], result["training"]
    train_peer = "PyTorch eager"
    return [
        _mean("compiled inference over the best peer of each workload", against(inference, COMPILED), 1.5),
        _worst("compiled inference never slower than the best peer", against(inference, COMPILED), 1.0),
        _mean('compiled inference, algorithms="fast", over the best peer', against(inference, FAST), 1.5),
        _mean("compiled inference over PyTorch eager", against(inference, COMPILED, train_peer), 2.0),
        _mean("eager inference over PyTorch eager", against(inference, EAGER, train_peer), 1.0),
        _mean("training step over PyTorch eager", against(training, "medtorch", train_peer), 1.4),
        _mean("training step over the best of PyTorch", against(training, "medtorch"), 1.4),
        _most("peak memory of compiled inference over ONNX Runtime's", memory(inference, COMPILED, "ONNX Runtime")),
        _most("peak memory of training over PyTorch's", memory(training, "medtorch", train_peer)),
        _import(result.get("imports")),
        _wheel(result.get("wheel")),
    ]


def _mean(text: str, found: Mapping[str, float], wanted: float) -> Goal:
    words = f"at least {wanted:g} times, geometric mean"
    if not found:
        return Goal(text, words, "not measured", None)
    mean = geometric_mean(list(found.values()))
    return Goal(text, words, f"{mean:.2f} over {len(found)} workloads{_miss(mean, wanted)}", mean >= wanted)


def _worst(text: str, found: Mapping[str, float], wanted: float) -> Goal:
    words = f"at least {wanted:g} times on each"
    if not found:
        return Goal(text, words, "not measured", None)
    slow = {name: ratio for name, ratio in found.items() if ratio < wanted}
    worst = min(found, key=found.__getitem__)
    told = f"{len(slow)} of {len(found)} slower; least: {found[worst]:.2f} ({worst})"
    return Goal(text, words, told, not slow)


def _most(text: str, found: Mapping[str, float]) -> Goal:
    words = "at most 1 times on each"
    if not found:
        return Goal(text, words, "not measured", None)
    over = {name: ratio for name, ratio in found.items() if ratio > 1}
    most = max(found, key=found.__getitem__)
    mean = geometric_mean(list(found.values()))
    told = f"{len(over)} of {len(found)} above; most: {found[most]:.2f} ({most}); geometric mean {mean:.2f}"
    return Goal(text, words, told, not over)


def _import(found: Mapping[str, Any] | None) -> Goal:
    text, words = "import medtorch over import numpy", "at most 60 ms more"
    if found is None:
        return Goal(text, words, "not measured", None)
    over = found["medtorch_over_numpy_median"] * 1000
    return Goal(text, words, f"{over:.0f} ms", over <= 60)


def _wheel(found: Mapping[str, Any] | None) -> Goal:
    text, words = "size of the wheel", "under 6 MB"
    if found is None or "bytes" not in found:
        return Goal(text, words, "not measured", None)
    if not found["native"]:
        return Goal(text, words, "the wheel that was built has no native kernels", None)
    size = found["bytes"] / 1e6
    return Goal(text, words, f"{size:.2f} MB", size < 6)


def _miss(found: float, wanted: float) -> str:
    return "" if found >= wanted else f" ({100 * (1 - found / wanted):.0f} % short)"
