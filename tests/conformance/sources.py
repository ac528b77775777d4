"""Third-party source files, unmodified, under as_torch: which give PyTorch's outputs and gradients.

    python -m tests.conformance.sources PATH... [--group NAME] [--json FILE]

PATHs are folders that hold torchvision, monai, timm, segmentation_models_pytorch. Each group of cases runs in two
processes, one with PyTorch, one in which PyTorch cannot be imported, with the same weights and inputs. A case holds if
every output in float32 is PyTorch's within 1e-4 of the largest, or within three times what PyTorch's own float32
differs from its float64; and in float64 every output within 1e-9 and every gradient within 1e-7. Losses cast to float32
inside: theirs, 5e-6.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.conformance.page import write_rows

GROUPS = {
    "torchvision": (
        "torchvision classifiers",
        "torchvision segmenters",
        "torchvision video",
        "torchvision detection",
    ),
    "monai": ("monai networks", "monai losses", "monai metrics", "monai inferers"),
    "timm": ("timm",),
    "segmentation_models_pytorch": ("segmentation_models_pytorch",),
}
Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Answer:
    """What came of one case: `gap` is empty where it holds; `skipped` where PyTorch has no answer either."""

    group: str
    name: str
    gap: str
    skipped: bool = False


def answers(group: str, folder: Path) -> Iterator[Answer]:
    """Compare what both sides wrote into a folder."""
    sides = {side: _read(folder, side) for side in ("torch", "medtorch")}
    notes = {side: json.loads((folder / f"{side}.json").read_text()) for side in sides}
    for name, note in notes["torch"].items():
        if note["error"]:
            yield Answer(group, name, f"PyTorch: {note['error']}", skipped=True)
        elif name not in notes["medtorch"]:
            yield Answer(group, name, "did not run")
        elif notes["medtorch"][name]["error"]:
            yield Answer(group, name, notes["medtorch"][name]["error"])
        else:
            wanted, found = (_of(name, sides[side]) for side in ("torch", "medtorch"))
            yield Answer(group, name, _gap(wanted, found, cast=group == "monai losses"))


def _read(folder: Path, side: str) -> Arrays:
    arrays: dict[str, np.ndarray] = {}
    for path in sorted(folder.glob(f"{side}.*.npz")):
        with np.load(path) as file:
            arrays |= dict(file)
    return arrays


def _of(name: str, arrays: Arrays) -> Arrays:
    return {k.removeprefix(f"{name}/"): v for k, v in arrays.items() if k.startswith(f"{name}/")}


def _gap(wanted: Arrays, found: Arrays, *, cast: bool) -> str:
    if wanted.keys() != found.keys():
        return f"gives other parts than PyTorch: {sorted(wanted.keys() ^ found.keys())[:4]}"
    for part, a in wanted.items():
        b = found[part]
        if a.shape != b.shape:
            return f"{part}: shape {b.shape}, PyTorch has {a.shape}"
        if not np.array_equal(np.isfinite(a), np.isfinite(b)):
            return f"{part}: finite in other places than PyTorch's"
        off, allowed = _off(a, b), 5e-6 if cast and not part.startswith("out") else _allowed(part, wanted)
        if off > allowed:
            return f"{part}: off by {off:.1e} of the largest number, {allowed:.1e} allowed"
    return ""


def _off(a: np.ndarray, b: np.ndarray) -> float:
    """The largest difference, as a part of the largest number."""
    finite = np.isfinite(a)
    if not finite.any():
        return 0.0
    return float(np.max(np.abs(a - b)[finite]) / max(np.max(np.abs(a[finite])), 1e-6))


def _allowed(part: str, wanted: Arrays) -> float:
    if part.startswith("exact"):
        return 1e-9
    if part.startswith("grad"):
        return 1e-7
    exact = wanted.get(part.replace("out", "exact"))
    own = 0.0 if exact is None or exact.shape != wanted[part].shape else _off(exact, wanted[part])
    return max(1e-4, 3 * own)


def run(group: str, paths: list[str], folder: Path) -> None:
    """Both processes of a group."""
    for side in ("torch", "medtorch"):
        command = [sys.executable, "-m", "tests.conformance.source_side", side, group, folder / side, *paths]
        subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    """Print the counts and what does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+")
    parser.add_argument("--group", default="")
    parser.add_argument("--folder", type=Path, help="where the sides' answers are, or are kept")
    parser.add_argument("--compare", action="store_true", help="compare what is in the folder")
    parser.add_argument("--json", type=Path, help="write the answers for the documentation's page")
    chosen = parser.parse_args()
    all_of_them: list[Answer] = []
    with tempfile.TemporaryDirectory() as temporary:
        for group in (g for groups in GROUPS.values() for g in groups if chosen.group in g):
            folder = (chosen.folder or Path(temporary)) / group.replace(" ", "_")
            folder.mkdir(parents=True, exist_ok=True)
            if not chosen.compare:
                run(group, chosen.paths, folder)
            if not (folder / "medtorch.json").exists():
                continue
            found = list(answers(group, folder))
            counted = [a for a in found if not a.skipped]
            print(f"{group}: {sum(not a.gap for a in counted)} of {len(counted)}")
            for answer in found:
                if answer.gap:
                    print(f"  {answer.name}: {answer.gap}")
            all_of_them += counted
    if chosen.json is not None:
        write_rows(chosen.json, [(a.group, a.name, a.gap) for a in all_of_them])


if __name__ == "__main__":
    main()
