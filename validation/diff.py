"""`diff`: what lies between two reports, what must be verified again because of it, and whether that was foreseen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

# What may change between two releases, as a service file's change_envelope names it.
KINDS = ("requirements", "verdicts", "software", "bundle", "content", "environment", "tests", "tool", "advisories")


@dataclass
class Difference:
    """One report against an older one: the changes by kind, and the requirements to verify again."""

    changes: dict[str, list[str]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    again: dict[str, set[str]] = field(default_factory=dict)
    envelope: tuple[str, ...] | None = None

    def add(self, kind: str, text: str) -> None:
        self.changes[kind].append(text)

    def affects(self, requirement: str, why: str) -> None:
        self.again.setdefault(requirement, set()).add(why)

    @property
    def outside(self) -> list[str]:
        """The kinds of change that the envelope does not foresee; verdicts and advisories follow from others."""
        if self.envelope is None:
            return []
        free = {"verdicts", "advisories"}
        return [kind for kind, found in self.changes.items() if found and kind not in {*self.envelope, *free}]

    def as_data(self) -> dict[str, Any]:
        return {
            "schema": "medtorch.diff/1",
            "changes": self.changes,
            "verify_again": {name: sorted(self.again[name]) for name in sorted(self.again)},
            "envelope": None if self.envelope is None else list(self.envelope),
            "outside": self.outside,
        }


def compare(old: Mapping[str, Any], new: Mapping[str, Any]) -> Difference:
    """The newer report against the older one.

    Where a change cannot be tied to single requirements (the product's own code, Python, a library of the runtime),
    every requirement must be verified again: nothing is left out on a guess.
    Requires  REQ-F-VAL-020
    """
    before, after = old["core"], new["core"]
    found = Difference(envelope=None if after["change_envelope"] is None else tuple(after["change_envelope"]))
    comparisons: tuple[Callable[[Difference, Mapping[str, Any], Mapping[str, Any]], None], ...] = (
        _requirements, _verdicts, _software, _bundle, _content, _environment, _tests, _tool, _advisories,
    )  # fmt: skip
    for compare_one in comparisons:
        compare_one(found, before, after)
    return found


def _by_id(core: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {entry["id"]: entry for entry in core["evaluation"]["requirements"]}


def _requirements(found: Difference, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    old, new = _by_id(before), _by_id(after)
    for name in sorted(old.keys() - new.keys()):
        found.add("requirements", f"{name} is gone: {old[name]['title']}")
    for name in sorted(new.keys() - old.keys()):
        found.add("requirements", f"{name} is new: {new[name]['title']}")
        found.affects(name, "new requirement")
    for name in sorted(old.keys() & new.keys()):
        was, now = old[name], new[name]
        for key in ("text", "acceptance", "capabilities", "exclusion"):
            if was[key] != now[key]:
                reviewed = now["history"][-1]["by"] if len(now["history"]) > len(was["history"]) else "NOBODY"
                found.add("requirements", f"{name}: {key} {was[key]!r} -> {now[key]!r}, reviewed by {reviewed}")
                found.affects(name, f"its {key} changed")
        if was["tests"] != now["tests"]:
            gone, come = sorted(set(was["tests"]) - set(now["tests"])), sorted(set(now["tests"]) - set(was["tests"]))
            found.add("tests", f"{name}: {len(gone)} tests gone, {len(come)} new")
            found.affects(name, "its tests changed")


def _verdicts(found: Difference, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    was, now = before["evaluation"]["verdict"], after["evaluation"]["verdict"]
    if was != now:
        found.add("verdicts", f"verdict {was} -> {now}")
    old, new = _by_id(before), _by_id(after)
    for name in sorted(old.keys() & new.keys()):
        if old[name]["state"] != new[name]["state"]:
            found.add("verdicts", f"{name}: {old[name]['state']} -> {new[name]['state']}")


def _software(found: Difference, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    old, new = ({row["name"]: row for row in core["soup"]} for core in (before, after))
    runtime = False
    for name in sorted(old.keys() | new.keys()):
        was, now = old.get(name), new.get(name)
        if was is None or now is None:
            row = now or was or {}
            found.add("software", f"{name} {row['version']} is {'new' if was is None else 'gone'}")
        elif (was["version"], was["content_sha256"]) != (now["version"], now["content_sha256"]):
            step = f"{was['version']} -> {now['version']}" if was["version"] != now["version"] else "other files"
            found.add("software", f"{name}: {step}")
        else:
            continue
        runtime |= "runtime" in ((now or was or {})["used_in"] or ["runtime"])
    if runtime:
        for name in _by_id(after):
            found.affects(name, "software that the service runs on changed")


def _bundle(found: Difference, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    if before["bundle"]["sha256"] != after["bundle"]["sha256"]:
        found.add("bundle", f"model bundle {before['bundle']['sha256'][:16]} -> {after['bundle']['sha256'][:16]}")
        for name, entry in _by_id(after).items():
            if any("services" in test for test in entry["tests"]):
                found.affects(name, "the model changed")


def _content(found: Difference, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    was, now = ((core["content"] or {}).get("sha256") for core in (before, after))
    if was != now:
        found.add("content", f"content of the image {str(was)[:16]} -> {str(now)[:16]}")


def _environment(found: Difference, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    old, new = before["environment"], after["environment"]
    for key in ("os", "kernel", "libc", "python", "backend", "variables"):
        if old[key] != new[key]:
            found.add("environment", f"{key}: {old[key]} -> {new[key]}")
    if old["cpu"]["model"] != new["cpu"]["model"] or old["cpu"]["flags"] != new["cpu"]["flags"]:
        found.add("environment", f"processor: {old['cpu']['model']} -> {new['cpu']['model']}")
    if old["python"] != new["python"]:
        for name in _by_id(after):
            found.affects(name, "Python changed")


def _tests(found: Difference, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    old, new = before["test_files"], after["test_files"]
    edited = {path for path in old.keys() & new.keys() if old[path] != new[path]}
    for path in sorted(edited):
        found.add("tests", f"{path} was edited")
    for name, entry in _by_id(after).items():
        touched = sorted({test.split("::", 1)[0] for test in entry["tests"]} & edited)
        if touched:
            found.affects(name, f"its tests were edited: {', '.join(touched)}")


def _tool(found: Difference, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    if before["tool"] != after["tool"]:
        found.add("tool", f"the validation tool: {before['tool']['sha256'][:16]} -> {after['tool']['sha256'][:16]}")


def _advisories(found: Difference, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    old, new = (
        {(hit["id"], hit["name"], hit["version"]) for hit in (core["advisories"] or {"hits": []})["hits"]}
        for core in (before, after)
    )
    for identifier, name, version in sorted(new - old):
        found.add("advisories", f"{identifier} hits {name} {version}")
    for identifier, name, version in sorted(old - new):
        found.add("advisories", f"{identifier} no longer hits {name} {version}")


def tell(found: Difference) -> list[str]:
    """The difference as lines of text."""
    lines = []
    for kind, texts in found.changes.items():
        if texts:
            lines.append(f"{kind}: {len(texts)}")
            lines += [f"  {text}" for text in texts]
    if not lines:
        lines.append("nothing differs")
    lines.append(f"to verify again: {len(found.again)} requirements")
    lines += [f"  {name}: {'; '.join(sorted(found.again[name]))}" for name in sorted(found.again)]
    if found.envelope is None:
        lines.append("the service declares no change envelope")
    else:
        lines.append(f"outside the declared envelope: {', '.join(found.outside) or 'nothing'}")
    return lines
