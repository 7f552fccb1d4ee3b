"""Opening: by chunk, whole, or from any place within the file."""

from typing import Callable, Iterator

from . import geometry as sizes
from .chunk import check_chunk, nonce
from .chunk_list import check_fit, check_list, check_root
from .header import Header
from .reference import Reference
from .refusal import require
from .stream import sealed_chunks
from .suite import SUITES, check_spoken


class Opener:
    """A file whose header, list and sizes hold."""

    def __init__(
        self,
        reference: Reference,
        header: bytes,
        chunk_list: bytes,
        padded: "int | None" = None,
        spoken: "frozenset[int]" = frozenset(SUITES),
    ):
        """Checks in the order of SPEC ("Opening"). A sealed file says its padded size too."""
        self.reference = reference
        self.header = Header.decode(header, reference.suite)
        check_list(chunk_list)
        check_spoken(self.header.suite, spoken)
        right = padded in (None, reference.padded)
        require(right, 603, "V-619", "the sealed file is padded to another size")
        check_root(self.header, reference.padded, chunk_list, reference.root)
        self.header.check_key(reference.file_key)
        self.geometry = sizes.of_padded(reference.padded)
        check_fit(self.header, chunk_list, self.geometry)
        require(reference.size <= sizes.LARGEST, 602, "V-610", f"{reference.size} bytes are more than 1 TiB")
        right = sizes.padme(reference.size) == reference.padded
        require(right, 602, "V-611", f"{reference.size} bytes are not padded to {reference.padded}")
        self._chunk_list = chunk_list
        self._payload_key = self.header.payload_key(reference.file_key)

    def chunk(self, index: int, sealed: bytes) -> bytes:
        """Opens a chunk and gives what it holds of the file (V-630 to V-633)."""
        suite = self.header.suite
        check_chunk(suite, self.geometry, self._chunk_list, index, sealed)
        padded = suite.open(self._payload_key, nonce(self.geometry, index), sealed)
        mine = max(0, min(len(padded), self.reference.size - self.geometry.start(index)))
        require(not padded[mine:].strip(b"\0"), 606, "V-633", f"chunk {index} has padding that is not zero")
        return padded[:mine]

    def check_sealed_size(self, sealed: int) -> None:
        """Whether all sealed chunks together have this size (V-615)."""
        right = sealed == self.geometry.sealed_size
        require(right, 602, "V-615", f"the sealed chunks have {sealed} bytes")

    def whole(self, sealed: bytes) -> bytes:
        """Opens all chunks, given in one piece."""
        self.check_sealed_size(len(sealed))
        places = range(self.geometry.chunks)
        return b"".join(self.chunk(index, self._cut(sealed, index)) for index in places)

    def stream(self, read: Callable[[int], bytes]) -> Iterator[bytes]:
        """Opens what `read(length)` gives, chunk by chunk, to its end (V-615)."""
        for index, sealed in sealed_chunks(self.geometry, read):
            yield self.chunk(index, sealed)

    def range(self, fetch: Callable[[int, int], bytes], start: int, length: int) -> Iterator[bytes]:
        """Opens what is needed for these bytes. `fetch(start, length)` gives of the sealed chunks."""
        end = min(start + length, self.reference.size)
        if start >= end:
            return
        for index in range(start // self.geometry.chunk, -(-end // self.geometry.chunk)):
            begins = self.geometry.start(index)
            plain = self.chunk(index, fetch(self.geometry.sealed_start(index), self.geometry.sealed_length(index)))
            yield plain[max(0, start - begins) : end - begins]

    def _cut(self, sealed: bytes, index: int) -> bytes:
        begins = self.geometry.sealed_start(index)
        return sealed[begins : begins + self.geometry.sealed_length(index)]
