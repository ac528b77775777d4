"""Plans as plain data, to be kept in a file, and plans from such data: nothing of it is run before it was checked.

    operations.py   which ops may stand in a plan, and their fields as plain data
    saving.py       a compiled model's plans -> JSON values and constants
    restoring.py    the other way: every field checked, every shape computed anew, no code named by the data

A saved plan holds the rewritten graph and its constants, and nothing that depends on a processor: memory layouts,
packed weights and jobs are made afresh when it is loaded, without running the model.

Requires  REQ-F-CMP-010, REQ-S-SEC-001
"""
