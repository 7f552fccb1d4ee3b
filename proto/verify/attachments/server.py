"""What a server checks, which has no key."""

from typing import Callable

from . import geometry as sizes
from .chunk import check_chunk
from .chunk_list import check_fit, check_list, check_root
from .header import Header
from .stream import sealed_chunks


class Intake:
    """A file that a server takes in."""

    def __init__(self, header: bytes, chunk_list: bytes, padded: int, root: "bytes | None" = None):
        """Checks header, list and padded size, and the root where it is known (V-601 to V-620)."""
        self.header = Header.decode(header)
        check_list(chunk_list)
        self.geometry = sizes.of_padded(padded)
        check_fit(self.header, chunk_list, self.geometry)
        if root is not None:
            check_root(self.header, padded, chunk_list, root)
        self._chunk_list = chunk_list

    def chunk(self, index: int, sealed: bytes) -> None:
        """Checks a chunk (V-630, V-631)."""
        check_chunk(self.header.suite, self.geometry, self._chunk_list, index, sealed)

    def stream(self, read: Callable[[int], bytes]) -> None:
        """Checks what `read(length)` gives, chunk by chunk, to its end (V-615)."""
        for index, sealed in sealed_chunks(self.geometry, read):
            self.chunk(index, sealed)
