"""The sealed file in one piece: a beginning, then the sealed chunks."""

from typing import Callable, NamedTuple

from . import geometry as sizes
from .chunk_list import check_chunk_size
from .geometry import Geometry
from .header import Header
from .opener import Opener
from .reference import Reference
from .refusal import require

MAGIC = b"verbund\x01"
FIXED = 66


class Beginning(NamedTuple):
    """What goes before the chunks."""

    padded: int
    header: bytes
    chunk_list: bytes

    @classmethod
    def read(cls, read: Callable[[int], bytes]) -> "Beginning":
        """Reads it (V-617, V-601 to V-603, V-611, V-613, V-618)."""
        fixed = read(FIXED)
        right = len(fixed) == FIXED and fixed.startswith(MAGIC)
        require(right, 611, "V-617", "this is not the beginning of a sealed file")
        padded, header = int.from_bytes(fixed[8:16], "big"), fixed[16:]
        decoded = Header.decode(header)
        geometry = sizes.of_padded(padded)
        check_chunk_size(decoded, geometry)
        chunk_list = read(32 * geometry.chunks)
        right = len(chunk_list) == 32 * geometry.chunks
        require(right, 602, "V-618", "the sealed file ends within the list")
        return cls(padded, header, chunk_list)

    def encode(self) -> bytes:
        """Its bytes."""
        return MAGIC + self.padded.to_bytes(8, "big") + self.header + self.chunk_list

    def opener(self, reference: Reference) -> Opener:
        """What opens the chunks (V-619 and "Opening")."""
        return Opener(reference, self.header, self.chunk_list, self.padded)


def length_of_beginning(geometry: Geometry) -> int:
    """How many bytes go before the chunks."""
    return FIXED + 32 * geometry.chunks
