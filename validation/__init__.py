"""Validation: requirements x tests x environment -> a report. Imports nothing of medtorch.

Read in this order: `trace` (what is required), `plugin` (what the tests did), `classify` (what that means),
`run` (the two together), `verify` (the same again, from the raw files).
"""

from validation.version import VERSION

__all__ = ["VERSION"]
