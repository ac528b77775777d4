"""`python -m scripts.sanitize [KIND ...]`: the tests of the native kernels on builds that watch memory, undefined
behaviour and threads. Exit code 1 if a test fails or a sanitizer reports anything.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import nanobind

from scripts.overlay import ROOT, built, configure, overlay

OUT = ROOT / "build/sanitize"
TESTS = ("tests/core/backends/cpu", "tests/core/graph/test_bits.py", "tests/core/graph/test_compiled.py")


@dataclass(frozen=True)
class Kind:
    """One sanitizer: the library that must be there before Python, its options, and which tests run on it."""

    library: str
    options: Mapping[str, str]
    tests: Sequence[str] = TESTS
    without: str = ""
    why_without: str = ""
    prefix: Sequence[str] = field(default=())


KINDS = {
    # Python and NumPy keep much until the end of a process: leaks of theirs are no news.
    "address": Kind("libasan.so", {"ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1:allocator_may_return_null=1"}),
    "undefined": Kind("libubsan.so", {"UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1"}),
    "thread": Kind(
        "libtsan.so",
        {"TSAN_OPTIONS": f"halt_on_error=1:exitcode=66:suppressions={OUT / 'thread.supp'}"},
        without="fork",
        why_without="a forked child of a process with threads is beyond ThreadSanitizer",
        prefix=("setarch", "-R"),  # its shadow memory has a fixed place, which randomized addresses may take
    ),
}
# What was not compiled with the sanitizer cannot be judged by it: NumPy's BLAS has threads of its own.
SUPPRESSIONS = "called_from_lib:libscipy_openblas\nrace:_multiarray_umath\nrace:python3\nrace:libpython3\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Build and test each kind."""
    parser = argparse.ArgumentParser(prog="python -m scripts.sanitize", description=__doc__)
    parser.add_argument("kind", nargs="*", choices=[[], *KINDS], help="all without it")
    parser.add_argument("--tests", nargs="*", help="tests in place of those of the kernels")
    args = parser.parse_args(arguments)
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "thread.supp").write_text(SUPPRESSIONS)
    failed = [name for name in args.kind or KINDS if not check(name, args.tests)]
    print(f"sanitize: {', '.join(failed)} failed" if failed else "sanitize: nothing found")
    return 1 if failed else 0


def check(name: str, tests: Sequence[str] | None = None) -> bool:
    """Whether the tests pass on a build with this sanitizer, and it is silent."""
    kind, folder = KINDS[name], OUT / name
    print(f"sanitize: {name}", flush=True)
    if kind.without:
        print(f"sanitize: without tests of '{kind.without}': {kind.why_without}", flush=True)
    build(name, folder / "cmake")
    suffix = str(sysconfig.get_config_var("EXT_SUFFIX"))
    tree = overlay(folder / "tree", built(folder / "cmake"), suffix)
    prefix = kind.prefix if kind.prefix and shutil.which(kind.prefix[0]) else ()
    command = [*prefix, sys.executable, "-m", "pytest", "-q", "-m", "not slow", "-p", "no:cacheprovider"]
    command.append("--capture=sys")  # what a sanitizer says goes past Python
    command += ["-k", f"not {kind.without}"] if kind.without else []
    environment = {**os.environ, **kind.options, "LD_PRELOAD": preloaded(kind), "OPENBLAS_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = str(tree)
    return subprocess.run([*command, *(tests or kind.tests)], cwd=tree, env=environment, check=False).returncode == 0


def build(name: str, folder: Path) -> None:
    """Compile the library with a sanitizer."""
    nanobind_at = f"-Dnanobind_DIR={nanobind.cmake_dir()}"
    subprocess.run(configure(folder, sys.executable, f"-DMEDTORCH_SANITIZE={name}", nanobind_at), check=True)
    subprocess.run(["cmake", "--build", str(folder), "--parallel", str(os.cpu_count() or 1)], check=True)


def preloaded(kind: Kind) -> str:
    """The sanitizer, and the library of C++ exceptions, which it must find when it starts: Python does not load it."""
    return f"{runtime(kind.library)} {runtime('libstdc++.so.6')}"


def runtime(library: str) -> str:
    """Where the compiler keeps the sanitizer's library.

    Raises    SystemExit where there is none
    """
    compiler = os.environ.get("CXX", "c++")
    done = subprocess.run([compiler, f"-print-file-name={library}"], check=True, capture_output=True, text=True)
    path = Path(done.stdout.strip())
    if not path.is_absolute():
        raise SystemExit(f"sanitize: {compiler} has no {library}")
    return str(path.resolve())


if __name__ == "__main__":
    raise SystemExit(main())
