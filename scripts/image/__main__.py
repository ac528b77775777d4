"""`python -m scripts.image SERVICE --bundle FOLDER`: build, validate, say the digest and the verdict."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from medtorch._version import __version__
from scripts.image.base import base_image, python_version
from scripts.image.engine import Engine, find_engine
from scripts.image.errors import ImageError
from scripts.image.wheels import gather

CONTEXT = Path()
WORK = Path("build/image")


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m scripts.image", description=__doc__)
    parser.add_argument("service", help="a file of validation/services, without .yaml")
    parser.add_argument("--bundle", type=Path, required=True, help="the folder of the bundle that the service runs")
    parser.add_argument("--base-image", default="", help="an image with this Python; made or pulled if not given")
    parser.add_argument("--storage", type=Path, default=None, help="keep podman's and buildah's images in this folder")
    parser.add_argument("--tag", default="", help="name of the image (default: localhost/SERVICE:VERSION)")
    parser.add_argument(
        "--reference", action="store_true", help="no native kernels: the image runs on the reference backend"
    )
    return parser.parse_args(arguments)


def revision() -> str:
    """The commit that is built; '-dirty' where the checkout differs from it."""
    answer = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stdout.strip() or "unknown"


def prepare(options: argparse.Namespace) -> None:
    """Put wheels and bundle where the Dockerfile looks for them."""
    if not Path(f"validation/services/{options.service}.yaml").is_file():
        raise ImageError(f"no service of this name: validation/services/{options.service}.yaml")
    if not (options.bundle / "bundle.json").is_file():
        raise ImageError(f"not a bundle, it holds no bundle.json: {options.bundle}")
    print("image: gathering wheels", flush=True)
    gather(WORK / "wheels", native=not options.reference)
    shutil.rmtree(WORK / "bundle", ignore_errors=True)
    shutil.copytree(options.bundle, WORK / "bundle")


def build(options: argparse.Namespace, engine: Engine) -> tuple[str, Path]:
    """Build the evidence, then the image; give back the image's name and where the report lies."""
    tag = options.tag or f"localhost/{options.service}:{__version__}"
    evidence = Path("out/images") / options.service
    shutil.rmtree(evidence, ignore_errors=True)
    arguments = {
        "BASE_IMAGE": options.base_image or base_image(engine),
        "PYTHON_VERSION": python_version(),
        "SERVICE": options.service,
        "VERSION": __version__,
        "REVISION": revision(),
        "STARTED": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    engine.build(CONTEXT, f"{tag}-evidence", arguments, target="evidence", output=evidence)
    print(f"image: report in {evidence / 'report'}: {verdict(evidence)}", flush=True)
    engine.build(CONTEXT, tag, arguments)
    return tag, evidence


def verdict(evidence: Path) -> str:
    """The verdict that the report states.

    Raises    ImageError if the validation ended without a report
    """
    if not (evidence / "report" / "report.json").is_file():
        code = (evidence / "exit_code").read_text(encoding="utf-8").strip()
        raise ImageError(f"the validation in the image ended with exit code {code} and made no report, see above")
    report = json.loads((evidence / "report" / "report.json").read_text(encoding="utf-8"))
    return str(report["verdict"])


def summary(tag: str, identity: str, evidence: Path, engine: Engine) -> None:
    """Say what was made and how to run it."""
    settings = "".join(f"{name}={value} " for name, value in engine.settings.items())
    options = "--rm --network none --read-only --tmpfs /tmp --cap-drop ALL"
    print(f"\nimage    {tag}\ndigest   {identity}\nverdict  {verdict(evidence)}")
    print(
        f"report   {evidence / 'report' / 'report.html'}\nrun      {settings}{engine.name} run {options} {tag} --help"
    )


def main(arguments: list[str] | None = None) -> int:
    """Build one image; exit code 0, or 1 with the reason on stderr."""
    options = parse(sys.argv[1:] if arguments is None else arguments)
    try:
        engine = find_engine(WORK, options.storage)
        prepare(options)
        tag, evidence = build(options, engine)
        identity = engine.image_id(tag)
    except ImageError as error:
        print(f"image: {error}", file=sys.stderr)
        return 1
    summary(tag, identity, evidence, engine)
    return 0


if __name__ == "__main__":
    sys.exit(main())
