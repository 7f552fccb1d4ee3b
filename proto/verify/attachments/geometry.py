"""Sizes: what follows from the size of a file, or from its padded size."""

from typing import NamedTuple

from .refusal import Refusal, require
from .suite import TAG

LARGEST = 1 << 40
MOST_CHUNKS = 1 << 16
CHUNK_BITS = range(16, 25)


def padme(size: int) -> int:
    """The padded size. PURBs, PoPETs 2019(4), section 4."""
    if size < 2:
        return size
    exponent = size.bit_length() - 1
    kept = exponent.bit_length()  # ⌊log2 exponent⌋ + 1
    unit = 1 << (exponent - kept)
    return -(-size // unit) * unit


class Geometry(NamedTuple):
    """Padded size, chunk size and number of chunks."""

    padded: int
    log2_chunk: int
    chunks: int

    @property
    def chunk(self) -> int:
        """Bytes of a full chunk."""
        return 1 << self.log2_chunk

    @property
    def sealed_size(self) -> int:
        """Bytes of all sealed chunks together."""
        return self.padded + TAG * self.chunks

    def is_last(self, index: int) -> bool:
        """Whether this chunk is the last."""
        return index == self.chunks - 1

    def start(self, index: int) -> int:
        """Where this chunk begins in the padded file."""
        return index * self.chunk

    def length(self, index: int) -> int:
        """How many bytes of the padded file this chunk holds."""
        return min(self.start(index) + self.chunk, self.padded) - self.start(index)

    def sealed_start(self, index: int) -> int:
        """Where this chunk begins among the sealed chunks."""
        return index * (self.chunk + TAG)

    def sealed_length(self, index: int) -> int:
        """How many bytes this sealed chunk has."""
        return self.length(index) + TAG


def of_padded(padded: int) -> Geometry:
    """The geometry of a padded size whose file's size is not known (V-611)."""
    require(padded <= LARGEST and padme(padded) == padded, 602, "V-611", f"no file is padded to {padded} bytes")
    for bits in CHUNK_BITS:
        chunks = max(1, -(-padded >> bits))
        if chunks <= MOST_CHUNKS:
            return Geometry(padded, bits, chunks)
    raise AssertionError("2^40 bytes are 2^16 chunks of 2^24")


def of_size(size: int) -> Geometry:
    """The geometry of a file of this size."""
    require(size <= LARGEST, 602, "V-610", f"{size} bytes are more than 1 TiB")
    return of_padded(padme(size))


def of_sealed_size(sealed: int) -> Geometry:
    """The geometry of which all sealed chunks together have this size (V-612)."""
    for bits in CHUNK_BITS:
        chunks = max(1, -(-sealed // ((1 << bits) + TAG)))
        padded = sealed - TAG * chunks
        if not (0 <= padded <= LARGEST and padme(padded) == padded):
            continue
        geometry = of_padded(padded)
        if geometry.sealed_size == sealed:
            return geometry
    raise Refusal(602, "V-612", f"no file is {sealed} bytes when sealed")
