"""The list of chunk hashes, and the root over it."""

from .geometry import MOST_CHUNKS, Geometry
from .header import Header
from .refusal import require


def check_list(chunk_list: bytes) -> None:
    """Whether it can be a list at all (V-604)."""
    right = 32 <= len(chunk_list) <= 32 * MOST_CHUNKS and len(chunk_list) % 32 == 0
    require(right, 602, "V-604", f"a list has {len(chunk_list)} bytes")


def check_fit(header: Header, chunk_list: bytes, geometry: Geometry) -> None:
    """Whether header and list are of this geometry (V-613, V-614)."""
    check_chunk_size(header, geometry)
    right = len(chunk_list) == 32 * geometry.chunks
    require(right, 602, "V-614", f"the list has {len(chunk_list) // 32} hashes")


def check_chunk_size(header: Header, geometry: Geometry) -> None:
    """Whether the header's chunk size is of this geometry (V-613)."""
    right = header.log2_chunk == geometry.log2_chunk
    require(right, 602, "V-613", f"chunks have 2^{header.log2_chunk} bytes")


def root(header: Header, padded: int, chunk_list: bytes) -> bytes:
    """What a file reference says of header, padded size and list."""
    return header.suite.hash("blob root", header.encode(), padded.to_bytes(8, "big"), chunk_list)


def check_root(header: Header, padded: int, chunk_list: bytes, expected: bytes) -> None:
    """Whether they are what the sender meant (V-620)."""
    right = root(header, padded, chunk_list) == expected
    require(right, 603, "V-620", "header, padded size or list are not what the sender meant")
