"""What can go wrong while an image is built, said in one sentence."""

from __future__ import annotations


class ImageError(Exception):
    """The image cannot be built; the message says what is missing or what failed."""
