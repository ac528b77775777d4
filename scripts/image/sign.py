"""Signing the report of an image, binding the two, and the first start of the finished image."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from scripts.image.engine import Engine
from scripts.image.errors import ImageError
from validation import verify_standalone
from validation.errors import EXIT_CODES
from validation.image.bind import bind, check_binding
from validation.image.layout import Layout
from validation.signing.keys import new_private_key
from validation.signing.sign import check_signatures, now, sign
from validation.signing.trust import Trust, add_key, read_trust
from validation.verify import verify

TRUST = "trust.json"
START = ["--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"]  # noqa: S108  the image's own


def sign_report(report: Path, keys: Path) -> None:
    """Sign in every role that the report asks for. Keys that are not there are made, and say that they demonstrate."""
    verified = verify(report)
    for role in verified["core"]["signoff_roles"]:
        path = keys / f"{role}.pem"
        if not path.exists():
            keys.mkdir(parents=True, exist_ok=True)
            public = new_private_key(path, None)
            add_key(keys / TRUST, public, name=f"Demonstration key of the {role}", roles=(role,))
        sign(report, verified, key=path, passphrase=None, role=role, name=_owner(read_trust(keys / TRUST), role))
    check_signatures(report, verified, read_trust(keys / TRUST), now())


def bind_image(report: Path, layout: Path, keys: Path) -> str:
    """Bind the report to the image and check the binding; returns the image's digest."""
    verified, trust = verify(report), read_trust(keys / TRUST)
    name = _owner(trust, "executor")
    key = keys / "executor.pem"
    bind(report, verified, Layout(layout), key=key, passphrase=None, name=name, at=now().isoformat())
    return check_binding(report, verified, Layout(layout), trust, now())


def start_time(engine: Engine, tag: str, keys: Path) -> str:
    """Start the service in the image as it will run, checks alone; how long that took, the container's start included.

    Raises    ImageError if the service refuses to start
    """
    mount = f"{(keys / TRUST).resolve()}:/trust.json:ro"
    command = ["serve", "--trust", "/trust.json", "--check-only", "--accept-incomplete"]
    began = time.monotonic()
    code, said = engine.run([*START, "--volume", mount, tag, *command])
    seconds = time.monotonic() - began
    if code != 0:
        raise ImageError(f"the service does not start in its image (exit code {code}):\n{said}")
    return f"image: first start {seconds:.2f} s with the container's own; {said.strip().splitlines()[-1]}"


def second_opinion(report: Path, keys: Path) -> list[str]:
    """What the independent verifier says, in a Python that sees none of our code.

    Raises    ImageError if it refuses the report
    """
    program = Path(verify_standalone.__file__)
    command = [sys.executable, "-I", str(program), str(report), "--trust", str(keys / TRUST)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in EXIT_CODES.values():
        raise ImageError(f"the independent verifier refuses the report: {done.stderr.strip()}")
    return [f"independent verifier: {line}" for line in done.stdout.strip().splitlines()]


def _owner(trust: Trust, role: str) -> str:
    found = [key.name for key in trust.keys.values() if role in key.roles]
    if len(found) != 1:
        raise ImageError(f"{TRUST} must name exactly one key for {role} to sign with, it names {len(found)}")
    return found[0]
