"""The header: what a server needs to check chunks, and a commitment to the file key."""

import hmac
from typing import NamedTuple

from .framing import expand, extract
from .geometry import CHUNK_BITS
from .refusal import require
from .suite import Suite, suite_of


class Header(NamedTuple):
    """The header's 50 bytes, taken apart."""

    suite: Suite
    log2_chunk: int
    salt: bytes
    commitment: bytes

    @classmethod
    def decode(cls, data: bytes, expected_suite: "int | None" = None) -> "Header":
        """Takes a header apart (V-601 to V-603). Servers expect no suite of their own."""
        require(len(data) == 50, 601, "V-601", f"the header has {len(data)} bytes")
        suite = suite_of(data[0])
        if expected_suite is not None:
            suite_of(expected_suite)
            require(data[0] == expected_suite, 601, "V-602", "the header has another suite than the file reference")
        require(data[1] in CHUNK_BITS, 601, "V-603", f"no chunks have 2^{data[1]} bytes")
        return cls(suite, data[1], data[2:18], data[18:])

    @classmethod
    def make(cls, suite: Suite, log2_chunk: int, salt: bytes, file_key: bytes) -> "Header":
        """The header of a file that is sealed under this key and salt."""
        return cls(suite, log2_chunk, salt, derive("blob commitment", suite, log2_chunk, salt, file_key))

    def encode(self) -> bytes:
        """Its 50 bytes."""
        return bytes([self.suite.number, self.log2_chunk]) + self.salt + self.commitment

    def payload_key(self, file_key: bytes) -> bytes:
        """The key of the chunks."""
        return derive("blob payload key", self.suite, self.log2_chunk, self.salt, file_key)

    def check_key(self, file_key: bytes) -> None:
        """Whether it was made for this file key (V-621)."""
        made = self.make(self.suite, self.log2_chunk, self.salt, file_key)
        same = hmac.compare_digest(made.commitment, self.commitment)
        require(same, 604, "V-621", "the header belongs to another file key")


def derive(label: str, suite: Suite, log2_chunk: int, salt: bytes, file_key: bytes) -> bytes:
    """What is derived from file key and salt, for this suite and chunk size."""
    return expand(extract(salt, file_key), label, bytes([suite.number]), bytes([log2_chunk]))
