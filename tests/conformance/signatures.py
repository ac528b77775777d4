"""The parameters of PyTorch's names and of medtorch's: same names, order and defaults.

    python -m tests.conformance.signatures [--json FILE]

PyTorch's side is read from Python signatures, and for compiled functions from the first line of their documentation.
What only says where a result is put or kept (`out`, `layout`, `pin_memory`, ...) is left out: it is taken or refused by
name everywhere.

Source    torch 2.13.0: torch, torch.Tensor, torch.nn, torch.nn.functional, torch.nn.Module, torch.optim, torch.autograd
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tests.conformance.page import write_rows

LEFT_OUT = frozenset(
    {"self", "out", "layout", "pin_memory", "memory_format", "names", "device", "dtype", "requires_grad", "generator"}
)
ROOMS = (
    "torch",
    "torch.Tensor",
    "torch.nn",
    "torch.nn.functional",
    "torch.nn.Module",
    "torch.nn.init",
    "torch.nn.utils",
    "torch.optim",
    "torch.optim.lr_scheduler",
    "torch.autograd",
    "torch.linalg",
    "torch.fft",
    "torch.utils.data",
)
_UNKNOWN = object()


@dataclass(frozen=True)
class Compared:
    """A name and how its parameters differ: `gap` is empty where they do not."""

    room: str
    name: str
    gap: str


def compared() -> Iterator[Compared]:
    """Every callable that both have and whose parameters PyTorch tells."""
    for room in ROOMS:
        theirs, ours = _room(room), _room(room.replace("torch", "medtorch", 1))
        for name in sorted(n for n in dir(theirs) if not n.startswith("_")):
            pair = getattr(theirs, name, None), getattr(ours, name, None)
            if not (callable(pair[0]) and callable(pair[1])) or inspect.isclass(pair[0]) != inspect.isclass(pair[1]):
                continue
            wanted, found = (_parameters(p, name) for p in pair)
            if wanted is not None and found is not None:
                yield Compared(room, name, _gap(wanted, found))


def _room(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        module, _, member = name.rpartition(".")
        return getattr(importlib.import_module(module), member)


def _parameters(what: Any, name: str) -> dict[str, Any] | None:
    """Names and defaults, in order; None where they are not told; "*" and "**" for what takes anything."""
    try:
        found = inspect.signature(what.__init__ if inspect.isclass(what) else what)
    except (TypeError, ValueError):
        return _from_documentation(what, name)
    out: dict[str, Any] = {}
    for p in found.parameters.values():
        key = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, p.name)
        out[key] = _UNKNOWN if p.default is p.empty else p.default
    return out if set(out) - {"self", "*", "**"} or type(what).__module__ != "builtins" else None


def _from_documentation(what: Any, name: str) -> dict[str, Any] | None:
    line = (what.__doc__ or "").strip().split("\n\n")[0].replace("\n", " ")
    match = re.match(rf"(?:torch\.)?(?:\w+\.)*{name}\((.*)\)\s*(?:->.*)?$", line)
    if match is None:
        return None
    text = re.sub(r"\*(\w+)(?:\.\.\.)?", r"*args", match[1].replace("\\*", "*")).replace(" or None", "")
    try:
        made = ast.parse(f"def f({text}): pass").body[0]
    except SyntaxError:
        return None
    assert isinstance(made, ast.FunctionDef)
    given = made.args
    out: dict[str, Any] = {}
    plain = [*given.posonlyargs, *given.args]
    for arg, default in zip(plain, [None] * (len(plain) - len(given.defaults)) + list(given.defaults), strict=True):
        out[arg.arg] = _value(default)
    if given.vararg is not None:
        out["*"] = _UNKNOWN
    for arg, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        out[arg.arg] = _value(default)
    return out


def _value(default: ast.expr | None) -> Any:
    try:
        return _UNKNOWN if default is None else ast.literal_eval(default)
    except ValueError:
        return _UNKNOWN


def _gap(wanted: dict[str, Any], found: dict[str, Any]) -> str:
    names = [n for n in wanted if n not in LEFT_OUT and n not in ("*", "**")]
    missing = [] if "**" in found else [n for n in names if n not in found]
    if missing and not ("*" in found and len(missing) == 1):
        return f"has no {', '.join(missing)}"
    order = [n for n in found if n in names]
    if order != [n for n in names if n in found]:
        return f"has {', '.join(order)} in another order than {', '.join(names)}"
    for name in order:
        a, b = wanted[name], found[name]
        plain = all(isinstance(v, (bool, int, float, str, tuple, type(None))) for v in (a, b))
        if plain and a != b:
            return f"{name} is {b!r}, PyTorch's {a!r}"
    return ""


def main() -> None:
    """Print the counts and what differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the answers for the documentation's page")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    found = list(compared())
    for room in ROOMS:
        of_it = [c for c in found if c.room == room]
        print(f"{room}: {sum(not c.gap for c in of_it)} of {len(of_it)}")
        for one in of_it:
            if one.gap:
                print(f"  {one.name}: {one.gap}")
    if chosen.json is not None:
        write_rows(chosen.json, [(c.room, c.name, c.gap) for c in found])


if __name__ == "__main__":
    main()
