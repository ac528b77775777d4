"""Goals from samples written by hand: what is met, what is missed and by how much, what was not measured."""

from __future__ import annotations

import pytest

from benchmarks import goals, least, page, report

pytestmark = pytest.mark.requirement("REQ-P-SPD-020")


def cell(name, **seconds):
    names = {"ours": "medtorch compiled", "eager": "medtorch eager", "torch": "PyTorch eager", "ort": "ONNX Runtime"}
    return {
        "name": name,
        "candidates": {names[k]: {"rounds": [[v], [v * 10]], "peak_bytes": int(v * 1e6)} for k, v in seconds.items()},
    }


CELLS = [cell("a", ours=1.0, eager=4.0, torch=4.0, ort=2.0), cell("b", ours=1.0, eager=2.0, torch=1.0, ort=0.5)]


def told(**result):
    return {goal.text: goal for goal in goals.table({"inference": [], "training": [], **result})}


def test_the_best_peer_is_the_quickest_that_is_not_ours():
    assert [goals.best_peer(one) for one in CELLS] == ["ONNX Runtime", "ONNX Runtime"]
    assert goals.best_peer(cell("alone", ours=1.0)) is None


def test_ratios_are_against_the_best_peer_of_each_workload():
    assert goals.against(CELLS, goals.COMPILED) == {"a": 2.0, "b": 0.5}
    assert goals.against(CELLS, goals.COMPILED, "PyTorch eager") == {"a": 4.0, "b": 1.0}


def test_a_missed_goal_says_by_how_much():
    found = told(inference=CELLS)
    best = found["compiled inference over the best peer of each workload"]
    assert (best.found, best.met) == ("1.00 over 2 workloads (33 % short)", False)
    never = found["compiled inference never slower than the best peer"]
    assert (never.found, never.met) == ("1 of 2 slower; least: 0.50 (b)", False)


def test_a_met_goal_is_met():
    found = told(inference=CELLS)["compiled inference over PyTorch eager"]
    assert (found.found, found.met) == ("2.00 over 2 workloads", True)


def test_memory_is_compared_process_by_process():
    found = told(inference=CELLS)["peak memory of compiled inference over ONNX Runtime's"]
    assert (found.found, found.met) == ("1 of 2 above; most: 2.00 (b); geometric mean 1.00", False)


def test_what_was_not_measured_is_neither_met_nor_missed():
    assert {goal.met for goal in goals.table({"inference": [], "training": []})} == {None}


@pytest.mark.parametrize(("over", "met"), [(0.0599, True), (0.0601, False)])
def test_the_import_has_sixty_milliseconds(over, met):
    assert told(imports={"medtorch_over_numpy_median": over})["import medtorch over import numpy"].met is met


@pytest.mark.parametrize(
    ("wheel", "met"),
    [
        ({"bytes": 5_999_999, "native": True}, True),
        ({"bytes": 6_000_000, "native": True}, False),
        ({"bytes": 100_000, "native": False}, None),
        ({"absent": "no compiler"}, None),
    ],
)
def test_a_wheel_counts_with_its_native_kernels(wheel, met):
    assert told(wheel=wheel)["size of the wheel"].met is met


ROOF = {"roof": [{"flops": f, "bytes": {"1048576": 1e9}} for f in (1e9, 2e9, 8e9)], "rows": []}


def counted(one, **multiply_adds):
    ours = {**one["candidates"][goals.COMPILED], "multiply_adds": multiply_adds}
    return {**one, "candidates": {**one["candidates"], goals.COMPILED: ours}}


def test_the_least_time_is_that_of_the_arithmetic_left_at_the_roof():
    # 2 * 2.75e9 operations at 2e9 a second are half of the median of (1, 10); the best peer's is twice ours.
    (found,) = least.rows({"inference": [counted(CELLS[0], plain=9 * 10**9, chosen=2_750_000_000)], "kernels": ROOF})
    assert found == least.Least("a", 9 * 10**9, 2_750_000_000, 2.75, 0.5, 4.0)


def test_without_a_roof_or_a_count_no_least_time_is_told():
    one = counted(CELLS[0], plain=1, chosen=1)
    assert least.rows({"inference": [one], "kernels": {"absent": "no compiler"}}) == []
    assert least.rows({"inference": [one]}) == []
    assert least.rows({"inference": CELLS, "kernels": ROOF}) == []


def test_the_table_of_least_times_ends_with_its_means():
    cells = [counted(CELLS[0], plain=9 * 10**9, chosen=2_750_000_000), counted(cell("b", ours=1.0), plain=1, chosen=1)]
    lines = list(report._least({"inference": cells, "kernels": ROOF}))
    assert "| a | 9.00 | 2.75 | 2750 | 50% | 4.00 |" in lines
    assert lines[-2].endswith("| 4.00 |")


@pytest.mark.needs("package:matplotlib")
def test_the_page_of_a_run_has_its_tables_and_its_picture(tmp_path):
    (tmp_path / "images").mkdir()
    machine = {
        "time": "now", "cpu": "a CPU", "usable_cpus": 2, "memory_bytes": 8e9, "system": "Linux", "python": "3.11",
        "threads": 2, "packages": {"torch": None}, "commit": "0" * 40, "changed_files": 0, "load_before": 0.0,
        "medtorch": {"medtorch": "0", "cpu": {"backend": "native", "isa": "avx2"}},
    }  # fmt: skip
    page.write({"machine": machine, "inference": CELLS, "training": []}, tmp_path)
    text = (tmp_path / "benchmarks.md").read_text()
    assert "torch not installed" in text
    assert "| a | **5500 ± 2250** | 22000 ± 9000 | 22000 ± 9000 | 11000 ± 4500 | 2.00 (ONNX Runtime) |" in text
    assert "<svg" in (tmp_path / "images/benchmarks.svg").read_text()
