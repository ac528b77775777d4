"""`reassess`: a report held against newer advisories, without running anything again; the answer is an addendum."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from validation.advisories.osv import Snapshot
from validation.advisories.review import advisory_findings, review
from validation.canonical import canonical_json, file_sha256
from validation.errors import IntegrityError
from validation.signing.dsse import Envelope, pre_authentication, read_envelope
from validation.signing.keys import is_signed_by, key_id, public_bytes, read_private_key
from validation.signing.trust import Trust
from validation.soup.records import load_records

PREDICATE = "urn:medtorch:validation-addendum:1"
DIGESTS_FILE = "digests.json"


def reassess(root: Path, folder: Path, report: Mapping[str, Any], snapshot: Snapshot, at: str) -> dict[str, Any]:
    """The addendum: which advisories hit the report's software now, which are new since, whether it still holds.

    Requires  REQ-F-VAL-021
    """
    core = report["core"]
    found = review(snapshot, load_records(root)[0], core["soup"])
    before = {hit["id"] for hit in (core["advisories"] or {"hits": []})["hits"]}
    pending = advisory_findings(found)
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": DIGESTS_FILE, "digest": {"sha256": file_sha256(folder / DIGESTS_FILE)}}],
        "predicateType": PREDICATE,
        "predicate": {
            "service": core["service"]["name"],
            "verdict_of_report": core["evaluation"]["verdict"],
            "reassessed_at": at,
            "still_valid": not pending,
            "new_hits": [hit["id"] for hit in found["hits"] if hit["id"] not in before],
            "not_evaluated": [finding.message for finding in pending],
            "advisories": found,
        },
    }


def sign_addendum(addendum: Mapping[str, Any], key: Path, passphrase: bytes | None) -> bytes:
    """The addendum in an envelope, as JSON."""
    private = read_private_key(key, passphrase)
    payload = canonical_json(addendum)
    return Envelope(payload, key_id(public_bytes(private)), private.sign(pre_authentication(payload))).as_json()


def check_addendum(data: bytes, folder: Path, trust: Trust) -> bytes:
    """The text of an addendum that a trusted executor signed for this report.

    Raises    IntegrityError
    """
    envelope = read_envelope(data, "the addendum")
    trusted = trust.keys.get(envelope.key_id)
    if trusted is None or "executor" not in trusted.roles:
        raise IntegrityError("I13", "the addendum's key is not trusted as executor")
    if not is_signed_by(trusted.public, envelope.signature, envelope.signed_bytes()):
        raise IntegrityError("I12", "the addendum's signature does not belong to its text")
    if file_sha256(folder / DIGESTS_FILE).encode() not in envelope.payload:
        raise IntegrityError("I14", "the addendum is about another report")
    return envelope.payload
