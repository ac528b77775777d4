"""`medtorch serve`: a bundle behind HTTP, started only if the image and the model are what was validated.

Requires  REQ-F-SRV-001, REQ-S-SEC-011
"""

from __future__ import annotations

import logging
import signal
from functools import partial
from pathlib import Path
from typing import Any

import click

from medtorch._version import __version__
from medtorch.cli.exits import GOOD
from medtorch.cli.options import PATH, check_digest_options, digest_options
from medtorch.cli.terminal import say
from medtorch.errors import MissingDependencyError, UnsupportedError
from medtorch.serve.bundle import Bundle
from medtorch.serve.http import Application
from medtorch.serve.load import load_bundle
from medtorch.serve.startup import Started, start


@click.command()
@click.option("--bundle", "bundle_path", type=PATH, required=True, envvar="MEDTORCH_BUNDLE", show_envvar=True)
@partial(digest_options, envvar="MEDTORCH_BUNDLE_SHA256")
@click.option(
    "--evidence", type=PATH, envvar="MEDTORCH_EVIDENCE", show_envvar=True, help="Folder of the signed report."
)
@click.option("--trust", type=PATH, envvar="MEDTORCH_TRUST", show_envvar=True, help="The keys that count (trust.json).")
@click.option("--unvalidated", is_flag=True, help="Serve without evidence; the health endpoint says so.")
@click.option("--accept-incomplete", is_flag=True, help="Serve with a report that says INCOMPLETE, too.")
@click.option("--start-log", type=PATH, envvar="MEDTORCH_START_LOG", show_envvar=True, help="Where starts are written.")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:N.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535))
@click.option("--threads", default=4, show_default=True, type=click.IntRange(1, 64), help="Requests answered at once.")
@click.option("--check-only", is_flag=True, help="Check and end: exit code 0 if the service may start.")
def serve(
    bundle_path: Path, sha256: str | None, allow_unverified: bool, evidence: Path | None, trust: Path | None,
    unvalidated: bool, accept_incomplete: bool, start_log: Path | None, device: str, host: str, port: int, threads: int,
    check_only: bool,
) -> int:  # fmt: skip
    """Answer GET /health and POST /predict (the bytes of one image) with a bundle.

    With --evidence and --trust the service first checks that it runs in the image that was validated, with the
    versions, the bundle and the device that were, and that its model gives its known answers; otherwise exit code 3.
    """
    if unvalidated == (evidence is not None):
        raise click.UsageError("Name the folder of the signed report with --evidence, or say --unvalidated.")
    if evidence is None:
        check_digest_options(sha256, allow_unverified)
        bundle = load_bundle(bundle_path, sha256=sha256, allow_unverified=allow_unverified, device=device)
        health = _unvalidated(bundle)
    else:
        if trust is None:
            raise click.UsageError("Name the keys that count with --trust.")
        options: dict[str, Any] = {"accept_incomplete": accept_incomplete, "log_file": start_log, "device": device}
        started = start(bundle_path, evidence, trust, **options)
        _tell(started)
        bundle, health = started.bundle, started.health()
    if bundle.reading is None:
        raise UnsupportedError(f"{bundle_path}: there is no way to read answers for {bundle.description.task}")
    if not check_only:
        _listen(Application(bundle, health), host, port, threads)
    return GOOD


def _unvalidated(bundle: Bundle) -> dict[str, Any]:
    say("medtorch: no evidence was checked (--unvalidated)")
    return {"service": bundle.name, "medtorch": __version__, "bundle_sha256": bundle.sha256, "validation": None}


def _tell(started: Started) -> None:
    for check in started.checks:
        say(f"{check.name}: {check.detail}")
    say(f"{started.evidence.service}: may start, checked in {started.seconds:.2f} s")


def _listen(application: Application, host: str, port: int, threads: int) -> None:
    try:
        import waitress  # noqa: PLC0415  the one door to the HTTP server
    except ModuleNotFoundError as error:
        raise MissingDependencyError("waitress", extra="serve") from error
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    server = waitress.create_server(
        application, host=host, port=port, threads=threads, ident=None, max_request_body_size=1 << 30
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a container is stopped so: end as on Ctrl-C, in order
    say(f"serving on http://{host}:{server.effective_port}")
    try:
        server.run()
    finally:
        server.close()
