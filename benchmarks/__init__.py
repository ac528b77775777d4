"""Side-by-side measurements: `make bench`, or `python -m benchmarks`.

    workloads.py    what is computed: models, shapes, training steps
    weights.py      numbers for a model, the same for every candidate
    peers/          one file a candidate: how it loads a workload and runs it once
    worker.py       one process a (workload, candidate), told by its parent what to do (protocol.py)
    rounds.py       the parent: candidates take turns, in another order every round
    kernels.py      single kernels as a fraction of what the machine can do (roof.py, roof.cpp)
    startup.py      import time, cold start to the first prediction, size of the wheel
    numbers.py      medians, spread, ratios; goals.py what is aimed at
    report.py       Markdown; plot.py the picture; page.py the page in docs/

A figure is a ratio between candidates of one run, or a fraction of a roof that was measured in the same run;
milliseconds are shown beside it and mean nothing on another machine.
"""
