"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from medtorch.errors import LoadError
from medtorch.serialize.digest import parse_sha256

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

PATH = click.Path(path_type=Path)


class Digest(click.ParamType[str]):
    """64 hexadecimal digits."""

    name = "HEX"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return parse_sha256(str(value))
        except (LoadError, ValueError) as error:
            self.fail(str(error), param, ctx)


def digest_options(function: Callable[..., Any], *, envvar: str | None = None) -> Callable[..., Any]:
    """--sha256, or --allow-unverified; `envvar` can say the digest too, never that none is needed."""
    function = click.option(
        "--allow-unverified", is_flag=True, help="Take the bundle as it is; the output says that it was not verified."
    )(function)
    digest = "The digest that the bundle must have."
    return click.option("--sha256", type=Digest(), envvar=envvar, show_envvar=True, help=digest)(function)


def check_digest_options(sha256: str | None, allow_unverified: bool) -> None:
    """One of the two. Raises UsageError."""
    if sha256 is None and not allow_unverified:
        raise click.UsageError(
            "Name the digest that the bundle must have with --sha256 (or take it with --allow-unverified)."
        )
    if sha256 is not None and allow_unverified:
        raise click.UsageError("--sha256 and --allow-unverified contradict each other.")
