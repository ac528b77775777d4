"""The source document of the requirements, section by section: the record of the library that medtorch replaces."""

from __future__ import annotations

import re
from pathlib import Path

from validation.errors import RecordError

HEADINGS = (
    "Description",
    "General details",
    "Intended use on the device",
    "Requirements",
    "Functional",
    "Performance",
    "System requirements",
    "Software",
    "Hardware",
    "Documentation",
    "Related software items",
    "Related risks",
)
_BULLET = re.compile(r"^- (?P<name>[^:]+): ")


def read_sections(path: Path) -> dict[str, str]:
    """The text under each heading; that of an item under `Functional/<item>` or `Performance/<item>`.

    Raises    RecordError if the document cannot be read
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(f"source document {path.name}: cannot be read: {error}") from error
    sections: dict[str, list[str]] = {}
    heading = ""
    for line in text.splitlines():
        if line in HEADINGS:
            heading = f"System requirements/{line}" if line in ("Software", "Hardware") else line
        elif heading:
            sections.setdefault(heading, []).append(line)
            if heading in ("Functional", "Performance") and (bullet := _BULLET.match(line)):
                sections[f"{heading}/{bullet['name']}"] = [line]
    return {name: "\n".join(lines) for name, lines in sections.items()}


def items(sections: dict[str, str]) -> list[str]:
    """Names of the functional and performance items, in the document's order."""
    return [name for name in sections if name.startswith(("Functional/", "Performance/"))]
