"""The picture of a run: how many times quicker or slower than the best peer each of medtorch's ways is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import goals

WAYS = {goals.COMPILED: "#0b6e99", goals.FAST: "#66b2d0", goals.EAGER: "#b0b7bd", "medtorch": "#c2571a"}
LABELS = {"medtorch": "medtorch, training step"}


def draw(result: Mapping[str, Any], path: Path) -> bool:
    """Write the picture (the suffix says as what); False where there is no peer to compare with."""
    import matplotlib as mpl  # noqa: PLC0415  an optional heavy dependency

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "medtorch"  # the same file for the same numbers
    from matplotlib import pyplot as plt  # noqa: PLC0415

    cells = [*result["inference"], *result["training"]]
    cells = [cell for cell in cells if goals.best_peer(cell)]
    if not cells:
        return False
    figure, axes = plt.subplots(figsize=(9, 0.42 * len(cells) + 1.6))
    for row, cell in enumerate(cells):
        _bars(axes, row, cell)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_yticks(range(len(cells)), [f"{cell['name']}\n({goals.best_peer(cell)})" for cell in cells], fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel("times as fast as the best peer (in brackets); left of the line it is slower")
    axes.set_xlim(left=0)
    shown = [name for name in WAYS if any(goals.rounds(cell, name) for cell in cells)]
    handles = [plt.Rectangle((0, 0), 1, 1, color=WAYS[name]) for name in shown]
    labels = [LABELS.get(name, name) for name in shown]
    axes.legend(handles, labels, fontsize=8, loc="lower center", bbox_to_anchor=(0.4, 1), ncols=4, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    metadata = {"Date": None} if path.suffix == ".svg" else {}
    figure.savefig(path, dpi=150, metadata=metadata)
    plt.close(figure)
    return True


def _bars(axes: Any, row: int, cell: goals.Cell) -> None:
    peer = goals.best_peer(cell)
    ways = [name for name in WAYS if goals.rounds(cell, name)]
    height = 0.8 / max(1, len(ways))
    for nr, name in enumerate(ways):
        value = goals.speedup(cell, name, str(peer))
        y = row - 0.4 + (nr + 0.5) * height
        axes.barh(y, value, height, color=WAYS[name])
        axes.text(value, y, f" {value:.2f}", va="center", fontsize=6)
