"""A part of a description, read key by key: what is wrong is named with its place, what is not known is refused."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from medtorch.errors import ConfigError


class _Required:
    """The default of a key that must be there."""


REQUIRED: Final = _Required()


class Section:
    """A mapping whose keys are taken one by one; `done` refuses those that nobody took.

    Raises    ConfigError, from every method, naming the key's whole path
    """

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            raise ConfigError(f"{where}: must be a mapping of names to values, not {_shown(value)}")
        self.where = where
        self._values = value
        self._taken: list[str] = []

    def place(self, key: str) -> str:
        """The whole path of a key."""
        return f"{self.where}.{key}"

    def has(self, key: str) -> bool:
        """Whether the key was given, and not as null."""
        return self._values.get(key) is not None

    def values(self) -> Mapping[str, Any]:
        """All that was given, for somebody else to read; `done` is then theirs to call."""
        return self._values

    def any(self, key: str, default: Any = REQUIRED) -> Any:
        """Whatever the key holds."""
        self._taken.append(key)
        if key in self._values:
            return self._values[key]
        if isinstance(default, _Required):
            raise ConfigError(f"{self.where}: needs the key {key!r}{self._near(key)}")
        return default

    def text(self, key: str, default: Any = REQUIRED) -> Any:
        """A text that is not empty."""
        return self._checked(key, default, lambda value: isinstance(value, str) and bool(value.strip()), "a text")

    def choice(self, key: str, known: Sequence[str], default: Any = REQUIRED) -> Any:
        """One of the known words."""
        return self._checked(key, default, lambda value: value in known, f"one of {', '.join(known)}")

    def flag(self, key: str, default: Any = REQUIRED) -> Any:
        """true or false."""
        return self._checked(key, default, lambda value: isinstance(value, bool), "true or false")

    def whole(self, key: str, default: Any = REQUIRED, *, least: int = 0) -> Any:
        """A whole number, at least `least`."""
        return self._checked(key, default, lambda value: is_whole(value, least), f"a whole number of at least {least}")

    def number(self, key: str, default: Any = REQUIRED, *, low: float = -math.inf, high: float = math.inf) -> Any:
        """A finite number from `low` to `high`."""
        words = "a number" if low == -math.inf and high == math.inf else f"a number from {low:g} to {high:g}"
        value = self._checked(key, default, lambda value: is_number(value) and low <= value <= high, words)
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value

    def texts(self, key: str, default: Any = REQUIRED) -> Any:
        """A list of texts, as a tuple."""
        value = self._checked(key, default, _are_texts, "a list of texts")
        return tuple(value) if isinstance(value, list) else value

    def listing(self, key: str, default: Any = REQUIRED) -> Any:
        """A list, as a list."""
        return self._checked(key, default, lambda value: isinstance(value, list), "a list")

    def mapping(self, key: str, default: Any = REQUIRED) -> Any:
        """A mapping that somebody else checks."""
        return self._checked(key, default, lambda value: isinstance(value, Mapping), "a mapping")

    def section(self, key: str) -> Section:
        """The section of that name, which must be there."""
        return Section(self.any(key), self.place(key))

    def optional(self, key: str) -> Section | None:
        """The section of that name, or None where it is left out or null."""
        value = self.any(key, None)
        return None if value is None else Section(value, self.place(key))

    def done(self) -> None:
        """Every key was taken."""
        for key in self._values:
            if key not in self._taken:
                near = difflib.get_close_matches(key, self._taken, 1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise ConfigError(
                    f"{self.where}: unknown key {key!r} (known: {', '.join(dict.fromkeys(self._taken))}){hint}"
                )

    def _checked(self, key: str, default: Any, fits: Any, words: str) -> Any:
        value = self.any(key, default)
        if key in self._values and not (value is None and default is None) and not fits(value):
            raise ConfigError(f"{self.place(key)}: must be {words}, not {_shown(value)}")
        return value

    def _near(self, key: str) -> str:
        near = difflib.get_close_matches(key, [other for other in self._values if other not in self._taken], 1)
        return f" (there is {near[0]!r})" if near else ""


def is_whole(value: object, least: int) -> bool:
    """A whole number, not a bool."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def is_number(value: object) -> bool:
    """A finite number, not a bool."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(part, str) and part for part in value)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:76] + " ..."
