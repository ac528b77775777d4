"""An image on its way through preprocessing: pixels, what happened to the grid, and the region of interest."""

from __future__ import annotations

from dataclasses import dataclass, replace

from medtorch.data.geometry import Array, Geometry, Record, Size


@dataclass(frozen=True, eq=False)
class Picture:
    """Pixels (spatial axes, channel last), their geometry, and an optional region mask on the same grid."""

    array: Array
    geometry: Geometry
    region: Array | None = None

    @property
    def size(self) -> Size:
        """The spatial axes."""
        return self.array.shape[:-1]

    def with_values(self, array: Array) -> Picture:
        """Other values on the same grid."""
        return replace(self, array=array)

    def moved(self, array: Array, record: Record) -> Picture:
        """Pixels on a changed grid; the region follows."""
        region = None if self.region is None else record.repeat(self.region[..., None])[..., 0]
        return Picture(array, self.geometry.then(record), region)
