"""Layers, losses, initialisers: torch.nn's names.

Requires  REQ-F-NN-001
"""

from __future__ import annotations

from medtorch.nn import attention as attention
from medtorch.nn import functional as functional
from medtorch.nn import grad as grad
from medtorch.nn import init as init
from medtorch.nn import modules as modules
from medtorch.nn import parallel as parallel
from medtorch.nn import parameter as parameter
from medtorch.nn import utils as utils
from medtorch.nn.modules import *  # noqa: F403  all of its __all__
from medtorch.nn.parallel import DataParallel as DataParallel
from medtorch.nn.parameter import Buffer as Buffer
from medtorch.nn.parameter import Parameter as Parameter
from medtorch.nn.parameter import UninitializedBuffer as UninitializedBuffer
from medtorch.nn.parameter import UninitializedParameter as UninitializedParameter
