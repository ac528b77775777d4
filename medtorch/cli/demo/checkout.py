"""Where the demo finds what it runs on: the examples and the validation system of a checkout."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from medtorch.errors import ConfigError

NEEDED = (
    "examples/chest_xray/labels.csv",
    "examples/chest_xray.yaml",
    "examples/nuclei/cases.csv",
    "examples/nuclei_unet.yaml",
)


@dataclass(frozen=True)
class Checkout:
    """A checkout of the project."""

    root: Path

    @property
    def examples(self) -> Path:
        """The example data and descriptions."""
        return self.root / "examples"


def find_checkout(given: Path | None) -> Checkout:
    """The checkout that was named, or the one that medtorch runs from. Raises ConfigError naming what is missing."""
    root = Path(__file__).resolve().parents[3] if given is None else given
    missing = [name for name in NEEDED if not (root / name).is_file()]
    if missing:
        raise ConfigError(
            f"{root}: holds no {missing[0]}: the demo runs on the examples of a checkout of medtorch, which an "
            "installed package does not have; name a checkout with --checkout"
        )
    return Checkout(root)
