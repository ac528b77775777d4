"""Loads files in a process of its own and reports, for each, time, peak memory and every audit event that matters.

    python -m tests.attacks.measure FOLDER      files *.pth and *.safetensors; prints one JSON object

Python's audit events tell of imports, compiled or executed code, new processes, sockets, files opened for writing.
Memory is the kernel's own high-water mark (VmHWM, set back before each file) above what the process had at its start,
so that nothing is missed; small files go first, before freed memory of large ones can count against them.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import ml_dtypes  # noqa: F401  so that its import is not counted as an event of a load

from medtorch import serialize
from medtorch.errors import LoadError

WATCHED = (
    "import", "exec", "compile", "pickle.find_class", "os.system", "os.exec", "os.fork", "os.posix_spawn",
    "subprocess.Popen", "socket.__new__", "socket.connect", "ctypes.dlopen", "os.remove", "os.rename", "os.mkdir",
    "shutil.rmtree", "sys._getframe", "code.__new__", "function.__new__", "builtins.input", "marshal.loads",
)  # fmt: skip


CLEAR = Path("/proc/self/clear_refs")  # writing 5 sets VmHWM back to VmRSS


def memory(kind: str) -> int:
    """Bytes of VmRSS (now) or VmHWM (the most there was)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{kind}:"))


class Watch:
    """An audit hook that can be switched on; hooks cannot be taken away again."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.on = False
        sys.addaudithook(self.hear)

    def hear(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event in WATCHED:
            self.events.append(event)
        elif event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+"):
            self.events.append(f"open {args[0]} {args[1]}")


def measure(path: Path, watch: Watch, start: int) -> dict[str, Any]:
    load = serialize.load_torch if path.suffix == ".pth" else serialize.load_safetensors
    watch.events = []
    CLEAR.write_text("5", encoding="ascii")
    began = time.perf_counter()
    watch.on = True
    try:
        load(path)
        refused = None
    except LoadError as error:
        refused = type(error).__name__
    finally:
        watch.on = False
    seconds = time.perf_counter() - began
    peak = memory("VmHWM") - start
    return {"refused": refused, "seconds": seconds, "peak": peak, "size": path.stat().st_size, "events": watch.events}


def main() -> None:
    watch = Watch()
    folder = Path(sys.argv[1])
    start = memory("VmRSS")
    files = sorted(folder.iterdir(), key=lambda path: path.stat().st_size)
    print(json.dumps({path.name: measure(path, watch, start) for path in files}))


if __name__ == "__main__":
    main()
