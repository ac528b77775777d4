"""A run as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks import goals, least
from benchmarks.numbers import geometric_mean, summary
from benchmarks.peers import is_ours
from benchmarks.workloads import INFERENCE, TRAINING

Result = Mapping[str, Any]


def markdown(result: Result) -> str:
    """Goals first, then every table."""
    return "\n".join(
        [*_head(result), *_goals(result), *_cells(result), *_least(result), *_kernels(result), *_start(result), ""]
    )


def _head(result: Result) -> Iterator[str]:
    m = result["machine"]
    cpu = m["medtorch"]["cpu"]
    versions = ", ".join(f"{name} {version or 'not installed'}" for name, version in m["packages"].items())
    yield f"Measured {m['time']} on {m['cpu']}, {m['usable_cpus']} usable CPUs, {m['memory_bytes'] / 1e9:.0f} GB; "
    yield f"{m['system']}, Python {m['python']}; float32 and {m['threads']} thread(s) for every candidate. {versions}."
    yield f"medtorch {m['medtorch']['medtorch']} at {m['commit'][:12]}, kernels: {cpu['backend']} {cpu.get('isa')}. "
    yield f"Load of the machine when it began: {m['load_before']:.2f}."
    if result.get("plan", {}).get("clock") == "process_cpu":
        yield "Times are CPU times of each process, because the machine had other work: that disturbs them less."
    missing = [w.name for w in (*INFERENCE, *TRAINING) if w.name not in _measured(result)]
    missing += [part for part in ("kernels", "imports", "cold", "wheel") if not result.get(part)]
    if missing:
        yield f"Not in this run: {', '.join(missing)}."
    if m["changed_files"]:
        yield f"The checkout had {m['changed_files']} changed files."
    yield ""
    yield "Every candidate of a workload has a process of its own; in each round each has one turn, in changing order."
    yield "A cell is the median of the rounds' medians in milliseconds and half the distance of the quartiles;"
    yield "ratios are medians of ratios within rounds. Milliseconds mean nothing on another machine."
    yield ""


def _measured(result: Result) -> set[str]:
    return {cell["name"] for key in ("inference", "training") for cell in result[key]}


def _goals(result: Result) -> Iterator[str]:
    yield "## Goals"
    yield ""
    yield "| | goal | found | met |"
    yield "|---|---|---|---|"
    for goal in goals.table(result):
        met = {True: "yes", False: "no", None: "not measured"}[goal.met]
        yield f"| {goal.text} | {goal.wanted} | {goal.found} | {met} |"
    yield ""


def _cells(result: Result) -> Iterator[str]:
    for title, key, ours in (
        ("Inference", "inference", goals.COMPILED),
        ("Training step: forward, cross entropy, backward, SGD with momentum", "training", "medtorch"),
    ):
        cells = result[key]
        if not cells:
            continue
        every = dict.fromkeys(name for cell in cells for name in cell["candidates"])
        names = sorted(every, key=lambda name: not is_ours(name))
        yield f"## {title}"
        yield ""
        yield f"| ms | {' | '.join(names)} | best peer / {ours} |"
        yield f"|---|{'---|' * (len(names) + 1)}"
        for cell in cells:
            yield f"| {cell['name']} | {' | '.join(_time(cell, name) for name in names)} | {_ratio(cell, ours)} |"
        yield _means(cells, names, ours)
        yield ""
        yield from _reasons(cells)
        yield f"Peak memory of each process in MB ({title.split(':')[0].lower()}):"
        yield ""
        yield f"| MB | {' | '.join(names)} |"
        yield f"|---|{'---|' * len(names)}"
        for cell in cells:
            yield f"| {cell['name']} | {' | '.join(_memory(cell, name) for name in names)} |"
        yield ""


def _time(cell: goals.Cell, name: str) -> str:
    found = goals.rounds(cell, name)
    if not found:
        return "-"
    told = summary([summary(one).median for one in found])
    text = f"{_short(told.median * 1000)} ± {_short((told.high - told.low) / 2 * 1000)}"
    return f"**{text}**" if name == _quickest(cell) else text


def _short(value: float) -> str:
    """Three digits before the point, or two behind it."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _quickest(cell: goals.Cell) -> str:
    timed = [name for name in cell["candidates"] if goals.rounds(cell, name)]
    return min(timed, key=lambda name: goals.median(cell, name))


def _ratio(cell: goals.Cell, ours: str) -> str:
    peer = goals.best_peer(cell)
    if peer is None or not goals.rounds(cell, ours):
        return "-"
    return f"{goals.speedup(cell, ours, peer):.2f} ({peer})"


