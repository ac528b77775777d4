"""Helpers around modules and their parameters, under torch's names."""

from __future__ import annotations

from medtorch.nn.utils import rnn as rnn
from medtorch.nn.utils.clip_grad import clip_grad_norm_ as clip_grad_norm_
from medtorch.nn.utils.clip_grad import clip_grad_value_ as clip_grad_value_
from medtorch.nn.utils.clip_grad import get_total_norm as get_total_norm
from medtorch.nn.utils.convert_parameters import parameters_to_vector as parameters_to_vector
from medtorch.nn.utils.convert_parameters import vector_to_parameters as vector_to_parameters
from medtorch.nn.utils.fusion import fuse_conv_bn_eval as fuse_conv_bn_eval
from medtorch.nn.utils.fusion import fuse_conv_bn_weights as fuse_conv_bn_weights
from medtorch.nn.utils.fusion import fuse_linear_bn_eval as fuse_linear_bn_eval
from medtorch.nn.utils.fusion import fuse_linear_bn_weights as fuse_linear_bn_weights
