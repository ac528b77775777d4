"""What the document says, in the order of the page: verdict, limits, what is open, requirements, what it rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from validation.html import SENTENCES, WORDS, acceptance
from validation.pdf.press import SOFT, Press

GOOD, BAD, WAITING = "#1c7c4a", "#b3261e", "#a8730f"
VERDICTS = {"PASS": GOOD, "FAIL": BAD, "INCOMPLETE": WAITING}
STATES = {"PASSED": GOOD, "FAILED": BAD, "ERROR": BAD, "NOT_APPLICABLE": SOFT}
DONE = ("PASSED", "NOT_APPLICABLE")


def render_pdf(report: Mapping[str, Any]) -> bytes:
    """The document of a report; the same report gives the same bytes with the same reportlab.

    Raises    UsageError if reportlab is not installed
    Requires  REQ-F-VAL-022
    """
    press = Press()
    core = report["core"]
    evaluation = core["evaluation"]
    story = [
        *_title(press, report),
        press.heading("What this report does not say"),
        *press.bullets(core["limitations"]),
        *_open(press, evaluation),
        *_requirements(press, evaluation["requirements"]),
        *_measurements(press, report["volatile"]["measurements"]),
        *_service(press, core),
        *_software(press, core["soup"]),
        *_advisories(press, core["advisories"]),
        *_clauses(press, core["clauses"]),
        *_checking(press, report),
    ]
    return press.print(
        story,
        title=f"{evaluation['verdict']}: validation of {core['service']['name']}",
        author=core["tool"]["name"],
        foot=f"{core['service']['name']} · {report['volatile']['made_at']} · core {report['core_sha256'][:24]}",
    )


def _state(state: str) -> str:
    return f'<font color="{STATES.get(state, WAITING)}"><b>{WORDS[state]}</b></font>'


def _digest(digest: str) -> str:
    """A digest in two lines, so that it fits its column."""
    return f'<font size="6.8">{escape(digest[:32])}<br/>{escape(digest[32:])}</font>'


def _soft(text: str) -> str:
    return f'<font color="{SOFT}">{escape(text)}</font>'


def _title(press: Press, report: Mapping[str, Any]) -> list[Any]:
    service, evaluation = report["core"]["service"], report["core"]["evaluation"]
    word = evaluation["verdict"]
    about = f"Service {service['name']} · {service['kind']} · devices claimed: {', '.join(service['devices'])}"
    rows = [[str(count), _state(state)] for state, count in evaluation["counts"].items() if count]
    return [
        press.text("Validation report · a draft until its signatures were checked", 7.6, SOFT),
        press.text(f"<b>{escape(service['title'])}</b>", 19, spaceBefore=5, spaceAfter=7),
        press.text(escape(f"{about} · {report['volatile']['made_at']}"), 8, SOFT, spaceAfter=8),
        press.banner(f"<b>{word}</b>&nbsp;&nbsp; {SENTENCES[word]}", VERDICTS[word]),
        press.gap(4),
        press.table(["Requirements", "State"], rows, [0.16, 0.84]),
    ]


def _open(press: Press, evaluation: Mapping[str, Any]) -> list[Any]:
    title = "Not verified or failed"
    rows = [
        [entry["id"], _state(entry["state"]), f"{escape(entry['title'])}<br/><i>{escape(entry['reason'])}</i>"]
        for entry in evaluation["requirements"]
        if entry["state"] not in DONE
    ]
    rules = [
        [entry["rule"], escape(entry["where"]), escape(entry["message"])]
        for entry in evaluation["findings"]
        if entry["severity"] == "error"
    ]
    story = (
        press.section(title, ["Requirement", "State", "What is missing"], rows, [0.17, 0.14, 0.69])
        if rows
        else [press.heading(title), press.text("Nothing: every requirement in scope was verified or does not apply.")]
    )
    if rules:
        story += press.section("Rules that do not hold", ["Rule", "Where", "What"], rules, [0.08, 0.3, 0.62])
    return story


def _requirements(press: Press, requirements: Sequence[Mapping[str, Any]]) -> list[Any]:
    rows = []
    for entry in requirements:
        risks = ", ".join(map(str, entry["risks"]))
        foot = f"Accepted if {acceptance(entry['acceptance'])} · {len(entry['tests'])} tests · risks {risks}"
        text = f"<b>{escape(entry['title'])}</b><br/>{escape(entry['text'])}<br/>{_soft(foot)}"
        rows.append([entry["id"], text, _state(entry["state"])])
    return press.section("Requirements", ["Id", "Requirement and criterion", "State"], rows, [0.17, 0.69, 0.14])


def _measurements(press: Press, items: Sequence[Mapping[str, Any]]) -> list[Any]:
    rows = []
    for item in items:
        value = f"{item['value']:.4g}" if isinstance(item["value"], float) else str(item["value"])
        bound = escape(f"{item['operator']} {item['threshold']}")
        rows.append([item["name"], escape(item["metric"]), escape(value), bound])
    head = ["Requirement", "Metric", "Measured", "Accepted if"]
    return press.section("Measurements", head, rows, [0.2, 0.44, 0.18, 0.18]) if rows else []


def _service(press: Press, core: Mapping[str, Any]) -> list[Any]:
    environment, service, content = core["environment"], core["service"], core["content"]
    unset = service["safety_class"] == "unset"
    facts = [
        ("Intended use", service["intended_use"]),
        ("Safety class", "not set by the manufacturer" if unset else service["safety_class"]),
        ("Processor", f"{environment['cpu']['model']}, {environment['cpu']['logical_cpus']} logical CPUs"),
        ("System", f"{environment['os']}, {environment['kernel']}, {environment['libc']}"),
        ("Python", f"{environment['python']['implementation']} {environment['python']['version']}"),
    ]
    facts += [
        (f"Capability {found['capability']}", f"{'yes' if found['present'] else 'no'}: {found['detail']}")
        for found in core["capabilities"]
    ]
    rows = [[escape(name), escape(text)] for name, text in facts]
    rows.append(["Bundle", _digest(core["bundle"]["sha256"])])
    rows.append(["Content of the image", _digest(content["sha256"]) if content else "not made inside an image"])
    return press.section("Service and environment", ["", ""], rows, [0.22, 0.78])


def _software(press: Press, soup: Sequence[Mapping[str, Any]]) -> list[Any]:
    rows = [
        [
            escape(cell)
            for cell in (row["name"], row["version"], row["license"], ", ".join(row["used_in"]), row["review"])
        ]
        for row in soup
    ]
    head = ["Distribution", "Version", "Licence", "Used in", "Anomaly review"]
    return press.section("Software", head, rows, [0.25, 0.14, 0.28, 0.18, 0.15])


def _advisories(press: Press, advisories: Mapping[str, Any] | None) -> list[Any]:
    title = "Published vulnerabilities"
    if advisories is None:
        return [press.heading(title), press.text("They were not searched: no snapshot of advisories was given.")]
    searched = f"{advisories['searched']} distributions searched in {advisories['source']}"
    said = f"{searched}, fetched on {advisories['retrieved']}, sha256 {advisories['snapshot_sha256']}."
    rows = []
    for hit in advisories["hits"]:
        word = hit["disposition"]["disposition"].replace("_", " ") if hit["disposition"] else "not evaluated"
        rows.append([escape(text) for text in (hit["id"], f"{hit['name']} {hit['version']}", hit["summary"], word)])
    table = [press.table(["Advisory", "Version", "What", "Said to it"], rows, [0.22, 0.18, 0.42, 0.18])] if rows else []
    return [press.heading(title), press.text(escape(said), spaceAfter=4), *table]


def _clauses(press: Press, index: Sequence[Mapping[str, Any]]) -> list[Any]:
    rows = []
    for text in index:
        for entry in text["clauses"]:
            held = [("" if found["held"] else "not here: ") + found["title"] for found in entry["evidence"]]
            cells = f"{text['text']} {entry['clause']}", entry["asks"], ", ".join(held), entry["yours"]
            rows.append([escape(cell) for cell in cells])
    head = ["Clause", "Asks for, in our words", "In this report", "Yours"]
    return press.section("Clauses: where to find what", head, rows, [0.26, 0.26, 0.26, 0.22])


def _checking(press: Press, report: Mapping[str, Any]) -> list[Any]:
    core = report["core"]
    rows = [
        ["Report core", _digest(report["core_sha256"])],
        ["Plan", _digest(core["plan_sha256"])],
        ["Requirements trace", _digest(core["trace_sha256"])],
        ["Tool", escape(f"{core['tool']['name']} {core['tool']['version']}")],
        ["Must be signed by", ", ".join(core["signoff_roles"])],
    ]
    said = "This document is a view of report.json; python -m validation verify FOLDER --trust trust.json checks that."
    return [
        press.heading("Checking this report"),
        press.text(said, spaceAfter=4),
        press.table(["", ""], rows, [0.22, 0.78]),
    ]