def _means(cells: list[goals.Cell], names: list[str], ours: str) -> str:
    told = []
    for name in names:
        found = [] if name == ours else list(goals.against(cells, ours, name).values())
        told.append(f"{geometric_mean(found):.2f}" if found else "-")
    best = list(goals.against(cells, ours).values())
    return f"| its time / {ours}'s, geometric mean | {' | '.join(told)} | {geometric_mean(best):.2f} |" if best else ""


def _memory(cell: goals.Cell, name: str) -> str:
    found = cell["candidates"].get(name, {}).get("peak_bytes")
    return f"{found / 1e6:.0f}" if found else "-"


def _reasons(cells: list[goals.Cell]) -> Iterator[str]:
    """Why there is no figure, once a reason."""
    said: dict[str, list[str]] = {}
    for cell in cells:
        for name, facts in cell["candidates"].items():
            reason = facts.get("failed") or facts.get("absent")
            if reason:
                said.setdefault(f"{name}: {reason.splitlines()[0][:300]}", []).append(cell["name"])
    for text, where in said.items():
        yield f"- {text} ({', '.join(where)})"
    if said:
        yield ""


def _least(result: Result) -> Iterator[str]:
    rows = least.rows(result)
    if not rows:
        return
    yield "## What is left"
    yield ""
    yield "The least time is that of the multiply-adds of a compiled model's products, as the algorithms in force leave"
    yield "them, at the roof of this run (see Kernels), as if nothing else were to be done and memory cost nothing."
    yield "Products with padding count; wide dilation lets a program leave them out (DeepLabV3). Best peer / least is"
    yield "how far ahead of the best peer a program at that roof would be."
    yield ""
    yield "| | G multiply-adds by definition | left to do | least ms | least / medtorch compiled | best peer / least |"
    yield "|---|---|---|---|---|---|"
    for row in rows:
        ahead = "-" if row.ahead is None else f"{row.ahead:.2f}"
        counts = f"{row.plain / 1e9:.2f} | {row.chosen / 1e9:.2f}"
        yield f"| {row.name} | {counts} | {_short(row.seconds * 1000)} | {row.share:.0%} | {ahead} |"
    aheads = [row.ahead for row in rows if row.ahead is not None]
    most = f"{geometric_mean(aheads):.2f}" if aheads else "-"
    yield f"| geometric mean | - | - | - | {geometric_mean([row.share for row in rows]):.0%} | {most} |"
    yield ""


def _kernels(result: Result) -> Iterator[str]:
    found = result.get("kernels")
    if not found:
        return
    yield "## Kernels"
    yield ""
    if "absent" in found:
        yield found["absent"]
        yield ""
        return
    flops = summary([one["flops"] for one in found["roof"]])
    yield f"Roof: {flops.median / 1e9:.0f} GFLOP/s in registers; bytes moved by three streams over data of"
    sizes = found["roof"][0]["bytes"]
    told = (
        f"{int(s) >> 20} MiB: {summary([r['bytes'][s] for r in found['roof']]).median / 1e9:.0f} GB/s" for s in sizes
    )
    yield f"{'; '.join(told)}. A kernel's share is the least time that the roof of the same round allows for its"
    yield "operations and bytes (plain algorithm, each byte once) over its time, called from Python. Above 100 % are"
    yield "algorithms with fewer operations, and data that stays in a nearer cache."
    yield ""
    yield "| kernel | GFLOP/s | GB/s | share of the roof |"
    yield "|---|---|---|---|"
    for row in found["rows"]:
        seconds = summary(row["seconds"]).median
        share = summary(row["share"])
        yield (
            f"| {row['name']} | {row['flops'] / seconds / 1e9:.0f} | {row['bytes'] / seconds / 1e9:.1f} "
            f"| {share.median:.0%} ({share.low:.0%} to {share.high:.0%}) |"
        )
    yield ""


def _start(result: Result) -> Iterator[str]:
    imports, cold, wheel = (result.get(key) for key in ("imports", "cold", "wheel"))
    if imports or cold or wheel:
        yield "## Start"
        yield ""
        yield "| | ms, or bytes |"
        yield "|---|---|"
    if imports:
        for name, samples in imports["samples"].items():
            yield f"| a process that imports {name} | {summary(samples).median * 1000:.0f} |"
    if cold:
        for name, samples in cold["samples"].items():
            median = summary(samples).median * 1000
            yield f"| cold start to the first answer of {cold['workload']}, {name} | {median:.0f} |"
    if wheel:
        yield f"| wheel | {wheel.get('bytes', wheel.get('absent'))} |"
    yield ""
