"""A module that is imported for its side effects in PyTorch; its members raise by name when they are asked for."""

from __future__ import annotations

__all__: list[str] = []
