"""medtorch.compile: capture a model's ops once, rewrite them, plan their memory, run them without the model.

    capture    ir.py the list of ops, recorder.py what listens while it is made, capture.py, structure.py
    rewrite    rewrite/: one file a pass, each from one Graph to another
    plan       lifetimes.py, arena.py, plan.py: which value lies where
    cut        images.py, stretches.py, slices.py: what runs for some images of the batch at a time
    run        program.py the steps, compiled.py what the user holds, stats.py what it tells

Requires  REQ-F-CMP-001
"""
