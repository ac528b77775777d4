"""Talking to people: on stderr, in colour only on a terminal and only where NO_COLOR is not set.

Requires  REQ-F-CLI-002
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

_QUIET_SECONDS = 15.0


def console() -> Console:
    """stderr as rich knows it; rich itself heeds NO_COLOR and leaves colour out of what is no terminal."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """One line to the person, on stderr."""
    print(text, file=sys.stderr, flush=True)


def result(value: Any) -> None:
    """The result as JSON, on stdout."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False))


@dataclass
class Advance:
    """Progress of one task: a bar with the time that is left on a terminal, else a quiet line now and then.

    Used as a context manager; `step` is called when a part is done.
    """

    title: str
    total: int
    clock: Callable[[], float] = time.monotonic
    _bar: Progress | None = field(default=None, init=False)
    _task: TaskID | None = field(default=None, init=False)
    _done: int = field(default=0, init=False)
    _started: float = field(default=0.0, init=False)
    _spoke: float = field(default=0.0, init=False)

    def __enter__(self) -> Self:
        self._started = self._spoke = self.clock()
        place = console()
        if place.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"), BarColumn(bar_width=32), MofNCompleteColumn(), TimeElapsedColumn(),
                TextColumn("left"), TimeRemainingColumn(), TextColumn("{task.fields[note]}"),
                console=place, transient=True,
            )  # fmt: skip
            self._task = self._bar.add_task(self.title, total=self.total, note="")
            self._bar.start()
        return self

    def step(self, note: str = "", parts: int = 1) -> None:
        """So many parts more are done."""
        self._done += parts
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, advance=parts, note=note)
        elif self.clock() - self._spoke >= _QUIET_SECONDS:
            self._spoke = self.clock()
            say(f"{self.title}: {self._done} of {self.total}, about {self._left()} left{f', {note}' if note else ''}")

    def _left(self) -> str:
        spent = self.clock() - self._started
        return duration(spent / max(self._done, 1) * (self.total - self._done))

    def tell(self, text: str) -> None:
        """A line that stays, above the bar."""
        if self._bar is not None:
            self._bar.console.print(text, markup=False)
        else:
            say(text)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()


def duration(seconds: float) -> str:
    """'45 s', '2 min 05 s', '1 h 10 min'."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
