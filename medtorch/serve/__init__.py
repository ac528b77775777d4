"""The way from a model file to a prediction on an image, and back into a file.

Public names: load_bundle, save_bundle, Bundle; Classification, Findings, Segmentation, Region.
"""

from medtorch.serve.bundle import Bundle
from medtorch.serve.load import load_bundle
from medtorch.serve.prediction import Classification, Findings, ImageFacts, Prediction, Region, Segmentation
from medtorch.serve.save import save_bundle

__all__ = [
    "Bundle",
    "Classification",
    "Findings",
    "ImageFacts",
    "Prediction",
    "Region",
    "Segmentation",
    "load_bundle",
    "save_bundle",
]
