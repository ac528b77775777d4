"""Before a service answers: is this image the one that was validated, and does its model give its known answers?

Public names: Evidence, Started, start. Works on the standard library and NumPy alone.
"""

from medtorch.serve.startup.checks import Started, start
from medtorch.serve.startup.evidence import Evidence

__all__ = ["Evidence", "Started", "start"]
