"""Whose keys count, for which roles, and which reports have been superseded: the file trust.json, kept by the auditor.

It is what a verifier brings along; nothing in a report can add to it.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from validation.atomic import write_file
from validation.canonical import readable_json
from validation.errors import UsageError
from validation.signing.keys import key_id

SCHEMA = "medtorch.trust/1"
# What a signature in each role says. The first is that of a machine, the others are those of people.
MEANINGS = {
    "executor": "ran these tests and wrote this report",
    "author": "wrote the requirements and tests that this report rests on",
    "reviewer": "reviewed this report and what it rests on",
    "approver": "approves this report for its stated use",
}
ROLES = tuple(MEANINGS)


@dataclass(frozen=True)
class TrustedKey:
    """A public key, whose it is, and what it may sign."""

    id: str
    public: bytes
    name: str
    roles: tuple[str, ...]
    not_after: datetime | None


@dataclass(frozen=True)
class Trust:
    """The keys that count. `superseded` holds, for a service, the time before which reports are no longer accepted."""

    keys: Mapping[str, TrustedKey]
    superseded: Mapping[str, datetime]


def parse_time(text: str) -> datetime:
    """A moment with its time zone. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return moment


def read_trust(path: Path) -> Trust:
    """Raises UsageError naming what is wrong with the file."""
    try:
        return _trust(_load(path))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise UsageError(f"{path} is no trust file: {error}") from error


def add_key(path: Path, public: bytes, *, name: str, roles: tuple[str, ...]) -> str:
    """Add a public key to the trust file, which is made if it is not there. Returns the key's id."""
    empty: dict[str, Any] = {"schema": SCHEMA, "keys": [], "superseded": {}}
    data = _load(path) if path.exists() else empty
    entry = {
        "key_id": key_id(public),
        "public_key": base64.b64encode(public).decode(),
        "name": name,
        "roles": list(roles),
        "not_after": None,
    }
    data["keys"].append(entry)
    try:
        _trust(data)
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path}: {error}") from error
    write_file(path, readable_json(data))
    return key_id(public)


def _load(path: Path) -> dict[str, Any]:
    data = json.loads(path.read_bytes())
    if not isinstance(data, dict) or data.get("schema") != SCHEMA or set(data) != {"schema", "keys", "superseded"}:
        raise ValueError(f"must hold schema {SCHEMA}, keys and superseded")
    return data


def _trust(data: Mapping[str, Any]) -> Trust:
    keys = [_key(entry) for entry in data["keys"]]
    if len({key.id for key in keys}) != len(keys):
        raise ValueError("a key stands there twice")
    return Trust(
        keys={key.id: key for key in keys},
        superseded={service: parse_time(moment) for service, moment in data["superseded"].items()},
    )


def _key(entry: Mapping[str, Any]) -> TrustedKey:
    public = base64.b64decode(entry["public_key"], validate=True)
    if len(public) != 32 or key_id(public) != entry["key_id"]:
        raise ValueError(f"key {entry['key_id']}: the id is not the sha256 of its 32 bytes")
    if not entry["roles"] or not set(entry["roles"]) <= set(ROLES):
        raise ValueError(f"key {entry['key_id']}: roles are {', '.join(ROLES)}")
    until = entry["not_after"]
    return TrustedKey(
        entry["key_id"], public, entry["name"], tuple(entry["roles"]), None if until is None else parse_time(until)
    )
