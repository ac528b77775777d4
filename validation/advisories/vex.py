"""OpenVEX: for each advisory that hits a version in use, whether the service is affected, and why it is said.

Source  OpenVEX specification 0.2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from validation.canonical import readable_json

CONTEXT = "https://openvex.dev/ns/v0.2.0"
STATUS = {
    "not_affected": "not_affected",
    "mitigated": "not_affected",
    "upgrade": "affected",
    "accepted": "affected",
    "open": "under_investigation",
}
MITIGATED = "inline_mitigations_already_exist"


def render_vex(report: Mapping[str, Any]) -> bytes:
    """The document of a report; a pure function of its data. Without advisories it has no statements.

    Requires  REQ-F-VAL-017
    """
    core = report["core"]
    hits = core["advisories"]["hits"] if core["advisories"] else []
    return readable_json(
        {
            "@context": CONTEXT,
            "@id": f"urn:medtorch:vex:{report['core_sha256']}",
            "author": "medtorch validation: what the SOUP records say; no judgement of the tool's own",
            "timestamp": report["volatile"]["made_at"],
            "version": 1,
            "tooling": f"{core['tool']['name']} {core['tool']['version']}",
            "statements": [_statement(hit, core) for hit in hits],
        }
    )


def _statement(hit: Mapping[str, Any], core: Mapping[str, Any]) -> dict[str, Any]:
    said = hit["disposition"] or {"disposition": "open"}
    statement: dict[str, Any] = {
        "vulnerability": {"name": hit["id"], "aliases": list(hit["aliases"])},
        "products": [
            {
                "@id": f"urn:medtorch:service:{core['service']['name']}:{core['bundle']['sha256']}",
                "subcomponents": [{"@id": f"pkg:pypi/{hit['name'].lower()}@{hit['version']}"}],
            }
        ],
        "status": STATUS[said["disposition"]],
    }
    if statement["status"] == "not_affected":
        justified = said["justification"] or (MITIGATED if said["disposition"] == "mitigated" else None)
        if justified is None:  # a claim without a justification is none (S10)
            statement["status"] = "under_investigation"
        else:
            statement |= {"justification": justified, "impact_statement": said["rationale"]}
    elif statement["status"] == "affected":
        statement["action_statement"] = said["rationale"]
    return statement
