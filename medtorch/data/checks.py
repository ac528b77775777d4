"""Checks of the arguments of preprocessing and augmentation steps; every refusal names step, argument and value."""

from __future__ import annotations

import math
from collections.abc import Sequence

from medtorch.errors import ConfigError


def whole(step: str, name: str, value: object, *, least: int) -> int:
    """One whole number, at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(f"{step}: {name} must be a whole number of at least {least}, not {value!r}")
    return value


def wholes(step: str, name: str, value: object, *, least: int) -> tuple[int, ...]:
    """Two whole numbers (row, column), or three (depth, row, column)."""
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) not in (2, 3):
        raise ConfigError(f"{step}: {name} must be two or three whole numbers, not {value!r}")
    return tuple(whole(step, name, part, least=least) for part in value)


def number(step: str, name: str, value: object, *, low: float = -math.inf, high: float = math.inf) -> float:
    """One finite number within bounds."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ConfigError(f"{step}: {name} must be a finite number, not {value!r}")
    if not low <= value <= high:
        raise ConfigError(f"{step}: {name} must be from {low:g} to {high:g}, not {value!r}")
    return float(value)


def numbers(step: str, name: str, value: object) -> tuple[float, ...]:
    """One or more finite numbers, one a channel."""
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise ConfigError(f"{step}: {name} must be a list of numbers, not {value!r}")
    return tuple(number(step, name, part) for part in value)


def positive(step: str, name: str, value: object) -> float:
    """One finite number above 0."""
    found = number(step, name, value)
    if found <= 0:
        raise ConfigError(f"{step}: {name} must be above 0, not {value!r}")
    return found


def interval(
    step: str, name: str, value: object, *, low: float = -math.inf, high: float = math.inf
) -> tuple[float, float]:
    """Two numbers, the first not above the second."""
    found = numbers(step, name, value)
    if len(found) != 2 or found[0] > found[1]:
        raise ConfigError(f"{step}: {name} must be [low, high], not {value!r}")
    return number(step, name, found[0], low=low, high=high), number(step, name, found[1], low=low, high=high)


def flag(step: str, name: str, value: object) -> bool:
    """True or false, nothing that merely looks like it."""
    if not isinstance(value, bool):
        raise ConfigError(f"{step}: {name} must be true or false, not {value!r}")
    return value


def one_of(step: str, name: str, value: object, choices: Sequence[object]) -> None:
    """A value from a short list."""
    if value not in choices or isinstance(value, bool):
        raise ConfigError(f"{step}: {name} must be one of {', '.join(map(repr, choices))}, not {value!r}")
