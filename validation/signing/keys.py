"""Ed25519 keys: the one door to `cryptography`, which is needed only where something is signed or verified."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from validation.canonical import sha256
from validation.errors import UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def _library() -> Any:
    try:
        from cryptography import exceptions  # noqa: PLC0415  the one door to an optional dependency
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415
    except ImportError as error:
        raise UsageError("signatures need the package cryptography: pip install medtorch[validation]") from error
    return exceptions, serialization, ed25519


def key_id(public: bytes) -> str:
    """Name of a public key: the sha256 of its 32 bytes."""
    return sha256(public)


def new_private_key(path: Path, passphrase: bytes | None) -> bytes:
    """Write a new private key (PKCS 8, readable by its owner alone); returns the 32 bytes of its public half.

    Raises    UsageError if the file is there already: keys are never overwritten
    """
    _, serialization, ed25519 = _library()
    private = ed25519.Ed25519PrivateKey.generate()
    cipher = (
        serialization.BestAvailableEncryption(passphrase) if passphrase is not None else serialization.NoEncryption()
    )
    pem = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, cipher)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise UsageError(f"cannot write the key {path}: {error.strerror}") from error
    with os.fdopen(handle, "wb") as stream:
        stream.write(pem)
    return public_bytes(private)


def read_private_key(path: Path, passphrase: bytes | None) -> Ed25519PrivateKey:
    """Raises UsageError if the file is no Ed25519 key, or the passphrase does not open it."""
    _, serialization, ed25519 = _library()
    try:
        key: Any = serialization.load_pem_private_key(path.read_bytes(), passphrase)
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"cannot read the key {path}: {error}") from error
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise UsageError(f"{path} is no Ed25519 key")
    found: Ed25519PrivateKey = key
    return found


def public_bytes(private: Ed25519PrivateKey) -> bytes:
    """The 32 bytes of the public key."""
    _, serialization, _ = _library()
    raw: bytes = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return raw


def is_signed_by(public: bytes, signature: bytes, data: bytes) -> bool:
    """Whether the signature over the data was made with the private half of this public key."""
    exceptions, _, ed25519 = _library()
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except (exceptions.InvalidSignature, ValueError):
        return False
    return True
