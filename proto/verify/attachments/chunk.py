"""One chunk: its nonce, and its hash in the list."""

from .geometry import Geometry
from .refusal import require
from .suite import Suite


def nonce(geometry: Geometry, index: int) -> bytes:
    """Three zeros, the index, and whether it is the last."""
    return bytes(3) + index.to_bytes(8, "big") + bytes([geometry.is_last(index)])


def chunk_hash(suite: Suite, geometry: Geometry, index: int, sealed: bytes) -> bytes:
    """Its entry in the list."""
    return suite.hash("blob chunk", index.to_bytes(8, "big"), bytes([geometry.is_last(index)]), sealed)


def check_chunk(suite: Suite, geometry: Geometry, chunk_list: bytes, index: int, sealed: bytes) -> None:
    """Whether it is the one in the list: all that can be checked without a key (V-630, V-631)."""
    if not 0 <= index < geometry.chunks:
        raise IndexError(f"there are {geometry.chunks} chunks")
    right = len(sealed) == geometry.sealed_length(index)
    require(right, 605, "V-630", f"chunk {index} has {len(sealed)} bytes")
    right = chunk_hash(suite, geometry, index, sealed) == chunk_list[32 * index : 32 * index + 32]
    require(right, 605, "V-631", f"chunk {index} is not the one in the list")
