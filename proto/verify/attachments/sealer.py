"""Sealing: chunks in any order, each once, then the list and the root."""

from typing import Iterator

from . import geometry as sizes
from .chunk import chunk_hash, nonce
from .chunk_list import root
from .header import Header
from .reference import Reference
from .refusal import require
from .suite import suite_of


class Sealer:
    """One sealing. File key and salt are random and fresh, but for vectors."""

    def __init__(self, suite: int, file_key: bytes, salt: bytes, size: int, before: "list[bytes]" = []):
        """`before` are the hashes of the first chunks, stored before an interruption (V-641)."""
        if len(file_key) != 32 or len(salt) != 16:
            raise ValueError("a file key has 32 bytes, a salt 16")
        require(size <= sizes.LARGEST, 101, "V-610", f"{size} bytes are more than 1 TiB")
        self.file_key = file_key
        self.size = size
        self.geometry = sizes.of_size(size)
        self.header = Header.make(suite_of(suite), self.geometry.log2_chunk, salt, file_key)
        self.hashes = [None] * self.geometry.chunks
        self._before = dict(enumerate(before))
        self._payload_key = self.header.payload_key(file_key)

    def wants(self, index: int) -> range:
        """Which bytes of the file this chunk holds. What it lacks of its length is padding."""
        start = self.geometry.start(index)
        return range(min(start, self.size), min(start + self.geometry.length(index), self.size))

    def chunk(self, index: int, plain: bytes) -> bytes:
        """Seals a chunk, whose part of the file is given without padding (V-640, V-641)."""
        require(len(plain) == len(self.wants(index)), 607, "V-640", "the file has another size than announced")
        suite = self.header.suite
        padded = plain + bytes(self.geometry.length(index) - len(plain))
        sealed = suite.seal(self._payload_key, nonce(self.geometry, index), padded)
        made = chunk_hash(suite, self.geometry, index, sealed)
        right = self._before.get(index, made) == made
        require(right, 607, "V-641", f"chunk {index} is not what it was before the interruption")
        self.hashes[index] = made
        return sealed

    def stream(self, read) -> Iterator[bytes]:
        """Seals what `read(length)` gives, chunk by chunk, to its end (V-640)."""
        for index in range(self.geometry.chunks):
            yield self.chunk(index, read(len(self.wants(index))))
        require(read(1) == b"", 607, "V-640", "the file is longer than announced")

    def chunk_list(self) -> bytes:
        """All hashes, once every chunk was sealed."""
        return b"".join(self.hashes)

    def reference(self) -> Reference:
        """What goes into the message, once every chunk was sealed."""
        padded = self.geometry.padded
        made = root(self.header, padded, self.chunk_list())
        return Reference(self.header.suite.number, self.file_key, made, self.size, padded)
