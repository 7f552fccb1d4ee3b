"""The sealed chunks as a stream, which is as long as its geometry says."""

from typing import Callable, Iterator

from .geometry import Geometry
from .refusal import require


def sealed_chunks(geometry: Geometry, read: Callable[[int], bytes]) -> "Iterator[tuple[int, bytes]]":
    """Index and bytes of each that `read(length)` gives. Its end is checked last (V-615)."""
    for index in range(geometry.chunks):
        sealed = read(geometry.sealed_length(index))
        full = len(sealed) == geometry.sealed_length(index)
        require(full, 602, "V-615", f"the sealed file ends within chunk {index}")
        yield index, sealed
    require(read(1) == b"", 602, "V-615", "there is something behind the sealed file")
