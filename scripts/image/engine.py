"""A container engine, whichever is there, behind the three commands that the build needs."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from scripts.image.errors import ImageError

# podman asks for higher limits than a restricted machine lets it set, and for a systemd that is not there.
_CONTAINERS_CONF = """\
[containers]
default_ulimits = ["nofile=1024:4096", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
{runtime}"""

_STORAGE_CONF = """\
[storage]
driver = "overlay"
graphroot = "{folder}/graph"
runroot = "{folder}/run"
"""


@dataclass(frozen=True)
class Engine:
    """podman, buildah or docker, with the settings that this machine needs in its environment.

    `storage` is the folder that keeps its images, None: the engine's own place.
    """

    name: str
    settings: dict[str, str] = field(default_factory=dict)
    storage: Path | None = None

    def build(
        self, context: Path, tag: str, arguments: dict[str, str], *, target: str = "", output: Path | None = None
    ) -> None:
        """Build the Dockerfile of `context` without network; with `output` the target's files go there instead."""
        command = [self.name, "build", "--network", "none", "--tag", tag]
        if self.name != "docker":
            command += ["--format", "oci", "--timestamp", "0", "--layers", "--pull-never"]
        command += [part for name, value in arguments.items() for part in ("--build-arg", f"{name}={value}")]
        command += ["--target", target] if target else []
        command += ["--output", f"type=local,dest={output}"] if output else []
        self._run([*command, str(context)])

    def has(self, tag: str) -> bool:
        """Whether the image is in the engine's store."""
        return self._try(["inspect", "--type", "image", tag]) is not None

    def pull(self, tag: str) -> bool:
        """Fetch an image; whether that worked."""
        return self._try(["pull", tag]) is not None

    def image_id(self, tag: str) -> str:
        """The digest of the image's configuration: its name that no registry and no compression changes."""
        shape = "{{.FromImageID}}" if self.name == "buildah" else "{{.Id}}"
        found = self._try(["inspect", "--type", "image", "--format", shape, tag])
        if found is None:
            raise ImageError(f"{self.name} does not know the image {tag}")
        return "sha256:" + found.strip().removeprefix("sha256:")

    def save(self, tag: str, folder: Path) -> Path:
        """Write the image as an OCI layout. Raises ImageError where the engine is not podman or buildah."""
        commands = {
            "podman": ["podman", "save", "--format", "oci-dir", "--output", str(folder), tag],
            "buildah": ["buildah", "push", tag, f"oci:{folder}"],
        }
        if self.name not in commands:
            raise ImageError(f"{self.name} cannot write an OCI layout: use podman or buildah to bind an image")
        self._run(commands[self.name])
        return folder

    def run(self, arguments: list[str]) -> tuple[int, str]:
        """Run a container to its end: exit code, and what it said on stderr."""
        command = ["podman" if self.name == "buildah" else self.name, "run", *arguments]
        done = subprocess.run(
            command, env=self._environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stderr

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "DOCKER_BUILDKIT": "1", **self.settings}

    def _run(self, command: list[str]) -> None:
        if subprocess.run(command, env=self._environment(), stdin=subprocess.DEVNULL, check=False).returncode != 0:
            raise ImageError(f"{self.name} build failed, see its last lines above")

    def _try(self, arguments: list[str]) -> str | None:
        answer = subprocess.run(
            [self.name, *arguments],
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return answer.stdout if answer.returncode == 0 else None


def find_engine(work: Path, storage: Path | None = None) -> Engine:
    """The first engine that answers.

    `storage` keeps the images of podman and buildah apart from the machine's own.

    Raises    ImageError if there is none
    """
    settings = _settings(work, storage)
    for name in ("podman", "buildah", "docker"):
        engine = Engine(name) if name == "docker" else Engine(name, settings, storage)
        if shutil.which(name) and engine._try(["info"]) is not None:
            return engine
    raise ImageError("needs podman, buildah or a reachable docker; none of them answers here")


def _settings(work: Path, storage: Path | None) -> dict[str, str]:
    settings = {}
    work.mkdir(parents=True, exist_ok=True)
    if not Path("/run/systemd/system").is_dir():
        runtime = 'runtime = "runc"\n' if shutil.which("runc") else ""
        settings["CONTAINERS_CONF"] = _write(work / "containers.conf", _CONTAINERS_CONF.format(runtime=runtime))
    if storage is not None:
        settings["CONTAINERS_STORAGE_CONF"] = _write(
            work / "storage.conf", _STORAGE_CONF.format(folder=storage.resolve())
        )
    return settings


def _write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path.resolve())
