"""torch.utils' names."""
