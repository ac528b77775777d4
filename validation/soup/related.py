"""Which service uses which version: derived from the service files, never typed into a record."""

from __future__ import annotations

from collections.abc import Iterable

from validation.services import Service

UNSET = "not set yet"


def related_items(services: Iterable[Service]) -> dict[str, dict[str, list[str]]]:
    """SOUP -> version -> names of the services that use it; what a service used before medtorch counts too.

    Requires  REQ-F-VAL-012
    """
    table: dict[str, dict[str, list[str]]] = {}
    for service in services:
        uses = {"medtorch": service.soup["medtorch"] or UNSET}
        if replaced := service.soup.get("replaces"):
            uses[f"{replaced['name']} (replaced)"] = replaced["version"]
        for name, version in uses.items():
            table.setdefault(name, {}).setdefault(version, []).append(service.name)
    return {name: dict(sorted(versions.items())) for name, versions in sorted(table.items())}
