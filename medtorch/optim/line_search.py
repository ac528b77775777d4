"""How far to go along a direction: a step that meets the strong Wolfe conditions.

A step is doubled outwards until it is good enough or an interval is found that must hold one; the interval is then
narrowed by the minimum of the cubic through its ends.

Source    Nocedal & Wright 2006, Numerical Optimization, algorithms 3.5 and 3.6 and equation 3.59;
          semantics of torch.optim.LBFGS with line_search_fn="strong_wolfe"
Requires  REQ-F-OPT-008
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from medtorch.core.tensor import Tensor

DECREASE, CURVATURE = 1e-4, 0.9


@dataclass(frozen=True)
class Point:
    """A step along the direction: the loss there, its gradient, and its slope along the direction."""

    step: float
    loss: float
    gradient: Tensor
    slope: float


Evaluate = Callable[[float], Point]


def strong_wolfe(
    evaluate: Evaluate, start: Point, first: float, reach: float, tolerance_change: float, limit: int
) -> tuple[Point, int]:
    """The best point found, from `start` (step 0), trying `first`; and how often `evaluate` was called.

    `reach` is the largest component of the direction; ends when the interval times it is below `tolerance_change`, or
    after `limit` steps.
    """
    search = _Search(evaluate, start, limit)
    ends = search.bracket(first)
    if len(ends) == 1:
        return ends[0], search.calls
    return search.zoom(ends, reach, tolerance_change), search.calls


class _Search:
    """One search: what it has cost, and the line that a step has to stay below."""

    def __init__(self, evaluate: Evaluate, start: Point, limit: int) -> None:
        self.evaluate, self.start, self.limit = evaluate, start, limit
        self.calls = self.rounds = 0

    def at(self, step: float) -> Point:
        self.calls += 1
        return self.evaluate(step)

    def too_high(self, point: Point) -> bool:
        """Whether the loss falls less than a small share of what the slope at the start promises."""
        return point.loss > self.start.loss + DECREASE * point.step * self.start.slope

    def flat(self, point: Point) -> bool:
        return abs(point.slope) <= -CURVATURE * self.start.slope

    def bracket(self, step: float) -> tuple[Point, ...]:
        """One point that is good enough, or two with such a one between them."""
        before, here = self.start, self.at(step)
        while self.rounds < self.limit:
            if self.too_high(here) or (self.rounds > 1 and here.loss >= before.loss):
                return before, here
            if self.flat(here):
                return (here,)
            if here.slope >= 0:
                return before, here
            bounds = here.step + 0.01 * (here.step - before.step), here.step * 10
            further = _cubic_minimum(before, here, bounds)
            before, here = here, self.at(further)
            self.rounds += 1
        return self.start, here

    def zoom(self, ends: tuple[Point, ...], reach: float, tolerance_change: float) -> Point:
        low, high = _ordered(*ends)
        stuck = False
        while self.rounds < self.limit and abs(high.step - low.step) * reach >= tolerance_change:
            step, stuck = _inside(low, high, stuck)
            here = self.at(step)
            self.rounds += 1
            if self.too_high(here) or here.loss >= low.loss:
                low, high = _ordered(low, here)
                continue
            if self.flat(here):
                return here
            if here.slope * (high.step - low.step) >= 0:
                high = low
            low = here
        return low


def _ordered(a: Point, b: Point) -> tuple[Point, Point]:
    return (a, b) if a.loss <= b.loss else (b, a)


def _inside(a: Point, b: Point, stuck: bool) -> tuple[float, bool]:
    """The next step to try; moved away from an end that it keeps to for the second time."""
    least, most = sorted((a.step, b.step))
    step, margin = _cubic_minimum(a, b, (least, most)), 0.1 * (most - least)
    if min(most - step, step - least) >= margin:
        return step, False
    if not stuck and least < step < most:
        return step, True
    return (most - margin if abs(step - most) < abs(step - least) else least + margin), False


def _cubic_minimum(a: Point, b: Point, bounds: tuple[float, float]) -> float:
    """Where the cubic with both points' losses and slopes is lowest, cut to `bounds`; their middle if it has no low."""
    left, right = (a, b) if a.step <= b.step else (b, a)
    width = right.step - left.step
    if width == 0:
        return min(max(left.step, bounds[0]), bounds[1])
    mean = left.slope + right.slope - 3 * (left.loss - right.loss) / (left.step - right.step)
    square = mean * mean - left.slope * right.slope
    if not square >= 0:
        return (bounds[0] + bounds[1]) / 2.0
    root = math.sqrt(square)
    bend = right.slope - left.slope + 2 * root
    if bend == 0:
        return (bounds[0] + bounds[1]) / 2.0
    step = right.step - width * ((right.slope + root - mean) / bend)
    return min(max(step, bounds[0]), bounds[1])
