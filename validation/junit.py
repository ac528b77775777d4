"""The report as JUnit XML for build servers. What was not verified is `skipped`, with a property that says so."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

_NOT_IN_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
ELEMENTS = {
    "FAILED": "failure",
    "NO_EVIDENCE": "failure",
    "ERROR": "error",
    "NOT_RUN": "error",
    "NOT_VERIFIED": "skipped",
    "INCONCLUSIVE": "skipped",
}


def render_junit(report: Mapping[str, Any]) -> bytes:
    """One test case for each required test function."""
    core = report["core"]
    evaluation = core["evaluation"]
    kinds = [ELEMENTS.get(test["state"]) for test in evaluation["tests"]]
    suite = ET.Element("testsuite", name=_clean(core["service"]["name"]), tests=str(len(kinds)))
    for attribute, element in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(kinds.count(element)))
    suite.append(_properties({"medtorch.verdict": evaluation["verdict"], "medtorch.bundle": core["bundle"]["sha256"]}))
    shows: dict[str, list[str]] = {}
    for entry in evaluation["requirements"]:
        for node in entry["tests"]:
            shows.setdefault(node, []).append(entry["id"])
    for test in evaluation["tests"]:
        suite.append(_case(test, shows.get(test["function"], [])))
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _case(test: Mapping[str, Any], requirements: list[str]) -> ET.Element:
    path, _, name = test["function"].partition("::")
    case = ET.Element("testcase", classname=_clean(path), name=_clean(name))
    case.append(_properties({"medtorch.outcome": test["state"], "medtorch.requirements": " ".join(requirements)}))
    if element := ELEMENTS.get(test["state"]):
        told = ET.SubElement(case, element, message=_clean(f"{test['state']}: {test['reason']}"))
        told.text = _clean("\n".join(f"{bad['node']}\n{bad['failure']}" for bad in test["not_passed"]))
    return case


def _properties(values: Mapping[str, str]) -> ET.Element:
    properties = ET.Element("properties")
    for name, value in values.items():
        ET.SubElement(properties, "property", name=name, value=_clean(value))
    return properties


def _clean(text: str) -> str:
    return _NOT_IN_XML.sub("\ufffd", text)
