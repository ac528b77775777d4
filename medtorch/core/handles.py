"""A handle that takes a registered hook back."""

from __future__ import annotations

import itertools
from typing import Any, Self

_ids = itertools.count()


class RemovableHandle:
    """Registers `hook` in `registry`; `remove()`, or the end of a with-block, takes it out again."""

    def __init__(self, registry: dict[int, Any], hook: Any, *, first: bool = False) -> None:
        self.id = next(_ids)
        self._registry = registry
        if first:
            rest = dict(registry)
            registry.clear()
            registry[self.id] = hook
            registry.update(rest)
        else:
            registry[self.id] = hook

    def remove(self) -> None:
        self._registry.pop(self.id, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()
