"""What a signature says: an in-toto statement that names a report by its digests, and the role of the signer.

Source  in-toto attestation framework, Statement v1
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from validation.signing.trust import MEANINGS

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:medtorch:validation-report:1"
SUBJECTS = ("digests.json", "bundle.json")


def make_statement(
    report: Mapping[str, Any], digests_sha256: str, *, role: str, name: str, signed_at: str
) -> dict[str, Any]:
    """The statement of one signer about one report."""
    core = report["core"]
    return {
        "_type": STATEMENT,
        "subject": [
            {"name": subject, "digest": {"sha256": sha256}}
            for subject, sha256 in zip(SUBJECTS, (digests_sha256, core["bundle"]["sha256"]), strict=True)
        ],
        "predicateType": PREDICATE,
        "predicate": {
            **facts(report),
            "signoff": {"role": role, "name": name, "meaning": MEANINGS[role], "signed_at": signed_at},
        },
    }


def facts(report: Mapping[str, Any]) -> dict[str, Any]:
    """What the statement repeats of the report, so that it can be read alone."""
    core = report["core"]
    return {
        "service": core["service"]["name"],
        "verdict": core["evaluation"]["verdict"],
        "made_at": report["volatile"]["made_at"],
        "core_sha256": report["core_sha256"],
        "tool": core["tool"],
        "content_sha256": None if core["content"] is None else core["content"]["sha256"],
        "required_roles": core["signoff_roles"],
    }
