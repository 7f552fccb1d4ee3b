"""The labelled form of a function's input, and HKDF-SHA256 (RFC 5869) over it."""

import hmac

PREFIX = b"verbund 1 "


def framed(label: str, *parts: bytes) -> bytes:
    """`u8 len(label) ‖ label ‖ (u64 len(part) ‖ part)*`."""
    name = PREFIX + label.encode("ascii")
    joined = (len(part).to_bytes(8, "big") + part for part in parts)
    return len(name).to_bytes(1, "big") + name + b"".join(joined)


def extract(salt: bytes, key: bytes) -> bytes:
    """HKDF-Extract. No salt is as many zeros as the hash has bytes."""
    return hmac.digest(salt or bytes(32), key, "sha256")


def expand(prk: bytes, label: str, *parts: bytes) -> bytes:
    """HKDF-Expand to 32 bytes, which is one block of its output."""
    return hmac.digest(prk, framed(label, *parts) + b"\x01", "sha256")
