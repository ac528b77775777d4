"""Images and data sets: files to arrays, preprocessing, augmentation, batches.

Requires  REQ-F-DAT-001
"""

from medtorch.data import exif, geometry
from medtorch.data.augment import Augmentation
from medtorch.data.collate import default_collate, default_convert
from medtorch.data.dataset import (
    Augmented,
    ConcatDataset,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
    random_split,
)
from medtorch.data.geometry import Geometry
from medtorch.data.image import Image, Orientation, Source
from medtorch.data.image_dataset import ImageClasses, ImageMasks
from medtorch.data.loader import DataLoader
from medtorch.data.pipeline import Pipeline, Prepared
from medtorch.data.read import read
from medtorch.data.resize import resize
from medtorch.data.sampler import (
    BatchSampler,
    DistributedSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from medtorch.data.worker import WorkerInfo, get_worker_info
from medtorch.data.write import encode_png, overlay, write_png

__all__ = [
    "Augmentation",
    "Augmented",
    "BatchSampler",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "DistributedSampler",
    "Geometry",
    "Image",
    "ImageClasses",
    "ImageMasks",
    "IterableDataset",
    "Orientation",
    "Pipeline",
    "Prepared",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "Source",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "WorkerInfo",
    "default_collate",
    "default_convert",
    "encode_png",
    "exif",
    "geometry",
    "get_worker_info",
    "overlay",
    "random_split",
    "read",
    "resize",
    "write_png",
]
