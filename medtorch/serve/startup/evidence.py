"""The signed report that lies in the image, read and checked: who says what about which content.

Source    DSSE 1.0; in-toto Statement v1; docs/validation.md for the report
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from medtorch.errors import StartupError
from medtorch.serialize import ed25519

PAYLOAD_TYPE = "application/vnd.in-toto+json"
PREDICATE = "urn:medtorch:validation-report:1"
CLOCK_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True)
class Evidence:
    """What a trusted report says of the image it lies in.

    Units     versions: distribution name -> version;  signers: role -> name
    """

    service: str
    verdict: str
    made_at: str
    report_sha256: str
    content_sha256: str
    bundle_sha256: str
    devices: tuple[str, ...]
    versions: Mapping[str, str]
    signers: Mapping[str, str]


def read_evidence(folder: Path, trust: Path) -> Evidence:
    """Read the report's folder and check every signature that the report asks for.

    Raises    StartupError naming what is missing, changed, contradicting or not trusted
    Requires  REQ-S-SEC-011
    """
    try:
        return _evidence(folder, json.loads(trust.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise StartupError(f"{folder}: no evidence that can be used: {error!r}") from error


def _evidence(folder: Path, trust: Mapping[str, Any]) -> Evidence:
    listed = (folder / "digests.json").read_bytes()
    for name, sha256 in json.loads(listed).items():
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != sha256:
            raise StartupError(f"{folder / name} is not the file that was signed")
    report = json.loads((folder / "report.json").read_bytes())
    core = report["core"]
    if core["content"] is None:
        raise StartupError(f"{folder}: the report was not made inside an image")
    digest = hashlib.sha256(listed).hexdigest()
    keys = {key["key_id"]: key for key in trust["keys"]}
    roles = core["signoff_roles"]
    signers = {role: _signer(folder, role, keys, report, digest) for role in roles}
    if not signers or len(set(signers.values())) < len(signers):
        raise StartupError(f"{folder}: nobody signed, or one person in two roles")
    _superseded(report, trust)
    return Evidence(
        service=core["service"]["name"],
        verdict=core["evaluation"]["verdict"],
        made_at=report["volatile"]["made_at"],
        report_sha256=digest,
        content_sha256=core["content"]["sha256"],
        bundle_sha256=core["bundle"]["sha256"],
        devices=tuple(core["service"]["devices"]),
        versions={entry["name"]: entry["version"] for entry in core["environment"]["distributions"]},
        signers=signers,
    )


def _signer(folder: Path, role: str, keys: Mapping[str, Any], report: Mapping[str, Any], digest: str) -> str:
    """The name of whoever signed this very report in this role."""
    path = folder / "signatures" / f"{role}.dsse.json"
    if not path.is_file():
        raise StartupError(f"{folder}: not signed by the {role}")
    envelope = json.loads(path.read_bytes())
    (entry,) = envelope["signatures"]
    key = keys.get(entry["keyid"])
    if key is None or role not in key["roles"]:
        raise StartupError(f"{path}: its key is not trusted as {role}")
    payload = base64.b64decode(envelope["payload"], validate=True)
    signed = b"DSSEv1 %d %b %d %b" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)
    public = base64.b64decode(key["public_key"], validate=True)
    signature = base64.b64decode(entry["sig"], validate=True)
    if hashlib.sha256(public).hexdigest() != entry["keyid"] or not ed25519.verify(public, signature, signed):
        raise StartupError(f"{path}: the signature does not belong to its text")
    said = json.loads(payload)
    signoff = said["predicate"]["signoff"]
    core = report["core"]
    expected = {
        "type": PREDICATE,
        "report": digest,
        "bundle": core["bundle"]["sha256"],
        "content": core["content"]["sha256"],
        "verdict": core["evaluation"]["verdict"],
        "role": role,
        "name": key["name"],
    }
    subjects = {subject["name"]: subject["digest"]["sha256"] for subject in said["subject"]}
    found = {
        "type": said["predicateType"],
        "report": subjects["digests.json"],
        "bundle": subjects["bundle.json"],
        "content": said["predicate"]["content_sha256"],
        "verdict": said["predicate"]["verdict"],
        "role": signoff["role"],
        "name": signoff["name"],
    }
    if found != expected:
        wrong = ", ".join(name for name in expected if found[name] != expected[name])
        raise StartupError(f"{path} was signed for another report ({wrong})")
    _in_time(path, _moment(signoff["signed_at"]), _moment(report["volatile"]["made_at"]), key["not_after"])
    return str(key["name"])


def _in_time(path: Path, signed: datetime, made: datetime, until: str | None) -> None:
    if signed < made - CLOCK_TOLERANCE or max(signed, made) > datetime.now(UTC) + CLOCK_TOLERANCE:
        raise StartupError(f"{path}: the times contradict each other")
    if until is not None and signed > _moment(until):
        raise StartupError(f"{path}: its key had ended when it signed")


def _superseded(report: Mapping[str, Any], trust: Mapping[str, Any]) -> None:
    since = trust["superseded"].get(report["core"]["service"]["name"])
    if since is not None and _moment(report["volatile"]["made_at"]) < _moment(since):
        raise StartupError(f"a newer report has taken the place of this one (reports since {since} count)")


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return moment
