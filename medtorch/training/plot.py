"""The course of a training as a picture. The one door to matplotlib.

Requires  REQ-F-TRN-004
"""

from __future__ import annotations

import functools
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medtorch.errors import MissingDependencyError
from medtorch.serialize.atomic import write_file
from medtorch.training.log import Record

PLOT = "metrics.png"


def write_plot(folder: Path, records: Sequence[Record], title: str, metric: str, best_epoch: int | None) -> None:
    """Losses, the metric and the learning rate over the epochs. Raises SaveError, MissingDependencyError."""
    figure = matplotlib_figure()(figsize=(9.0, 3.2), layout="constrained")
    losses, scores, rates = figure.subplots(1, 3)
    epochs = [record["epoch"] for record in records]
    for name, colour in (("train_loss", "#0072b2"), ("loss", "#d55e00")):
        _line(losses, epochs, records, name, colour)
    losses.set(title="loss", xlabel="epoch")
    losses.legend(["training", "validation"], frameon=False)
    _line(scores, epochs, records, metric, "#009e73")
    if best_epoch is not None:
        scores.axvline(best_epoch, color="#999999", linewidth=1, linestyle=":")
    scores.set(title=f"{metric} (validation)", xlabel="epoch")
    _line(rates, epochs, records, "lr", "#444444")
    rates.set(title="learning rate", xlabel="epoch")
    for axes in (losses, scores, rates):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
    figure.suptitle(title)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=120, metadata={"Software": None})
    write_file(folder / PLOT, [stream.getvalue()], overwrite=True)


@functools.cache
def matplotlib_figure() -> Any:
    """matplotlib's Figure, without a window system or global state."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415  optional: only who plots needs it
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        raise MissingDependencyError("matplotlib", extra="train") from error

    def make(**options: Any) -> Any:
        figure = Figure(**options)
        FigureCanvasAgg(figure)
        return figure

    return make


def _line(axes: Any, epochs: Sequence[Any], records: Sequence[Record], name: str, colour: str) -> None:
    known = [
        (epoch, record[name]) for epoch, record in zip(epochs, records, strict=True) if record.get(name) is not None
    ]
    axes.plot([epoch for epoch, _ in known], [value for _, value in known], color=colour, marker=".")
