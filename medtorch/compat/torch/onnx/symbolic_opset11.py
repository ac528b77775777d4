"""An opset that code names when it registers for an export; its members raise by name when they are asked for."""

from __future__ import annotations

__all__: list[str] = []
