from medtorch.data import exif as exif
from medtorch.data.image import Image as Image, Orientation as Orientation, Source as Source
from medtorch.data.read import read as read
