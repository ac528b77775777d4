"""A SOUP record as a document for people: Markdown, and one HTML file, with the sections that such records have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from validation.html import TEMPLATES
from validation.trace import Trace

OPEN = "**open**"


def render_markdown(data: Mapping[str, Any], trace: Trace, services: Mapping[str, Sequence[str]]) -> str:
    """The record of one SOUP. `services` says which microservices use which of its versions.

    Requires  REQ-F-VAL-023
    """
    known = trace.by_id()
    record, general = data["record"], data["general"]
    maintenance = general["maintenance"]
    head = [
        ("Created at", record["created"]),
        ("Editor(s)", record["editor"]),
        ("Supervisor(s)", _open(record["supervisor"])),
        ("Approval", _open(record["approval"]["status"])),
    ]
    facts = [
        ("Developer(s)", general["developers"]),
        ("Open source", "Yes" if general["open_source"] else "No"),
        ("Language(s)", ", ".join(general["languages"])),
        ("Repository", general["repository"]),
        ("License", general["license"]["spdx"]),
        ("Operating system(s)", ", ".join(general["operating_systems"])),
        ("Actively maintained", _open(maintenance["status"], maintenance["checked_on"])),
    ]
    parts = [f"# {data['name']}", _table(("", ""), head)]
    parts += ["## Description", data["description"]]
    parts += ["## General details", *(f"- {name}: {value}" for name, value in facts)]
    parts += [
        "## Intended use on the device",
        "For the following specific purposes only:",
        *_list(data["intended_use"]),
    ]
    parts += ["Not used for:", *_list(data["not_used_for"])] if data["not_used_for"] else []
    for kind, title in (("F", "Functional"), ("P", "Performance"), ("S", "Security")):
        entries = [known[name] for name in data["requirements"] if name in known and name.split("-")[1] == kind]
        parts += [f"## {title} requirements", *(f"- {entry.id}: {entry.text}" for entry in entries)] if entries else []
    system = data["system_requirements"]
    parts += ["## System requirements", "### Software", *_list(system["software"])]
    parts += ["### Hardware", *_list(system["hardware"])]
    checklist = [(item["item"], _open(item["answer"])) for item in data["documentation"]["checklist"]]
    parts += ["## Documentation", data["documentation"]["url"], _table(("Item", "Answer"), checklist)]
    versions = [(entry["version"], " ".join(services.get(entry["version"], ())) or "-") for entry in data["versions"]]
    parts += ["## Related software items", _table(("SOUP version", "Software item(s)"), versions)]
    risks = [f"- {trace.risks[risk['id']]} {risk['cause']}" for risk in data["risks"]]
    parts += ["## Related risks", *risks]
    sources = [f"- {source['name']}: {source['url']}" for source in data["anomaly_sources"]]
    parts += ["## Lists of published anomalies", *sources]
    parts += ["## History of evaluation of SOUP anomalies", *_evaluations(data["evaluations"])]
    signed = [(meaning.capitalize(), _open(name)) for meaning, name in data["signatures"].items()]
    parts += ["## Signature meaning", _table(("Meaning", "Who"), signed)]
    return "\n\n".join(_joined(parts)) + "\n"


def render_page(data: Mapping[str, Any], trace: Trace, services: Mapping[str, Sequence[str]]) -> str:
    """The same as one HTML file without script."""
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    css = Markup((TEMPLATES / "report.css").read_text(encoding="utf-8"))  # noqa: S704  our own file
    blocks = _blocks(render_markdown(data, trace, services))
    return environment.get_template("record.html").render(name=data["name"], css=css, blocks=blocks)


def _open(value: str, more: str | None = None) -> str:
    if value == "open":
        return OPEN
    return value if more is None else f"{value} ({more})"


def _list(lines: Sequence[str]) -> list[str]:
    return [f"- {line}" for line in lines]


def _table(head: tuple[str, str], rows: Sequence[tuple[str, str]]) -> str:
    lines = [
        f"| {head[0]} | {head[1]} |",
        "|---|---|",
        *(f"| {_cell(left)} | {_cell(right)} |" for left, right in rows),
    ]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _evaluations(evaluations: Sequence[Mapping[str, Any]]) -> list[str]:
    if not evaluations:
        return [f"{OPEN}: nobody has evaluated the published anomalies yet."]
    said = []
    for one in evaluations:
        searched = "; ".join(
            f"{s['name']} ({s['query']}), {s['retrieved']}, {s['snapshot_sha256']}" for s in one["sources"]
        )
        said.append(f"- {one['date']}, {one['reviewer']}, versions {', '.join(one['versions'])}. Searched: {searched}.")
        said += [f"- {hit['id']}: {hit['disposition'].replace('_', ' ')}. {hit['rationale']}" for hit in one["hits"]]
        said.append(f"- Conclusion: {one['conclusion']}")
    return said


def _joined(parts: Sequence[str]) -> list[str]:
    """Items of one list in one block."""
    blocks: list[str] = []
    for part in parts:
        if part.startswith("- ") and blocks and blocks[-1].startswith("- "):
            blocks[-1] += "\n" + part
        else:
            blocks.append(part)
    return blocks


def _blocks(markdown: str) -> list[tuple[str, Any]]:
    """The few kinds of blocks that `render_markdown` writes, for the page."""
    found: list[tuple[str, Any]] = []
    for block in markdown.strip().split("\n\n"):
        if block.startswith("#"):
            level, _, text = block.partition(" ")
            found.append((f"h{len(level)}", text))
        elif block.startswith("- "):
            found.append(("ul", [line.removeprefix("- ").replace("**", "") for line in block.split("\n")]))
        elif block.startswith("|"):
            rows = [line.strip("|").replace("**", "").split(" | ") for line in block.split("\n")]
            found.append(
                ("table", [[cell.strip().replace("\\|", "|") for cell in row] for row in (rows[0], *rows[2:])])
            )
        else:
            found.append(("p", block.replace("**", "")))
    return found
