"""Signing a report, and checking the signatures of one. A signature that must be there and is not is an error."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from validation.atomic import write_file
from validation.canonical import canonical_json, file_sha256
from validation.errors import IntegrityError, UsageError
from validation.signing.dsse import Envelope, pre_authentication, read_envelope
from validation.signing.keys import is_signed_by, key_id, public_bytes, read_private_key
from validation.signing.statement import make_statement
from validation.signing.trust import ROLES, Trust, TrustedKey, parse_time

FOLDER = "signatures"
SUFFIX = ".dsse.json"
DIGESTS_FILE = "digests.json"
CLOCK_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True)
class Signature:
    """A signature that was found good."""

    role: str
    name: str
    signed_at: str
    key_id: str


def now() -> datetime:
    """The moment, to the second."""
    return datetime.now(UTC).replace(microsecond=0)


def signature_names() -> set[str]:
    """The files, beside those of the report itself, that a report's folder may hold."""
    return {f"{FOLDER}/{role}{SUFFIX}" for role in ROLES}


def sign(folder: Path, report: Mapping[str, Any], *, key: Path, passphrase: bytes | None, role: str, name: str) -> Path:
    """Write the signer's statement about the report into the report's folder. Returns its path.

    Raises    UsageError if somebody has signed in this role already, or the report does not ask for the role
    Requires  REQ-S-VAL-004
    """
    asked = report["core"]["signoff_roles"]
    if role not in asked:
        raise UsageError(f"this report asks for {', '.join(asked)}, not for {role}")
    path = folder / FOLDER / f"{role}{SUFFIX}"
    if path.exists():
        raise UsageError(f"the {role} has signed already: {path}")
    private = read_private_key(key, passphrase)
    statement = make_statement(
        report, file_sha256(folder / DIGESTS_FILE), role=role, name=name, signed_at=now().isoformat()
    )
    payload = canonical_json(statement)
    envelope = Envelope(payload, key_id(public_bytes(private)), private.sign(pre_authentication(payload)))
    write_file(path, envelope.as_json())
    return path


def check_signatures(
    folder: Path, report: Mapping[str, Any], trust: Trust, moment: datetime, roles: Sequence[str] | None = None
) -> list[Signature]:
    """The signatures of a report in these roles (default: all it asks for), all of them good and none missing.

    Raises    IntegrityError with a code of its own for each way in which they are not
    Requires  REQ-S-VAL-004
    """
    asked = report["core"]["signoff_roles"] if roles is None else roles
    found = {role: folder / FOLDER / f"{role}{SUFFIX}" for role in asked}
    missing = [role for role, path in found.items() if not path.is_file()]
    if missing or not found:
        raise IntegrityError("I10", f"not signed by: {', '.join(missing) or 'anybody, and nobody was asked to'}")
    good = [_check(path, role, folder, report, trust, moment) for role, path in found.items()]
    for what, seen in (("key", [one.key_id for one in good]), ("name", [one.name for one in good])):
        if len(set(seen)) != len(seen):
            raise IntegrityError("I16", f"two roles were signed with one {what}")
    _superseded(report, trust)
    return good


def _check(path: Path, role: str, folder: Path, report: Mapping[str, Any], trust: Trust, moment: datetime) -> Signature:
    envelope = read_envelope(path.read_bytes(), path.name)
    trusted = trust.keys.get(envelope.key_id)
    if trusted is None:
        raise IntegrityError("I13", f"{path.name}: the key {envelope.key_id} is not in the trust file")
    if role not in trusted.roles:
        raise IntegrityError("I13", f"{path.name}: the key of {trusted.name} may not sign as {role}")
    if not is_signed_by(trusted.public, envelope.signature, envelope.signed_bytes()):
        raise IntegrityError("I12", f"{path.name}: the signature does not belong to its text")
    signoff = _same_report(path.name, envelope.payload, role, folder, report)
    if signoff["name"] != trusted.name:
        raise IntegrityError("I13", f"{path.name}: signed as {signoff['name']} with the key of {trusted.name}")
    _times(path.name, signoff["signed_at"], report["volatile"]["made_at"], trusted, moment)
    return Signature(role, signoff["name"], signoff["signed_at"], envelope.key_id)


def _same_report(name: str, payload: bytes, role: str, folder: Path, report: Mapping[str, Any]) -> dict[str, str]:
    try:
        statement = json.loads(payload)
        signoff: dict[str, str] = statement["predicate"]["signoff"]
        again = make_statement(
            report,
            file_sha256(folder / DIGESTS_FILE),
            role=role,
            name=signoff["name"],
            signed_at=signoff["signed_at"],
        )
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError("I11", f"{name} is no statement about a report: {error!r}") from error
    if statement != again:
        raise IntegrityError("I14", f"{name} was signed for another report or role")
    return signoff


def _times(name: str, signed_at: str, made_at: str, key: TrustedKey, moment: datetime) -> None:
    try:
        signed, made = parse_time(signed_at), parse_time(made_at)
    except (ValueError, TypeError) as error:
        raise IntegrityError("I15", f"{name}: {error}") from error
    if signed < made - CLOCK_TOLERANCE:
        raise IntegrityError("I15", f"{name} was signed before the report was made")
    if max(signed, made) > moment + CLOCK_TOLERANCE:
        raise IntegrityError("I15", f"{name} or its report are dated in the future")
    if key.not_after is not None and signed > key.not_after:
        raise IntegrityError("I13", f"{name}: the key of {key.name} ended before it signed")


def _superseded(report: Mapping[str, Any], trust: Trust) -> None:
    since = trust.superseded.get(report["core"]["service"]["name"])
    if since is not None and parse_time(report["volatile"]["made_at"]) < since:
        raise IntegrityError("I17", f"reports of this service made before {since.isoformat()} are superseded")
