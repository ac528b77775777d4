"""The commands, each in its own module that is imported only when it is called: `--help` stays quick.

Requires  REQ-F-CLI-001
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from dataclasses import dataclass
from typing import Any

import click

from medtorch._version import __version__
from medtorch.cli.exits import BROKEN, GOOD, INTERRUPTED, complain, exit_code_of
from medtorch.core.backends.reference.blas import set_blas_threads
from medtorch.errors import MedtorchError

# Whoever sets one of these has chosen.
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")

HELP = """Deep learning for medical imaging: checksummed models, predictions, training.

Results go to stdout, everything else to stderr. Exit codes: 0 good, 1 the answer is no, 2 wrong usage,
3 bad or tampered input."""


@dataclass(frozen=True)
class Lazy:
    """Where a command is, and its line in the list of commands."""

    module: str
    attribute: str
    summary: str


COMMANDS = {
    "predict": Lazy("medtorch.cli.predict", "predict", "Classify or segment images with a bundle."),
    "serve": Lazy("medtorch.cli.serve", "serve", "Answer over HTTP, in the image that was validated and no other."),
    "train": Lazy("medtorch.cli.train", "train", "Train a model as a YAML file describes, or go on where it stopped."),
    "bundle": Lazy("medtorch.cli.bundle", "bundle", "Create, verify and inspect bundles."),
    "convert": Lazy("medtorch.cli.convert", "convert", "Make a bundle of a PyTorch checkpoint, running nothing in it."),
    "bench": Lazy("medtorch.cli.bench", "bench", "Time a bundle's model here, as it is and compiled."),
    "doctor": Lazy("medtorch.cli.doctor", "doctor", "Say what medtorch runs on here, and what is missing."),
    "demo": Lazy("medtorch.cli.demo", "demo", "Classify, train, segment and validate on the example images."),
}


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        place = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(place.module), place.attribute)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            raise click.UsageError(f"No such command {args[0]!r}; there are {', '.join(COMMANDS)}.", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, place.summary) for name, place in COMMANDS.items()])


@click.group(
    cls=LazyGroup, help=HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(__version__, prog_name="medtorch")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def app(debug: bool) -> None:
    """The root; `--debug` is read by `run`."""


def run(arguments: list[str]) -> int:
    """Run the command line; every outcome becomes an exit code."""
    _settle_threads()
    debug = "--debug" in arguments[: _first_command(arguments)]
    try:
        code = app.main(args=arguments, prog_name="medtorch", standalone_mode=False)
    except click.exceptions.Abort:
        return complain("interrupted", INTERRUPTED)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BrokenPipeError:  # the reader of stdout went away; keep Python from complaining at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return GOOD
    except MedtorchError as error:
        _show_traceback(debug)
        return complain(str(error), exit_code_of(error))
    except Exception as error:  # noqa: BLE001  the boundary: a fault of medtorch is told apart from one of its user
        _show_traceback(debug)
        hint = "" if debug else "; run `medtorch --debug ...` to see where"
        return complain(f"a fault in medtorch itself: {type(error).__name__}: {error}{hint}", BROKEN)
    return code if isinstance(code, int) else GOOD


def _settle_threads() -> None:
    """One BLAS thread unless the environment says otherwise: the same bits on any number of cores."""
    if not any(os.environ.get(name) for name in THREAD_VARIABLES):
        set_blas_threads(1)


def _first_command(arguments: list[str]) -> int:
    places = [place for place, word in enumerate(arguments) if not word.startswith("-")]
    return places[0] if places else len(arguments)


def _show_traceback(debug: bool) -> None:
    if debug:
        traceback.print_exc()
