"""Tensors, autograd and kernels: knows nothing of images, files or services."""
