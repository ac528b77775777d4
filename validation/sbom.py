"""CycloneDX: every distribution of the image with its native libraries, the model, and the evidence for the claims.

Source  CycloneDX 1.6: components, modelCard, declarations
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from validation.canonical import readable_json


def render_sbom(report: Mapping[str, Any]) -> bytes:
    """The bill of materials of a report; a pure function of its data.

    Requires  REQ-F-VAL-017
    """
    core = report["core"]
    service = core["service"]
    root = f"service:{service['name']}"
    components = [_distribution(row) for row in core["soup"]]
    model = _subject(core, report["volatile"]["measurements"])
    return readable_json(
        {
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "serialNumber": _serial(report["core_sha256"]),
            "version": 1,
            "metadata": {
                "timestamp": report["volatile"]["made_at"],
                "tools": {"components": [_tool(core["tool"])]},
                "component": {
                    "type": "container" if core["content"] else "application",
                    "bom-ref": root,
                    "name": service["name"],
                    "description": service["intended_use"],
                    **({"hashes": _sha256(core["content"]["sha256"])} if core["content"] else {}),
                },
            },
            "components": [_python(core["environment"]["python"]), *components, model],
            "dependencies": [
                {"ref": root, "dependsOn": ["runtime:python", *(part["bom-ref"] for part in (*components, model))]}
            ],
            "declarations": _declarations(core, root),
        }
    )


def _serial(digest: str) -> str:
    """A UUID (version 8) made of the report's digest: the same report has the same number."""
    text = digest[:12] + "8" + digest[13:16] + "8" + digest[17:32]
    return f"urn:uuid:{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _sha256(digest: str) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": digest}]


def _tool(tool: Mapping[str, str]) -> dict[str, Any]:
    return {"type": "application", "name": tool["name"], "version": tool["version"], "hashes": _sha256(tool["sha256"])}


def _python(python: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "platform",
        "bom-ref": "runtime:python",
        "name": python["implementation"],
        "version": python["version"],
    }


def _distribution(row: Mapping[str, Any]) -> dict[str, Any]:
    purl = f"pkg:pypi/{row['name'].lower().replace('_', '-')}@{row['version']}"
    libraries = [
        {"type": "library", "bom-ref": f"{purl}#{library}", "name": library.rpartition("/")[2], "scope": "required"}
        for library in row["libraries"]
    ]
    return {
        "type": "library",
        "bom-ref": purl,
        "name": row["name"],
        "version": row["version"],
        "purl": purl,
        "hashes": _sha256(row["content_sha256"]),
        "licenses": [{"license": {"name": row["license"]}}],
        "scope": "required" if "runtime" in row["used_in"] else "excluded",
        "properties": [
            {"name": "medtorch:recorded", "value": str(row["recorded"]).lower()},
            {"name": "medtorch:anomaly-review", "value": row["review"]},
        ],
        **({"components": libraries} if libraries else {}),
    }


def _subject(core: Mapping[str, Any], measured: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The model with its card; a report about the validation system itself has that as its application instead."""
    facts = core["bundle"]["facts"]
    about = {
        "name": str(facts.get("name", core["service"]["name"])),
        "version": str(facts.get("version", "")),
        "description": str(facts.get("intended_use", "")),
        "hashes": _sha256(core["bundle"]["sha256"]),
    }
    if core["service"]["kind"] == "tool":
        return {"type": "application", "bom-ref": "tool", **about, "description": core["service"]["intended_use"]}
    return {"type": "machine-learning-model", "bom-ref": "model", **about, "modelCard": _card(core, facts, measured)}


def _card(core: Mapping[str, Any], facts: Mapping[str, Any], measured: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "modelParameters": {"task": str(facts.get("task", core["service"]["kind"]))},
        "quantitativeAnalysis": {
            "performanceMetrics": [{"type": item["metric"], "value": str(item["value"])} for item in measured]
        },
        "considerations": {
            "useCases": [core["service"]["intended_use"]],
            "technicalLimitations": list(core["service"]["limitations"]),
        },
    }


def _declarations(core: Mapping[str, Any], root: str) -> dict[str, Any]:
    """One claim a requirement: evidence for those that passed, counter-evidence for all others."""
    entries = core["evaluation"]["requirements"]
    evidence = [
        {
            "bom-ref": f"evidence:{entry['id']}",
            "propertyName": entry["id"],
            "description": f"{entry['state']}: {entry['reason'] or 'its tests passed'}"[:500],
        }
        for entry in entries
    ]
    claims = [
        {
            "bom-ref": f"claim:{entry['id']}",
            "target": root,
            "predicate": entry["text"],
            ("evidence" if entry["state"] == "PASSED" else "counterEvidence"): [f"evidence:{entry['id']}"],
        }
        for entry in entries
    ]
    return {"claims": claims, "evidence": evidence}
