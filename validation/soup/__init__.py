"""SOUP records: one file for each piece of software that medtorch runs on or was proved with."""
