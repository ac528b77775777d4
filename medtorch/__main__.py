"""`python -m medtorch` is the `medtorch` command."""

import sys

from medtorch.cli import main

sys.exit(main())
