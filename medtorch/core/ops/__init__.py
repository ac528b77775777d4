"""The operations: a file a family, each op with its check, its forward pass and its gradient."""
