"""`python -m benchmarks [--quick] [--out DIR]`: everything side by side, as JSON, Markdown and a picture."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import goals, kernels, machine, plot, report, startup
from benchmarks.rounds import Candidate, Plan, environment, measure, prepare, work_folder
from benchmarks.workloads import INFERENCE, QUICK, TRAINING, Workload

QUICK_PLAN = Plan(rounds=3, turn_seconds=0.05, workload_seconds=10)
PARTS = ("inference", "training", "kernels", "start", "wheel")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write, and print the table of goals. A missed goal is told, not an exit code."""
    args = _parser().parse_args(arguments)
    if args.clock == "process_cpu" and args.threads != 1:
        raise SystemExit("benchmarks: CPU time adds up over threads, and counts those that spin: it needs --threads 1")
    args.out.mkdir(parents=True, exist_ok=True)
    plan = QUICK_PLAN if args.quick else Plan(rounds=args.rounds)
    chosen_plan = {"threads": args.threads, "only": tuple(args.candidate), "without": tuple(args.without)}
    chosen_plan["clock"] = args.clock
    plan = Plan(**{**asdict(plan), **chosen_plan})
    chosen = [w for w in (QUICK if args.quick else (*INFERENCE, *TRAINING)) if _wanted(w, args)]
    result = run(chosen, plan, args.out, args.part, quick=args.quick)
    write(result, args.out)
    for goal in goals.table(result):
        met = {True: "met   ", False: "MISSED", None: "-     "}[goal.met]
        print(f"{met} {goal.text}: {goal.found} ({goal.wanted})")
    print(f"tables: {args.out / 'benchmarks.md'}  raw samples: {args.out / 'benchmarks.json'}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/bench"))
    parser.add_argument("--quick", action="store_true", help="small inputs and few rounds: whether all of it works")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workload", action="append", default=[], help="only workloads whose name contains this")
    parser.add_argument("--candidate", action="append", default=[], help="only this candidate")
    parser.add_argument("--clock", choices=("wall", "process_cpu"), default="wall", help="CPU time: with --threads 1")
    parser.add_argument("--without", action="append", default=[], help="all candidates but this one; the tables say so")
    parser.add_argument("--part", action="append", choices=PARTS, help="only this part; all without it")
    return parser


def _wanted(workload: Workload, args: argparse.Namespace) -> bool:
    parts = args.part or PARTS
    inside = ("training" if workload.training else "inference") in parts
    return inside and (not args.workload or any(text in workload.name for text in args.workload))


def run(
    workloads: Sequence[Workload], plan: Plan, out: Path, parts: Sequence[str] | None, quick: bool = False
) -> dict[str, Any]:
    """Every part, one after the other."""
    os.environ.update(environment(plan.threads))
    asked = parts or PARTS
    result: dict[str, Any] = {"format": 1, "machine": machine.describe(plan.threads), "plan": asdict(plan)}
    result |= {"inference": [], "training": []}
    with (out / "log.txt").open("ab") as log:
        for workload in workloads:
            result["training" if workload.training else "inference"].append(_cell(workload, plan, out, log))
        if "kernels" in asked:
            result["kernels"] = kernels.measure(out, plan.threads, 2 if quick else 5, log, 6 if quick else None)
            print("kernels: done", flush=True)
        if "start" in asked:
            result["imports"] = startup.imports(3 if quick else 15, plan.threads)
            result["cold"] = _cold(workloads, plan, out, quick, log)
        if "wheel" in asked and not quick:
            result["wheel"] = startup.wheel(out, log)
    return result


def _cell(workload: Workload, plan: Plan, out: Path, log: Any) -> dict[str, Any]:
    folder = work_folder(workload, out)
    folder.mkdir(parents=True, exist_ok=True)
    prepare(workload, folder, plan, log)
    found = measure(workload, folder, plan)  # what the folder holds is kept for the next run
    cell = {"name": workload.name, "shape": list(workload.shape), "candidates": _told(found)}
    print(f"{workload.name}: {_line(cell)}", flush=True)
    return cell


def _told(found: dict[str, Candidate]) -> dict[str, Any]:
    return {name: {**c.facts, "rounds": c.rounds} for name, c in found.items()}


def _line(cell: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} {goals.median(cell, name) * 1000:.3g} ms" if goals.rounds(cell, name) else f"{name} -"
        for name in cell["candidates"]
    )


def _cold(workloads: Sequence[Workload], plan: Plan, out: Path, quick: bool, log: Any) -> dict[str, Any] | None:
    first = next((w for w in workloads if not w.training), None)
    if first is None:
        return None
    return startup.cold(first, work_folder(first, out), plan, 1 if quick else 5, log)


def write(result: dict[str, Any], out: Path) -> None:
    """JSON, Markdown, SVG and PNG."""
    (out / "benchmarks.json").write_text(json.dumps(result, indent=1, sort_keys=True) + "\n")
    (out / "benchmarks.md").write_text("# Benchmarks\n\n" + report.markdown(result))
    for name in ("benchmarks.svg", "benchmarks.png"):
        plot.draw(result, out / name)


if __name__ == "__main__":
    raise SystemExit(main())
